"""Discoveries as git branches with their lineage, and decision records."""
