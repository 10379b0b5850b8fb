"""Special handling at the boundary of each of its deadlines: the last second before, the first one after.

Over the days off of 2026: Qingming 4 to 6 April, Labour Day 1 to 5 May with 9 May worked, National Day 1 to 7 October
with 20 September and 10 October worked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from pb.clock.v1 import clock_pb2
from pb.clock.v1.clock_pb2_grpc import ClockServiceStub
from pb.escalation.v1 import consultations_pb2 as c
from pb.escalation.v1 import consultations_pb2_grpc as c_grpc
from pb.escalation.v1 import escalation_pb2, escalation_pb2_grpc, lead_pb2_grpc, monitoring_pb2_grpc, plans_pb2_grpc
from pb.escalation.v1 import lead_pb2 as le
from pb.escalation.v1 import monitoring_pb2 as mo
from pb.escalation.v1 import plans_pb2 as p
from pb.escalation.v1 import task_force_pb2 as t
from pb.escalation.v1 import task_force_pb2_grpc as t_grpc

from accord.embedded.stack import Stack
from casework import names
from services.kit.clocks import clocks
from services.kit.clocks.clockwork import Clockwork
from services.kit.rules import load_rules
from services.kit.serving.settings import ServiceSettings
from tests.conftest import COUNTY, request_id
from tests.special import BUREAU, a_measure, a_plan, listed_matter, on
from tests.still import Still, standing_still
from tests.test_idempotency import refused

UNIT = f"units/{COUNTY}"


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return escalation standing still."""
    async with standing_still(stack) as found:
        yield found


OF_ESCALATIONS = ("acknowledge", "resolve", "watch", "top", "overdue")
"""The clocks that an escalation brings with it, by the beginning of their keys."""


class Matter:
    """A matter of the county, and what is done about it at instants that the test sets."""

    def __init__(self, still: Still, name: str) -> None:
        self.still = still
        self.name = name
        self.number = names.number_of(name)
        channel = still.channel
        self.plans = plans_pb2_grpc.PlanServiceStub(channel)
        self.forces = t_grpc.TaskForceServiceStub(channel)
        self.leads = lead_pb2_grpc.LeadServiceStub(channel)
        self.experts = c_grpc.ExpertServiceStub(channel)
        self.asks = c_grpc.ConsultationServiceStub(channel)
        self.monitorings = monitoring_pb2_grpc.MonitoringServiceStub(channel)

    async def do(
        self, method: Any, request: Any, role: str = "unit_head", sub: str = "someone", unit: str = COUNTY
    ) -> Any:
        request.request_id = request_id()
        return await method(request, **self.still.as_(role, unit, sub))

    async def clocks(self) -> dict[str, clock_pb2.Clock]:
        """Return the clocks of the matter, by key."""
        stub = ClockServiceStub(self.still.channel)
        asked = clock_pb2.ListClocksRequest(service="escalation", case=self.name, page_size=200)
        found = await stub.ListClocks(asked, **self.still.as_("auditor", "62"))
        return {clock.name.split(".", 1)[1]: clock for clock in found.clocks}

    async def running(self) -> set[str]:
        """Return the keys of the clocks that run, those of escalations aside."""
        found = await self.clocks()
        return {key for key, clock in found.items() if clock.state == clock_pb2.CLOCK_STATE_RUNNING
                and not key.startswith(OF_ESCALATIONS)}  # fmt: skip

    async def raised(self) -> list[str]:
        """Return what was raised one level up, oldest first: one escalation, and each reason added to it."""
        stub = escalation_pb2_grpc.EscalationServiceStub(self.still.channel)
        asked = escalation_pb2.ListEscalationsRequest(parent=self.name, page_size=100)
        found = await stub.ListEscalations(asked, **self.still.as_("supervisor", "62"))
        subjects = [why.subject for each in reversed(found.escalations) for why in (each, *each.reasons)]
        return [subject.removeprefix(f"{self.name}/") for subject in subjects]

    async def overdue(self) -> list[str]:
        """Return the keys of the clocks that were found overdue, in order."""
        query = """SELECT substr(clock, strpos(clock, '.') + 1) AS key FROM clock_rungs
            WHERE number = $1 AND kind = 'overdue' AND rung = 'overdue' ORDER BY due_at, clock"""
        async with self.still.database.begin() as connection:
            rows = await connection.raw.fetch(query, self.number)
        return [row["key"] for row in rows if not row["key"].startswith(OF_ESCALATIONS)]

    async def at(self, local: str) -> None:
        """Set the time and do what the workflow does: ask until nothing is due any more."""
        now = self.still.to(local)
        while (told := await self.still.fire(self.number)).next_at is not None and told.next_at <= now:
            pass

    async def falls_due(self, key: str, day: str, next_day: str) -> None:
        """Check that a clock is not overdue in the last second of a day, and is in the first of the next."""
        before = await self.overdue()
        await self.at(f"{day}T23:59:59")
        assert key not in await self.overdue(), key
        await self.at(f"{next_day}T00:00")
        assert key in await self.overdue(), key
        assert set(before) <= set(await self.overdue())


