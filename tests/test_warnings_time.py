"""Every deadline of warnings, recommendations and campaigns at its boundary: the last second, and the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from google.type import date_pb2
from pb.clock.v1 import clock_pb2, clock_pb2_grpc
from pb.escalation.v1 import campaigns_pb2 as c
from pb.escalation.v1 import (
    campaigns_pb2_grpc,
    escalation_pb2,
    escalation_pb2_grpc,
    recommendations_pb2_grpc,
    warnings_pb2_grpc,
)
from pb.escalation.v1 import recommendations_pb2 as r
from pb.escalation.v1 import warnings_pb2 as w

from accord.embedded.stack import Stack
from casework import names
from services.kit.storage.database import text
from tests.conftest import request_id
from tests.still import Still, standing_still
from tests.world_warnings import DEPARTMENT, PLACE, Course, campaign, hazard, recommendation

SECOND = timedelta(seconds=1)


class Desk(Course):
    """The people of the county at the service that stands still."""

    def __init__(self, still: Still) -> None:
        super().__init__(self)  # type: ignore[arg-type]
        self.still = still
        self.as_ = still.as_
        self.warnings = warnings_pb2_grpc.WarningServiceStub(still.channel)
        self.recommendations = recommendations_pb2_grpc.RecommendationServiceStub(still.channel)
        self.campaigns = campaigns_pb2_grpc.CampaignServiceStub(still.channel)

    async def escalations(self, name: str) -> list[escalation_pb2.Escalation]:
        """Return the escalations of a file, oldest first."""
        stub = escalation_pb2_grpc.EscalationServiceStub(self.still.channel)
        found = await stub.ListEscalations(
            escalation_pb2.ListEscalationsRequest(parent=name), **self.still.as_("supervisor", "62")
        )
        return list(reversed(found.escalations))

    async def raised(self, name: str) -> list[tuple[str, str]]:
        """Return what of a file was raised: from which unit, to which, oldest first."""
        return [(names.last(each.from_unit), names.last(each.to_unit)) for each in await self.escalations(name)]

    async def reasons(self, name: str) -> list[str]:
        """Return which units missed what was added to the escalations of a file, oldest first."""
        return [names.last(reason.from_unit) for each in await self.escalations(name) for reason in each.reasons]

    async def clocks(self, name: str) -> dict[str, Any]:
        """Return the clocks of a file by their key."""
        stub = clock_pb2_grpc.ClockServiceStub(self.still.channel)
        request = clock_pb2.ListClocksRequest(service="escalation", case=name)
        found = await stub.ListClocks(request, **self.still.as_("supervisor", "62"))
        return {each.name.partition(".")[2]: each for each in found.clocks}

    async def fired(self, name: str, local_time: str) -> dict[str, str]:
        """Fire what is due at an instant and return the last consequence of each clock that has fired."""
        self.still.to(local_time)
        await self.still.fire(names.number_of(name))
        query = text("SELECT clock, consequence FROM clock_rungs WHERE number = :number ORDER BY due_at")
        async with self.still.database.begin() as connection:
            rows = await connection.execute(query, {"number": names.number_of(name)})
        return {row.clock.partition(".")[2]: row.consequence for row in rows}

    async def missed_at(self, name: str, first_second: str, unit: str, above: str) -> None:
        """Check that a deadline is missed in this second and not in the one before, and raised from the unit."""
        before = await self.raised(name)
        self.still.time.set(self.still.to(first_second) - SECOND)
        await self.still.fire(names.number_of(name))
        assert await self.raised(name) == before
        self.still.to(first_second)
        await self.still.fire(names.number_of(name))
        assert (await self.raised(name))[len(before) :] == [(unit, above)]

    async def also_missed_at(self, name: str, first_second: str, unit: str) -> None:
        """Check the same of a deadline whose matter the level above has already: it is told there, as a reason more."""
        before, reasons = await self.raised(name), await self.reasons(name)
        self.still.time.set(self.still.to(first_second) - SECOND)
        await self.still.fire(names.number_of(name))
        assert await self.reasons(name) == reasons
        self.still.to(first_second)
        await self.still.fire(names.number_of(name))
        assert (await self.reasons(name))[len(reasons) :] == [unit]
        assert await self.raised(name) == before


@pytest.fixture(scope="module")
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Return the people at escalation standing still."""
    async with standing_still(stack) as found:
        yield Desk(found)


# --- warnings -----------------------------------------------------------------------------------------------------


async def test_what_is_reported_before_qingming_is_verified_on_the_first_working_day_after_it(desk: Desk) -> None:
    desk.still.to("2026-04-03T10:00")
    name = await desk.warning(1)
    await desk.missed_at(name, "2026-04-08T00:00", "620102", "6201")


async def test_an_urgent_hazard_is_taken_up_within_two_hours_and_verified_by_midnight_on_a_holiday_too(
    desk: Desk,
) -> None:
    desk.still.to("2026-10-02T20:15")
    found = await desk.do("warnings", "ReportHazard", hazard(urgent=True), "clerk")
    await desk.missed_at(found.name, "2026-10-02T22:15:01", "620102", "6201")
    await desk.also_missed_at(found.name, "2026-10-03T00:00", "620102")


