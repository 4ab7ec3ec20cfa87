"""Papers reproduced at this machine's scale and improved, and the shelf of worked ones."""
