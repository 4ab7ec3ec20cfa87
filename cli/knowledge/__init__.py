"""Commands about what is known: the knowledge base, decision records, prompts."""
