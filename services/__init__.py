"""The services of Accord: each owns the facts of its part in its own PostgreSQL schema."""