@pytest.fixture
async def matter(still: Still) -> Matter:
    """Return a matter that the county keeps, listed on 27 March 2026."""
    now = still.to("2026-03-27T10:00")
    return Matter(still, await listed_matter(still.database, now=now))


async def planned(matter: Matter, *due: str, plan: int = 1) -> str:
    """Draft a plan with measures of the bureau, let it go round and be approved, and return its name."""
    measures = [a_measure(due=on(day)) for day in due]
    drafted = await matter.do(matter.plans.DraftPlan, p.DraftPlanRequest(parent=matter.name, plan=a_plan(*measures)),
                              "handler", "drafter")  # fmt: skip
    await matter.do(matter.plans.SubmitPlan, p.SubmitPlanRequest(name=drafted.name), "handler", "drafter")
    await legal(matter, drafted.name)
    await approve(matter, drafted.name)
    assert drafted.name == f"{matter.name}/plans/{plan}"
    return str(drafted.name)


async def listed(matter: Matter) -> None:
    """Start the clock by which the first plan is due, as the ledger does, by a rule of the same length."""
    clockwork = Clockwork(load_rules(ServiceSettings.model_fields["rules"].default))
    now = matter.still.time.now()
    clock = clockwork.new(matter.number, "plan", "plan_revision_county", subject=matter.name, unit=BUREAU, at=now)
    async with matter.still.database.begin() as connection:
        await clocks.start(connection, now, "ledger", clock)


async def legal(matter: Matter, plan: str) -> None:
    request = p.CountersignPlanRequest(name=plan, unit=UNIT, role=p.COUNTERSIGN_ROLE_LEGAL_ADVISER, agrees=True)
    await matter.do(matter.plans.CountersignPlan, request, sub="lawyer")


async def approve(matter: Matter, plan: str) -> None:
    request = p.ApprovePlanRequest(name=plan, approved=True, reason="可行。")
    await matter.do(matter.plans.ApprovePlan, request, sub="approver")


async def test_countersigning_and_approving_have_three_working_days_each_over_qingming(
    still: Still, matter: Matter
) -> None:
    still.to("2026-04-02T17:00")
    plan = f"{matter.name}/plans/1"
    await matter.do(matter.plans.DraftPlan, p.DraftPlanRequest(parent=matter.name, plan=a_plan()), "handler", "a")
    await matter.do(matter.plans.SubmitPlan, p.SubmitPlanRequest(name=plan), "handler", "a")
    # Friday the 3rd, then 4 to 6 April off: Tuesday and Wednesday are the second and third day.
    await matter.falls_due("countersign-1-1", "2026-04-08", "2026-04-09")
    await legal(matter, plan)
    await matter.falls_due("approve-1-1", "2026-04-14", "2026-04-15")
    assert await matter.raised() == ["plans/1", "plans/1"]
    await approve(matter, plan)
    assert await matter.running() == {"measure-1-1"}


