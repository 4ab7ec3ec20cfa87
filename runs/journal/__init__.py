"""The only SQL of a run: its schema, typed reads and writes."""
