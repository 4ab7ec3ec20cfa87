"""LaTeX sources: the main file found, its own commands filled in, then cut and turned into text.

Three passes, each linear in the source: `cleaning` takes out comments and what is verbatim,
`expanding` joins the files and fills in the paper's own commands, `words` turns what is left into
sections. Nothing is ever typeset, nothing outside the bundle is opened, and no command that is
unknown stops a paper: its name is dropped and its words are kept.
"""
