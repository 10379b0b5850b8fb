"""People who write and answer supervision letters, each under an account of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from google.type.date_pb2 import Date
from pb.escalation.v1 import letters_pb2 as pb

from casework.clocks.calendar import LOCAL
from tests.conftest import COUNTY, request_id
from tests.patience import PATIENCE

TOWN = "620102001"
"""The unit that letters of the county are to."""
DRAFTER, HEAD, OTHER_HEAD = "l-drafter", "l-head", "l-other-head"
"""Accounts at the county: who drafts, who signs, who decides objections."""
KINDS = ("NOTICE", "WARNING", "CIRCULAR", "INTERVIEW", "INSPECTION")


def today() -> date:
    """Return the local day."""
    return datetime.now(LOCAL).date()


def proto_date(day: date) -> Date:
    """Return a day as the contract has it."""
    return Date(year=day.year, month=day.month, day=day.day)


def wording(due_on: date, facts: str = "事项逾期未办。") -> pb.LetterWording:
    """Return what a letter says, in both languages."""
    words = pb.LetterWords(basis="督办工作制度第三条。", facts=facts, demand="请限期办理。")
    english = pb.LetterWords(basis="Supervision rules, 3.", facts="Overdue.", demand="Deal with it.")
    return pb.LetterWording(words=words, english=english, due_date=proto_date(due_on))


@dataclass
class Letters:
    """Calls about letters from the county to a township; `as_` makes a caller, `today` says which day it is."""

    stub: Any
    as_: Callable[..., dict[str, Any]]
    today: Callable[[], date]
    unit: str = TOWN
    issuer: str = COUNTY
    tell_of: Callable[[str], Awaitable[str]] | None = None
    """Tells escalation of a case that is nowhere else; None where whatever is named is taken."""

    async def do(self, method: str, name: str, role: str = "supervisor", sub: str = DRAFTER, **fields: Any) -> Any:
        """Call an RPC about a letter at the issuer, under a request id of its own."""
        return await self._call(method, name, self.issuer, role, sub, fields)

    async def at_unit(self, method: str, name: str, role: str = "unit_head", **fields: Any) -> Any:
        """Call an RPC about a letter at the unit it is to."""
        return await self._call(method, name, self.unit, role, "l-unit", fields)

    async def _call(self, method: str, name: str, unit: str, role: str, sub: str, fields: dict[str, Any]) -> Any:
        kind = getattr(pb, f"{method}Request")
        if "request_id" in kind.DESCRIPTOR.fields_by_name:
            fields = {"request_id": request_id(), **fields}
        return await getattr(self.stub, method)(kind(name=name, **fields), **self.as_(role, unit, sub))

    async def next_by_workflow(self, name: str, seconds: float = PATIENCE) -> str:
        """Return the letter that follows one that failed, once its workflow has had it drafted."""
        async with asyncio.timeout(seconds):
            while not (found := (await self.get(name)).next):
                await asyncio.sleep(0.1)
        return str(found)

    async def draft(self, kind: str = "NOTICE", subject: str = f"cases/{COUNTY}-2025-000001", **fields: Any) -> str:
        """Draft a letter and return its name."""
        if self.tell_of is not None and subject.startswith("cases/"):
            await self.tell_of("/".join(subject.split("/")[:2]))
        letter = pb.Letter(
            kind=pb.LetterKind.Value(f"LETTER_KIND_{kind}"), issuer=f"units/{self.issuer}", unit=f"units/{self.unit}",
            subject=subject, **fields,
        )  # fmt: skip
        if kind == "INTERVIEW" and not letter.HasField("interview_date"):
            letter.interview_date.CopyFrom(proto_date(self.today() + timedelta(days=20)))
        request = pb.DraftLetterRequest(letter=letter, wording=self.wording(), request_id=request_id())
        return str((await self.stub.DraftLetter(request, **self.as_("supervisor", self.issuer, DRAFTER))).name)

    def wording(self) -> pb.LetterWording:
        """Return words whose demand is due in two months."""
        return wording(self.today() + timedelta(days=60))

    async def take_up(self, name: str, **fields: Any) -> Any:
        """Take up a draft that a rule made."""
        return await self.do("EditDraft", name, wording=self.wording(), **fields)

    async def sign(self, name: str) -> Any:
        """Sign a letter as the head of the unit, having heard the other one where that is needed."""
        found = await self.get(name)
        if found.kind == pb.LETTER_KIND_CIRCULAR and not found.heard:
            await self.do("RecordHearing", name, statement="该单位称人手不足。")
        return await self.do("ApproveLetter", name, "unit_head", HEAD, office=1)

    async def serve(self, name: str) -> Any:
        """Sign and serve a letter."""
        await self.sign(name)
        return await self.do("ServeLetter", name, manner=1)

    async def receive(self, name: str) -> Any:
        """Sign and serve a letter, and have the unit sign for it."""
        await self.serve(name)
        return await self.at_unit("ConfirmReceipt", name)

    async def reply(self, name: str) -> Any:
        """Carry a draft on until the unit has answered."""
        await self.receive(name)
        return await self.at_unit("ReplyLetter", name, measures="已派人办理。", evidence="doc-1")

    async def answer_badly(self, name: str) -> Any:
        """Carry a draft on until its answer was found not good enough: it fails."""
        await self.reply(name)
        return await self.do("VerifyLetter", name, sufficient=False, finding="没有实际措施。")

    async def get(self, name: str) -> Any:
        """Return a letter as its issuer sees it."""
        return await self.do("GetLetter", name)

    async def next_of(self, name: str) -> str:
        """Have the next letter drafted, as the workflow does, and return its name."""
        return str((await self.do("DraftNextLetter", name)).next)

    async def text(self, name: str) -> Any:
        """Return what is written in and around a letter, as its issuer may read it."""
        return await self.do("ReadLetterText", f"{name}/text")
