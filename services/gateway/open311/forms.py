"""What a program sends: a query, and a form as `application/x-www-form-urlencoded` or `multipart/form-data`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser
from urllib.parse import parse_qsl

from services.gateway.rest.exchange import Exchange
from services.gateway.rest.problem import refuse, wrong_field
from services.kit.serving.limits import HttpLimitSettings

_MOST = 500
"""Fields of a form."""
_ANSWER = re.compile(r"attribute\[([^\[\]]{1,60})\](\[[0-9]*\])?")
_PLAIN, _PARTS = "application/x-www-form-urlencoded", "multipart/form-data"


@dataclass(slots=True)
class Form:
    """Fields by name, and files, in the order in which they were sent. An empty field is none."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    files: list[bytes] = field(default_factory=list)

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Add fields."""
        for name, value in pairs:
            if value.strip():
                self.fields.setdefault(name, []).append(value.strip())

    def one(self, name: str) -> str:
        """Return the value of a field, empty for none; raise Problem if it was sent with different values."""
        values = set(self.fields.get(name, ()))
        if len(values) > 1:
            raise wrong_field(name, "只能有一个值。", "Takes one value.")
        return next(iter(values), "")

    def listed(self, name: str) -> list[str]:
        """Return the values of a field that takes several, repeated or separated by commas."""
        found = (part.strip() for value in self.fields.get(name, ()) for part in value.split(","))
        return list(dict.fromkeys(part for part in found if part))

    def answers(self) -> dict[str, list[str]]:
        """Return the answers to the questions of a service, by code: `attribute[code]` and `attribute[code][]`."""
        found: dict[str, list[str]] = {}
        for name, values in self.fields.items():
            if match := _ANSWER.fullmatch(name):
                found.setdefault(match[1], []).extend(values)
        return found


def asked(exchange: Exchange) -> Form:
    """Return the query of a request; raise Problem."""
    form = Form()
    # A date with its offset is often sent with a bare plus, which a query takes for a space.
    form.add((name, re.sub(r"(?<=\d) (?=\d\d:?\d\d$)", "+", value)) for name, value in _pairs(exchange.query))
    return form


async def sent(exchange: Exchange, limits: HttpLimitSettings) -> Form:
    """Return the query and the body of a request; raise Problem."""
    form, kind = asked(exchange), exchange.content_type()
    if kind == _PLAIN:
        form.add(_pairs(await exchange.body(min(limits.body_limit, limits.text_limit))))
    elif kind == _PARTS:
        _read_parts(form, exchange, await exchange.body(limits.body_limit))
    else:
        raise refuse("UNSUPPORTED_MEDIA_TYPE", wanted=f"{_PLAIN}, {_PARTS}")
    return form


def _pairs(data: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(data.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MOST)
    except UnicodeDecodeError:
        raise refuse("INVALID_UTF8") from None
    except ValueError:
        raise wrong_field("body", f"至多 {_MOST} 个字段。", f"At most {_MOST} fields.") from None


def _read_parts(form: Form, exchange: Exchange, data: bytes) -> None:
    boundary = _header(b"content-type: " + exchange.headers.get(b"content-type", b"")).get_param("boundary")
    if not isinstance(boundary, str) or not boundary.isascii():
        raise wrong_field("Content-Type", "没有 boundary。", "Has no boundary.")
    pairs = []
    for head, content in _split(data, boundary.encode()):
        name = head.get_param("name", header="content-disposition")
        if not isinstance(name, str):
            raise wrong_field("body", "部分没有名称。", "A part has no name.")
        if head.get_filename() is not None:
            form.files += [content] if content else []
            continue
        try:
            pairs.append((name, content.decode("utf-8")))
        except UnicodeDecodeError:
            raise refuse("INVALID_UTF8") from None
    form.add(pairs)


def _split(data: bytes, boundary: bytes) -> Iterator[tuple[Message, bytes]]:
    """Yield head and content of each part; raise Problem if the body is not whole."""
    parts = (b"\r\n" + data).split(b"\r\n--" + boundary, _MOST + 1)
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise wrong_field("body", "不完整，或部分过多。", "Is not whole, or has too many parts.")
    for part in parts[1:-1]:
        head, found, content = part.partition(b"\r\n\r\n")
        if not found:
            raise wrong_field("body", "部分没有标头。", "A part has no header.")
        yield _header(head.lstrip(b"\r\n")), content


def _header(data: bytes) -> Message:
    return BytesHeaderParser().parsebytes(data)
