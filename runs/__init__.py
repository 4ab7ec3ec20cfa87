"""A run from start to end: its phases, the loop, allocation, screening and noise."""
