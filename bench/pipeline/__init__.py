"""What the components and their pipelines cost."""
