"""Who owns the random numbers: the trial, whatever a candidate seeds, hides or writes down."""
