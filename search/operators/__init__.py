"""Operators that edit the source of architectures."""
