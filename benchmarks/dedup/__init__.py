"""What each level of the fingerprint finds among real networks."""
