"""Pipelines: compiled to YAML, and run on this machine task by task.

KFP is known here and nowhere else in the package; what a component does is in `training`,
`registry` and `delivery`, which know nothing of pipelines.
"""
