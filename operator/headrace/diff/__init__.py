"""What an apply would change in a cluster, asked of its API server without changing anything."""