@pytest.mark.parametrize(
    ("reported", "missed"),
    [
        ("2026-10-02T21:59:59", "2026-10-03T00:00"),
        ("2026-10-02T22:00", "2026-10-03T00:00:01"),
        ("2026-10-02T23:50", "2026-10-03T01:50:01"),
    ],
)
async def test_what_comes_late_in_the_evening_has_two_hours_and_no_night(
    reported: str, missed: str, desk: Desk
) -> None:
    desk.still.to(reported)
    found = await desk.do("warnings", "ReportHazard", hazard(urgent=True), "clerk")
    await desk.do("warnings", "TakeUpHazard", w.TakeUpHazardRequest(name=found.name, request_id=request_id()))
    await desk.missed_at(found.name, missed, "620102", "6201")


@pytest.mark.parametrize(
    ("state", "missed", "unit", "above"),
    [
        (2, "2026-05-07T00:00", "620102", "6201"),  # assess: one working day; the holiday ends on 5 May
        (3, "2026-05-09T00:00", "620102", "6201"),  # draft a warning, or link: three
        (4, "2026-05-07T00:00", "620102", "6201"),  # approve: one
        (5, "2026-05-12T00:00", "620102-labour", "620102"),  # measures: five, Saturday the 9th is worked
        (6, "2026-05-09T00:00", "620102", "6201"),  # check the measures: three
    ],
)
async def test_each_step_of_a_warning_has_its_days_over_labour_day(
    state: int, missed: str, unit: str, above: str, desk: Desk
) -> None:
    desk.still.to("2026-04-30T15:00")
    name = await desk.warning(state)
    await desk.missed_at(name, missed, unit, above)


async def test_a_grave_hazard_is_warned_of_within_a_working_day(desk: Desk) -> None:
    desk.still.to("2026-04-30T15:00")
    name = await desk.warning(2)
    request = w.AssessHazardRequest(name=name, scope=2, urgency=3, danger=True, request_id=request_id())
    assert (await desk.do("warnings", "AssessHazard", request)).level == w.WARNING_LEVEL_HIGH
    await desk.missed_at(name, "2026-05-07T00:00", "620102", "6201")


async def test_the_day_that_a_warning_names_takes_the_place_of_the_rule_s(desk: Desk) -> None:
    desk.still.to("2026-04-30T15:00")
    name = await desk.warning(3)
    await desk.do(
        "warnings", "WarnDepartment",
        w.WarnDepartmentRequest(
            name=name, addressee=DEPARTMENT, demand="清理。", due_date=date_pb2.Date(year=2026, month=5, day=2),
            request_id=request_id(),
        ),
    )  # fmt: skip
    approve = w.ApproveWarningRequest(name=name, approved=True, request_id=request_id())
    await desk.do("warnings", "ApproveWarning", approve, "unit_head")
    await desk.missed_at(name, "2026-05-03T00:00", "620102-labour", "620102")


async def test_a_warning_that_is_closed_has_no_clock_left(desk: Desk) -> None:
    desk.still.to("2026-04-30T15:00")
    name = await desk.warning(6)
    close = w.CloseWarningRequest(name=name, sufficient=True, request_id=request_id())
    await desk.do("warnings", "CloseWarning", close, "reviewer")
    states = {each.state for each in (await desk.clocks(name)).values()}
    assert states == {clock_pb2.CLOCK_STATE_MET}


# --- recommendations ----------------------------------------------------------------------------------------------


async def test_a_reply_is_due_in_two_months_and_a_day_off_moves_it_to_the_next_working_day(desk: Desk) -> None:
    desk.still.to("2026-08-02T11:00")
    name = await desk.recommendation(3)
    # Two months from 2 August end in the holiday of 1 to 7 October.
    await desk.missed_at(name, "2026-10-09T00:00", "620102-labour", "620102")


@pytest.mark.parametrize(
    ("kind", "unit", "missed"),
    [(2, "units/620102-court", "2026-05-12T00:00"), (3, "units/620102-procuratorate", "2026-05-07T00:00")],
)
async def test_an_objection_is_decided_in_five_working_days_and_to_a_procuratorate_at_once(
    kind: int, unit: str, missed: str, desk: Desk
) -> None:
    desk.still.to("2026-04-30T15:00")
    draft = recommendation(kind=kind, unit=unit, place="units/620102")
    own = names.last(unit)
    name = (await desk.do("recommendations", "DraftRecommendation", draft, unit=own)).name
    for method, request, role, by in (
        ("ApproveRecommendation", r.ApproveRecommendationRequest(name=name, approved=True), "unit_head", own),
        ("ServeRecommendation", r.ServeRecommendationRequest(name=name, receipt="receipt-1"), "clerk", own),
        ("ObjectToRecommendation", r.ObjectToRecommendationRequest(name=name, reason="已办。"), "unit_head", ""),
    ):
        request.request_id = request_id()
        await desk.do("recommendations", method, request, role, unit=by)
    await desk.missed_at(name, missed, names.last(unit), "620102")


