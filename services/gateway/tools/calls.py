"""What the tools do: a tool makes a GET request at the gateway itself, with the caller's own token.

Permission, access log, limits, traces and refusals are those of REST, because it is REST. Nothing but GET is ever made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.types import ASGIApp, Message

from services.gateway.rest.exchange import Exchange, Header
from services.gateway.rest.problem import Problem, wrong_field
from services.gateway.tools.catalogue import Catalogue, Reading, Schema, fields_of
from services.gateway.tools.chosen import CHOSEN, FIND, NOTICE, READ

_TEXT = {"type": "string"}
_OWN: dict[str, Schema] = {
    FIND: {
        "type": "object",
        "properties": {"words": {**_TEXT, "minLength": 1, "description": "English words, such as `tasks of a case`."}},
        "required": ["words"],
        "additionalProperties": False,
    },
    READ: {
        "type": "object",
        "properties": {
            "path": {**_TEXT, "description": "The path with its names filled in, such as `/v1/cases/…/tasks`."},
            "parameters": {"type": "object", "description": "Query parameters of the call, by name."},
        },
        "required": ["path"],
        "additionalProperties": False,
    },
}
_ANSWER: Schema = {
    "type": "object",
    "properties": {
        "notice": {**_TEXT, "description": "What the answer is, to whoever reads it."},
        "answer": {"type": ["object", "array"], "description": "The answer, as over REST."},
    },
    "required": ["notice", "answer"],
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool gives back: the answer with its notice, or a problem document."""

    content: dict[str, Any]
    refused: bool = False


class Tools:
    """Lists the tools and makes their calls."""

    def __init__(self, catalogue: Catalogue, edge: ASGIApp) -> None:
        self._catalogue, self._edge = catalogue, edge

    def listed(self, language: str) -> list[dict[str, Any]]:
        """Return every tool as the protocol describes it, in a language."""
        return [
            {
                "name": name,
                "title": words.title,
                "description": words.text,
                "inputSchema": _OWN.get(name) or self._catalogue.schema(self._catalogue.readings[each.operation]),
                "outputSchema": _ANSWER,
                "annotations": {"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False},
            }
            for name, each in CHOSEN.items()
            for words in [each.en if language == "en" else each.zh]
        ]

    async def call(self, exchange: Exchange, name: str, given: Mapping[str, Any]) -> Outcome | None:
        """Return what a tool gives back; None if there is no such tool."""
        if name not in CHOSEN:
            return None
        try:
            if name == FIND:
                return _answered(exchange, self._catalogue.find(_words(given)))
            if name == READ:
                reading, path = self._catalogue.at(_path(given))
                return await self._read(exchange, reading, path, reading.query(given.get("parameters") or {}))
            reading = self._catalogue.readings[CHOSEN[name].operation]
            return await self._read(exchange, reading, *reading.address(given))
        except Problem as problem:
            return Outcome(problem.document(exchange.language, exchange.trace_id), refused=True)

    async def _read(self, exchange: Exchange, reading: Reading, path: str, query: bytes) -> Outcome:
        status, body = await self._get(exchange, path, query)
        value = orjson.loads(body)
        if status != 200:
            return Outcome(fields_of(reading, value), refused=True)
        return _answered(exchange, value)

    async def _get(self, exchange: Exchange, path: str, query: bytes) -> tuple[int, bytes]:
        """Return status and body of a GET request at this gateway, made by the caller."""
        headers: list[Header] = [
            (b"authorization", exchange.authorization.encode("latin-1")),
            (b"accept", b"application/json"),
            (b"accept-language", exchange.language.encode()),
            (b"traceparent", exchange.trace_parent.encode()),
        ]
        scope = {
            **{name: exchange.scope[name] for name in ("type", "asgi", "http_version", "scheme", "client", "server")},
            "method": "GET", "root_path": "", "path": unquote(path), "raw_path": path.encode("ascii"),
            "query_string": query, "headers": headers,
        }  # fmt: skip
        status, body = 0, b""

        async def nothing() -> Message:
            return {"type": "http.disconnect"}

        async def take(message: Message) -> None:
            nonlocal status, body
            status = message.get("status", status)
            body += message.get("body", b"")

        await self._edge(scope, nothing, take)
        return status, body


def _answered(exchange: Exchange, value: object) -> Outcome:
    return Outcome({"notice": NOTICE[exchange.language], "answer": value})


def _words(given: Mapping[str, Any]) -> str:
    words = given.get("words")
    if not isinstance(words, str) or not words.strip():
        raise wrong_field("words", "必填，应为文字。", "Is required, as text.")
    return words


def _path(given: Mapping[str, Any]) -> str:
    for name in given:
        if name not in ("path", "parameters"):
            raise wrong_field(name, "没有这个参数。", "There is no such parameter.")
    if not isinstance(given.get("parameters", {}), dict):
        raise wrong_field("parameters", "应为对象。", "Must be an object.")
    path = given.get("path")
    if not isinstance(path, str) or not path:
        raise wrong_field("path", "必填，应为文字。", "Is required, as text.")
    return path
