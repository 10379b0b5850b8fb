"""Dispatch meetings: an agenda drawn from the ledger, minutes, decisions another unit verifies, what carries over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import grpc
import pytest
from google.type.date_pb2 import Date
from pb.escalation.v1 import escalation_pb2, escalation_pb2_grpc, schedules_pb2, schedules_pb2_grpc
from pb.escalation.v1 import meetings_pb2 as pb
from pb.escalation.v1.meetings_pb2_grpc import MeetingServiceStub

from accord.embedded.stack import Stack
from tests.conftest import COUNTY, request_id
from tests.reviewing import local
from tests.still import Still, standing_still

LABOUR = f"{COUNTY}-labour"
MEASURE = pb.DecisionText(measure="三日内约谈企业，落实工资保证金。")


@pytest.fixture
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return escalation standing still, with an empty ledger."""
    async with standing_still(stack) as found:
        yield found


@dataclass
class Office:
    """The office of a unit that has meetings."""

    still: Still
    unit: str = COUNTY

    async def do(
        self, verb: str, role: str = "unit_head", unit: str = "", sub: str | None = None, **fields: Any
    ) -> Any:
        """Call an RPC of meetings."""
        kind = getattr(pb, f"{verb}Request")
        if "request_id" in kind.DESCRIPTOR.fields_by_name:
            fields.setdefault("request_id", request_id())
        stub = MeetingServiceStub(self.still.channel)
        return await getattr(stub, verb)(kind(**fields), **self.still.as_(role, unit or self.unit, sub))

    async def series(self, rule: str = "") -> str:
        """Begin a series."""
        made = await self.do(
            "CreateMeetingSeries", meeting_series=pb.MeetingSeries(unit=f"units/{self.unit}", rule=rule)
        )
        return str(made.name)

    async def prepared(self, series: str, period: str = "") -> pb.Meeting:
        """Prepare a meeting."""
        found: pb.Meeting = await self.do("PrepareMeeting", parent=series, period=period)
        return found

    async def held(self, series: str, period: str = "") -> str:
        """Prepare and hold a meeting, and return its name."""
        meeting = await self.prepared(series, period)
        await self.do("HoldMeeting", name=meeting.name, attendees=[f"units/{LABOUR}", f"units/{COUNTY}001"])
        return str(meeting.name)

    async def decide(self, meeting: str, unit: str = LABOUR, **fields: Any) -> pb.Decision:
        """Record a decision."""
        decision = pb.Decision(unit=f"units/{unit}", text=MEASURE, **fields)
        found: pb.Decision = await self.do("CreateDecision", parent=meeting, decision=decision)
        return found

    async def agenda(self, meeting: str) -> dict[str, list[str]]:
        """Return what is on an agenda, in order: subject and reasons."""
        found: dict[str, list[str]] = {}
        token = ""
        while True:
            page = await self.do("ListAgendaItems", parent=meeting, page_size=2, page_token=token)
            for each in page.agenda_items:
                reasons = [pb.AgendaReason.Name(reason).removeprefix("AGENDA_REASON_") for reason in each.reasons]
                found[each.subject] = reasons
            token = page.next_page_token
            if not token:
                return found


async def matter(still: Still, running: int, keeper: str = COUNTY, **columns: Any) -> str:
    """Put a matter in the ledger and return its name."""
    number = f"matters-620102-2026-{running:06}"
    given = {"state": 1, "level": "county", "unit": LABOUR, "grade": 1,
             "registered_at": datetime.fromisoformat("2026-09-25T10:00+08:00"), **columns}  # fmt: skip
    async with still.database.begin() as connection:
        await connection.raw.execute("INSERT INTO files (number, unit) VALUES ($1, $2)", number, keeper)
        names = ", ".join(given)
        places = ", ".join(f"${place}" for place in range(3, len(given) + 3))
        query = f"INSERT INTO matters (number, keeper, {names}) VALUES ($1, $2, {places})"
        await connection.raw.execute(query, number, keeper, *given.values())
    return number.replace("-", "/", 1)


def refused(code: str) -> Any:
    """Check that what is done inside is refused for this reason."""
    return pytest.raises(grpc.aio.AioRpcError, match=code)


async def raised(still: Still, name: str) -> list[str]:
    """Return about what and to which unit a meeting was raised."""
    stub = escalation_pb2_grpc.EscalationServiceStub(still.channel)
    found = await stub.ListEscalations(
        escalation_pb2.ListEscalationsRequest(parent=name), **still.as_("supervisor", "62")
    )
    # One escalation a level: what is missed later is added to it.
    return [f"{why.subject} {each.to_unit}" for each in reversed(found.escalations) for why in (each, *each.reasons)]


