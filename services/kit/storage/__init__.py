"""Storage: the database of a service, its events and their feed, its sealed columns."""
