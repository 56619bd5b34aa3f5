"""The engine away from a cluster: judged by other programs, and tried on generated traffic."""
