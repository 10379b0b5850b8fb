"""The calls that read, taken from the description of the API, which is made from the contracts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from services.gateway.rest.problem import Fault, Problem, refuse, wrong_field
from services.gateway.rest.template import RouteTable, Template

Schema = dict[str, Any]
ACCOUNT = "getAccount"
_CLOSED = re.compile(
    r"(caucuses|factSheets|calendars|invitations|receipts)\..*|.*\.read(Reporter|Identity)|reports\.getChallenge"
    r"|.*\.batchGet(Facts|Standings)|events\.watch|gridTerms\.list"
)
"""Permissions of calls that no tool makes: what is told in confidence and by whom, secrets, what only programs read."""
_SAFE = "/:@%-._~!$&'()*+,;="
_MOST = 10
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Reading:
    """A call that reads: where it is, what it says of itself, and what it takes in its path and in its query."""

    operation: str
    path: str
    text: str
    permission: str
    places: dict[str, Schema]
    filters: dict[str, Schema]

    def address(self, given: Mapping[str, Any]) -> tuple[str, bytes]:
        """Return path and query of the request with these arguments; raise Problem naming each that is wrong."""
        path, faults = self.path, []
        for name in self.places:
            value, (before, _, after) = given.get(name), path.partition(f"{{{name}}}")
            if not isinstance(value, str) or not value:
                faults.append(Fault(name, "必填，应为文字。", "Is required, as text."))
                continue
            # A resource is often called by its whole name: `cases/…` for a case.
            value = value.removeprefix(before.rstrip("/").rpartition("/")[2] + "/")
            path = before + quote(_utf8(value), safe="") + after
        return path, self.query({name: given[name] for name in given if name not in self.places}, faults)

    def query(self, given: Mapping[str, Any], faults: list[Fault] | None = None) -> bytes:
        """Return the query string with these arguments; raise Problem naming each that is wrong."""
        pairs, faults = list[tuple[str, str]](), faults or []
        for name, value in given.items():
            texts = [_text(each) for each in (value if isinstance(value, list) else [value])]
            if name not in self.filters:
                faults.append(Fault(name, "没有这个参数。", "There is no such parameter."))
            elif None in texts:
                faults.append(Fault(name, "应为文字、数字、是或否，或它们的列表。",
                                    "Must be text, a number, a boolean, or a list of these."))  # fmt: skip
            pairs += [(name, text) for text in texts if text is not None]
        if faults:
            raise _refusal(faults)
        return urlencode(pairs).encode()


class Catalogue:
    """All calls that tools may make."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._components: dict[str, Schema] = document["components"]["schemas"]
        self._table: RouteTable[Reading | None] = RouteTable()
        self.readings: dict[str, Reading] = {}
        for path, methods in document["paths"].items():
            if "get" not in methods:
                continue
            operation = methods["get"]
            reading = _reading(path, operation) if self._is_open(path, operation) else None
            # Closed ones are in the table as well: no other form of path is taken for theirs.
            self._table.add("GET", Template.parse(re.sub(r"\{[^}]*\}", "*", path)), reading)
            if reading is not None:
                self.readings[reading.operation] = reading

    def _is_open(self, path: str, operation: Mapping[str, Any]) -> bool:
        """Return whether a call reads for people, as JSON: no file, no stream, no stated purpose, nothing confided."""
        permission = operation.get("x-permission", "")
        content = operation["responses"]["200"].get("content", {})
        return (
            (bool(permission) or operation["operationId"] == ACCOUNT)
            and "{code}" not in path
            and _JSON in content
            and set(content) <= {_JSON, "text/event-stream"}
            and not _CLOSED.fullmatch(permission)
            and all(each.get("name") != "purpose" for each in operation["parameters"])
            and not self._holds_bytes(content[_JSON]["schema"], set())
        )

    def _holds_bytes(self, schema: object, seen: set[str]) -> bool:
        if isinstance(schema, list):
            return any(self._holds_bytes(each, seen) for each in schema)
        if not isinstance(schema, dict):
            return False
        if schema.get("format") == "byte":
            return True
        name = _name_of(schema)
        if name and name not in seen:
            seen.add(name)
            return self._holds_bytes(self._components[name], seen)
        return any(self._holds_bytes(each, seen) for each in schema.values())

    def at(self, path: str) -> tuple[Reading, str]:
        """Return the call at a path, and the path as it is sent; raise Problem if nothing can be read there."""
        if "?" in path:
            raise wrong_field("path", "参数请另放在 parameters 里。", "Give what follows `?` in `parameters`.")
        raw = quote(_utf8(path), safe=_SAFE)
        found = self._table.find(raw) if raw.startswith("/v1/") else None
        reading = found[0].get("GET") if found else None
        if reading is None:
            raise wrong_field("path", "没有可以读取的这个地址，请用 find_readings 查找。",
                              "Nothing can be read at this path: find_readings shows which.")  # fmt: skip
        return reading, raw

    def find(self, words: str) -> list[dict[str, Any]]:
        """Return the calls whose descriptions have most of these words."""
        wanted = words.lower().split()
        scored = [(sum(word in _searched(each) for word in wanted), each) for each in self.readings.values()]
        best = sorted((pair for pair in scored if pair[0]), key=lambda pair: -pair[0])[:_MOST]
        return [
            {"path": each.path, "says": each.text, "parameters": self.schema(each)["properties"]} for _, each in best
        ]

    def schema(self, reading: Reading) -> Schema:
        """Return the JSON Schema of a call's arguments, with nothing to look up elsewhere."""
        asked = reading.places | reading.filters
        return {
            "type": "object",
            "properties": {
                name: self._whole({**each["schema"], "description": each.get("description", "")})
                for name, each in asked.items()
            },
            "required": [name for name, each in asked.items() if each.get("required")],
            "additionalProperties": False,
        }

    def _whole(self, schema: Schema) -> Schema:
        if name := _name_of(schema):
            known = self._components[name]
            said = "\n".join(filter(None, (schema.get("description"), known.get("description"))))
            schema = {**known, **schema, **({"description": said} if said else {})}
        return {key: self._part(value) for key, value in schema.items() if key != "$ref" and not key.startswith("x-")}

    def _part(self, value: object) -> object:
        if isinstance(value, list):
            return [self._part(each) for each in value]
        return self._whole(value) if isinstance(value, dict) else value


