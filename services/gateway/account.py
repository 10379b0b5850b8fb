"""Who one is to Accord: what it read from one's token. Whoever is to be bound to a party says this name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from services.gateway.edge import Checker
from services.gateway.rest.described import refusals
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.problem import Fault, refuse

TAG = {"name": "Account", "description": "Who one is, by one's token."}
PATH = "/v1/account"


class AccountEndpoint:
    """Serves `GET /v1/account`."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Answer one request; raise Problem."""
        exchange.accepts("application/json")
        if exchange.query:
            name = exchange.query.partition(b"=")[0].decode("latin-1")
            raise refuse("UNKNOWN_PARAMETER", Fault(name, "没有这个参数。", "There is no such parameter."), name=name)
        caller = self._checker.check(exchange.authorization)
        until = datetime.fromtimestamp(int(caller.until), UTC).isoformat().replace("+00:00", "Z")
        told = {
            "account": caller.subject, "roles": sorted(caller.roles), "unit": f"units/{caller.unit}",
            "expireTime": until,
        }  # fmt: skip
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await exchange.answer(200, headers, orjson.dumps(told))


def paths() -> dict[str, Any]:
    """Return the path as the OpenAPI document has it."""
    text = {"type": "string"}
    told = {
        "account": {**text, "description": "Its name: a pseudonym for citizens. Histories and bindings have this one."},
        "roles": {"type": "array", "items": text, "description": "Its roles."},
        "unit": {**text, "description": "Its unit, `units/{unit}`."},
        "expireTime": {**text, "format": "date-time", "description": "Until when the token is taken."},
    }
    schema = {"type": "object", "required": list(told), "properties": told}
    operation = {
        "operationId": "getAccount",
        "tags": [TAG["name"]],
        "summary": "Gets who one is, by one's token",
        "description": "Needs no permission: it tells only what the own token says.",
        "parameters": [{"$ref": "#/components/parameters/AcceptLanguage"}],
        "responses": {
            "200": {"description": "The account.", "content": {"application/json": {"schema": schema}}},
            **refusals(400, 401, 406, 429, 500, 503),
        },
    }
    return {PATH: {"get": operation}}
