"""Observe, judge, decide, apply: the loop around the engine, in a cluster and on a laptop."""
