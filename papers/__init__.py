"""The shelf: papers in Markdown with executable code, read as data."""