async def test_an_agenda_is_drawn_from_the_own_ledger_each_matter_once_with_all_its_reasons(still: Still) -> None:
    office = Office(still)
    still.to("2026-09-25T10:00")
    series = await office.series()
    long_ago = datetime.fromisoformat("2026-08-01T10:00+08:00")
    everything = await matter(still, 1, due_on=date(2026, 9, 30), grade=3, returned=2, registered_at=long_ago)
    overdue = await matter(still, 2, due_on=date(2026, 9, 30))
    high = await matter(still, 3, grade=3)
    stuck = await matter(still, 4, registered_at=long_ago)
    returned = await matter(still, 5, returned=3)
    await matter(still, 6, due_on=date(2026, 10, 1))  # due today: not yet overdue
    await matter(still, 7, returned=1)
    await matter(still, 8, grade=3, struck_off_at=long_ago)
    await matter(still, 9, grade=3, keeper="620103")
    await matter(still, 10, grade=3, keeper=f"{COUNTY}001")
    still.to("2026-10-01T09:00")
    meeting = await office.prepared(series, "2026-10")
    assert await office.agenda(meeting.name) == {
        everything: ["OVERDUE", "HIGH_GRADE", "STUCK", "RETURNED"], overdue: ["OVERDUE"], high: ["HIGH_GRADE"],
        stuck: ["STUCK"], returned: ["RETURNED"],
    }  # fmt: skip
    assert list(await office.agenda(meeting.name))[:2] == [everything, overdue]
    assert meeting.agenda_items == 5


async def test_a_matter_is_stuck_on_the_last_working_day_without_progress_and_not_before(still: Still) -> None:
    office = Office(still)
    still.to("2026-09-03T10:00")
    series = await office.series("weekly")
    stuck = await matter(still, 1, registered_at=datetime.fromisoformat("2026-09-03T10:00+08:00"))
    # The weekly rule says ten working days: 4, 7 to 11, 14 to 17 September.
    for day, period, found in (("2026-09-16", "2026-W38", {}), ("2026-09-17", "2026-W39", {stuck: ["STUCK"]})):
        still.to(f"{day}T23:00")
        assert await office.agenda((await office.prepared(series, period)).name) == found


async def test_a_period_has_one_meeting_however_often_it_is_prepared(still: Still) -> None:
    office = Office(still)
    still.to("2026-09-15T10:00")
    series = await office.series()
    early = await office.prepared(series)
    assert early.period == "2026-10"
    still.to("2026-10-01T09:00")
    assert (await office.prepared(series, "2026-10")).name == early.name
    stub = schedules_pb2_grpc.ScheduleServiceStub(still.channel)
    due = await stub.GetSchedule(
        schedules_pb2.GetScheduleRequest(name=f"schedules/{series.replace('/', '-')}"), **still.as_("operator", "cn")
    )
    assert not due.due_periods
    for period in ("2026-09", "2026-12", "2026-W40", "2026-13"):
        with refused("INVALID_FIELD"):
            await office.prepared(series, period)


async def test_a_unit_has_one_series_at_a_time_and_an_ended_one_prepares_nothing(still: Still) -> None:
    office = Office(still)
    still.to("2026-09-15T10:00")
    series = await office.series()
    with refused("ALREADY_EXISTS"):
        await office.series("weekly")
    ended = await office.do("EndMeetingSeries", name=series)
    assert (ended.HasField("end_time"), ended.next_period) == (True, "")
    with refused("WRONG_STATE"):
        await office.prepared(series)
    assert await office.series("weekly") != series
    with refused("UNKNOWN_RULE"):
        await Office(still, "620103").series("daily-digest")


async def test_minutes_are_due_three_working_days_after_the_meeting(still: Still) -> None:
    office = Office(still)
    still.to("2026-09-15T10:00")
    series = await office.series()
    still.to("2026-09-30T10:00")
    name = await office.held(series)
    meeting = await office.do("GetMeeting", name=name)
    assert local(meeting.minutes_due_time) == "2026-10-10T23:59"  # 8, 9 and 10 October, a Saturday that is worked
    still.to("2026-10-10T23:59")
    await still.fire(name.replace("/", "-", 1))
    assert not await raised(still, name)
    still.to("2026-10-11T00:00")
    await still.fire(name.replace("/", "-", 1))
    assert await raised(still, name) == [f"{name} units/6201"]
    minutes = pb.MinutesText(text="逐项研究，议定两项。")
    written = await office.do("WriteMinutes", "duty_officer", name=name, minutes=minutes)
    assert written.HasField("minutes_time")
    read = await office.do("ReadMinutes", name=f"{name}/minutes")
    assert read == minutes


