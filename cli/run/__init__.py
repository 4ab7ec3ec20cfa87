"""Commands about runs: start, watch and stop them, see what they found, decide about it."""
