"""Text messages and messages in the app: a POST to the operator's gateway, signed according to Standard Webhooks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
from standardwebhooks import Webhook

from casework.mediation.notice import Channel, Outcome
from workflows.notices.channels import TAKEN, Outgoing, Sent

_TIMEOUT = 10.0
_LATER = frozenset({401, 403, 408, 425, 429})
"""Errors that may be temporary: a limit, or a secret not yet changed on both sides."""


class Gateway:
    """Sends notices to a gateway. `webhook-id` is the same at every attempt, so that repeats are recognised."""

    def __init__(self, channel: Channel, url: str, secret: Path) -> None:
        self._channel = channel
        self._url = url
        try:
            self._signer = Webhook(secret.read_text("ascii").strip())
        except Exception as error:
            raise SystemExit(f"{secret}: not a secret of a webhook, whsec_ and base64: {error}") from None
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False)

    async def send(self, notice: Outgoing) -> Sent:
        """Send a message."""
        name = self._channel.name.lower()
        body = json.dumps(
            {
                "notice": notice.key.replace("notice-", "notices/", 1),
                "channel": name,
                "to": notice.to,
                "language": notice.language,
                "subject": notice.subject,
                "text": notice.short,
            },
            ensure_ascii=False,
        )
        now, key = datetime.now(UTC), f"{notice.key}-{name}"
        headers = {
            "content-type": "application/json; charset=utf-8",
            "webhook-id": key,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(key, now, body),
        }
        try:
            answer = await self._client.post(self._url, content=body.encode(), headers=headers)
        except httpx.HTTPError:
            return Sent(Outcome.UNAVAILABLE, f"{name}-unavailable")
        if answer.is_success:
            return TAKEN
        final = 400 <= answer.status_code < 500 and answer.status_code not in _LATER
        return Sent(Outcome.REFUSED if final else Outcome.UNAVAILABLE, f"{name}-{answer.status_code}")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
