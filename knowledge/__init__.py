"""What has been learned: the store, retrieval from it, and decision records."""
