"""What the gateway serves beside the contracts: routers of FastAPI, with their dependencies and models."""
