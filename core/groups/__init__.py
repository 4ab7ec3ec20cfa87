"""Groups of settings that stand apart from the others, and what every group can do."""
