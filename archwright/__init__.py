"""Archwright discovers neural architectures overnight, and proves which gains are real."""

__version__ = "0.1.0"
