"""Envoy: what its files say, as functions from values to documents, and what it says itself."""
