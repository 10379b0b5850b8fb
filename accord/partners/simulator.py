"""A partner's system for a day: it hands its items on over REST, badly, and compares until nothing is missing."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from random import Random
from typing import Any

from accord.generator import GeneratedReport, reports
from accord.partners.door import Attached, PartnerDoor
from casework.clocks.calendar import LOCAL
from casework.door.programs.partner import PartnerBook

BATCH = 50
_AT_ONCE = 4
_LETTERS = 2
_PDF, _LETTER, _PROGRAM = "application/pdf", b"%PDF-1.7\n", b"MZ\x90\x00\x03"
_HANDED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "court": ("contract/sale", "货款三万元，到期未付。", {"procedure": "COURT_PROCEDURE_SUMMARY"}),
    "police": ("neighbour", "楼道堆物，两家争吵推搡。", {"decided": False}),
}
"""What an authority hands over to mediation by letter: category, text and terms."""
_RECEIPT = {"LETTER_KIND_HAND_OVER", "LETTER_KIND_RECEIPT"}
_ROUNDS = 10
"""Comparisons after which a partner gives up; two are enough if nothing is lost."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, each as a share of the batches or items: 0 to 1."""

    lost: float = 0.1
    """Batches that are noted as sent and never were."""
    unanswered: float = 0.1
    """Batches that arrive, but whose answer is lost: they are sent again."""
    repeated: float = 0.1
    """Batches that are sent twice at the same moment."""
    changed: float = 0.01
    """Items that are sent again with another text."""
    wrong: float = 0.02
    """Items with a place of another province."""


