"""Continuous training: whether it is time for a new version, and what it is called."""
