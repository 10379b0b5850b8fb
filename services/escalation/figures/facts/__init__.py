"""The read model of supervision: copies of facts that the other services own."""
