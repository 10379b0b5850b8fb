"""Errors as Accord reports them: a stable reason, the fields at fault, and when to try again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

_DETAILS = "grpc-status-details-bin"


@dataclass(frozen=True)
class FieldFault:
    """One wrong field of a request, for instance `report.text`, and what is wrong with it."""

    field: str
    description: str


@dataclass(eq=False)
class AccordError(Exception):
    """A call was refused, or nobody answered it.

    `reason` is stable, for programs; `message` and the descriptions of `fields` are for people, in the language of the
    client. `retry_after` are the seconds after which to try again, 0 if the service named none; `trace` is by what its
    operators find the call.
    """

    code: grpc.StatusCode
    reason: str = ""
    message: str = ""
    fields: tuple[FieldFault, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    retry_after: float = 0.0
    trace: str = ""

    def __str__(self) -> str:
        faults = "; ".join(f"{fault.field}: {fault.description}" for fault in self.fields)
        return f"{self.reason or self.code.name}: {faults or self.message}"

    @property
    def passes(self) -> bool:
        """Whether the same call may succeed a moment later."""
        return False

    @staticmethod
    def of(error: grpc.RpcError) -> AccordError:
        """Return the error of a failed call."""
        failed: Any = error
        code: grpc.StatusCode = failed.code()
        told = _KINDS.get(code, AccordError)(code, message=failed.details() or "")
        for key, value in failed.trailing_metadata() or ():
            if key == _DETAILS:
                _read(told, status_pb2.Status.FromString(value).details)
        return told


class InvalidField(AccordError):
    """The request is wrong: `fields` names where."""


class Unauthenticated(AccordError):
    """There is no token, or it is not valid, or no longer."""


class PermissionDenied(AccordError):
    """This account may not do this, or not here."""


class NotFound(AccordError):
    """It does not exist, or not for this account."""


class AlreadyExists(AccordError):
    """It exists already."""


class Conflict(AccordError):
    """Somebody else changed it meanwhile (`ETAG_MISMATCH`), or the request id was used for something else."""


class WrongState(AccordError):
    """Not now, not by these facts, not by this person: `reason` says what stands in the way."""


class TooManyRequests(AccordError):
    """A limit is used up; it was not done."""

    @property
    def passes(self) -> bool:
        """Whether the service said when to come again."""
        return self.retry_after > 0


class Unavailable(AccordError):
    """No answer, or not in time. Whether it was done is not known: a repeat needs the same request id."""

    @property
    def passes(self) -> bool:
        """Yes: services restart in seconds."""
        return True


_KINDS: Mapping[grpc.StatusCode, type[AccordError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidField,
    grpc.StatusCode.OUT_OF_RANGE: InvalidField,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.FAILED_PRECONDITION: WrongState,
    grpc.StatusCode.RESOURCE_EXHAUSTED: TooManyRequests,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: Unavailable,
    grpc.StatusCode.CANCELLED: Unavailable,  # by a service that stops; a caller's own cancellation is no RpcError
}


def _read(told: AccordError, details: Iterable[Any]) -> None:
    for packed in details:
        kind = packed.type_url.rpartition(".")[2]
        if kind == "ErrorInfo":
            info = error_details_pb2.ErrorInfo.FromString(packed.value)
            told.reason, told.metadata = info.reason, dict(info.metadata)
        elif kind == "BadRequest":
            wrong = error_details_pb2.BadRequest.FromString(packed.value).field_violations
            told.fields = tuple(FieldFault(each.field, each.description) for each in wrong)
        elif kind == "LocalizedMessage":
            told.message = error_details_pb2.LocalizedMessage.FromString(packed.value).message
        elif kind == "RetryInfo":
            delay = error_details_pb2.RetryInfo.FromString(packed.value).retry_delay
            told.retry_after = delay.seconds + delay.nanos / 1e9
        elif kind == "RequestInfo":
            told.trace = error_details_pb2.RequestInfo.FromString(packed.value).request_id