@dataclass(slots=True)
class Day:
    """What a partner's day came to."""

    unit: str
    items: int = 0
    wrong: int = 0
    taken: dict[str, str] = field(default_factory=dict)
    """The report of each item."""
    refused: set[str] = field(default_factory=set)
    contradicted: int = 0
    """Answers that named another report for an item than an earlier answer: must stay 0."""
    lies: int = 0
    lies_refused: int = 0
    compared: dict[str, Any] = field(default_factory=dict)
    rounds: int = 0
    attached: set[str] = field(default_factory=set)
    """What was attached, by its name here."""
    attachments: int = 0
    """Files that should have been: a letter for each of the first items, sent twice."""
    forged: int = 0
    forged_refused: int = 0
    letters: dict[str, str] = field(default_factory=dict)
    """The letter of each item that was handed over to mediation."""
    dockings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was told last of each of these letters."""
    disordered: int = 0
    """Changes of dockings that were told before one that comes first: must stay 0."""

    @property
    def docked(self) -> bool:
        """Whether for every letter there is a receipt with its number, and until when it is mediated."""
        told = [self.dockings.get(letter, {}) for letter in self.letters.values()]
        return not self.disordered and all(
            {each["kind"] for each in docking.get("letters", ()) if each["reference"]} >= _RECEIPT
            and bool(docking.get("dueTime"))
            for docking in told
        )

    @property
    def even(self) -> bool:
        """Whether nothing was lost, nothing is there twice, and only what was wrong differs."""
        reports = list(self.taken.values())
        return (
            len(self.taken) == self.items - self.wrong
            and len(set(reports)) == len(reports)
            and not self.contradicted
            and self.lies == self.lies_refused
            and self.attachments == len(self.attached)
            and self.forged == self.forged_refused
            and int(self.compared.get("differing", 0)) == self.wrong
        )


class Simulator:
    """A partner's system. The same seed sends the same day."""

    def __init__(
        self, url: str, token: str, unit: str, book: PartnerBook, *, seed: int, items: int,
        faults: Faults | None = None, batch: int = BATCH, handed: int = 0,
    ) -> None:  # fmt: skip
        """`handed`: how many of the items a court or the police hand over to mediation by letter."""
        self._opened = partial(PartnerDoor, url, lambda: token, unit, patience=60)
        self._door = self._opened()
        self._unit, self._dice, self._faults = unit, Random(f"{seed}/{unit}"), faults or Faults()
        self._batch = batch
        self._handed = handed if unit.partition("-")[2] in _HANDED else 0
        self._mark = f"{unit}/{uuid.uuid4().hex[:8]}"
        self._codes = {category: code for code, category in book.of(unit).categories.items()}
        self.day = Day(unit, items)
        self._items = list(self._made(seed, items))
        self._answering = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> Day:
        """Send the day, compare it, and send again what is missing there; return what it came to."""
        async with self._door:
            batches = self._batches(self._items)
            self._dice.shuffle(batches)
            await asyncio.gather(*(self._send_badly(batch) for batch in batches))
            await self._lie()
            for self.day.rounds in range(1, _ROUNDS + 1):
                self.day.compared = await self._compare()
                missing = {
                    each["number"] for each in self.day.compared.get("differences", ())
                    if each["kind"] == "DIFFERENCE_KIND_MISSING_HERE"
                }  # fmt: skip
                if not missing:
                    break
                again = [each for each in self._items if each["number"] in missing]
                await asyncio.gather(*(self._send(batch) for batch in self._batches(again)))
            await self._attach()
        return self.day

    def _batches(self, items: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        return [items[at : at + self._batch] for at in range(0, len(items), self._batch)]

    def _made(self, seed: int, items: int) -> Iterator[dict[str, Any]]:
        area = self._unit.partition("-")[0]
        found = reports(seed, items, datetime.now(LOCAL).date(), region=area)
        for number, each in enumerate(itertools.islice(found, items), 1):
            if number <= self._handed:
                yield self._handed_over(number)
                continue
            item = self._item(number, each)
            if self._dice.random() < self._faults.wrong:
                item["area"] = "110101"
                self.day.wrong += 1
            yield item

    def _item(self, number: int, each: GeneratedReport) -> dict[str, Any]:
        reporter = {"displayName": each.reporter_name, "phone": each.reporter_phone}
        return {
            "number": f"{self._mark}-{number:06}",
            "category": self._codes.get(each.category) or f"categories/{each.category}",
            "area": each.place_code,
            "address": each.place_text,
            "text": each.text,
            "peopleAffected": each.people_affected,
            "danger": each.danger,
            **({"reporter": reporter} if each.reporter_name else {}),
        }

    def _handed_over(self, number: int) -> dict[str, Any]:
        category, text, terms = _HANDED[self._unit.partition("-")[2]]
        name = f"{self._mark}-{number:06}"
        self.day.letters[name] = f"函 {name}"
        return {
            "number": name, "category": f"categories/{category}", "text": text,
            "handOver": {"letter": self.day.letters[name], **terms},
        }  # fmt: skip

    async def follow(self, seconds: float = 60) -> None:
        """Read what becomes of what was handed over, until it is signed for or this time has passed."""
        after, until = 0, time.monotonic() + seconds
        async with self._opened() as door:
            while not self.day.docked and time.monotonic() < until:
                changes = await door.dockings(after)
                for each in changes:
                    self.day.disordered += int(each["sequence"]) <= after
                    after = int(each["sequence"])
                    self.day.dockings[each["docking"]["handOverLetter"]] = each["docking"]
                await asyncio.sleep(0 if changes else 0.3)

    async def _send_badly(self, batch: Sequence[dict[str, Any]]) -> None:
        dice = self._dice.random()
        if dice < self._faults.lost:
            return
        dice -= self._faults.lost
        if dice < self._faults.unanswered:
            await self._send(batch, deaf=True)
            await self._send(batch)
        elif dice - self._faults.unanswered < self._faults.repeated:
            await asyncio.gather(self._send(batch), self._send(list(reversed(batch))))
        else:
            await self._send(batch)

    async def _send(self, batch: Sequence[dict[str, Any]], *, deaf: bool = False) -> list[dict[str, Any]]:
        """Send a batch until it is answered; a deaf sender has forgotten the answer."""
        async with self._answering:
            results = await self._door.submit(list(batch))
        for each in [] if deaf else results:
            number = each["number"]
            if report := each.get("report"):
                self.day.contradicted += self.day.taken.setdefault(number, report) != report
            elif each.get("reason") != "IDEMPOTENCY_KEY_REUSED":
                self.day.refused.add(number)
        return results

    async def _lie(self) -> None:
        """Send some items again as if they had said something else."""
        lies = [
            {**each, "text": each["text"] + "（更正：与上次所述完全不同）"}
            for each in self._items
            if each["number"] in self.day.taken and self._dice.random() < self._faults.changed
        ]
        self.day.lies = len(lies)
        for batch in self._batches(lies):
            answers = await self._send(batch)
            self.day.lies_refused += sum(each.get("reason") == "IDEMPOTENCY_KEY_REUSED" for each in answers)

    async def _attach(self) -> None:
        """Send a letter with each of the first items, twice, and a program that calls itself one."""
        chosen = sorted(self.day.taken)[:_LETTERS]
        self.day.attachments = self.day.forged = len(chosen)
        for number in chosen:
            letter = Attached("移送函", _PDF, _LETTER + number.encode(), "移送函.pdf", "移送函")
            answers = [await self._door.attach(number, letter) for _ in range(2)]
            self.day.attached |= {answer["name"] for answer in answers if "name" in answer}
            forged = await self._door.attach(number, Attached("附件", _PDF, _PROGRAM, "附件.pdf"))
            self.day.forged_refused += forged.get("reason") == "FILE_REFUSED"

    async def _compare(self) -> dict[str, Any]:
        today = datetime.now(LOCAL).date()
        claimed = [{"number": each["number"]} for each in self._items]
        day = {"year": today.year, "month": today.month, "day": today.day}
        return await self._door.post("reconcile", date=day, claimed=claimed)
