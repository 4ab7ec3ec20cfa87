"""One knowledge base for runs on several machines: a folder that all see, or a PostgreSQL server.

The shared place (`SharedStore`) is a log of entries, one account of test evaluations, and the
claims on what is being trained. Nothing is searched there: each workspace keeps a copy of the log
in a file of its own (`SharedKnowledge`), which answers as any knowledge base does, and which holds
what could not be sent yet.
"""