async def test_each_measure_is_due_on_its_own_day_and_an_assessment_ten_working_days_after_the_last_one(
    still: Still, matter: Matter
) -> None:
    await listed(matter)
    assert await matter.running() == {"plan"}
    plan = await planned(matter, "2026-04-05", "2026-04-20")
    assert await matter.running() == {"measure-1-1", "measure-1-2"}
    await matter.falls_due("measure-1-1", "2026-04-05", "2026-04-06")
    assert await matter.raised() == ["plans/1/measures/1"]
    for index in (1, 2):
        report = p.ReportPlanMeasureRequest(name=f"{plan}/measures/{index}", evidence="doc-1")
        await matter.do(matter.plans.ReportPlanMeasure, report, "handler", "worker", BUREAU)
    await matter.at("2026-04-30T00:00")
    assert await matter.overdue() == ["measure-1-1", "assess-1-1"]


async def test_an_assessment_of_6_april_is_due_on_the_20th_of_working_days_alone(still: Still, matter: Matter) -> None:
    plan = await planned(matter, "2026-04-20")
    still.to("2026-04-06T09:00")
    report = p.ReportPlanMeasureRequest(name=f"{plan}/measures/1", evidence="doc-1")
    await matter.do(matter.plans.ReportPlanMeasure, report, "handler", "worker", BUREAU)
    await matter.falls_due("assess-1-1", "2026-04-20", "2026-04-21")


@pytest.mark.parametrize(
    ("level", "keeper", "day", "next_day"),
    # Assessed on 29 April: the 30th, then 1 to 5 May off, and Saturday the 9th worked.
    [("county", COUNTY, "2026-05-09", "2026-05-10"), ("city", "6201", "2026-05-15", "2026-05-16")],
)
async def test_the_next_version_has_five_working_days_in_a_county_and_ten_above_over_labour_day(
    still: Still, level: str, keeper: str, day: str, next_day: str
) -> None:
    now = still.to("2026-04-29T10:00")
    matter = Matter(still, await listed_matter(still.database, level=level, keeper=keeper, unit=COUNTY, now=now))
    await matter_assessed(matter, keeper)
    assert await matter.running() == {"revise-1"}
    await matter.falls_due("revise-1", day, next_day)


async def matter_assessed(matter: Matter, keeper: str) -> None:
    """Carry a plan to its end, which is not enough, in the roles of the unit that keeps the matter."""
    still, plan = matter.still, f"{matter.name}/plans/1"

    async def say(method: Any, request: Any, role: str, sub: str, unit: str = keeper) -> None:
        request.request_id = request_id()
        await method(request, **still.as_(role, unit, sub))

    plans = matter.plans
    await say(plans.DraftPlan, p.DraftPlanRequest(parent=matter.name, plan=a_plan()), "handler", "drafter")
    await say(plans.SubmitPlan, p.SubmitPlanRequest(name=plan), "handler", "drafter")
    for unit, role in ((BUREAU, 1), (keeper, 2)):
        signed = p.CountersignPlanRequest(name=plan, unit=f"units/{unit}", role=role, agrees=True)
        await say(plans.CountersignPlan, signed, "unit_head", "lawyer", unit)
    await say(plans.ApprovePlan, p.ApprovePlanRequest(name=plan, approved=True, reason="可。"), "unit_head", "head")
    done = p.ReportPlanMeasureRequest(name=f"{plan}/measures/1", evidence="doc-1")
    await say(plans.ReportPlanMeasure, done, "handler", "worker", BUREAU)
    assessed = p.AssessPlanRequest(name=plan, assessment=p.PLAN_ASSESSMENT_PARTLY, reason="未完。")
    await say(plans.AssessPlan, assessed, "supervisor", "assessor")


async def test_a_task_force_is_set_up_in_three_working_days_and_minutes_take_two_over_national_day(
    still: Still, matter: Matter
) -> None:
    still.to("2026-09-29T10:00")
    force = f"{matter.name}/taskForce"
    await matter.do(matter.forces.OrderTaskForce, t.OrderTaskForceRequest(name=force, reason="stuck"))
    # Wednesday the 30th, then 1 to 7 October off, Thursday, Friday; Saturday the 10th is worked.
    await matter.falls_due("force-1", "2026-10-09", "2026-10-10")
    office = t.ForceOffice(unit=UNIT, official="head", office="head")
    await matter.do(matter.forces.SetUpTaskForce, t.SetUpTaskForceRequest(
        name=force, leader=office, secretary=office, units=[f"units/{BUREAU}"]))  # fmt: skip
    still.to("2026-10-09T18:00")
    met = t.HoldForceMeetingRequest(parent=force, meeting=t.ForceMeeting(units=[UNIT]))
    await matter.do(matter.forces.HoldForceMeeting, met)
    await matter.falls_due("minutes-1", "2026-10-12", "2026-10-13")


