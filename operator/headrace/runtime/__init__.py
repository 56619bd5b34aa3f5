"""The seam to the world: one `Platform` protocol, and its two adapters."""
