"""The transcoder: every RPC of the contracts at the path of its `google.api.http` rule, as JSON or as a stream.

How it works and how to change it: `docs/transcoder.md`. It does not depend on the rest of the gateway.
"""
