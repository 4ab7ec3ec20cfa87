"""A paper reproduced at this machine's scale, and improved from there."""
