"""People without an account: they speak REST, by the code of their receipt or with the token it gave them alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx

from accord.embedded.keys import EMBEDDED_ISSUER, mint
from accord.embedded.stack import Stack
from tests.conftest import CALL, COUNTY, request_id
from tests.patience import PATIENCE


class Reporter:
    """Somebody at the door. Without a code yet they file through an account or at a counter."""

    def __init__(self, stack: Stack, language: str = "zh", address: str = "127.0.0.1") -> None:
        self._client = httpx.AsyncClient(
            base_url=stack.urls["api"], headers={"Accept-Language": language}, timeout=CALL,
            transport=httpx.AsyncHTTPTransport(local_address=address),
        )  # fmt: skip
        self.code = self.words = self.report = ""
        self.token = ""

    async def __aenter__(self) -> Reporter:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    def takes(self, made: dict[str, Any]) -> None:
        """Take the receipt that was handed over."""
        self.code, self.words, self.report = made["receiptCode"], made["receiptWords"], made["name"]

    async def file(self, text: str = "楼上漏水。", key: str = "", **fields: Any) -> httpx.Response:
        """File without an account; keep receipt and token if it was received."""
        report = {
            "channel": "CHANNEL_APP", "unit": f"units/{COUNTY}", "category": "categories/neighbour", "text": text,
            **fields,
        }  # fmt: skip
        answer = await self.post("reports:file", report, key)
        if answer.status_code == 200:
            self.takes(answer.json()["report"])
            self.token = answer.json()["accessToken"]
        return answer

    async def post(self, path: str, body: dict[str, Any], key: str = "") -> httpx.Response:
        """Send something without a token."""
        return await self._client.post(f"/v1/{path}", json=body, headers={"Idempotency-Key": key or request_id()})

    async def receipt(self, until: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """Return what the code shows, once it shows this."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self._client.get(f"/v1/receipts/{self.code}")
                if answer.status_code == 200 and until(answer.json()):
                    shown: dict[str, Any] = answer.json()
                    return shown
                assert answer.status_code in (200, 429), answer.text
                await asyncio.sleep(1.5)

    async def look_at(self, path: str) -> httpx.Response:
        """Read something without a token."""
        return await self._client.get(f"/v1/{path}")

    async def look(self, code: str) -> httpx.Response:
        """Return whatever a code gets."""
        return await self._client.get(f"/v1/receipts/{code}")

    async def sign_in(self, said: str, code: str = "") -> httpx.Response:
        """Say code and second factor; keep the token if they are right."""
        answer = await self._client.post("/v1/receipts:signIn", json={"code": code or self.code, "secondFactor": said})
        if answer.status_code == 200:
            self.token, self.report = answer.json()["accessToken"], answer.json()["report"]
        return answer

    async def does(self, verb: str, name: str = "", **fields: Any) -> httpx.Response:
        """Do something with the own report, with the token of the receipt."""
        return await self._client.post(
            f"/v1/{name or self.report}:{verb}", json=fields,
            headers={"Authorization": f"Bearer {self.token}", "Idempotency-Key": request_id()},
        )  # fmt: skip

    async def adds(self, collection: str, **fields: Any) -> httpx.Response:
        """Add something to the own report, with the token of the receipt."""
        return await self._client.post(
            f"/v1/{self.report}/{collection}", json=fields,
            headers={"Authorization": f"Bearer {self.token}", "Idempotency-Key": request_id()},
        )  # fmt: skip

    async def get(self, path: str) -> httpx.Response:
        """Read something with the token of the receipt."""
        return await self._client.get(path, headers={"Authorization": f"Bearer {self.token}"})