async def test_a_task_that_is_not_good_enough_is_due_on_the_day_it_had(still: Still, matter: Matter) -> None:
    force, task = f"{matter.name}/taskForce", f"{matter.name}/taskForce/tasks/1"
    office = t.ForceOffice(unit=UNIT, official="head", office="head")
    await matter.do(matter.forces.OrderTaskForce, t.OrderTaskForceRequest(name=force, reason="stuck"))
    await matter.do(matter.forces.SetUpTaskForce, t.SetUpTaskForceRequest(
        name=force, leader=office, secretary=office, units=[f"units/{BUREAU}"]))  # fmt: skip
    given = t.ForceTask(unit=f"units/{BUREAU}", due_date=on("2026-04-10"), kind="inspect", content="查看。")
    await matter.do(matter.forces.AssignForceTask, t.AssignForceTaskRequest(parent=force, task=given))
    report = t.ReportForceTaskRequest(name=task, evidence="doc-1")
    await matter.do(matter.forces.ReportForceTask, report, "handler", "worker")
    assert await matter.running() == {"force_check-1-2"}
    # Reported on Friday 27 March: five working days, and 4 to 6 April are not reached.
    await matter.falls_due("force_check-1-2", "2026-04-03", "2026-04-04")
    checked = t.VerifyForceTaskRequest(name=task, sufficient=False)
    await matter.do(matter.forces.VerifyForceTask, checked, "reviewer", "reviewer")
    assert await matter.running() == {"force_task-1"}
    await matter.falls_due("force_task-1", "2026-04-10", "2026-04-11")
    assert await matter.raised() == ["taskForce/tasks/1", "taskForce/tasks/1"]


async def led(matter: Matter, official: str = "lead") -> str:
    request = le.AssignLeadRequest(name=f"{matter.name}/lead", unit=UNIT, official=official, office="head")
    return str((await matter.do(matter.leads.AssignLead, request)).name)


async def note(matter: Matter, kind: str, official: str = "lead") -> None:
    form = le.LEAD_CONTACT_FORM_VISITED if kind == "CONTACT" else le.LEAD_CONTACT_FORM_UNSPECIFIED
    told = le.LeadNote(kind=le.LeadNoteKind.Value(f"LEAD_NOTE_KIND_{kind}"), form=form, text="情况。")
    request = le.RecordLeadNoteRequest(parent=f"{matter.name}/lead", note=told)
    await matter.do(matter.leads.RecordLeadNote, request, sub=official)


async def test_a_first_look_takes_five_working_days_a_contact_ten_over_qingming(still: Still, matter: Matter) -> None:
    still.to("2026-03-30T09:00")
    await led(matter)
    # 31 March, 1 to 3 April, then 4 to 6 April off, Tuesday the 7th; ten days end on the 14th.
    await matter.falls_due("first_look-1", "2026-04-07", "2026-04-08")
    await matter.falls_due("contact-1", "2026-04-14", "2026-04-15")
    assert await matter.raised() == ["lead", "lead"]
    await note(matter, "FIRST_LOOK")
    await note(matter, "CONTACT")
    assert await matter.running() == {"note-1"}


