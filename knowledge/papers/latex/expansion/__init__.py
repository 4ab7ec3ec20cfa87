"""A LaTeX source as one text: definitions filled in, files joined, conditions decided."""
