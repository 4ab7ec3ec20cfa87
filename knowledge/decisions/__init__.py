"""Decision records: reading, writing, drafting and checking them."""
