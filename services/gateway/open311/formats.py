"""Answers as Open311 writes them: JSON and XML of the same content (Spark convention), errors as a list."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias
from xml.sax.saxutils import escape

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from services.gateway.rest.exchange import Exchange, Header
from services.gateway.rest.problem import Problem
from services.kit.instants import instant

Value: TypeAlias = Any
ROOT = "/open311"
LANGUAGES = ("zh", "en")
"""Each has an endpoint of its own: programs of Open311 do not say which language they want."""
_MEMBER = {
    "services": "service", "attributes": "attribute", "values": "value", "service_requests": "request",
    "service_request_updates": "request_update", "errors": "error", "endpoints": "endpoint", "formats": "format",
}  # fmt: skip
"""What each member of a list is called in XML."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KEPT = (404, 429, 503, 504)
"""Statuses that say something to programs; others than these and 403 are 400, as the standard has it."""


class Format(StrEnum):
    """The formats of an answer, by the ending of the path."""

    JSON = "json"
    XML = "xml"

    @property
    def media_type(self) -> str:
        """The media type."""
        return "application/json" if self is Format.JSON else "text/xml"


def written(form: Format, root: str, value: Value) -> bytes:
    """Return a document in a format; `root` is the root element in XML."""
    if form is Format.JSON:
        return orjson.dumps(value)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_element(root, value)}\n'.encode()


def _element(name: str, value: Value) -> str:
    if isinstance(value, list):
        inside = "".join(_element(_MEMBER[name], each) for each in value)
    elif isinstance(value, dict):
        inside = "".join(_element(each, held) for each, held in value.items())
    elif isinstance(value, bool):
        inside = "true" if value else "false"
    else:
        inside = "" if value is None else escape(_NOT_XML.sub("", str(value)))
    return f"<{name}>{inside}</{name}>"


def headers_of(form: Format, charset: str = "; charset=utf-8") -> list[Header]:
    """Return the headers of an answer."""
    return [(b"content-type", f"{form.media_type}{charset}".encode()), (b"cache-control", b"no-store")]


def moment(given: Timestamp) -> str:
    """Return an instant as the standard writes it: `2026-01-02T03:04:05Z`."""
    found: datetime = instant(given)
    return found.strftime("%Y-%m-%dT%H:%M:%SZ")


def refusal(exchange: Exchange, problem: Problem) -> tuple[int, list[Header], bytes]:
    """Return status, headers and body of an error; each wrong field is an error of its own that names it."""
    status = 403 if problem.status in (401, 403) else problem.status if problem.status in _KEPT else 400
    path = str(exchange.scope["path"])
    language = next((each for each in LANGUAGES if path.startswith(f"{ROOT}/{each}/")), exchange.language)
    told = problem.document(language, exchange.trace_id)
    said = [f"{each['field']}: {each['message']}" for each in told.get("errors", ())] or [told["detail"]]
    errors = [{"code": status, "description": each} for each in said]
    form = Format.JSON if path.endswith(".json") else Format.XML
    headers = [*headers_of(form), (b"content-language", language.encode()), *problem.headers]
    if status in (429, 503) and not any(name == b"retry-after" for name, _ in problem.headers):
        headers.append((b"retry-after", b"1"))
    return status, headers, written(form, "errors", errors)
