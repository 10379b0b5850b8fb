"""How an activity fails if a service refused or did not respond."""

from __future__ import annotations

import grpc
from temporalio.exceptions import ApplicationError

REFUSALS = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED}
"""Codes that a retry resolves only after somebody fixed rules or permissions; retried anyway."""


def failure(error: grpc.aio.AioRpcError) -> ApplicationError:
    """Return a failure with code and method only: details of a refusal could quote what was sent."""
    code = error.code()
    return ApplicationError(f"service answered {code.name}", type="Refused" if code in REFUSALS else "Unavailable")
