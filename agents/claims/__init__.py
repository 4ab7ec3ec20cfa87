"""What a paper claims, read by fixed rules: from tables cell by cell, and from sentences."""
