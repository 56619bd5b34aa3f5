"""Invariants that are searched for long: pure, but not in seconds."""
