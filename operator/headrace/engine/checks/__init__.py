"""The questions that can be asked of the observations, one module each."""
