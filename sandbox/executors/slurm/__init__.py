"""Slurm as what starts agents: its commands, the jobs of a run, and how their agents call back."""
