"""A case with those around it, and one call that somebody makes about it: who, with what, in which role."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from pb.mediation.v1 import mediation_pb2

from tests.conftest import request_id
from tests.rights_facts import Facts

STAFF = ("clerk", "duty_officer", "handler", "reviewer", "unit_head", "supervisor", "auditor", "grid_worker")


@dataclass
class Move:
    """One call: which RPC, with what, by whom."""

    rpc: str
    request: Any
    role: str
    sub: str
    unit: str
    proper: bool = True
    """Whether role and unit are those that may do it: then leaving must work."""
    reads: bool = False
    token: str = ""
    """Token of an invitation; empty where somebody calls with an account."""
    right: bool = True
    """For a sign-in: whether code and words are those that hold now."""
    about: int = 0
    """The party that it is about, if it is tried by an invitation; of an agent's sign-in the agent."""
    agent: bool = False
    """For a sign-in: whether the code is that of an agent."""

    def __str__(self) -> str:
        told = " ".join(str(self.request).split())[:300]
        return f"{self.rpc} by {self.role} {self.sub} of {self.unit}: {told}"


@dataclass(frozen=True)
class Code:
    """An invitation that was handed over."""

    code: str
    words: str


@dataclass
class Scene:
    """A case with those around it; `dice` decides everything."""

    case: str
    unit: str
    dice: random.Random
    facts: Facts
    staff: list[str] = field(default_factory=list)
    mediators: list[str] = field(default_factory=list)
    citizens: list[str] = field(default_factory=list)
    codes: dict[int, list[Code]] = field(default_factory=dict)
    """Invitations by party, the one that holds last."""
    tokens: dict[int, str] = field(default_factory=dict)
    """Tokens that invitations gave, by party."""
    agents: dict[int, list[Code]] = field(default_factory=dict)
    """Invitations of agents, by companion, the one that holds last."""
    acting: dict[int, str] = field(default_factory=dict)
    """Tokens that they gave."""

    @property
    def number(self) -> str:
        """The case's number."""
        return self.case.split("/")[1]

    def of(self, number: int) -> str:
        """Return the name of a party."""
        return f"{self.case}/parties/{number}"

    def any(self, table: str, column: str) -> int:
        """Return the number of something the case has; now and then of something it has not."""
        known = [row[column] for row in self.facts.rows(table)]
        return int(self.dice.choice(known)) if known and self.dice.random() < 0.93 else 9

    def party(self) -> str:
        """Return some party."""
        return self.of(self.any("parties", "party"))

    def session(self) -> str:
        """Return some session, the last one for preference."""
        rows = self.facts.rows("sessions")
        if rows and self.dice.random() < 0.7:
            return f"{self.case}/sessions/{rows[-1]['session']}"
        return f"{self.case}/sessions/{self.any('sessions', 'session')}"

    def maybe(self, chance: float) -> bool:
        """Return yes with this chance."""
        return self.dice.random() < chance

    def everyone(self) -> list[str]:
        """Return all users around the case."""
        return [*self.staff, *self.mediators, *self.citizens]

    def move(self, rpc: str, request: Message, role: str, sub: str = "", *, reads: bool = False) -> Move:
        """Return a call by this role; now and then by another one, another person or another unit."""
        of_record = self.facts.mediation["mediator"] if self.facts.mediation and role == "mediator" else ""
        if of_record and not sub and self.maybe(0.85):
            sub = of_record
        sub = sub or self.dice.choice(self.staff if role != "mediator" else self.mediators)
        unit, proper = self.unit, True
        if self.maybe(0.06):
            role, proper = self.dice.choice([*STAFF, "mediator", "citizen"]), False
        if self.maybe(0.08):
            sub = self.dice.choice(self.everyone())
        if self.maybe(0.04):
            unit, proper = self.dice.choice(("620103", "11", "62")), False
        if any(row["subject"] == sub for row in self.facts.rows("sides_kept")):
            # In one's own matter no office counts.
            proper = False
        if "request_id" in request.DESCRIPTOR.fields_by_name:
            request.request_id = request_id()  # type: ignore[attr-defined]
        if "etag" in request.DESCRIPTOR.fields_by_name and self.maybe(0.04):
            request.etag = "77"  # type: ignore[attr-defined]
        return Move(rpc, request, role, sub, unit, proper, reads)

    def own(self, rpc: str, request: Message, party: int) -> Move:
        """Return a call by who signs in for a party, about that one; now and then by another citizen about it."""
        (row,) = self.facts.rows("parties", party=party) or [{"subject": ""}]
        sub = row["subject"] if row["subject"] and self.maybe(0.8) else self.dice.choice(self.citizens)
        request.request_id = request_id()  # type: ignore[attr-defined]
        return Move(rpc, request, "citizen", sub, self.unit, proper=bool(sub) and sub == row["subject"])

    def closing(self) -> Move:
        """Return the request for the closing of the case."""
        request = mediation_pb2.RequestClosingRequest(name=self.case, outcome=self.dice.choice((1, 2, 3, 3, 4)))
        return self.move("RequestClosing", request, self.dice.choice(("handler", "mediator")))


Maker = Callable[[Scene], Move]
