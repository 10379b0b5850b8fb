"""Absences and hand-overs at the boundary of each day, and who holds what meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import grpc
import pytest
from google.type.date_pb2 import Date
from pb.escalation.v1 import absences_pb2, escalation_pb2, handovers_pb2
from pb.escalation.v1.absences_pb2_grpc import AbsenceServiceStub
from pb.escalation.v1.escalation_pb2_grpc import EscalationServiceStub
from pb.escalation.v1.handovers_pb2_grpc import HandoverServiceStub

from accord.embedded.stack import Stack
from casework.errors import CaseError
from casework.supervision.raising.absence import Absence, AbsenceState, check, state_of
from casework.supervision.raising.handover import acknowledged
from services.kit.storage.database import text
from tests.conftest import COUNTY, request_id
from tests.still import Still, standing_still

TODAY = date(2026, 9, 21)


def days(first: int, last: int, official: str = "a", cover: str = "b", unit: str = COUNTY) -> Absence:
    """Return an absence in September."""
    return Absence(unit, official, cover, date(2026, 9, first), date(2026, 9, last))


# --- the rules ----------------------------------------------------------------------------------------------------


def test_an_absence_begins_and_ends_with_its_days_and_before_when_somebody_is_back() -> None:
    states = [state_of(date(2026, 9, 21), date(2026, 9, 25), False, date(2026, 9, day)) for day in (20, 21, 25, 26)]
    assert states == [AbsenceState.PLANNED, AbsenceState.RUNNING, AbsenceState.RUNNING, AbsenceState.ENDED]
    assert state_of(date(2026, 9, 21), date(2026, 9, 25), True, date(2026, 9, 22)) is AbsenceState.ENDED


@pytest.mark.parametrize(
    ("new", "refused"),
    [
        (days(21, 25, cover="a"), "absence.cover"),
        (days(25, 21), "absence.last_date"),
        (days(18, 20), "absence.last_date"),
        (days(21, 25, "c", "d"), "ALREADY_EXISTS"),
        (days(21, 25, "e", "c"), "absence.cover"),  # who is covered by whom they are to cover, round a corner
    ],
)
def test_an_absence_that_could_not_hold_is_refused(new: Absence, refused: str) -> None:
    with pytest.raises(CaseError) as caught:
        check(new, [days(22, 23, "c", "f"), days(22, 23, "f", "e")], TODAY)
    assert refused in (str(caught.value.reason), *(fault.field for fault in caught.value.fields))


def test_who_covers_may_be_covered_in_turn() -> None:
    check(
        days(21, 25, "a", "c"), [days(22, 23, "c", "f"), days(1, 4, "f", "a"), days(22, 23, "f", "a", "620103")], TODAY
    )


def test_only_what_is_listed_is_acknowledged() -> None:
    assert acknowledged([2], {1, 2}) == {2}
    with pytest.raises(CaseError, match="INVALID_FIELD"):
        acknowledged([3], {1, 2})


# --- day by day ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return escalation standing still."""
    async with standing_still(stack) as found:
        yield found


def on(month: int, day: int) -> Date:
    """Return a day of 2026."""
    return Date(year=2026, month=month, day=day)


