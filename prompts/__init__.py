"""Prompt templates: Markdown with Jinja, one per role. A workspace may override each."""
