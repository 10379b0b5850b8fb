"""The transcoder: every RPC of the contracts at the path its `google.api.http` rule names, as JSON or as it streams.

How it works and how to change it: `docs/transcoder.md`. It knows nothing of the rest of the gateway.
"""