class Office:
    """The desks of the county's officials."""

    def __init__(self, still: Still) -> None:
        self.still = still
        self.absences = AbsenceServiceStub(still.channel)
        self.handovers = HandoverServiceStub(still.channel)
        self.escalation = EscalationServiceStub(still.channel)

    def as_(self, sub: str, role: str = "unit_head") -> dict[str, Any]:
        """Return a caller of the county by account."""
        return self.still.as_(role, COUNTY, sub)

    async def holds_escalation(self, official: str, running: int) -> str:
        """Raise a case to the county, let an official acknowledge it, and return the escalation's name."""
        raised = escalation_pb2.Escalation(mode=1, from_unit="units/620102001", reason="stuck")
        request = escalation_pb2.CreateEscalationRequest(
            parent=f"cases/{COUNTY}-2026-{running:06d}", escalation=raised, request_id=request_id()
        )
        made = await self.escalation.CreateEscalation(request, **self.still.as_("handler", "620102001"))
        acknowledge = escalation_pb2.AcknowledgeEscalationRequest(name=made.name, request_id=request_id())
        return str((await self.escalation.AcknowledgeEscalation(acknowledge, **self.as_(official))).name)

    async def away(self, official: str, cover: str, first: Date, last: Date) -> absences_pb2.Absence:
        """Record an absence."""
        told = absences_pb2.Absence(
            unit=f"units/{COUNTY}", official=official, cover=cover, first_date=first, last_date=last
        )
        request = absences_pb2.CreateAbsenceRequest(absence=told, request_id=request_id())
        found: absences_pb2.Absence = await self.absences.CreateAbsence(request, **self.as_("head"))
        return found

    async def list_of(self, official: str) -> list[tuple[str, str, bool]]:
        """Return what an official sees on the own worklist: what, whose, whether it stands in."""
        found = await self.absences.ListHoldings(absences_pb2.ListHoldingsRequest(), **self.as_(official, "handler"))
        return [(each.subject, each.official, each.covered) for each in found.holdings]

    async def hand_over(self, official: str, successor: str, *by_hand: str) -> handovers_pb2.Handover:
        """Open a hand-over."""
        items = [handovers_pb2.HandoverItem(subject=each, due_date=on(10, 9)) for each in by_hand]
        told = handovers_pb2.Handover(unit=f"units/{COUNTY}", official=official, successor=successor, items=items)
        request = handovers_pb2.CreateHandoverRequest(handover=told, request_id=request_id())
        found: handovers_pb2.Handover = await self.handovers.CreateHandover(request, **self.as_("head"))
        return found

    async def acknowledge(self, name: str, by: str, *items: int) -> handovers_pb2.Handover:
        """Acknowledge items."""
        request = handovers_pb2.AcknowledgeHandoverRequest(name=name, items=items, request_id=request_id())
        found: handovers_pb2.Handover = await self.handovers.AcknowledgeHandover(request, **self.as_(by, "handler"))
        return found

    async def get(self, name: str) -> handovers_pb2.Handover:
        """Return a hand-over."""
        request = handovers_pb2.GetHandoverRequest(name=name)
        found: handovers_pb2.Handover = await self.handovers.GetHandover(request, **self.as_("head"))
        return found

    async def kinds(self, name: str) -> list[str]:
        """Return what happened to a file, reminders aside."""
        async with self.still.database.begin() as connection:
            query = text("SELECT kind FROM events WHERE number = :number AND kind <> 'ClockReminded' ORDER BY seq")
            return [row.kind for row in await connection.execute(query, {"number": name.replace("/", "-", 1)})]


async def at(still: Still, name: str, local: str) -> None:
    """Come to an instant and do what the workflow of a file does there."""
    still.to(local)
    await still.fire(name.replace("/", "-", 1))


async def test_the_cover_has_everything_from_the_first_day_to_the_last_second_of_the_last(still: Still) -> None:
    office = Office(still)
    still.to("2026-09-18T09:00")
    held = await office.holds_escalation("wang", 1)
    away = await office.away("wang", "li", on(9, 21), on(9, 23))
    mine, covered = (held, "wang", False), (held, "wang", True)
    for local, of_li in (
        ("2026-09-20T23:59:59", []), ("2026-09-21T00:00", [covered]), ("2026-09-23T23:59:59", [covered]),
        ("2026-09-24T00:00", []),
    ):  # fmt: skip
        await at(still, away.name, local)
        assert await office.list_of("li") == of_li, local
        assert await office.list_of("wang") == [mine]
    assert await office.kinds(away.name) == ["AbsenceRecorded", "ClockOverdue", "AbsenceEnded"]
    with pytest.raises(grpc.aio.AioRpcError, match="WRONG_STATE"):
        await office.absences.GetAbsence(absences_pb2.GetAbsenceRequest(name=away.name), **office.as_("head"))
    assert not (await office.absences.ListAbsences(absences_pb2.ListAbsencesRequest(), **office.as_("head"))).absences


async def test_who_covers_and_is_absent_too_hands_it_on_for_those_days(still: Still) -> None:
    office = Office(still)
    still.to("2026-10-12T09:00")
    held = await office.holds_escalation("zhao", 2)
    await office.away("zhao", "qian", on(10, 12), on(10, 16))
    later = await office.away("qian", "sun", on(10, 14), on(10, 15))
    still.to("2026-10-13T12:00")
    assert await office.list_of("sun") == []
    still.to("2026-10-14T12:00")
    assert await office.list_of("sun") == [(held, "zhao", True)]
    ended = absences_pb2.EndAbsenceRequest(name=later.name, request_id=request_id())
    await office.absences.EndAbsence(ended, **office.as_("head"))  # back a day early
    assert await office.list_of("sun") == []
    assert await office.list_of("qian") == [(held, "zhao", True)]