async def test_a_visit_is_due_three_months_after_the_reply_and_nobody_is_raised_for_it(desk: Desk) -> None:
    desk.still.to("2026-06-15T15:00")
    name = await desk.recommendation(4)
    assert await desk.fired(name, "2026-09-15T23:59:59") == {"visit-1": "remind"}
    assert await desk.fired(name, "2026-09-16T00:00") == {"visit-1": "inform"}
    assert await desk.raised(name) == []


# --- campaigns ----------------------------------------------------------------------------------------------------


def local(day: int, month: int = 9) -> date_pb2.Date:
    return date_pb2.Date(year=2026, month=month, day=day)


async def started(desk: Desk, **fields: Any) -> str:
    """Return a campaign that was started."""
    name = (await desk.do("campaigns", "CreateCampaign", campaign(**fields))).name
    await desk.do("campaigns", "StartCampaign", c.StartCampaignRequest(name=name, request_id=request_id()), "unit_head")
    return str(name)


async def at(desk: Desk, name: str, local_time: str) -> c.Campaign:
    """Fire what is due at an instant and return the campaign."""
    desk.still.to(local_time)
    await desk.still.fire(names.number_of(name))
    found: c.Campaign = await desk.do("campaigns", "GetCampaign", c.GetCampaignRequest(name=name))
    return found


async def test_a_rolling_campaign_begins_its_next_round_by_the_clock_until_its_last_day(desk: Desk) -> None:
    desk.still.to("2026-09-01T09:00")
    name = await started(desk, kind=2, round_days=7, start_date=local(1), end_date=local(17))
    for instant_, nth, state in (
        ("2026-09-07T23:59:59", 1, c.CAMPAIGN_STATE_RUNNING),
        ("2026-09-08T00:00", 2, c.CAMPAIGN_STATE_RUNNING),
        ("2026-09-14T23:59:59", 2, c.CAMPAIGN_STATE_RUNNING),
        ("2026-09-15T00:00", 3, c.CAMPAIGN_STATE_RUNNING),
        ("2026-09-17T23:59:59", 3, c.CAMPAIGN_STATE_RUNNING),  # the last round is cut off
        ("2026-09-18T00:00", 3, c.CAMPAIGN_STATE_REPORTING),
    ):
        found = await at(desk, name, instant_)
        assert (found.round, found.state) == (nth, state), instant_
    check = c.RecordCheckRequest(name=name, place=PLACE, answers=[1], request_id=request_id())
    assert (await desk.do("campaigns", "RecordCheck", check, "grid_worker")).round == 3
    # Five working days: Sunday the 20th is worked, Friday the 25th is Mid-Autumn.
    await desk.missed_at(name, "2026-09-25T00:00", "620102", "6201")


async def test_after_an_outage_the_round_of_today_begins_and_none_is_made_up(desk: Desk) -> None:
    desk.still.to("2026-09-01T09:00")
    name = await started(desk, kind=2, round_days=7, start_date=local(1), end_date=local(30))
    found = await at(desk, name, "2026-09-20T10:00")
    assert found.round == 2
    assert (await at(desk, name, "2026-09-26T23:59:59")).round == 2
    assert (await at(desk, name, "2026-09-27T00:00")).round == 3


async def test_a_concentrated_campaign_is_over_after_its_last_day(desk: Desk) -> None:
    desk.still.to("2026-09-01T09:00")
    name = await started(desk, kind=3, start_date=local(1), end_date=local(10))
    assert (await at(desk, name, "2026-09-10T23:59:59")).state == c.CAMPAIGN_STATE_RUNNING
    assert (await at(desk, name, "2026-09-11T00:00")).state == c.CAMPAIGN_STATE_REPORTING


async def test_a_finding_that_does_not_arrive_within_a_working_day_raises_an_alarm(desk: Desk) -> None:
    desk.still.to("2026-09-01T09:00")
    name = await started(desk, kind=3, start_date=local(1), end_date=local(30))
    check = c.RecordCheckRequest(name=name, place=PLACE, answers=[2], request_id=request_id())
    await desk.do("campaigns", "RecordCheck", check, "grid_worker")
    finding = c.RecordFindingRequest(
        name=f"{name}/checks/1", category="categories/hazard", text="电线裸露。", danger=False, request_id=request_id()
    )
    await desk.do("campaigns", "RecordFinding", finding, "grid_worker")
    assert await desk.fired(name, "2026-09-02T23:59:59") == {}
    assert await desk.fired(name, "2026-09-03T00:00") == {"finding-1": "alarm"}
    end = c.EndCampaignRequest(name=name, report="共查一处。", request_id=request_id())
    with pytest.raises(Exception, match="FINDINGS_OPEN"):
        await desk.do("campaigns", "EndCampaign", end, "unit_head")
