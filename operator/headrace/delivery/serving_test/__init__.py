"""A bundle in its real server, before it gets any user: contract, parity, bad requests, load."""
