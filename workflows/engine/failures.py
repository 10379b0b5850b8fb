"""How an activity fails where a service did not do what it was asked for."""

from __future__ import annotations

import grpc
from temporalio.exceptions import ApplicationError

REFUSALS = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED}
"""Answers that a retry can only cure after somebody mended rules or rights; tried again all the same."""


def failure(error: grpc.aio.AioRpcError) -> ApplicationError:
    """Return a failure that says code and method only: details of a refusal could quote what was sent."""
    code = error.code()
    return ApplicationError(f"service answered {code.name}", type="Refused" if code in REFUSALS else "Unavailable")