async def test_monthly_notes_keep_to_the_31st_or_the_months_end_and_a_missed_one_hides_no_other(
    still: Still, matter: Matter
) -> None:
    still.to("2026-01-31T09:00")
    await led(matter)
    await note(matter, "FIRST_LOOK")
    await note(matter, "CONTACT")
    await matter.falls_due("note-1", "2026-02-28", "2026-03-01")
    assert await matter.running() == {"note-1", "note-2"}
    still.to("2026-03-05T09:00")
    await note(matter, "MONTHLY")  # late, for February: that of March is due all the same
    assert await matter.running() == {"note-2"}
    still.to("2026-03-20T09:00")
    await note(matter, "MONTHLY")  # early, for March
    assert await matter.running() == {"note-3"}
    await matter.falls_due("note-3", "2026-04-30", "2026-05-01")
    await matter.falls_due("note-4", "2026-05-31", "2026-06-01")
    await matter.falls_due("note-5", "2026-06-30", "2026-07-01")
    still.to("2026-07-02T09:00")
    await note(matter, "MONTHLY")  # one note settles all that is late
    assert await matter.running() == {"note-6"}
    assert await matter.overdue() == ["note-1", "note-3", "note-4", "note-5"]


async def test_months_that_went_by_while_nothing_ran_are_each_told_once_in_order(still: Still, matter: Matter) -> None:
    still.to("2026-01-31T09:00")
    await led(matter)
    await matter.at("2026-05-03T12:00")
    assert await matter.overdue() == ["first_look-1", "contact-1", "note-1", "note-2", "note-3"]
    await matter.at("2026-05-03T12:01")
    assert (await matter.overdue()).count("note-2") == 1
    assert await matter.running() == {"first_look-1", "contact-1", "note-1", "note-2", "note-3", "note-4"}


async def test_a_note_recorded_before_a_missed_month_was_noticed_still_has_the_next_month_due(
    still: Still, matter: Matter
) -> None:
    still.to("2026-01-31T09:00")
    await led(matter)
    still.to("2026-03-02T09:00")
    await note(matter, "MONTHLY")
    assert await matter.running() >= {"note-2"}
    await matter.falls_due("note-2", "2026-03-31", "2026-04-01")
    assert "note-3" in await matter.running()


async def test_a_hand_over_moves_no_date_and_is_answered_in_three_working_days(still: Still, matter: Matter) -> None:
    still.to("2026-04-27T09:00")
    lead = await led(matter)
    before = {key: clock.due_time for key, clock in (await matter.clocks()).items()}
    still.to("2026-04-29T09:00")
    offer = le.HandOverLeadRequest(name=lead, unit="units/6201", official="next", office="head", reason="retirement",
                                   text="请继续。")  # fmt: skip
    offered = await matter.do(matter.leads.HandOverLead, offer)
    assert [each.clock.rsplit(".", 1)[1] for each in offered.hand_over.open] == ["first_look-1", "contact-1", "note-1"]
    assert offered.official == "lead"
    # The 30th, then 1 to 5 May off, Wednesday, Thursday.
    await matter.falls_due("hand_over-1", "2026-05-07", "2026-05-08")
    answer = le.AnswerLeadHandOverRequest(name=lead, accepted=True, request_id=request_id())
    accepted = await matter.leads.AnswerLeadHandOver(answer, **still.as_("supervisor", "6201", "next"))
    assert (accepted.official, accepted.unit) == ("next", "units/6201")
    after = await matter.clocks()
    assert {key: after[key].due_time for key in before} == before
    assert {after[key].unit for key in before} == {"units/6201"}


async def test_an_offer_that_is_not_answered_falls_with_the_next_one(still: Still, matter: Matter) -> None:
    lead = await led(matter)
    for successor in ("silent", "willing"):
        offer = le.HandOverLeadRequest(name=lead, unit=UNIT, official=successor, office="head", reason="retirement",
                                       text="请继续。")  # fmt: skip
        await matter.do(matter.leads.HandOverLead, offer)
    assert "hand_over-1" not in await matter.running()
    answer = le.AnswerLeadHandOverRequest(name=lead, accepted=True)
    _, info, _ = await refused(matter.do(matter.leads.AnswerLeadHandOver, answer, sub="silent"))
    assert info.reason == "NOT_THE_LEAD"
    await matter.do(matter.leads.AnswerLeadHandOver, answer, sub="willing")
    found = await matter.leads.ListLeadHandOvers(le.ListLeadHandOversRequest(parent=lead),
                                                 **still.as_("auditor", COUNTY))  # fmt: skip
    assert [each.state for each in found.hand_overs] == [
        le.LEAD_HAND_OVER_STATE_WITHDRAWN, le.LEAD_HAND_OVER_STATE_ACCEPTED]  # fmt: skip


