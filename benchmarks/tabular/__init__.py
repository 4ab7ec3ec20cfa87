"""Searches of tables in which every architecture has been measured, beside published rivals."""
