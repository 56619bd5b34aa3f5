"""`headrace demo`: three releases of a flight delay model, on real data and with real parts."""