async def expert(matter: Matter, field: str, unit: str, user: str) -> str:
    entry = c.Expert(unit=f"units/{unit}", fields=[field], user=user, display_name="专家")
    request = c.RegisterExpertRequest(expert=entry, request_id=request_id())
    return str((await matter.experts.RegisterExpert(request, **matter.still.as_("unit_head", "6201"))).name)


async def asked(matter: Matter, field: str, *clocks: str) -> str:
    told = c.ConsultationText(questions=["是否安全？"], file="墙体裂缝。")
    request = c.AskConsultationRequest(parent=matter.name, consultation=c.Consultation(
        unit=UNIT, field=field, text=told, clocks=clocks))  # fmt: skip
    return str((await matter.do(matter.asks.AskConsultation, request)).name)


async def test_a_silent_expert_lapses_after_two_working_days_and_the_next_is_asked(
    still: Still, matter: Matter
) -> None:
    users = {await expert(matter, "silence", "620103", f"user-{n}"): f"user-{n}" for n in range(2)}
    still.to("2026-04-03T09:00")
    name = await asked(matter, "silence")
    drawn = await matter.do(matter.asks.DrawExpert, c.DrawExpertRequest(name=name))
    # 4 to 6 April off: the 7th and the 8th.
    await matter.falls_due("consultation-1.answer.1", "2026-04-08", "2026-04-09")
    found = await matter.asks.GetConsultation(c.GetConsultationRequest(name=name), **still.as_("handler", COUNTY))
    assert {drawn.expert, found.expert} == set(users)
    # Asked on Thursday the 9th: Friday and Monday.
    await matter.falls_due("consultation-1.answer.2", "2026-04-13", "2026-04-14")
    found = await matter.asks.GetConsultation(c.GetConsultationRequest(name=name), **still.as_("handler", COUNTY))
    assert (found.state, found.expert) == (c.CONSULTATION_STATE_ASKED, "")
    # Nobody who was silent is drawn again, and the ten working days of the consultation ran all along.
    code, info, _ = await refused(matter.do(matter.asks.DrawExpert, c.DrawExpertRequest(name=name)))
    assert (code, info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NO_EXPERT")
    await matter.falls_due("consultation-1.limit", "2026-04-20", "2026-04-21")
    assert await matter.raised() == ["consultations/1"]


async def test_an_opinion_lets_what_waited_run_on_and_whether_it_is_followed_is_said_in_five_days(
    still: Still,
) -> None:
    now = still.to("2026-04-27T10:00")
    matter = Matter(still, await listed_matter(still.database, keeper=COUNTY, unit=COUNTY, now=now))
    await matter_assessed(matter, COUNTY)
    await expert(matter, "opinion", "620103", "expert")
    # Five working days: 28 to 30 April, 6 and 7 May.
    assert (await matter.clocks())["revise-1"].due_time.ToJsonString() == "2026-05-07T15:59:59Z"
    still.to("2026-04-28T09:00")
    name = await asked(matter, "opinion", "revise-1")
    assert await matter.running() == {"consultation-1.limit"}
    await matter.at("2026-05-08T00:00")
    assert await matter.overdue() == []
    await matter.do(matter.asks.DrawExpert, c.DrawExpertRequest(name=name))
    for request, method in (
        (c.AcceptConsultationRequest(name=name), matter.asks.AcceptConsultation),
        (c.SignOpinionRequest(name=name, text="安全。"), matter.asks.SignOpinion),
    ):
        request.request_id = request_id()
        await method(request, **still.as_("mediator", "620103", "expert"))
    assert await matter.running() == {"revise-1", "consultation-1.adoption"}
    # It stood still from 28 April to 7 May; it runs on from Friday the 8th with all five days before it.
    await matter.falls_due("revise-1", "2026-05-13", "2026-05-14")
    await matter.falls_due("consultation-1.adoption", "2026-05-14", "2026-05-15")


async def test_a_clock_whose_rule_does_not_list_the_cause_is_not_paused_and_the_rule_is_named(
    still: Still, matter: Matter
) -> None:
    await planned(matter, "2026-04-20")
    code, info, fields = await refused(asking(matter, "measure-1-1"))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAUSE_CAUSE_NOT_ALLOWED")
    assert fields == ["consultation.clocks[0]"]
    with pytest.raises(grpc.aio.AioRpcError, match="plan_measure: expert"):
        await asking(matter, "measure-1-1")
    _, info, _ = await refused(asking(matter, "close"))
    assert info.reason == "CLOCK_NOT_RUNNING"
    assert await matter.running() == {"measure-1-1"}


async def asking(matter: Matter, clock: str) -> Any:
    return await asked(matter, "pausing", clock)


async def test_a_pause_falls_with_the_consultation_that_is_ended(still: Still) -> None:
    now = still.to("2026-09-28T10:00")
    matter = Matter(still, await listed_matter(still.database, keeper=COUNTY, unit=COUNTY, now=now))
    await matter_assessed(matter, COUNTY)
    name = await asked(matter, "ending", "revise-1")
    still.to("2026-10-08T09:00")
    ended = await matter.do(matter.asks.EndConsultation, c.EndConsultationRequest(name=name, reason="not-needed"))
    assert list(ended.paused_clocks) == []
    assert await matter.running() == {"revise-1"}
    # 9, 10 (worked), 12, 13 October after the 8th.
    await matter.falls_due("revise-1", "2026-10-13", "2026-10-14")


async def test_reviews_repeat_and_roll_over_national_day_and_a_missed_one_is_not_the_last(
    still: Still, matter: Matter
) -> None:
    still.to("2026-07-03T09:00")
    reasons = mo.MonitoringReasons(reason="等待判决。", conditions="判决生效。")
    begun = await matter.do(matter.monitorings.BeginMonitoring, mo.BeginMonitoringRequest(
        parent=matter.name, monitoring=mo.Monitoring(
            reason="waits-for-court", interval=mo.MONITORING_INTERVAL_QUARTER, text=reasons)))  # fmt: skip
    # 3 October is a day off: due on the 8th, the first day worked.
    await matter.falls_due("review-1-1", "2026-10-08", "2026-10-09")
    assert await matter.raised() == ["monitorings/1"]
    shown = await matter.monitorings.GetMonitoring(mo.GetMonitoringRequest(name=begun.name),
                                                   **still.as_("auditor", COUNTY))  # fmt: skip
    # What was missed is still what is due first.
    assert shown.review_due_time.ToJsonString() == "2026-10-08T15:59:59Z"
    still.to("2026-10-10T09:00")
    review = mo.ReviewMonitoringRequest(name=begun.name, finding=mo.MONITORING_FINDING_UNCHANGED, text="无变化。")
    await matter.do(matter.monitorings.ReviewMonitoring, review)
    assert await matter.running() == {"review-1-3"}
    await matter.falls_due("review-1-3", "2027-01-11", "2027-01-12")
    assert "review-1-4" in await matter.running()


async def test_a_matter_that_is_taken_up_again_has_a_plan_due_and_no_review(still: Still, matter: Matter) -> None:
    still.to("2026-01-30T09:00")
    reasons = mo.MonitoringReasons(reason="等待拨款。", conditions="预算批准。")
    begun = await matter.do(matter.monitorings.BeginMonitoring, mo.BeginMonitoringRequest(
        parent=matter.name, monitoring=mo.Monitoring(
            reason="waits-for-money", interval=mo.MONITORING_INTERVAL_MONTH, text=reasons)))  # fmt: skip
    await matter.falls_due("review-1-1", "2026-02-28", "2026-03-01")
    end = mo.EndMonitoringRequest(name=begun.name, end=mo.MONITORING_STATE_TAKEN_UP, reason="已批准。")
    _, info, _ = await refused(matter.do(matter.monitorings.EndMonitoring, end))
    assert info.reason == "SAME_PERSON"
    await matter.do(matter.monitorings.EndMonitoring, end, "supervisor", "another")
    assert await matter.running() == {"revise-1"}
    await matter.falls_due("revise-1", "2026-03-06", "2026-03-07")
