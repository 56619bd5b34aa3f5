"""Live requests at a steady rate: a file of requests sent to one address, bounded in both."""
