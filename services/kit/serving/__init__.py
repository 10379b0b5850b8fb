"""Serving: the gRPC server, its callers, their permissions and limits, and request validation."""
