"""The door for partners, as their programs use it: a call is sent until it is answered."""

from __future__ import annotations

import asyncio
import time
import uuid
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from accord.embedded.folder import StackError

PATIENCE = 600.0
"""Seconds for which a door that is busy or away is tried again."""
_LONGEST_WAIT = 15.0
_BUSY = (429, 502, 503, 504)


_CHUNK = 512 * 1024
_OWN = (401, 403)
"""Refusals that are about the program, not about what it sends."""


class DoorError(StackError):
    """The door cannot be reached, or refuses the program itself."""

    def __init__(self, message: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that goes with an item, by its number or name at the partner."""

    id: str
    media_type: str
    content: bytes
    file_name: str = ""
    title: str = ""


class PartnerDoor:
    """The calls of one partner. `token` is asked for each call; with a secret, what is pushed is signed."""

    def __init__(
        self, url: str, token: Callable[[], str], unit: str, language: str = "zh", *, secret: str = "",
        patience: float = PATIENCE,
    ) -> None:  # fmt: skip
        self.unit, self.language = unit, language
        self._webhook = Webhook(secret) if secret else None
        self._token, self._patience = token, patience
        self._client = httpx.AsyncClient(base_url=url, timeout=120, headers={"Accept-Language": language})

    async def __aenter__(self) -> PartnerDoor:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def submit(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Hand items on; return the answer to each, in order."""
        results: list[dict[str, Any]] = (await self.post("submit", items=items))["results"]
        return results

    async def changes(self, after: int, most: int = 500) -> list[dict[str, Any]]:
        """Return what became of items after a place in the order of changes."""
        return await self._after("partnerItems", after, most)

    async def dockings(self, after: int, most: int = 500) -> list[dict[str, Any]]:
        """Return what became of what was handed over to mediation, after a place in the order of these changes."""
        return await self._after("dockings", after, most)

    async def _after(self, what: str, after: int, most: int) -> list[dict[str, Any]]:
        place = f"after={after}&maxResults={most}"
        found = await self._send("GET", f"/v1/units/{self.unit}/{what}:changes?{place}")
        changes: list[dict[str, Any]] = found.get("changes", [])
        return changes

    async def attach(self, number: str, file: Attached) -> dict[str, Any]:
        """Attach a file to an item; return its name here, or reason, field and message of the refusal."""
        header = {
            "parent": f"units/{self.unit}", "number": number, "attachmentId": file.id, "mediaType": file.media_type,
            "title": file.title, "fileName": file.file_name,
        }  # fmt: skip
        lines = [{"header": header}, *(
            {"chunk": b64encode(file.content[at : at + _CHUNK]).decode()} for at in range(0, len(file.content), _CHUNK)
        )]  # fmt: skip
        body = b"".join(orjson.dumps(each) + b"\n" for each in lines)
        try:
            return await self._send("POST", "/v1/attachments:upload", body, "application/x-ndjson")
        except DoorError as error:
            if error.problem is None:
                raise
            first = (error.problem.get("errors") or [{}])[0]
            message = first.get("message") or error.problem.get("detail", "")
            field = str(first.get("field", "")).rpartition(".")[2]
            return {"reason": error.problem.get("code", ""), "field": field, "message": message}

    async def post(self, verb: str, **body: object) -> dict[str, Any]:
        """Send until it is answered."""
        return await self._send("POST", f"/v1/units/{self.unit}/partnerItems:{verb}", orjson.dumps(body))

    async def _send(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> dict[str, Any]:
        """Return the answer; a door that is busy says when to come again, DoorError if it stays so."""
        headers = {"Content-Type": kind} if body else {}
        headers |= {"Idempotency-Key": uuid.uuid4().hex} if path.endswith((":submit", ":attach")) else {}
        until, wait = time.monotonic() + self._patience, 0.2
        while True:
            try:
                answer = await self._client.request(
                    method, path, content=body,
                    headers={**headers, **self._signed(body), "Authorization": f"Bearer {self._token()}"},
                )  # fmt: skip
            except httpx.TransportError as error:
                why, asked = f"{self._client.base_url}: {type(error).__name__}", 0.0
            else:
                if answer.status_code == 200:
                    found: dict[str, Any] = answer.json()
                    return found
                why = f"{answer.status_code}: {_detail(answer)}"
                if answer.status_code not in _BUSY:
                    told = answer.status_code < 500 and answer.status_code not in _OWN
                    raise DoorError(why, _problem(answer) if told else None)
                asked = _asked(answer)
            if time.monotonic() > until:
                raise DoorError(why)
            await asyncio.sleep(min(_LONGEST_WAIT, max(wait, asked)))
            wait *= 2

    def _signed(self, body: bytes) -> dict[str, str]:
        """Return the headers of a signature, made anew for each attempt: its time counts."""
        if self._webhook is None or not body:
            return {}
        name, now = uuid.uuid4().hex, datetime.now(UTC)
        return {
            "webhook-id": name, "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(name, now, body.decode()),
        }  # fmt: skip


def is_secret(said: str) -> bool:
    """Tell whether a text is a secret of Standard Webhooks."""
    try:
        Webhook(said)
    except (ValueError, EmptyWebhookSecretError):
        return False
    return True


def _asked(answer: httpx.Response) -> float:
    """Return how many seconds the door asks to wait."""
    said = answer.headers.get("Retry-After", "")
    return float(said) if said.isdigit() else 0.0


def _problem(answer: httpx.Response) -> dict[str, Any] | None:
    """Return what a refusal says; None if it says nothing that can be read."""
    try:
        problem = answer.json()
    except ValueError:
        return None
    return problem if isinstance(problem, dict) else None


def _detail(answer: httpx.Response) -> str:
    problem = _problem(answer)
    return answer.reason_phrase if problem is None else str(problem.get("detail") or problem.get("title") or "")
