"""The read model of supervision: facts the other services own, taken over."""
