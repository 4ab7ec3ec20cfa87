"""Papers: read by content type, kept with their code, cut into passages for retrieval.

`folder.PaperFolder` is the way in. Whatever comes from a file is read in a process of its own
(`confined`), so that the modules that parse never meet a stranger's bytes in the caller's process.
"""
