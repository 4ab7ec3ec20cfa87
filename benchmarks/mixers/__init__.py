"""Published mixers compared: on a suite, on each rung of the ladder, and in what they cost."""