async def test_a_decision_is_done_once_another_unit_says_so(still: Still) -> None:
    office = Office(still)
    still.to("2026-09-15T10:00")
    series = await office.series()
    name = await office.held(series)
    made = await office.decide(name, due_date=Date(year=2026, month=9, day=25), official="zhang")
    assert (local(made.due_time), made.verifier) == ("2026-09-25T23:59", f"units/{COUNTY}")
    still.to("2026-09-18T10:00")
    reported = await office.do("ReportDecision", "handler", LABOUR, "li", name=made.name, evidence="doc-1")
    with refused("PERMISSION_DENIED"):
        await office.do("VerifyDecision", "reviewer", LABOUR, name=made.name, sufficient=True)
    with refused("SAME_PERSON"):
        await office.do("VerifyDecision", "reviewer", sub="li", name=made.name, sufficient=True)
    back = await office.do("VerifyDecision", "reviewer", name=made.name, etag=reported.etag, sufficient=False)
    assert (back.state, back.returned) == (pb.DECISION_STATE_OPEN, 1)
    # Its time ran on: a day after its day it is overdue, and the level that has the meeting hears of it.
    still.to("2026-09-25T23:59:59")
    await still.fire(name.replace("/", "-", 1))
    assert not [each for each in await raised(still, name) if "decisions" in each]
    still.to("2026-09-26T00:00")
    await still.fire(name.replace("/", "-", 1))
    assert f"{made.name} units/6201" in await raised(still, name)
    await office.do("ReportDecision", "handler", LABOUR, "li", name=made.name, evidence="doc-2")
    done = await office.do("VerifyDecision", "reviewer", name=made.name, sufficient=True)
    assert (done.state, done.official, done.HasField("done_time")) == (pb.DECISION_STATE_DONE, "", True)


async def test_what_a_unit_has_to_do_itself_is_verified_one_level_up(still: Still) -> None:
    office = Office(still)
    still.to("2026-09-15T10:00")
    name = await office.held(await office.series())
    made = await office.decide(name, COUNTY)
    assert made.verifier == "units/6201"
    await office.do("ReportDecision", name=made.name, evidence="doc-1")
    with refused("PERMISSION_DENIED"):
        await office.do("VerifyDecision", "reviewer", name=made.name, sufficient=True)
    await office.do("VerifyDecision", "reviewer", "6201", name=made.name, sufficient=True)
    with refused("PERMISSION_DENIED"):
        await office.decide(name, "620103")


async def test_a_meeting_is_closed_when_all_is_done_and_open_items_carry_over(still: Still) -> None:
    office = Office(still)
    still.to("2026-09-15T10:00")
    series = await office.series()
    name = await office.held(series)
    with refused("WRONG_STATE"):
        await office.do("CloseMeeting", name=name)
    done, left = await office.decide(name), await office.decide(name)
    await office.do("WriteMinutes", "duty_officer", name=name, minutes=pb.MinutesText(text="议定两项。"))
    await office.do("ReportDecision", "handler", LABOUR, name=done.name, evidence="doc-1")
    await office.do("VerifyDecision", "reviewer", name=done.name, sufficient=True)
    with refused("TASKS_OPEN"):
        await office.do("CloseMeeting", name=name)
    still.to("2026-11-01T09:00")
    following = await office.prepared(series, "2026-11")
    assert await office.agenda(following.name) == {left.name: ["OPEN_ITEM"]}
    open_items = await office.do("ListDecisions", "auditor", parent="meetings/-", open=True)
    assert [each.name for each in open_items.decisions] == [left.name]
    assert not (await office.do("ListDecisions", "auditor", "620103", parent="meetings/-")).decisions
    seen = await office.do("ListDecisions", "handler", LABOUR, parent="meetings/-")
    assert [each.name for each in seen.decisions] == [done.name, left.name]
    await office.do("ReportDecision", "handler", LABOUR, name=left.name, evidence="doc-1")
    await office.do("VerifyDecision", "reviewer", name=left.name, sufficient=True)
    closed = await office.do("CloseMeeting", name=name)
    assert (closed.state, closed.open_decisions) == (pb.MEETING_STATE_CLOSED, 0)


async def test_units_that_attended_are_listed_by_code_and_nothing_ranks_them() -> None:
    fields = {field.name for message in pb.DESCRIPTOR.message_types_by_name.values() for field in message.fields}
    assert not [each for each in fields if any(word in each for word in ("rank", "score", "point", "band"))]
    assert {"attendees"} <= fields


async def test_the_digest_of_a_day_is_due_until_it_was_recorded_and_once(still: Still) -> None:
    stub = schedules_pb2_grpc.ScheduleServiceStub(still.channel)
    operator, name = still.as_("operator", "cn"), "schedules/daily-digest"

    async def due() -> list[str]:
        return list((await stub.GetSchedule(schedules_pb2.GetScheduleRequest(name=name), **operator)).due_periods)

    still.to("2026-09-29T10:00")
    assert await due() == []
    still.to("2026-10-09T17:00")
    assert await due() == ["2026-09-29", "2026-09-30", "2026-10-08", "2026-10-09"]
    for _ in range(2):
        done = schedules_pb2.RecordRunRequest(name=name, period="2026-09-30", request_id=request_id())
        await stub.RecordRun(done, **operator)
    assert await due() == ["2026-09-29", "2026-10-08", "2026-10-09"]
    early = schedules_pb2.RecordRunRequest(name=name, period="2026-10-10", request_id=request_id())
    with refused("WRONG_STATE"):
        await stub.RecordRun(early, **operator)
