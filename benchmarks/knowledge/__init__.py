"""Reading papers, retrieval, and what retrieved examples are worth."""
