"""Headrace: progressive delivery of machine-learning models, decided by statistics."""

__version__ = "0.1.0"
