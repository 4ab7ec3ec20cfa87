"""A winner taken out: trained at any length, exported, loaded as a module with its weights."""
