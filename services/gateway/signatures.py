"""Signatures beside the token: what a partner with a secret pushes is signed, by Standard Webhooks, over the body.

Whoever has the token of a partner alone can push nothing in its name: the secret is known to partner and gateway.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError

from casework.names import last
from casework.units import is_code
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.lines import ClientStreamEndpoint
from services.gateway.rest.problem import Fault, Problem
from services.gateway.rest.unary import UnaryEndpoint

_SERVICE = "accord.intake.v1.PartnerService"
RPCS = frozenset({f"{_SERVICE}.SubmitItems", f"{_SERVICE}.AttachPhotos"})
UPLOAD = "accord.intake.v1.AttachmentService.UploadAttachment"
_LARGEST = 30_000_000
"""Bytes of a signed upload: 20 MiB in base64, and its lines."""
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_MISSING = ("缺少签名：此对接单位推送时必须签名。", "A signature is missing: this partner must sign what it pushes.")
_WRONG = (
    "签名不正确：密钥、时间（五分钟以内）或内容不符。",
    "The signature is wrong: by secret, time (within five minutes) or body.",
)
Secrets = Mapping[str, Sequence[Webhook]]


def read_secrets(file: Path | None) -> Secrets:
    """Return the secrets of partners that must sign, by unit; raise ValueError for a file that is not as documented."""
    said = json.loads(file.read_text("utf-8")) if file else {"secrets": {}}
    found = said.get("secrets") if isinstance(said, dict) else None
    if not isinstance(found, dict):
        raise ValueError("no object with secrets by unit")
    for unit, secrets in found.items():
        # Under another name nobody would be asked to sign.
        if not is_code(unit):
            raise ValueError(f"{unit!r} is no unit: 6201-hotline for instance")
        if not isinstance(secrets, list) or not secrets:
            raise ValueError(f"{unit} has no list of secrets")
    return {unit: [Webhook(secret) for secret in secrets] for unit, secrets in found.items()}


class SignedEndpoint:
    """Serves an RPC of partners; those with a secret are asked for a signature."""

    def __init__(self, endpoint: UnaryEndpoint, secrets: Secrets) -> None:
        self._endpoint, self._secrets = endpoint, secrets

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Answer one request; raise Problem."""
        if secrets := self._secrets.get(self._unit(parts)):
            body = await exchange.body(self._endpoint.binding.limit)
            _must_be_signed(exchange, body, secrets)
            exchange.hold(body)
        await self._endpoint(exchange, parts)

    def _unit(self, parts: list[str]) -> str:
        try:
            return next((last(text) for _, text in self._endpoint.binding.shape.template.values(parts)), "")
        except UnicodeDecodeError:
            return ""


class SignedUpload:
    """Serves an upload of partners. A file says its unit inside; a token is good for that of its own alone."""

    def __init__(self, endpoint: ClientStreamEndpoint, secrets: Secrets) -> None:
        self._endpoint, self._secrets = endpoint, secrets

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Answer one request; raise Problem."""
        if secrets := self._secrets.get(exchange.unit):
            body = await exchange.body(_LARGEST)
            _must_be_signed(exchange, body, secrets)
            exchange.hold(body)
        await self._endpoint(exchange, parts)


def _must_be_signed(exchange: Exchange, body: bytes, secrets: Sequence[Webhook]) -> None:
    headers = {name: exchange.header(name.encode()) for name in _HEADERS}
    for name, value in headers.items():
        if not value:
            raise Problem(403, "PERMISSION_DENIED", *_MISSING, (Fault(name, *_MISSING),))
    for secret in secrets:
        try:
            secret.verify(body, headers, json_parse=False)
        except (WebhookVerificationError, ValueError):
            continue
        return
    raise Problem(403, "PERMISSION_DENIED", *_WRONG, (Fault("webhook-signature", *_WRONG),))
