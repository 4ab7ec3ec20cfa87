"""Proposers: what makes proposals, each an idea with its source, from what a campaign has shown."""
