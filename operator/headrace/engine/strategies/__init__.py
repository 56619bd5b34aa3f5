"""One module per strategy, all on the same steps."""
