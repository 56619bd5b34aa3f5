"""The e-values and confidence sequences that the checks are made of.

An e-value is a number of at least zero whose mean is at most 1 if the null is true. A product of
e-values of successive blocks is an e-process: the chance that it ever reaches `1/alpha` is at most
`alpha` (Ville's inequality), however often one looks and whatever the weights did in between.
All functions are pure, take plain numbers and return natural logarithms.
"""
