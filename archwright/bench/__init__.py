"""`archwright bench`: measure the search, the dedup and the framework itself."""
