"""Reading Python as a syntax tree: parsing, scopes, fingerprint, counting."""
