"""The judgement: pure functions from observations to a decision, a plan and a status.

No I/O, no clock, no randomness. The same functions run in the cluster, on a laptop and in tests.
"""
