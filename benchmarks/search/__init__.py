"""What the search finds and what it costs, where the truth is known."""
