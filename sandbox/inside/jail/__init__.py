"""The jail itself: the parent that forks a child for each job, and the walls around the child."""
