"""The engines a stack runs on: PostgreSQL and Temporal, embedded or given."""
