"""Containers as a sandbox."""
