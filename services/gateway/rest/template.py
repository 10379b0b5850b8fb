"""Path templates of `google.api.http`, and the table that finds the one matching a request path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import unquote_to_bytes

from services.gateway.rest.contract import ContractError

_PART = re.compile(r"\{(?P<field>[a-z0-9_.]+)(=(?P<inner>[^}]*))?\}|(?P<segment>[^/{}]+)")
# Characters that mean the same whether percent-encoded or not (RFC 3986, 2.3), and the colon before a verb.
_ENCODED = re.compile(r"%(2[dDeE]|3[0-9aA]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE])")
_VERB = re.compile(r":([A-Za-z0-9_-]+)$")


@dataclass(frozen=True, slots=True)
class Variable:
    """A request field that is bound to segments `start` to `end` (not included) of the path; `end` 0 is the rest."""

    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: literal segments, None for `*`, `**` only as the last; a custom verb; variables."""

    segments: tuple[str | None, ...]
    verb: str
    variables: tuple[Variable, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Return the template of a rule such as `/v1/{name=cases/*}:close`."""
        body, verb = text, ""
        found = _VERB.search(text)
        if found and not text.endswith("}"):
            body, verb = text[: found.start()], found.group(1)
        segments: list[str | None] = []
        variables = []
        position = 0
        while position < len(body):
            match = _PART.match(body, position + 1) if body[position] == "/" else None
            if match is None:
                raise ContractError(f"path template {text!r} is not understood at {position}")
            position = match.end()
            inner = match["segment"] if match["field"] is None else match["inner"] or "*"
            start = len(segments)
            segments += [None if part == "*" else part for part in inner.split("/")]
            if match["field"]:
                variables.append(Variable(match["field"], start, 0 if segments[-1] == "**" else len(segments)))
        if "**" in segments[:-1]:
            raise ContractError(f"path template {text!r}: ** must be last")
        return cls(tuple(segments), verb, tuple(variables))

    def values(self, parts: list[str]) -> Iterator[tuple[str, str]]:
        """Yield each variable's field and its decoded value; raise UnicodeDecodeError if it is not UTF-8."""
        for variable in self.variables:
            bound = parts[variable.start : variable.end or len(parts)]
            yield variable.field, "/".join(map(decode_segment, bound))


def _plain(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def decode_segment(text: str) -> str:
    """Return a path segment without its percent-encoding; an encoded slash stays encoded: it is not a separator."""
    if "%" not in text and text.isascii():
        return text
    decoded = unquote_to_bytes(text.encode("latin-1")).decode("utf-8")
    return decoded.replace("/", "%2F")


T = TypeVar("T")


class RouteTable(Generic[T]):
    """Finds the entry whose template matches a request path: literal segments before wildcards."""

    def __init__(self) -> None:
        # By number of segments, verb and second segment, the collection, which tells most of them apart.
        self._fixed: dict[tuple[int, str, str | None], list[tuple[Template, dict[str, T]]]] = {}
        self._open: list[tuple[Template, dict[str, T]]] = []

    def add(self, method: str, template: Template, target: T) -> None:
        """Add an entry for this method at this template; raise ContractError if there already is one."""
        bucket = self._open
        if template.segments[-1] != "**":
            second = template.segments[1] if len(template.segments) > 1 else None
            bucket = self._fixed.setdefault((len(template.segments), template.verb, second), [])
        methods = next((m for t, m in bucket if (t.segments, t.verb) == (template.segments, template.verb)), None)
        if methods is None:
            methods = {}
            bucket.append((template, methods))
            bucket.sort(key=lambda entry: [segment is None for segment in entry[0].segments])
        if method in methods:
            raise ContractError(f"{method} of {template} is bound twice")
        methods[method] = target

    def find(self, raw_path: str) -> tuple[dict[str, T], list[str]] | None:
        """Return the entries at a path, by HTTP method, and the path's segments without verb; None if none."""
        parts = _ENCODED.sub(_plain, raw_path[1:]).split("/")
        head, colon, verb = parts[-1].rpartition(":")
        if colon:
            found = self._match([*parts[:-1], head], verb)
            if found:
                return found
        return self._match(parts, "")

    def _match(self, parts: list[str], verb: str) -> tuple[dict[str, T], list[str]] | None:
        for second in (*parts[1:2], None):
            for template, methods in self._fixed.get((len(parts), verb, second), ()):
                for want, part in zip(template.segments, parts, strict=True):
                    if part != want if want is not None else not part:
                        break
                else:
                    return methods, parts
        for template, methods in self._open:
            size = len(template.segments) - 1
            if (
                template.verb == verb
                and len(parts) > size
                and all(
                    part == want if want is not None else part
                    for want, part in zip(template.segments[:size], parts, strict=False)
                )
            ):
                return methods, parts
        return None
