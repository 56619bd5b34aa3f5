"""Labels that arrive late: joined to the predictions that they are about, by the request's id.

What comes of it is feedback to the arm that answered, the quality of each version over time, and
a reason to train again. This package keeps; it does not serve, and it trains nothing.
"""
