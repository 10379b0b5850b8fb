"""REST for client apps: every RPC of the contracts over HTTP, by its own `google.api.http` rule."""
