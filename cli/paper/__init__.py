"""Commands about papers: read them, reproduce what they claim, search on from there."""
