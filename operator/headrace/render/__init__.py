"""From values to manifests: pure functions that give plain dictionaries."""
