"""Partners in the demonstration: five systems hand on a few items badly, the desk returns them, and they are told.

What the court and the police hand over to mediation by letter is signed for; receipt and term of each come back.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from accord.embedded.keys import Keys, demo_token
from accord.partners.door import PartnerDoor
from accord.partners.simulator import Day, Faults, Simulator
from casework.door.programs.partner import PartnerBook

UNITS = ("6201-hotline", "620102-police", "620102-court", "6201-petition", "620103")
_ITEMS, _BATCH = 12, 2
_FAULTS = Faults(lost=0.3, unanswered=0.2, repeated=0.2, changed=0.1, wrong=0.1)
_AT_ONCE = 8
_PATIENCE = 60.0
_DESKS = "62"
"""Whose people act: days pass in seconds, and a matter may have gone up a level before they come to it."""


@dataclass(frozen=True, slots=True)
class Partnered:
    """What a partner's day came to, and how many of its items it was told are returned."""

    day: Day
    told: int

    @property
    def even(self) -> bool:
        """Whether nothing was lost, nothing is there twice, and everything was told."""
        return self.day.even and self.told == len(_returned(self.day)) and self.day.docked


async def partnered(facts: dict[str, Any], keys: Keys, book: PartnerBook, seed: int) -> list[Partnered]:
    """Let five partners hand on their items, return these or sign for them, and wait until they were told."""
    url = facts["urls"]["api"]
    simulators = [
        Simulator(
            url, _token(keys, "integrator", unit), unit, book, seed=seed, items=_ITEMS, batch=_BATCH, faults=_FAULTS,
            handed=1,
        )
        for unit in UNITS
    ]  # fmt: skip
    days: list[Day] = await asyncio.gather(*(each.run() for each in simulators))
    headers = {"Authorization": f"Bearer {_token(keys, 'duty_officer', _DESKS)}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=_PATIENCE) as desk:
        turns = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(_return(desk, turns, each) for day in days for each in _returned(day).values()))
    async with httpx.AsyncClient(base_url=url, timeout=_PATIENCE) as rest:
        centre = _Centre(rest, keys)
        for report in [day.taken[number] for day in days for number in day.letters]:
            await centre.sign_for(report)
    await asyncio.gather(*(each.follow(_PATIENCE) for each in simulators))
    told = await asyncio.gather(*(_told(url, _token(keys, "integrator", day.unit), day) for day in days))
    return [Partnered(day, count) for day, count in zip(days, told, strict=True)]


def _returned(day: Day) -> dict[str, str]:
    """Return the items that are returned: all but those that were handed over to mediation."""
    return {number: report for number, report in day.taken.items() if number not in day.letters}


class _Centre:
    """The desks that take on what was handed over to mediation."""

    def __init__(self, rest: httpx.AsyncClient, keys: Keys) -> None:
        self._rest, self._keys = rest, keys

    async def sign_for(self, report: str) -> None:
        """Accept a report, ask both sides, and sign for the authority's matter."""
        case = str((await self._post(f"{report}:accept", "duty_officer"))["case"])
        await self._docked(case)
        for side, name in (("APPLICANT", "甲方"), ("RESPONDENT", "乙方")):
            told = {"side": f"SIDE_{side}", "kind": "PARTY_KIND_NATURAL", "details": {"displayName": name}}
            party = await self._post(f"{case}/parties", "clerk", **told)
            await self._post(
                f"{party['name']}/consents", "clerk", step="STEP_MEDIATION", given=True, medium="MEDIUM_IN_PERSON",
                language="zh-CN", readBack=True,
            )  # fmt: skip
        await self._post(f"{case}/dockings/1:confirmConsent", "mediator")
        await self._post(f"{case}/dockings/1:sign", "mediator")

    async def _docked(self, case: str) -> None:
        """Wait until the case is open and has the docking of its letter."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            answer = await self._rest.get(f"/v1/{case}/dockings", headers=self._as("clerk"))
            if answer.status_code == 200 and answer.json().get("dockings"):
                return
            await asyncio.sleep(0.3)

    async def _post(self, path: str, role: str, **body: object) -> dict[str, Any]:
        headers = {**self._as(role), "Idempotency-Key": f"demo-{uuid.uuid4().hex}"}
        answer = (await self._rest.post(f"/v1/{path}", json=body, headers=headers)).raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _as(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {_token(self._keys, role, _DESKS)}"}


async def _return(desk: httpx.AsyncClient, turns: asyncio.Semaphore, report: str) -> None:
    async with turns:
        key = {"Idempotency-Key": f"demo-{report}"}
        body = {"reason": "elsewhere", "route": "ROUTE_HOTLINE"}
        (await desk.post(f"/v1/{report}:decline", json=body, headers=key)).raise_for_status()


async def _told(url: str, token: str, day: Day) -> int:
    """Return how many of its items a partner was told are returned, once it is all or has waited for long."""
    returned: set[str] = set()
    all_of_them = _returned(day)
    after, until = 0, time.monotonic() + _PATIENCE
    async with PartnerDoor(url, lambda: token, day.unit) as door:
        while len(returned) < len(all_of_them) and time.monotonic() < until:
            changes = await door.changes(after)
            after = int(changes[-1]["sequence"]) if changes else after
            returned |= {
                each["item"]["number"] for each in changes if each["item"]["state"] == "ITEM_STATE_RETURNED"
            } & set(all_of_them)  # fmt: skip
            await asyncio.sleep(0 if changes else 0.3)
    return len(returned)


def _token(keys: Keys, role: str, unit: str) -> str:
    return demo_token(keys, role, unit, None, timedelta(hours=1))
