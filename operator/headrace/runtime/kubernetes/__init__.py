"""The platform in a cluster: what a plan asks for is applied, and what exists is watched."""
