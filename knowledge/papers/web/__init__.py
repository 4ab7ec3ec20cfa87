"""Papers from the web: addresses, polite fetching with a cache, and repositories of code."""
