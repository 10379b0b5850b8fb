"""Errors as RFC 9457 problem documents: the only place where a reason becomes an HTTP response."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import orjson
from google.protobuf.any_pb2 import Any as Packed
from google.rpc import error_details_pb2, status_pb2

from casework.errors import CaseError, Kind
from services.gateway.rest.wording import REASONS, TITLES

MEDIA_TYPE = b"application/problem+json"
_DETAILS = "grpc-status-details-bin"
_STATUS: dict[grpc.StatusCode, tuple[int, str]] = {
    grpc.StatusCode.INVALID_ARGUMENT: (400, "INVALID_FIELD"),
    grpc.StatusCode.OUT_OF_RANGE: (400, "INVALID_FIELD"),
    grpc.StatusCode.UNAUTHENTICATED: (401, "UNAUTHENTICATED"),
    grpc.StatusCode.PERMISSION_DENIED: (403, "PERMISSION_DENIED"),
    grpc.StatusCode.NOT_FOUND: (404, "NOT_FOUND"),
    grpc.StatusCode.ALREADY_EXISTS: (409, "ALREADY_EXISTS"),
    grpc.StatusCode.ABORTED: (409, "CONFLICT"),
    grpc.StatusCode.FAILED_PRECONDITION: (409, "WRONG_STATE"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (429, "TOO_MANY_REQUESTS"),
    grpc.StatusCode.UNIMPLEMENTED: (501, "NOT_IMPLEMENTED"),
    grpc.StatusCode.UNAVAILABLE: (503, "SERVICE_UNAVAILABLE"),
    # A service that stops cancels its calls; every write carries a key, so retrying is safe.
    grpc.StatusCode.CANCELLED: (503, "SERVICE_UNAVAILABLE"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (504, "DEADLINE_EXCEEDED"),
}
_STATUS_OF_REASON = {"ETAG_MISMATCH": 412, "IDEMPOTENCY_KEY_REUSED": 422}
_WORD = re.compile(r"_([a-z0-9])")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field; `field` in the naming of the caller's JSON."""

    field: str
    zh: str
    en: str


