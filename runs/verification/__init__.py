"""Which of the best candidates are discoveries: controls, statistics, judgement."""
