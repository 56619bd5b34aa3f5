"""Predictions for a whole table, ahead of the requests: by the bundle that is served otherwise."""
