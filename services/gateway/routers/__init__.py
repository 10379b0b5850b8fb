"""What the gateway serves besides the contracts: FastAPI routers, with their dependencies and models."""
