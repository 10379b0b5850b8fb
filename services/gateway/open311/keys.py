"""Who files: nobody by name, a partner by its key, or an account by its token in place of a key.

A key of a partner only replaces the limit by address by one of its own: the report is filed in nobody's name.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from services.gateway.edge import Checker, visitor
from services.gateway.open311.forms import Form
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.problem import Fault, Problem
from services.gateway.visitors import Guard
from services.kit.serving.limits import Rate


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a form: a name for its keys of idempotency, and the `authorization` with which intake is called."""

    name: str
    authorization: str
    account: bool


class Keys:
    """Knows the keys of partners by their SHA-256, from a file; nothing else of a key is kept."""

    def __init__(self, file: Path | None, rate: str, checker: Checker, by_address: list[Guard]) -> None:
        self._partners: dict[str, str] = json.loads(file.read_text("utf-8"))["keys"] if file else {}
        self._rate, self._checker, self._by_address = Rate(rate), checker, by_address

    async def sender(self, exchange: Exchange, form: Form) -> Sender:
        """Return who files, and count it; raise Problem or CaseError."""
        key = form.one("api_key")
        if key.count(".") == 2:
            return await self._account(f"Bearer {key}")
        if key:
            partner = self._partners.get(hashlib.sha256(key.encode()).hexdigest())
            if partner is None:
                raise refused("没有这个密钥。", "No such key.")
            await self._rate.count(partner)
            return Sender(f"key:{partner}", exchange.authorization, account=False)
        if b"authorization" in exchange.headers:
            return await self._account(exchange.authorization)
        for guard in self._by_address:
            await guard.admit(exchange)
        return Sender(visitor(exchange.scope).subject, exchange.authorization, account=False)

    async def _account(self, authorization: str) -> Sender:
        await self._checker.ready(authorization)
        return Sender(self._checker.check(authorization).subject, authorization, account=True)


def refused(zh: str, en: str) -> Problem:
    """Return the 403 for a key that is missing or wrong."""
    return Problem(403, "PERMISSION_DENIED", zh, en, (Fault("api_key", zh, en),))
