"""What is wrong, or unwise, in the files of ModelRollouts: found without a cluster."""
