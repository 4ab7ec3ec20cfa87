"""One trial of a run: its data, its job, and its scores, outside of the jail."""
