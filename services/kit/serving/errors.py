"""CaseError → google.rpc.Status: the only place where errors become gRPC statuses."""

from __future__ import annotations

import errno
import re
from dataclasses import replace
from functools import lru_cache

from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from casework.errors import CaseError, FieldFault, Kind, Reason

DOMAIN = "accord"
_EXHAUSTED = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EROFS}

_CODES = {
    Kind.INVALID: code_pb2.INVALID_ARGUMENT,
    Kind.UNAUTHENTICATED: code_pb2.UNAUTHENTICATED,
    Kind.DENIED: code_pb2.PERMISSION_DENIED,
    Kind.NOT_FOUND: code_pb2.NOT_FOUND,
    Kind.EXISTS: code_pb2.ALREADY_EXISTS,
    Kind.CONFLICT: code_pb2.ABORTED,
    Kind.PRECONDITION: code_pb2.FAILED_PRECONDITION,
    Kind.UNAVAILABLE: code_pb2.UNAVAILABLE,
    Kind.EXHAUSTED: code_pb2.RESOURCE_EXHAUSTED,
    Kind.OUT_OF_RANGE: code_pb2.OUT_OF_RANGE,
}
# An error is sent in the trailers, which have a size limit: beyond it, all of them are lost.
_MOST_FAULTS, _NAMED, _LONGEST_PATH = 20, 10, 120
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_LONGEST = 500
_LOCALES = {"zh": "zh-CN", "en": "en-US"}


def code_of(kind: Kind) -> code_pb2.Code:
    """Return the gRPC code of a kind of refusal."""
    return _CODES[kind]


def status_of(error: CaseError, language: str, trace_id: str = "") -> status_pb2.Status:
    """Return the status of an error: ErrorInfo with the stable reason, BadRequest with the fields, a message."""
    status = status_pb2.Status(code=_CODES[error.kind], message=str(error))
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)]
    if error.fields:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(
                field=fault.field, description=fault.en if language == "en" else fault.zh
            )
            for fault in error.fields
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    details.append(error_details_pb2.LocalizedMessage(locale=_LOCALES[language], message=error.message(language)))
    if error.retry_after:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.seconds = error.retry_after
        details.append(retry)
    if trace_id:
        details.append(error_details_pb2.RequestInfo(request_id=trace_id))
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def unknown_status(trace_id: str) -> status_pb2.Status:
    """Return the status for an unforeseen error: an id to find it by, no details."""
    return status_pb2.Status(code=code_pb2.INTERNAL, message=f"internal error {trace_id}")


def weights_of(header: str) -> list[tuple[str, float]]:
    """Return the items of an Accept-type header, in lower case, each with its weight (RFC 9110, 12.4.2)."""
    found = []
    for part in header.lower().split(","):
        value, *parameters = [piece.strip() for piece in part.split(";")]
        weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        found.append((value, float(weight) if _WEIGHT.fullmatch(weight) else 0.0))
    return found


@lru_cache(maxsize=1000)
def language_of(accept_language: str) -> str:
    """Return `en` or `zh`, whichever an Accept-Language value prefers; `zh` if neither."""
    asked: dict[str, float] = {}
    for tag, weight in weights_of(accept_language[:_LONGEST]):
        language = tag.partition("-")[0]
        asked[language] = max(weight, asked.get(language, 0.0))
    rest = asked.get("*", 0.0)
    order = {language: place for place, language in enumerate(asked)}
    # A language refused by name ranks below one not named at all.
    wanted = {each: asked.get(each, rest) or (-1.0 if each in asked else 0.0) for each in _LOCALES}
    return max(_LOCALES, key=lambda each: (wanted[each], -order.get(each, len(order))))


def invalid(faults: list[FieldFault]) -> CaseError:
    """Return the error of a request whose fields are wrong."""
    told = [replace(fault, field=fault.field[:_LONGEST_PATH]) for fault in faults[:_MOST_FAULTS]]
    return CaseError(Reason.INVALID_FIELD, ", ".join(fault.field for fault in told[:_NAMED]), tuple(told))


def is_exhausted(error: BaseException) -> bool:
    """Return whether this machine has run out of disk, files or memory: the request can be retried."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _EXHAUSTED)
