"""A grammar that draws architectures, block by block."""
