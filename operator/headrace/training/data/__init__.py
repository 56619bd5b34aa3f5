"""Tables: where they come from, what they must be, and how they are divided."""