@dataclass(eq=False)
class Problem(Exception):
    """An error as the client sees it: HTTP status, stable reason, fields at fault."""

    status: int
    reason: str
    zh: str = ""
    en: str = ""
    faults: tuple[Fault, ...] = ()
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    occurrence: str = ""
    line: int = 0

    def document(self, language: str, trace_id: str) -> dict[str, Any]:
        """Return the members of the problem document."""
        title = TITLES.get(self.status, TITLES[500])
        known = REASONS.get(self.reason)
        zh, en = self.zh or (known.zh if known else title.zh), self.en or (known.en if known else title.en)
        document: dict[str, Any] = {
            "type": f"urn:accord:problem:{self.reason.lower().replace('_', '-')}",
            "title": title.en if language == "en" else title.zh,
            "status": self.status,
            "detail": en if language == "en" else zh,
            "instance": f"urn:accord:occurrence:{self.occurrence or trace_id}",
            "code": self.reason,
            "traceId": trace_id,
        }
        if self.line:
            document["line"] = self.line
        if self.faults:
            document["errors"] = [
                {"field": fault.field, "message": fault.en if language == "en" else fault.zh} for fault in self.faults
            ]
        if self.metadata:
            document["metadata"] = self.metadata
        return document

    def answer(self, language: str, trace_id: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Return status, headers and body of the HTTP response."""
        headers = [
            (b"content-type", MEDIA_TYPE),
            (b"content-language", language.encode()),
            (b"cache-control", b"no-store"),
            *self.headers,
        ]
        if self.status == 401:
            # RFC 6750: whoever sent no token is told nothing of one.
            cause = self.metadata.get("cause", "")
            wrong = f', error="invalid_token", error_description="{cause}"' if cause else ""
            headers.append((b"www-authenticate", f'Bearer realm="accord"{wrong}'.encode()))
        if self.status in (429, 503) and not any(name == b"retry-after" for name, _ in self.headers):
            headers.append((b"retry-after", b"1"))
        return self.status, headers, orjson.dumps(self.document(language, trace_id))


def refuse(reason: str, *faults: Fault, **parts: object) -> Problem:
    """Return the problem for one of the gateway's own reasons; `parts` fill in its message."""
    known = REASONS[reason]
    return Problem(known.status, reason, known.zh.format(**parts), known.en.format(**parts), faults)


def wrong_field(name: str, zh: str, en: str) -> Problem:
    """Return the 400 for one wrong field or parameter, named as the caller wrote it."""
    problem = refuse("INVALID_FIELD", Fault(name, zh, en))
    problem.zh, problem.en = f"{name}：{zh}", f"{name}: {en}"
    return problem


_WRONG = {
    "missing": ("必填。", "Is required."),
    "string_type": ("应为文字。", "Must be a string."),
    "extra_forbidden": ("没有这个字段。", "There is no such field."),
    "json_invalid": ("不是正确的 JSON。", "Is not valid JSON."),
}
_NUMBERS = ("int_", "float_", "decimal_")


def of_validation(errors: Iterable[Mapping[str, Any]], skip: int = 0) -> Problem:
    """Return the 400 for the errors of a pydantic model, with every field.

    `skip` is how many leading parts of each location are not a field: FastAPI puts `body`, `query` or `header` there.
    """
    faults = [_fault(error, skip) for error in errors]
    if len(faults) == 1:
        return wrong_field(faults[0].field, faults[0].zh, faults[0].en)
    return refuse("INVALID_FIELD", *faults)


def _fault(error: Mapping[str, Any], skip: int) -> Fault:
    kind, place = str(error["type"]), [str(part) for part in error["loc"]]
    number = ("应为数字。", "Must be a number.") if kind.startswith(_NUMBERS) else ("格式不正确。", "Is not valid.")
    name = "body" if kind == "json_invalid" else ".".join(place[skip:] or place) or "body"
    return Fault(name, *_WRONG.get(kind, number))


def of_case(error: CaseError) -> Problem:
    """Return the problem for a gateway error with the same wording as a service's."""
    status = {Kind.EXHAUSTED: 429, Kind.UNAVAILABLE: 503}.get(error.kind, 401)
    problem = Problem(status, str(error.reason), error.message("zh"), error.message("en"), metadata=error.metadata)
    if error.retry_after:
        problem.headers.append((b"retry-after", str(error.retry_after).encode()))
    return problem


def http_status(code: grpc.StatusCode, reason: str) -> int:
    """Return the HTTP status of a gRPC code with this reason."""
    return _STATUS_OF_REASON.get(reason, _STATUS.get(code, (500, ""))[0])


def of_rpc(error: grpc.RpcError, body_field: str = "", renamed: dict[str, str] | None = None) -> Problem:
    """Return the problem of a failed call. Fields are named as in the caller's JSON.

    `body_field` is the request field that the HTTP body was; `renamed` lists fields that came from headers.
    """
    code: grpc.StatusCode = error.code()
    status, reason = _STATUS.get(code, (500, "INTERNAL"))
    problem = Problem(status, reason)
    if status == 500:
        return problem
    for detail in _details(error):
        _absorb(problem, detail, body_field, renamed or {})
    problem.status = _STATUS_OF_REASON.get(problem.reason, problem.status)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and reason == problem.reason and "larger than max" in _text(error):
        known = REASONS["BODY_TOO_LARGE" if _text(error).startswith("Sent") else "INTERNAL"]
        return Problem(known.status, "BODY_TOO_LARGE" if known.status == 413 else "INTERNAL")
    return problem


def _text(error: grpc.RpcError) -> str:
    return str(error.details() or "")


def _details(error: grpc.RpcError) -> list[Packed]:
    trailing: Any = error.trailing_metadata() or ()
    for key, value in trailing:
        if key == _DETAILS:
            try:
                return list(status_pb2.Status.FromString(value).details)
            except ValueError:
                return []
    return []


def _absorb(problem: Problem, detail: Packed, body_field: str, renamed: dict[str, str]) -> None:
    kind = detail.type_url.rpartition(".")[2]
    if kind == "ErrorInfo":
        info = error_details_pb2.ErrorInfo.FromString(detail.value)
        problem.reason = info.reason or problem.reason
        problem.metadata = dict(info.metadata)
    elif kind == "BadRequest":
        problem.faults = tuple(
            Fault(json_path(wrong.field, body_field, renamed), wrong.description, wrong.description)
            for wrong in error_details_pb2.BadRequest.FromString(detail.value).field_violations
        )
    elif kind == "LocalizedMessage":
        problem.zh = problem.en = error_details_pb2.LocalizedMessage.FromString(detail.value).message
    elif kind == "RequestInfo":
        problem.occurrence = error_details_pb2.RequestInfo.FromString(detail.value).request_id
    elif kind == "RetryInfo":
        seconds = error_details_pb2.RetryInfo.FromString(detail.value).retry_delay.seconds
        problem.headers.append((b"retry-after", str(max(1, seconds)).encode()))


def json_path(path: str, body_field: str, renamed: dict[str, str]) -> str:
    """Return a proto field path in the caller's JSON style: lowerCamelCase, from the root of the body."""
    if path in renamed:
        return renamed[path]
    if body_field and path.startswith(body_field + "."):
        path = path[len(body_field) + 1 :]
    # The text between quotes is a map's key, not a field.
    return "".join(
        part if index % 2 else _WORD.sub(lambda match: match[1].upper(), part)
        for index, part in enumerate(re.split(r'("[^"]*")', path))
    )
