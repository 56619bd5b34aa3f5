"""Manifests: pure functions from (rollout, plan) to plain dicts. Nothing is read or applied here.

`headrace.render.rendering.render` chooses by the spec's backend and router. What a promotion
changes is routes only: everything of a version is named after its content, and nothing in a pod
says which arm it is.
"""