def _reading(path: str, operation: Mapping[str, Any]) -> Reading:
    kinds: dict[str, dict[str, Schema]] = {"path": {}, "query": {}, "header": {}}
    for parameter in operation["parameters"]:
        if "in" in parameter:
            kinds[parameter["in"]][parameter["name"]] = parameter
    return Reading(
        operation["operationId"], path, operation["description"], operation.get("x-permission", ""),
        kinds["path"], kinds["query"],
    )  # fmt: skip


def _searched(reading: Reading) -> str:
    return f"{reading.operation} {reading.path} {reading.text}".lower()


def _name_of(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _utf8(text: str) -> str:
    """Return a text; raise Problem if it has half characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise refuse("INVALID_UTF8") from None
    return text


def _text(value: object) -> str | None:
    """Return an argument as a query string has it; None if it has no such form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return _utf8(value) if isinstance(value, str) else None


def _refusal(faults: list[Fault]) -> Problem:
    if len(faults) == 1:
        return wrong_field(faults[0].field, faults[0].zh, faults[0].en)
    return refuse("INVALID_FIELD", *faults)


def fields_of(reading: Reading, document: dict[str, Any]) -> dict[str, Any]:
    """Return a problem document with its fields named as the arguments: what is in a path is `name` to a service."""
    place = next(reversed(reading.places), "") if reading.places else ""
    known = reading.places | reading.filters
    errors = [
        {**each, "field": each["field"] if each["field"] in known or not place else place}
        for each in document.get("errors", ())
    ]
    return {**document, "errors": errors} if errors else document
