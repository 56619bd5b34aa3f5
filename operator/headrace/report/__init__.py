"""What happened to every release of one rollout: as a page, as JSON, as a picture, in a terminal.

Nothing here is needed to run a rollout. Import the modules; this package itself imports nothing,
so that `headrace status` does not wait for a plotting library.
"""
