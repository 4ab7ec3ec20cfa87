"""What runs, in a fresh jailed process, of taking a trained network out: converting, reloading."""
