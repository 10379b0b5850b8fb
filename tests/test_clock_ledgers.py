"""Random ledgers sent through the running service, compared with a simple calculation by hand.

`ACCORD_LEDGERS=200` draws more of them, `ACCORD_LEDGERS_SEED=7` the same ones again; each prints its seed.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import count

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from pb.clock.v1 import clock_pb2
from pb.mediation.v1 import mediation_pb2

from accord.embedded.stack import Stack
from casework.clocks.calendar import Layer
from services.kit.clocks import moves as clock_moves
from services.kit.clocks.keeping import look
from services.kit.instants import instant, stamp
from tests.conftest import COUNTY, Clients, request_id
from tests.ledgering import Desk
from tests.plain_ledger import CHINA, DAY, Plain, last_entry_day, limit
from tests.scratch import Scratch
from tests.still import standing_still

LEDGERS = int(os.environ.get("ACCORD_LEDGERS", "8"))
SEED = int(os.environ.get("ACCORD_LEDGERS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
RULES = (
    "petition_handling", "labour_inspection", "public_security_case", "labour_arbitration_limitation",
    "civil_limitation", "consumer_reply", "task",
)  # fmt: skip
_LAYERS = count(1)
KINDS = {"head_approval": 1, "once": 2}
"""Extensions that somebody of the unit grants; of the others the tests of their own tell."""
_BREACHES = "SELECT breach, withdrawn_at FROM escalation.escalation_breaches WHERE number = $1 AND breach LIKE $2"
REFUSALS = {
    "CLOCK_PAUSED", "CLOCK_NOT_PAUSED", "PAUSE_AFTER_DUE", "PAUSE_AMBIGUOUS", "EXTENSION_USED_UP", "EXTENSION_TOO_LONG",
    "EXTENSION_AFTER_DUE",
    "EXTENSION_NOT_FOUND", "RESTART_AFTER_DUE", "BACKDATED_TOO_FAR", "BEFORE_START", "CLOCK_NOT_RUNNING",
}  # fmt: skip


@pytest.fixture(scope="module")
async def desk(stack: Stack, clients: Clients) -> AsyncIterator[Desk]:
    """Return a desk at mediation, which stands still."""
    async with standing_still(stack, "mediation") as still:
        yield Desk(still, clients)


@dataclass
class Walk:
    """One ledger on its way: the clock, what the pencil says of it, and the days closed so far."""

    desk: Desk
    chance: random.Random
    case: str
    name: str
    plain: Plain
    seq: int = 1
    applied: frozenset[date] = frozenset()
    said: list[str] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.desk.still.time.now().astimezone(CHINA)

    def back(self) -> datetime:
        """Return an instant to date something back to, mostly within the bound."""
        return self.now - timedelta(hours=self.chance.choice((0, 0, 1, 20, 40, 70, 110, 200)))

    async def enter(self, method: str, role: str = "handler", **fields: object) -> clock_pb2.Clock | None:
        """Enter something; return None where it is refused, for a reason that there may be."""
        if isinstance(at := fields.get("effective_time"), datetime):
            fields["effective_time"] = stamp(at)
        self.said.append(f"{self.now:%m-%d %H:%M} {method} {at or ''} {fields.get('cause', fields.get('amount', ''))}")
        try:
            changed = await self.desk.act(method, self.name, role, **fields)
        except grpc.aio.AioRpcError as error:
            self.said.append(f"  refused: {error.details()}")
            if reason_of(error) not in REFUSALS:
                raise
            return None
        self.seq += 1
        return changed

    async def step(self) -> None:
        """Do one thing that chance wants."""
        rule, chance = limit(self.plain.rule), self.chance
        kinds = ["time", "time", "stop", "calendar", "elsewhere"]
        kinds += ["pause", "pause", "resume", "resume"] * bool(rule.get("pauses"))
        kinds += ["extend", "revoke"] * any(each["kind"] in KINDS for each in rule.get("extensions", ())) + [
            "restart",
            "restart",
        ] * bool(rule.get("restarts"))
        await getattr(self, f"do_{chance.choice(kinds)}")(rule)

    async def do_time(self, rule: dict) -> None:
        due = self.plain.due()
        hours = self.chance.choice((5, 30, 80, 24 * 20))
        to = self.now + timedelta(hours=hours)
        if due and self.chance.random() < 0.5 and due > self.now:
            to = due + timedelta(hours=self.chance.choice((-10, 10, 60)))
        self.desk.still.time.set(max(to, self.now))

    async def do_pause(self, rule: dict) -> None:
        cause, at = self.chance.choice(rule["pauses"])["cause"], self.back()
        if await self.enter("PauseClock", cause=cause, evidence="doc-1", effective_time=at):
            self.plain.pauses[self.seq] = (at, cause)

    async def do_resume(self, rule: dict) -> None:
        at, lasting = self.back(), sorted(self.plain.pauses)
        named = self.chance.choice(lasting) if lasting and self.chance.random() < 0.7 else 0
        could = self.plain.lasting(at)
        if await self.enter("ResumeClock", pause=named, effective_time=at):
            assert named in could if named else len(could) == 1
            self.plain.resumptions.append((at, named or could[0]))

    async def do_extend(self, rule: dict) -> None:
        at, amount = self.back(), self.chance.randint(1, 9)
        kind = next(KINDS[each["kind"]] for each in rule["extensions"] if each["kind"] in KINDS)
        fields = {"amount": amount, "kind": kind, "reason": "complex-facts", "effective_time": at}
        if await self.enter("ExtendClock", "unit_head", **fields):
            self.plain.extensions[self.seq] = (at, amount)

    async def do_revoke(self, rule: dict) -> None:
        if await self.enter("RevokeExtension", "unit_head"):
            del self.plain.extensions[max(self.plain.extensions)]

    async def do_restart(self, rule: dict) -> None:
        at = self.now - timedelta(days=self.chance.choice((0, 1, 30, 150)), hours=self.chance.choice((0, 3)))
        cause = self.chance.choice(rule["restarts"])["cause"]
        due = self.plain.due()
        if await self.enter("RestartClock", cause=cause, evidence="doc-2", effective_time=at):
            assert due is None or at <= due
            self.plain.restarts.append(at)

    async def do_stop(self, rule: dict) -> None:
        if self.chance.random() < 0.6 or self.plain.rule == "task":
            return
        at, met = self.back(), self.chance.random() < 0.7
        if await self.enter("StopClock", met=met, effective_time=at):
            self.plain.ended, self.plain.met = at, met

    def layer(self) -> tuple[clock_pb2.CalendarLayer, Layer, date]:
        """Return a list that closes one day near the end."""
        due = self.plain.due()
        day = (due.date() if due else self.now.date()) - self.chance.randint(0, 3) * DAY
        name = f"drawn-{next(_LAYERS)}"
        days = [clock_pb2.CalendarDay(date=day.isoformat(), zh="停电", en="power cut", working=False)]
        told = clock_pb2.CalendarLayer(name=name, region="62", days=days)
        return told, Layer(name, "62", closed={day: ("停电", "power cut")}), day

    async def do_elsewhere(self, rule: dict) -> None:
        """A list holds that another process applied; the clock was not moved to it."""
        _, layer, day = self.layer()
        self.said.append(f"{self.now:%m-%d %H:%M} {day} closed elsewhere")
        still = self.desk.still
        async with still.database.begin() as connection:
            await clock_moves.keep_layer(connection, layer, "test", "notice", self.now)
        await look(still.database, still.clockwork, self.now)
        CLOSED.add(day)

    async def do_calendar(self, rule: dict) -> None:
        """A list is previewed and applied: the clock follows it from then on."""
        told, _, day = self.layer()
        self.said.append(f"{self.now:%m-%d %H:%M} {day} closed")
        caller = self.desk.still.as_("operator", "cn")
        preview = await self.desk.clocks.PreviewMoves(
            clock_pb2.PreviewMovesRequest(service="mediation", layer=told), **caller
        )
        more = True
        while more:
            request = clock_pb2.ApplyMovesRequest(
                service="mediation", layer=told, candidate=preview.candidate, reason="notice", request_id=request_id()
            )
            more = (await self.desk.clocks.ApplyMoves(request, **caller)).more
        CLOSED.add(day)
        clock = await self.desk.clock(self.name)
        if self.plain.ended is None:
            self.plain.closed = frozenset(CLOSED)
        moved = [each for each in await self.desk.told(self.case, "ClockMoved") if each["clock"].endswith(self.key)]
        self.seq += len(moved) - self.moved
        self.moved = len(moved)
        assert clock.generation

    moved = 0

    @property
    def key(self) -> str:
        return self.name.rpartition("/")[2]

    async def check(self) -> None:
        """See that every place shows what the pencil says."""
        plain, now = self.plain, self.now
        due, late = plain.due(), plain.overdue(now)
        clock = await self.desk.clock(self.name)
        shown = instant(clock.due_time).astimezone(CHINA) if clock.HasField("due_time") else None
        assert (shown, clock.overdue) == (due, late), self.story()
        listed = await self.desk.listed(case=self.case)
        assert listed[self.name].due_time == clock.due_time, self.story()
        filtered = await self.desk.listed(case=self.case, overdue=True)
        assert (self.name in filtered) is late, self.story()
        assert all(each.overdue for each in filtered.values()), self.story()
        said = await self.desk.explained(self.name)
        days = [each.date for each in said.days]
        assert len(days) == len(set(days)), self.story()
        if due is not None:
            assert days[-1] == due.date().isoformat(), self.story()
            assert said.clock.due_time == clock.due_time, self.story()
        if plain.rule == "task":
            await self.check_task(clock)

    async def check_task(self, clock: clock_pb2.Clock) -> None:
        caller = self.desk.still.as_("handler", COUNTY)
        for overdue in (False, True):
            request = mediation_pb2.ListTasksRequest(parent=self.case, overdue=overdue, page_size=100)
            tasks = {each.name: each for each in (await self.desk.mediation.ListTasks(request, **caller)).tasks}
            found = tasks.get(f"{self.case}/tasks/1")
            assert (found is not None) is (clock.overdue or not overdue), self.story()
            if found is not None:
                assert (found.due_time, found.overdue) == (clock.due_time, clock.overdue), self.story()

    async def check_told(self) -> None:
        """See that what is overdue was reported, each time once, and that nothing else stands as reported."""
        await self.desk.fire(self.case)
        told = [each for each in await self.desk.told(self.case, "ClockOverdue") if each["clock"].endswith(self.key)]
        back = [
            each for each in await self.desk.told(self.case, "ClockBreachWithdrawn") if each["clock"].endswith(self.key)
        ]
        keys = [each["rung"] for each in told]
        assert len(keys) == len(set(keys)), self.story()
        gone = {each["rung"] for each in back}
        standing = [
            datetime.fromisoformat(each["due_at"]) for each in told
            if each["rung"] not in gone and each["rung"].split("~")[0].split("+")[0] == "overdue"
        ]  # fmt: skip
        breach = self.plain.breach(self.now)
        assert standing == ([breach] if breach else []), self.story()
        rows = await self.rows()
        for each in told:
            if each["consequence"] == "escalate":
                assert rows[f"{self.name}/{each['rung']}"] is (each["rung"] in gone), self.story()

    async def rows(self) -> dict[str, bool]:
        """Return for each breach that was raised whether it is withdrawn."""
        connection = await Scratch.main(self.desk.still.stack).connect()
        try:
            found = await connection.fetch(_BREACHES, self.case.removeprefix("cases/"), f"{self.name}/%")
        finally:
            await connection.close()
        return {row["breach"]: row["withdrawn_at"] is not None for row in found}

    def story(self) -> str:
        """Return what was done, for whoever has to find out."""
        return "\n".join([f"seed {SEED}: {self.plain.rule} from {self.plain.start}", *self.said, f"now {self.now}"])


CLOSED: set[date] = set()
"""Days closed so far beside the published list, in the whole service."""


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """Return the reason a refusal gives."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return info.reason
    return ""


