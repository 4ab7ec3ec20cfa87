"""Prompt templates: Markdown with Jinja, one per role, and one per role and operator
where an operator has words of its own. A workspace may override each."""
