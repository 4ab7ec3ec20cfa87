"""Short notes on the architectures of this field: what a knowledge base can start from.

A note is a Markdown file in a folder of its kind, in our own words: what it is, when it helps, what
it costs, and its equation as a module of PyTorch that passes the checks which candidates must pass.
`shelf` reads them and writes them into a knowledge base.
"""
