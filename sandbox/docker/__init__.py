"""The Docker sandbox: a container for each training slot, made through Docker's own SDK."""