async def test_a_hand_over_that_nobody_acknowledges_comes_to_the_head_and_then_above(still: Still) -> None:
    office = Office(still)
    still.to("2026-09-24T15:00")
    held = await office.holds_escalation("zhou", 3)
    case = f"cases/{COUNTY}-2026-000777"
    opened = await office.hand_over("zhou", "wu", case)
    assert [(item.subject, item.role) for item in opened.items] == [(held, "escalation"), (case, f"handler-{COUNTY}")]
    assert [clock.rule for clock in opened.items[0].clocks] == ["resolve_escalation"]
    assert opened.items[1].due_date == on(10, 9)
    # Three working days: 28 to 30 September, since 25 to 27 are Mid-Autumn; then three more after National Day.
    for local, overdue, raised in (
        ("2026-09-30T23:59:59", False, 0), ("2026-10-01T00:00", True, 0), ("2026-10-10T23:59:59", True, 0),
        ("2026-10-11T00:00", True, 1),
    ):  # fmt: skip
        await at(still, opened.name, local)
        assert (await office.get(opened.name)).overdue is overdue, local
        request = escalation_pb2.ListEscalationsRequest(parent=opened.name)
        found = (await office.escalation.ListEscalations(request, **office.as_("head"))).escalations
        assert [each.to_unit for each in found] == ["units/6201"] * raised, local
    assert "HandoverNotAcknowledged" in await office.kinds(opened.name)
    assert {owner for _, owner, _ in await office.list_of("zhou")} == {"zhou"}  # all the while it is the official's


async def test_nothing_moves_before_all_is_acknowledged_and_then_everything_at_once(still: Still) -> None:
    office = Office(still)
    still.to("2026-11-02T09:00")
    first, second = await office.holds_escalation("zheng", 4), await office.holds_escalation("zheng", 5)
    opened = await office.hand_over("zheng", "feng")
    for stranger in ("zheng", "head"):
        with pytest.raises(grpc.aio.AioRpcError, match="NOT_THE_SUCCESSOR"):
            await office.acknowledge(opened.name, stranger, 1)
    with pytest.raises(grpc.aio.AioRpcError, match="INVALID_FIELD"):
        await office.acknowledge(opened.name, "feng", 9)
    assert (await office.acknowledge(opened.name, "feng", 1)).open_items == 1
    assert {subject for subject, *_ in await office.list_of("zheng")} == {first, second}
    # What comes to the official meanwhile must be acknowledged as well; what is over meanwhile has no holder any more.
    third = await office.holds_escalation("zheng", 6)
    resolve = escalation_pb2.ResolveEscalationRequest(name=second, request_id=request_id())
    await office.escalation.ResolveEscalation(resolve, **office.as_("head"))
    waiting = await office.acknowledge(opened.name, "feng", 2)
    assert (waiting.state, waiting.open_items) == (handovers_pb2.HANDOVER_STATE_OPEN, 1)
    with pytest.raises(grpc.aio.AioRpcError, match="INVALID_FIELD"):
        await office.acknowledge(opened.name, "feng")  # nothing named is nothing taken over
    done = await office.acknowledge(opened.name, "feng", 3)
    assert done.state == handovers_pb2.HANDOVER_STATE_COMPLETED
    assert [item.HasField("move_time") for item in done.items] == [True, False, True]
    assert await office.list_of("zheng") == []
    assert {subject for subject, *_ in await office.list_of("feng")} == {first, third}
    with pytest.raises(grpc.aio.AioRpcError, match="WRONG_STATE"):
        await office.acknowledge(opened.name, "feng", 3)


async def test_a_hand_over_that_is_cancelled_leaves_everything_where_it_is(still: Still) -> None:
    office = Office(still)
    still.to("2026-11-03T09:00")
    held = await office.holds_escalation("chen", 8)
    opened = await office.hand_over("chen", "chu")
    with pytest.raises(grpc.aio.AioRpcError, match="ALREADY_EXISTS"):
        await office.hand_over("chen", "wei")
    cancel = handovers_pb2.CancelHandoverRequest(name=opened.name, request_id=request_id())
    await office.handovers.CancelHandover(cancel, **office.as_("head"))
    assert await office.list_of("chen") == [(held, "chen", False)]
    await at(still, opened.name, "2026-12-01T00:00")
    assert "HandoverNotAcknowledged" not in await office.kinds(opened.name)


async def test_nobody_hands_over_nothing_nor_what_is_another_s(still: Still) -> None:
    office = Office(still)
    still.to("2026-11-04T09:00")
    with pytest.raises(grpc.aio.AioRpcError, match="NOTHING_HELD"):
        await office.hand_over("jiang", "shen")
    case = f"cases/{COUNTY}-2026-000888"
    await office.hand_over("han", "yang", case)
    with pytest.raises(grpc.aio.AioRpcError, match="HELD_BY_ANOTHER"):
        await office.hand_over("zhu", "qin", case)
