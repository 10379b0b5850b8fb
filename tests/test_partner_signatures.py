"""A partner that must sign: its token alone pushes nothing; what was changed, or is too old, is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from accord.embedded.stack import Stack
from accord.partners.door import PartnerDoor
from services.gateway.signatures import read_secrets
from tests.conftest import CALL, PARTNER_SECRETS, SIGNING, request_id
from tests.test_rest import is_problem

PATH = f"/v1/units/{SIGNING}/partnerItems:submit"


def item() -> dict[str, Any]:
    return {"number": request_id(), "category": "物业", "text": "电梯停了三天，无人修。"}


def signed(body: bytes, secret: str, at: datetime) -> dict[str, str]:
    name = request_id()
    return {
        "webhook-id": name, "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, at, body.decode()),
    }  # fmt: skip


@pytest.mark.parametrize("secret", PARTNER_SECRETS)
async def test_a_partner_with_a_secret_signs_and_both_secrets_count_while_one_follows_the_other(
    secret: str, stack: Stack
) -> None:
    token = stack.token("integrator", SIGNING)
    async with PartnerDoor(stack.urls["api"], lambda: token, SIGNING, secret=secret) as door:
        (result,) = await door.submit([item()])
        assert result["state"] == "ITEM_STATE_RECEIVED"
        assert isinstance(await door.changes(0), list), "only what is pushed is signed"


async def test_what_is_not_signed_was_changed_or_is_old_is_refused_and_nothing_is_taken_in(stack: Stack) -> None:
    mine, now = item(), datetime.now(UTC)
    body = json.dumps({"items": [mine]}).encode()
    good = signed(body, PARTNER_SECRETS[0], now)
    foreign = "whsec_" + "A" * 32
    wrong = {
        "none": {}, "of another secret": signed(body, foreign, now),
        "changed": signed(body + b" ", PARTNER_SECRETS[0], now),
        "old": signed(body, PARTNER_SECRETS[0], now - timedelta(minutes=6)),
        "another id": {**good, "webhook-id": "other"}, "no signature": {**good, "webhook-signature": "nonsense"},
        "not base64": {**good, "webhook-signature": "v1,%%%"}, "no time": {**good, "webhook-timestamp": "now"},
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {stack.token('integrator', SIGNING)}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=stack.urls["api"], headers=headers, timeout=CALL) as client:
        for why, signature in wrong.items():
            answer = await client.post(PATH, content=body, headers={"Idempotency-Key": request_id(), **signature})
            problem = is_problem(answer, 403, "PERMISSION_DENIED")
            assert problem["errors"][0]["field"].startswith("webhook-"), why
        for field in ({}, {"number": mine["number"]}):
            listed = await client.get(f"/v1/units/{SIGNING}/partnerItems", params=field)
            assert mine["number"] not in listed.text
        escaped = PATH.replace("-petition", "%2Dpetition")
        answer = await client.post(escaped, content=body, headers={"Idempotency-Key": request_id()})
        assert answer.status_code == 403
        answer = await client.post(PATH, content=body, headers={"Idempotency-Key": request_id(), **good})
        assert answer.json()["results"][0]["state"] == "ITEM_STATE_RECEIVED"


@pytest.mark.parametrize(
    "said",
    [{}, [], {"secrets": []}, {"secrets": {"units/6201-hotline": PARTNER_SECRETS}}, {"secrets": {"6201-hotline": []}},
     {"secrets": {"6201-hotline": PARTNER_SECRETS[0]}}],
)  # fmt: skip
def test_a_file_of_secrets_that_would_ask_nobody_to_sign_is_refused_at_the_start(said: Any, tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps(said), "utf-8")
    with pytest.raises(ValueError, match=r"unit|secrets"):
        read_secrets(file)
