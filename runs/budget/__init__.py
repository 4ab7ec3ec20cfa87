"""A run's budget: how it is split, who is granted what of it, and the time that is left."""
