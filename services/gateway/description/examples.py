"""Examples for the description: the least that is valid by a schema, in words of a county."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

Schema = dict[str, Any]
KEY = "example-0000-0000-0000-0000-0000-0001"
"""The example of an idempotency key."""
_LIKELY = (
    "例：楼上漏水", "units/620102", "categories/neighbour", "620102-2026-000117", "620102001001", "620102",
    "2026-12-01", "2026-12", "13900000001", KEY, "zh",
)  # fmt: skip
"""Tried first where a pattern takes one of them."""
_NUMBER = "[0-9]{6}-[0-9]{4}-[0-9]{6,9}"
_FORMATS = {"date-time": "2026-12-01T01:00:00Z", "byte": "5L6L", "int64": "1", "date": "2026-12-01"}
_TEXT = "例：楼上漏水，对方不赔。"
_CHARACTERS = "1aA一/-_. "


def example_of(schema: Schema, components: Mapping[str, Schema]) -> Any:
    """Return a value that a schema takes, with required members only; `components` are the schemas it refers to."""
    if "$ref" in schema:
        schema = {**components[schema["$ref"].rpartition("/")[2]], **schema}
    if "enum" in schema:
        return next((each for each in schema["enum"] if not str(each).endswith("_UNSPECIFIED")), schema["enum"][0])
    kinds = schema.get("type")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if kind == "object":
        return _object(schema, components)
    if kind == "array":
        return [example_of(schema["items"], components) for _ in range(schema.get("minItems", 0))]
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 0), min(1, schema.get("maximum", 1)))
    return _text(schema)


def lines_of(schema: Schema, components: Mapping[str, Schema]) -> str:
    """Return lines of JSON as a stream of them is sent: one for each member of what a line may be."""
    members = components[schema["$ref"].rpartition("/")[2]]["properties"]
    told = [{name: _whole(each, components)} for name, each in members.items()]
    return "".join(f"{orjson.dumps(each).decode()}\n" for each in told)


def _whole(schema: Schema, components: Mapping[str, Schema]) -> object:
    """Return an example in which an object that needs nothing has all that it may have."""
    if schema.get("type") == "array":
        return [_whole(schema["items"], components)]
    named = components[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if named.get("type") != "object" or "required" in named:
        return example_of(schema, components)
    return {name: _member(name, each, components) for name, each in named["properties"].items()}


def _object(schema: Schema, components: Mapping[str, Schema]) -> dict[str, Any]:
    members = schema.get("properties", {})
    wanted = list(schema.get("required", ()))
    if not wanted and schema.get("minProperties"):
        wanted = [next(name for name in members if name != "etag")]
    return {name: _member(name, members[name], components) for name in wanted}


def _member(name: str, schema: Schema, components: Mapping[str, Schema]) -> object:
    return KEY if name == "requestId" else example_of(schema, components)


def _text(schema: Schema) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    pattern = schema.get("pattern")
    if pattern is None:
        least, most = schema.get("minLength", 0), schema.get("maxLength", len(_TEXT))
        return (_TEXT + "。" * max(0, least - len(_TEXT)))[:most]
    for each in _LIKELY:
        if re.search(pattern, each):
            return each
    return _Pattern(pattern.replace(_NUMBER, "620102-2026-000117")).shortest()


class _Pattern:
    """Reads a regular expression of the contracts, and finds a short text that it matches."""

    def __init__(self, pattern: str) -> None:
        self._pattern, self._at = pattern, 0

    def shortest(self) -> str:
        """Return a short match: of alternatives the first that says something, of repeats the fewest."""
        found = self._sequence()
        while self._take("|"):
            other = self._sequence()
            found = found or other
        return found

    def _sequence(self) -> str:
        found = ""
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            piece = self._one()
            found += piece * self._times()
        return found

    def _one(self) -> str:
        here = self._pattern[self._at]
        if here == "[":
            end = self._pattern.index("]", self._at + 2)
            taken = self._pattern[self._at : end + 1]
            self._at = end + 1
            return next(each for each in _CHARACTERS if re.fullmatch(taken, each))
        self._at += 1
        if here == "(":
            self._take("?:")
            inside = self.shortest()
            self._at += 1
            return inside
        if here == "\\":
            self._at += 1
            escaped = self._pattern[self._at - 1]
            return next((each for each in _CHARACTERS if re.fullmatch("\\" + escaped, each)), escaped)
        return {"^": "", "$": "", ".": "a"}.get(here, here)

    def _times(self) -> int:
        """Return how often at least what was read last repeats."""
        if self._take("?") or self._take("*"):
            return 0
        if counted := re.match(r"\{(\d+)(,\d*)?\}", self._pattern[self._at :]):
            self._at += counted.end()
            return int(counted[1])
        self._take("+")
        return 1

    def _take(self, text: str) -> bool:
        if not self._pattern.startswith(text, self._at):
            return False
        self._at += len(text)
        return True
