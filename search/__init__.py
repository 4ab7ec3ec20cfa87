"""What to try next: a grammar that draws architectures, operators that edit them, selection.

Search never evaluates. It works on source text and its syntax tree alone, and is deterministic:
the same state of the random generator gives the same bytes.
"""