async def begun(desk: Desk, chance: random.Random) -> Walk:
    """Start a clock of a drawn rule, often from long ago, so that its end may be past."""
    rule = chance.choice(RULES)
    opened = datetime(2026, 3, 2, 9, tzinfo=CHINA) + timedelta(days=chance.randint(0, 60))
    case = await desk.open(f"{opened:%Y-%m-%dT%H:%M}")
    if rule == "task":
        name = f"clocks/mediation/{case.removeprefix('cases/')}.task-1.task"
        plain = Plain.of("task", opened, frozenset(CLOSED))
        # The plan gives the number of its days.
        plain.n = (instant((await desk.clock(name)).due_time).astimezone(CHINA).date() - opened.date()).days
        return Walk(desk, chance, case, name, plain)
    law = limit(rule).get("valid_from", date.min)
    ago = chance.choice((0, 3, 20, 70, 200, 380, 420))
    at = opened - timedelta(days=ago, hours=chance.choice((0, 5)))
    at = max(at, datetime.combine(law, time(9), CHINA)) if law > date.min else at
    clock = await desk.start(case, rule, effective_time=f"{at:%Y-%m-%dT%H:%M}", evidence="doc-1")
    return Walk(desk, chance, case, clock.name, Plain.of(rule, at, frozenset(CLOSED)))


@pytest.mark.fault("A1", "A2", "A6", "A7", "A8", "A9")
@pytest.mark.parametrize("drawn", range(LEDGERS))
async def test_whatever_order_a_ledger_came_in_every_place_says_what_the_pencil_says(desk: Desk, drawn: int) -> None:
    chance = random.Random(f"{SEED}/{drawn}")
    print(f"ACCORD_LEDGERS_SEED={SEED}, ledger {drawn}")
    walk = await begun(desk, chance)
    for _ in range(chance.randint(4, 12)):
        await walk.check()
        await walk.step()
        if chance.random() < 0.5:
            await walk.check_told()
    await walk.check()
    await walk.check_told()


def test_the_bound_of_the_pencil_ends_on_a_working_day() -> None:
    at = datetime(2026, 9, 30, 15, tzinfo=CHINA)
    assert last_entry_day("task", at, frozenset()) == date(2026, 10, 8)
