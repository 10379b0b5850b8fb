"""Special handling over gRPC: what a county sees, what a repeat gets, what is kept and what falls away at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from pb.escalation.v1 import consultations_pb2 as c
from pb.escalation.v1 import escalation_pb2
from pb.escalation.v1 import lead_pb2 as le
from pb.escalation.v1 import monitoring_pb2 as mo
from pb.escalation.v1 import plans_pb2 as p
from temporalio.client import Client
from temporalio.service import RPCError

from casework import names
from services.escalation import files
from services.escalation.matters.special import ending
from services.kit.command import Work
from services.kit.storage import paging
from services.kit.storage.database import Database
from services.kit.storage.events import EventLog
from tests.conftest import COUNTY, Clients, request_id
from tests.patience import PATIENCE
from tests.rpcs import BY_NAME, call, people
from tests.scratch import Scratch
from tests.special import BUREAU, a_measure, a_plan, listed_matter
from tests.test_idempotency import refused
from tests.world import REQUESTS
from tests.world_special import Special, special_matters

SERVICES = {"PlanService", "TaskForceService", "LeadService", "ExpertService", "ConsultationService",
            "MonitoringService"}  # fmt: skip


@pytest.fixture(scope="module")
async def database(clients: Clients) -> AsyncIterator[Database]:
    """Return the stack's own database, as escalation's role."""
    found = Database(Scratch.main(clients.stack).role("escalation"), 2)
    yield found
    await found.close()


async def do(method: Any, request: Any, caller: dict[str, Any]) -> Any:
    request.request_id = request_id()
    return await method(request, **caller)


class World:
    """What the good requests are about."""

    def __init__(self, special: Special) -> None:
        self.special = special


def altered(request: Any) -> None:
    """Give a request another meaning."""
    inner = next((getattr(request, part) for part in ("plan", "task", "note", "expert", "consultation", "monitoring")
                  if part in request.DESCRIPTOR.fields_by_name), request)  # fmt: skip
    for field, value in (("etag", "99"), ("office", "b"), ("reason", "b"), ("kind", "b"), ("user", "b"), ("field", "b"),
                         ("cost_fen", 7), ("text", "b")):  # fmt: skip
        known = inner.DESCRIPTOR.fields_by_name.get(field)
        if known is not None and known.message_type is None and isinstance(getattr(inner, field), type(value)):
            setattr(inner, field, value)
            return
    request.meeting.units.append(f"units/{COUNTY}-land")


async def test_every_command_answers_a_repeat_with_its_first_answer_and_refuses_another_body(clients: Clients) -> None:
    world, done = World(await special_matters(clients)), set()
    for rpc in BY_NAME.values():
        if rpc.method.containing_service.name not in SERVICES or not hasattr(rpc.request_type(), "request_id"):
            continue
        for role in people(rpc):
            request: Any = REQUESTS[rpc.method.name](world, rpc.server)  # type: ignore[arg-type]
            access = clients.as_(role, COUNTY)
            data, channel = request.SerializeToString(), clients.channels["escalation"]
            first = await call(channel, rpc.path, data, **access)
            if first.code is not grpc.StatusCode.OK:
                continue
            done.add(rpc.method.name)
            again = await call(channel, rpc.path, data, **access)
            assert again.messages == first.messages, rpc
            altered(request)
            other = await call(channel, rpc.path, request.SerializeToString(), **access)
            assert other.reason == "IDEMPOTENCY_KEY_REUSED", (rpc, other)
    assert len(done) >= 22, sorted(done)


@pytest.fixture(scope="module")
async def two_counties(clients: Clients, database: Database) -> list[str]:
    """Return a monitored matter of each of two counties, with an expert of each."""
    made = []
    for county in (COUNTY, "620103"):
        matter = await listed_matter(database, keeper=county, unit=f"{county}-labour")
        reasons = mo.MonitoringReasons(reason="等待判决。", conditions="判决生效。")
        monitoring = mo.Monitoring(reason="waits", interval=mo.MONITORING_INTERVAL_MONTH, text=reasons)
        begin = mo.BeginMonitoringRequest(parent=matter, monitoring=monitoring)
        await do(clients.monitorings.BeginMonitoring, begin, clients.as_("unit_head", county))
        expert = c.Expert(unit=f"units/{county}-health", fields=["medicine"], user="doctor", display_name="专家")
        await do(clients.experts.RegisterExpert, c.RegisterExpertRequest(expert=expert),
                 clients.as_("unit_head", county))  # fmt: skip
        made.append(matter)
    return made


@pytest.mark.parametrize("index", [0, 1])
async def test_a_county_sees_its_own_monitorings_and_experts_and_no_others(
    index: int, clients: Clients, two_counties: list[str]
) -> None:
    own, other = two_counties[index], two_counties[1 - index]
    access = clients.as_("auditor", (COUNTY, "620103")[index])
    monitorings, token = [], ""
    while True:
        page = await clients.monitorings.ListMonitorings(
            mo.ListMonitoringsRequest(parent="matters/-", page_size=2, page_token=token), **access
        )
        monitorings += [each.name for each in page.monitorings]
        if not (token := page.next_page_token):
            break
    assert len(monitorings) == len(set(monitorings))
    assert f"{own}/monitorings/1" in monitorings
    assert f"{other}/monitorings/1" not in monitorings
    experts = await clients.experts.ListExperts(c.ListExpertsRequest(page_size=1000), **access)
    assert {each.unit[:12] for each in experts.experts} == {f"units/{(COUNTY, '620103')[index]}"}
    code, _, _ = await refused(clients.monitorings.GetMonitoring(
        mo.GetMonitoringRequest(name=f"{other}/monitorings/1"), **access))  # fmt: skip
    assert code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_mark_of_another_list_is_no_page_token_here(clients: Clients) -> None:
    for token in (paging.token("experts", "2026-01-01T00:00:00+00:00", "a"), paging.token("monitorings", "x", "a", 1)):
        request = mo.ListMonitoringsRequest(parent="matters/-", page_token=token)
        _, info, fields = await refused(clients.monitorings.ListMonitorings(request, **clients.as_("auditor")))
        assert (info.reason, fields) == ("INVALID_PAGE_TOKEN", ["page_token"])


async def test_a_plan_that_is_sent_back_keeps_its_editions_and_goes_round_anew(
    clients: Clients, database: Database
) -> None:
    matter = await listed_matter(database)
    plan, drafter = f"{matter}/plans/1", clients.as_("handler", sub="drafter")
    head, lawyer = clients.as_("unit_head", sub="head"), clients.as_("unit_head", sub="lawyer")
    legal: dict[str, Any] = {"name": plan, "unit": f"units/{COUNTY}", "role": 2, "agrees": True}
    draft = p.DraftPlanRequest(parent=matter, plan=a_plan(a_measure(), a_measure()))
    await do(clients.plans.DraftPlan, draft, drafter)
    await do(clients.plans.SubmitPlan, p.SubmitPlanRequest(name=plan), drafter)
    await do(clients.plans.CountersignPlan, p.CountersignPlanRequest(**legal), lawyer)
    back = await do(clients.plans.ApprovePlan, p.ApprovePlanRequest(name=plan, approved=False, reason="请补充。"), head)
    assert (back.state, back.approver) == (p.PLAN_STATE_DRAFTED, "")
    edit = p.EditPlanRequest(name=plan, plan=a_plan(a_measure(), facts="补充了事实。"))
    edited = await do(clients.plans.EditPlan, edit, clients.as_("handler", sub="editor"))
    assert len(edited.measures) == 1
    sent = await do(clients.plans.SubmitPlan, p.SubmitPlanRequest(name=plan), drafter)
    assert [each.signed for each in sent.countersignatures] == [False]
    await do(clients.plans.CountersignPlan, p.CountersignPlanRequest(**legal), lawyer)
    approve = p.ApprovePlanRequest(name=plan, approved=True, reason="可行。")
    _, info, _ = await refused(do(clients.plans.ApprovePlan, approve, clients.as_("unit_head", sub="editor")))
    assert info.reason == "SAME_PERSON"
    await do(clients.plans.ApprovePlan, approve, head)
    async with database.begin() as connection:
        query = "SELECT edition, count(*) FROM plan_measures WHERE number = $1 GROUP BY 1 ORDER BY 1"
        kept = await connection.raw.fetch(query, names.number_of(matter))
    assert [tuple(row) for row in kept] == [(1, 2), (2, 1)]


async def test_an_adviser_of_a_foreign_county_does_not_countersign(clients: Clients, database: Database) -> None:
    matter = await listed_matter(database)
    drafter = clients.as_("handler", sub="drafter")
    await do(clients.plans.DraftPlan, p.DraftPlanRequest(parent=matter, plan=a_plan()), drafter)
    await do(clients.plans.SubmitPlan, p.SubmitPlanRequest(name=f"{matter}/plans/1"), drafter)
    for unit, field in (("620103", "unit"), ("620103-justice", "unit")):
        signs = p.CountersignPlanRequest(name=f"{matter}/plans/1", unit=f"units/{unit}", role=2, agrees=True)
        _, info, fields = await refused(do(clients.plans.CountersignPlan, signs, clients.as_("unit_head", unit)))
        assert (info.reason, fields) == ("INVALID_FIELD", [field])
    signs = p.CountersignPlanRequest(name=f"{matter}/plans/1", unit="units/6201-justice", role=2, agrees=True)
    by = clients.plans.CountersignPlan
    assert (await refused(do(by, signs, clients.as_("unit_head", "6201"))))[1].reason == "PERMISSION_DENIED"
    await do(by, signs, clients.as_("unit_head", "6201-justice"))


async def test_what_is_open_is_told_to_the_ledger_and_at_the_end_no_clock_of_a_lead_runs_on(
    clients: Clients, database: Database
) -> None:
    world = await special_matters(clients)
    number = names.number_of(world.worked)
    async with database.begin() as connection:
        found = await ending.open_items(connection, number)
    assert found == [f"{world.worked}/{each}" for each in ("taskForce/tasks/1", "consultations/1", "monitorings/1")]
    async with database.begin() as connection:
        await files.lock(connection, number)
        work = Work(connection, datetime.now(UTC), _NoCall(), EventLog("escalation", "files"), None)  # type: ignore[arg-type]
        await ending.struck_off(work, number)
        left = await connection.raw.fetch("SELECT id FROM clocks WHERE number = $1 AND state = 1", number)
    keys = {row["id"].partition(".")[2] for row in left}
    assert not [key for key in keys if key.startswith(("first_look", "contact", "note", "hand_over", "minutes"))]
    assert {"force_task-1", "consultation-1.limit", "review-1-1"} <= keys
    shown = await clients.leads.GetLead(le.GetLeadRequest(name=f"{world.worked}/lead"), **clients.as_("auditor"))
    assert (shown.official, shown.HasField("end_time"), list(shown.due)) == ("", True, [])


async def test_settling_what_was_escalated_about_a_matter_ends_no_clock_of_its_own(
    clients: Clients, database: Database
) -> None:
    matter = await listed_matter(database)
    assign = le.AssignLeadRequest(name=f"{matter}/lead", unit=f"units/{COUNTY}", official="vice", office="vice-head")
    await do(clients.leads.AssignLead, assign, clients.as_("unit_head"))
    raised = escalation_pb2.Escalation(mode=1, from_unit=f"units/{COUNTY}", reason="stuck")
    raising = escalation_pb2.CreateEscalationRequest(parent=matter, escalation=raised)
    await do(clients.escalation.CreateEscalation, raising, clients.as_("handler"))
    settle = escalation_pb2.SettleEscalationsRequest(parent=matter)
    await do(clients.escalation.SettleEscalations, settle, clients.as_("operator", "cn"))
    shown = await clients.leads.GetLead(le.GetLeadRequest(name=f"{matter}/lead"), **clients.as_("auditor"))
    assert [each.clock.rpartition(".")[2] for each in shown.due] == ["first_look-1", "contact-1", "note-1"]


async def test_the_workflow_of_a_matter_sleeps_until_the_first_deadline_of_its_lead(
    clients: Clients, database: Database
) -> None:
    matter = await listed_matter(database)
    assign = le.AssignLeadRequest(name=f"{matter}/lead", unit=f"units/{COUNTY}", official="vice", office="vice-head")
    await do(clients.leads.AssignLead, assign, clients.as_("unit_head"))
    async with database.begin() as connection:
        query = "SELECT min(next_at) FROM clocks WHERE number = $1 AND state = 1"
        first = await connection.raw.fetchval(query, names.number_of(matter))
    handle = (await Client.connect(f"127.0.0.1:{clients.stack.ports['temporal']}")).get_workflow_handle(matter)
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                standing = await handle.query("standing")
            except RPCError:  # the relay has not started it yet
                standing = {}
            if standing == {"escalation": first.isoformat()}:
                return
            await asyncio.sleep(0.1)


async def test_nothing_new_is_begun_about_a_matter_that_was_struck_off(clients: Clients, database: Database) -> None:
    matter = await listed_matter(database)
    async with database.begin() as connection:
        query = "UPDATE matters SET struck_off_at = now() WHERE number = $1"
        await connection.raw.execute(query, names.number_of(matter))
    draft = p.DraftPlanRequest(parent=matter, plan=a_plan())
    code, info, _ = await refused(do(clients.plans.DraftPlan, draft, clients.as_("handler")))
    assert (code, info.reason, info.metadata["state"]) == (
        grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE", "STRUCK_OFF")  # fmt: skip


async def test_the_unit_that_answers_for_a_matter_neither_approves_its_plan_nor_ends_its_monitoring(
    clients: Clients, two_counties: list[str]
) -> None:
    monitoring = f"{two_counties[0]}/monitorings/1"
    end = mo.EndMonitoringRequest(name=monitoring, end=mo.MONITORING_STATE_TAKEN_UP, reason="可以。")
    code, _, _ = await refused(do(clients.monitorings.EndMonitoring, end, clients.as_("unit_head", BUREAU)))
    assert code is grpc.StatusCode.PERMISSION_DENIED
    shown = await clients.monitorings.GetMonitoring(
        mo.GetMonitoringRequest(name=monitoring), **clients.as_("unit_head", BUREAU)
    )
    assert shown.state == mo.MONITORING_STATE_ACTIVE


class _NoCall:
    """A call of nobody: the ledger's command has asked for the right before."""

    caller = SimpleNamespace(subject="ledger")
