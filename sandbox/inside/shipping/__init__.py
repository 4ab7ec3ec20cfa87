"""Taking a network out: what it must be able to do elsewhere; its conversion in a fresh jail."""