class Desk:
    """Somebody in an office, over REST, with the token of their role alone."""

    def __init__(
        self, stack: Stack, role: str, unit: str = COUNTY, sub: str | None = None, language: str = "zh",
        also: str = "", url: str = "",
    ) -> None:  # fmt: skip
        token = stack.token(role, unit, sub)
        if also:
            token = mint(stack.keys.issuer, EMBEDDED_ISSUER, sub or role, [role, also], unit, timedelta(hours=1))
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
        self._client = httpx.AsyncClient(base_url=url or stack.urls["api"], headers=headers, timeout=CALL)

    async def __aenter__(self) -> Desk:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def file(self, text: str = "楼上漏水。", **fields: Any) -> dict[str, Any]:
        """Take a report down and return it with its receipt."""
        report = {
            "channel": "CHANNEL_COUNTER", "unit": f"units/{COUNTY}", "category": "categories/neighbour", "text": text,
            **fields,
        }  # fmt: skip
        return await self.did(self._client.post("/v1/reports", json=report, headers=_key()))

    async def does(self, name: str, verb: str, **fields: Any) -> dict[str, Any]:
        """Do something and return the answer; it must succeed."""
        return await self.did(self._client.post(f"/v1/{name}:{verb}", json=fields, headers=_key()))

    async def puts(self, path: str, **fields: Any) -> dict[str, Any]:
        """Send something to a path and return the answer; it must succeed."""
        return await self.did(self._client.post(path, json=fields, headers=_key()))

    async def sends(self, path: str, **fields: Any) -> httpx.Response:
        """Send something to a path and return whatever comes."""
        return await self._client.post(path, json=fields, headers=_key())

    async def tries(self, name: str, verb: str, **fields: Any) -> httpx.Response:
        """Do something and return whatever comes."""
        return await self._client.post(f"/v1/{name}:{verb}", json=fields, headers=_key())

    async def reads(self, path: str) -> dict[str, Any]:
        """Read something; it must succeed."""
        return await self.did(self._client.get(path))

    async def gets(self, path: str) -> httpx.Response:
        """Read something and return whatever comes."""
        return await self._client.get(path)

    @staticmethod
    async def did(call: Any) -> dict[str, Any]:
        """Return the answer of a call that must succeed."""
        answer: httpx.Response = await call
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


def _key() -> dict[str, str]:
    return {"Idempotency-Key": request_id()}


class Invitee:
    """A party without an account: it acts with the code of its invitation and two words alone."""

    def __init__(self, stack: Stack, language: str = "zh", url: str = "") -> None:
        self._client = httpx.AsyncClient(
            base_url=url or stack.urls["api"], headers={"Accept-Language": language}, timeout=CALL
        )
        self._english = language == "en"
        self.code = self.words = self.said = self.party = self.case = self.token = ""

    async def __aenter__(self) -> Invitee:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def comes(self, made: dict[str, Any]) -> None:
        """Sign in by the invitation that was handed over, in the own language."""
        self.code, self.words = made["code"], made["words"]
        self.said = self.words.split(" / ")[self._english]
        answer = await self.sign_in(self.said)
        assert answer.status_code == 200, answer.text

    async def sign_in(self, said: str, code: str = "") -> httpx.Response:
        """Say code and words; keep the token if they are right."""
        body = {"code": code or self.code, "secondFactor": said}
        answer = await self._client.post("/v1/invitations:signIn", json=body)
        if answer.status_code == 200:
            told = answer.json()
            self.token, self.party, self.case = told["accessToken"], told["party"], told["case"]
        return answer

    async def tries(self, path: str, **fields: Any) -> httpx.Response:
        """Do something and return whatever comes."""
        headers = {"Authorization": f"Bearer {self.token}", **_key()}
        return await self._client.post(f"/v1/{path}", json=fields, headers=headers)

    async def does(self, path: str, **fields: Any) -> dict[str, Any]:
        """Do something; it must succeed."""
        return await Desk.did(self.tries(path, **fields))

    async def looks(self, path: str) -> httpx.Response:
        """Read something and return whatever comes."""
        return await self._client.get(f"/v1/{path}", headers={"Authorization": f"Bearer {self.token}"})

    async def reads(self, path: str) -> dict[str, Any]:
        """Read something; it must succeed."""
        return await Desk.did(self.looks(path))

    async def notice(self, rule: str, state: str = "") -> dict[str, Any]:
        """Return the newest notice by a rule to the own party, once it is there, in this state where one is named."""
        async with asyncio.timeout(PATIENCE):
            while True:
                told = (await self.reads(f"{self.party}/notices"))["notices"]
                for each in reversed(told):
                    if each["rule"] == rule and each["state"].endswith(state):
                        found: dict[str, Any] = each
                        return found
                await asyncio.sleep(0.2)

    async def says(self, step: str, *, yes: bool = True) -> httpx.Response:
        """Answer to a step."""
        return await self.tries(
            f"{self.party}/consents", step=f"STEP_{step}", given=yes, medium="MEDIUM_ONLINE",
            language="en" if self._english else "zh-CN", readBack=True,
        )  # fmt: skip
