"""Governance: what a model must be, and who must have said yes, before it gets any user."""
