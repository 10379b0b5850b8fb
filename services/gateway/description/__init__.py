"""The OpenAPI description of what the gateway serves."""
