"""For each RPC of special handling a good request, and the matters they are about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from pb.escalation.v1 import consultations_pb2 as c
from pb.escalation.v1 import lead_pb2 as le
from pb.escalation.v1 import monitoring_pb2 as mo
from pb.escalation.v1 import plans_pb2 as p
from pb.escalation.v1 import task_force_pb2 as t

from services.kit.storage.database import Database
from tests.conftest import COUNTY, Clients, request_id
from tests.scratch import Scratch
from tests.special import a_measure, a_plan, later, listed_matter

Maker = Callable[[Any, str], Message]
UNIT = f"units/{COUNTY}"
EXPERT = f"demo-mediator-{COUNTY}"
"""The account of the expert who is drawn."""
LEAD = f"demo-supervisor-{COUNTY}"


@dataclass(frozen=True)
class Special:
    """Matters, each as far as the RPCs about it need it, by what is to be done next."""

    bare: str
    drafted: str
    round: str
    countersigned: str
    executed: str
    worked: str
    """Led, with a task force and a consultation that is accepted; the lead is offered to the unit's head."""
    ready: str
    """Where everything else can be begun: a task force was ordered, an opinion is signed, it is monitored."""
    expert: str


class _Making:
    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def do(self, method: Any, request: Any, role: str = "unit_head", sub: str = "maker") -> Any:
        request.request_id = request_id()
        return await method(request, **self._clients.as_(role, COUNTY, sub))


async def special_matters(clients: Clients) -> Special:
    """Return matters of the county whose RPCs all find something."""
    database = Database(Scratch.main(clients.stack).role("escalation"), 1)
    try:
        made = [await listed_matter(database) for _ in range(7)]
    finally:
        await database.close()
    bare, drafted, sent, countersigned, executed, worked, ready = made
    making = _Making(clients)
    for matter in (drafted, sent, countersigned, executed):
        await _planned(clients, making, matter, matter != drafted, matter in (countersigned, executed))
    await making.do(clients.plans.ApprovePlan, p.ApprovePlanRequest(name=f"{executed}/plans/1", approved=True,
                    reason="可行。"), sub="approver")  # fmt: skip
    report = p.ReportPlanMeasureRequest(name=f"{executed}/plans/1/measures/1", evidence="doc-1")
    await making.do(clients.plans.ReportPlanMeasure, report, "handler")
    expert = c.Expert(unit=UNIT, fields=["law"], user=EXPERT, display_name="专家甲")
    entered = await making.do(clients.experts.RegisterExpert, c.RegisterExpertRequest(expert=expert))
    await _worked(clients, making, worked)
    await _ready(clients, making, ready)
    return Special(bare, drafted, sent, countersigned, executed, worked, ready, entered.name)


async def _planned(clients: Clients, making: _Making, matter: str, sent: bool, signed: bool) -> None:
    """Draft a plan, send it round, let it be countersigned."""
    plans, name = clients.plans, f"{matter}/plans/1"
    await making.do(plans.DraftPlan, p.DraftPlanRequest(parent=matter, plan=a_plan(a_measure(COUNTY))), "handler")
    if sent:
        await making.do(plans.SubmitPlan, p.SubmitPlanRequest(name=name), "handler")
    if signed:
        for role in (p.COUNTERSIGN_ROLE_CO_UNIT, p.COUNTERSIGN_ROLE_LEGAL_ADVISER):
            request = p.CountersignPlanRequest(name=name, unit=UNIT, role=role, agrees=True)
            await making.do(plans.CountersignPlan, request, sub="signer")


async def _worked(clients: Clients, making: _Making, matter: str) -> None:
    forces, leads, asks = clients.forces, clients.leads, clients.consultations
    force = f"{matter}/taskForce"
    await making.do(forces.OrderTaskForce, t.OrderTaskForceRequest(name=force, reason="several-units"))
    await making.do(forces.SetUpTaskForce, _set_up(force))
    await making.do(forces.AssignForceTask, t.AssignForceTaskRequest(parent=force, task=_task()))
    held = t.HoldForceMeetingRequest(parent=force, meeting=t.ForceMeeting(units=[UNIT]))
    await making.do(forces.HoldForceMeeting, held)
    await making.do(leads.AssignLead, _assign(matter, LEAD))
    note = le.LeadNote(kind=le.LEAD_NOTE_KIND_FIRST_LOOK, text="看过现场。")
    await making.do(leads.RecordLeadNote, le.RecordLeadNoteRequest(parent=f"{matter}/lead", note=note), "supervisor",
                    LEAD)  # fmt: skip
    offer = le.HandOverLeadRequest(name=f"{matter}/lead", unit=UNIT, official=f"demo-unit_head-{COUNTY}",
                                   office="head", reason="transfer-of-office", text="还有一项措施。")  # fmt: skip
    await making.do(leads.HandOverLead, offer)
    begin = mo.BeginMonitoringRequest(parent=matter, monitoring=_monitoring())
    await making.do(clients.monitorings.BeginMonitoring, begin)
    drawn = await _drawn(clients, making, matter)
    await making.do(asks.AcceptConsultation, c.AcceptConsultationRequest(name=drawn), "mediator", EXPERT)


async def _ready(clients: Clients, making: _Making, matter: str) -> None:
    await making.do(clients.forces.OrderTaskForce, t.OrderTaskForceRequest(name=f"{matter}/taskForce", reason="stuck"))
    await making.do(clients.leads.AssignLead, _assign(matter, LEAD))
    drawn = await _drawn(clients, making, matter)
    asks = clients.consultations
    await making.do(asks.AcceptConsultation, c.AcceptConsultationRequest(name=drawn), "mediator", EXPERT)
    await making.do(asks.SignOpinion, c.SignOpinionRequest(name=drawn, text="建议修复。"), "mediator", EXPERT)


async def _drawn(clients: Clients, making: _Making, matter: str) -> str:
    """Ask for an expert of a field that only one has, and draw."""
    field = f"law-{''.join(each for each in request_id()[5:25] if each.isalpha())}x"
    expert = c.Expert(unit=f"units/{COUNTY}-justice", fields=[field], user=EXPERT, display_name="专家乙")
    await making.do(clients.experts.RegisterExpert, c.RegisterExpertRequest(expert=expert))
    asked = await making.do(clients.consultations.AskConsultation, c.AskConsultationRequest(
        parent=matter, consultation=_consultation(field)))  # fmt: skip
    drawn = await making.do(clients.consultations.DrawExpert, c.DrawExpertRequest(name=asked.name))
    assert drawn.state == c.CONSULTATION_STATE_DRAWN
    return str(asked.name)


def _office(office: str) -> t.ForceOffice:
    return t.ForceOffice(unit=UNIT, official=f"{office}-of-the-county", office=office)


def _set_up(name: str) -> t.SetUpTaskForceRequest:
    return t.SetUpTaskForceRequest(name=name, leader=_office("head"), secretary=_office("clerk"), units=[UNIT])


def _task() -> t.ForceTask:
    return t.ForceTask(unit=UNIT, due_date=later(), kind="inspect", content="查看墙体。")


def _assign(matter: str, official: str) -> le.AssignLeadRequest:
    return le.AssignLeadRequest(name=f"{matter}/lead", unit=UNIT, official=official, office="deputy-head")


def _monitoring() -> mo.Monitoring:
    reasons = mo.MonitoringReasons(reason="等待判决。", conditions="判决生效。")
    return mo.Monitoring(reason="waits-for-court", interval=mo.MONITORING_INTERVAL_QUARTER, text=reasons)


def _consultation(field: str = "law") -> c.Consultation:
    told = c.ConsultationText(questions=["裂缝是否由施工造成？"], file="某小区三户墙体裂缝，隔壁施工。")
    return c.Consultation(unit=UNIT, field=field, text=told)


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC; `filled` makes one from its type and fields of the world."""

    def at(matter: str, below: str = "") -> Callable[[Any], str]:
        return lambda world: f"{getattr(world.special, matter)}{below}"

    def said(value: Any) -> Callable[[Any], Any]:
        return lambda world: value

    plan, lead, force, doc = "/plans/1", "/lead", "/taskForce", said("doc-1")
    asked, county = "/consultations/1", said(UNIT)
    return {
        "DraftPlan": filled(p.DraftPlanRequest, parent=at("bare"), plan=lambda w: a_plan()),
        "EditPlan": filled(p.EditPlanRequest, name=at("drafted", plan), plan=lambda w: a_plan()),
        "SubmitPlan": filled(p.SubmitPlanRequest, name=at("drafted", plan)),
        "CountersignPlan": filled(p.CountersignPlanRequest, name=at("round", plan), unit=county, role=said(1),
                                  agrees=said(True), opinion=said("同意。")),
        "ApprovePlan": filled(p.ApprovePlanRequest, name=at("countersigned", plan), approved=said(True),
                              reason=said("可行。")),
        "ReportPlanMeasure": filled(p.ReportPlanMeasureRequest, name=at("countersigned", f"{plan}/measures/1"),
                                    evidence=doc),
        "AssessPlan": filled(p.AssessPlanRequest, name=at("executed", plan), assessment=said(2), reason=said("部分。")),
        "GetMatterPlan": filled(p.GetMatterPlanRequest, name=at("executed", plan)),
        "ListMatterPlans": filled(p.ListMatterPlansRequest, parent=at("executed")),
        "GetMatterPlanText": filled(p.GetMatterPlanTextRequest, name=at("executed", f"{plan}/text")),
        "DiffPlans": filled(p.DiffPlansRequest, parent=at("executed"), base=said(1), other=said(1)),
        "OrderTaskForce": filled(t.OrderTaskForceRequest, name=at("bare", force), reason=said("stuck")),
        "SetUpTaskForce": filled(t.SetUpTaskForceRequest, name=at("ready", force), leader=lambda w: _office("head"),
                                 secretary=lambda w: _office("clerk"), units=said([UNIT])),
        "ChangeTaskForce": filled(t.ChangeTaskForceRequest, name=at("worked", force), add_units=said([UNIT])),
        "DissolveTaskForce": filled(t.DissolveTaskForceRequest, name=at("worked", force), reason=said("settled")),
        "GetTaskForce": filled(t.GetTaskForceRequest, name=at("worked", force)),
        "AssignForceTask": filled(t.AssignForceTaskRequest, parent=at("worked", force), task=lambda w: _task()),
        "ReportForceTask": filled(t.ReportForceTaskRequest, name=at("worked", f"{force}/tasks/1"), evidence=doc),
        "VerifyForceTask": filled(t.VerifyForceTaskRequest, name=at("worked", f"{force}/tasks/1"),
                                  sufficient=said(True)),
        "ListForceTasks": filled(t.ListForceTasksRequest, parent=at("worked", force)),
        "GetForceTaskText": filled(t.GetForceTaskTextRequest, name=at("worked", f"{force}/tasks/1/text")),
        "HoldForceMeeting": filled(t.HoldForceMeetingRequest, parent=at("worked", force),
                                   meeting=lambda w: t.ForceMeeting(units=[UNIT])),
        "RecordForceMinutes": filled(t.RecordForceMinutesRequest, name=at("worked", f"{force}/meetings/1"),
                                     minutes=said("会议决定。"), decisions=lambda w: [_task()]),
        "ListForceMeetings": filled(t.ListForceMeetingsRequest, parent=at("worked", force)),
        "GetForceMinutes": filled(t.GetForceMinutesRequest, name=at("worked", f"{force}/meetings/1/minutes")),
        "AssignLead": filled(le.AssignLeadRequest, name=at("bare", lead), unit=county, official=said(LEAD),
                             office=said("head")),
        "GetLead": filled(le.GetLeadRequest, name=at("worked", lead)),
        "RecordLeadNote": filled(le.RecordLeadNoteRequest, parent=at("worked", lead),
                                 note=lambda w: le.LeadNote(kind=2, form=2, text="走访。")),
        "ListLeadNotes": filled(le.ListLeadNotesRequest, parent=at("worked", lead)),
        "GetLeadNoteText": filled(le.GetLeadNoteTextRequest, name=at("worked", f"{lead}/notes/1/text")),
        "HandOverLead": filled(le.HandOverLeadRequest, name=at("ready", lead), unit=county, official=said("successor"),
                               office=said("head"), reason=said("retirement"), text=said("交接。")),
        "AnswerLeadHandOver": filled(le.AnswerLeadHandOverRequest, name=at("worked", lead), accepted=said(True)),
        "ListLeadHandOvers": filled(le.ListLeadHandOversRequest, parent=at("worked", lead)),
        "GetLeadHandOverText": filled(le.GetLeadHandOverTextRequest, name=at("worked", f"{lead}/handOvers/1/text")),
        "RegisterExpert": filled(c.RegisterExpertRequest, expert=lambda w: c.Expert(
            unit=UNIT, fields=["building"], user="an-expert", display_name="专家丙")),
        "ChangeExpert": filled(c.ChangeExpertRequest, name=at("expert"), active=said(True)),
        "GetExpert": filled(c.GetExpertRequest, name=at("expert")),
        "ListExperts": filled(c.ListExpertsRequest, unit=county),
        "GetExpertIdentity": filled(c.GetExpertIdentityRequest, name=at("expert", "/identity")),
        "AskConsultation": filled(c.AskConsultationRequest, parent=at("bare"), consultation=lambda w: _consultation()),
        "DrawExpert": filled(c.DrawExpertRequest, name=at("worked", asked)),
        "AcceptConsultation": filled(c.AcceptConsultationRequest, name=at("worked", asked)),
        "RecuseConsultation": filled(c.RecuseConsultationRequest, name=at("ready", asked), reason=said(6)),
        "SignOpinion": filled(c.SignOpinionRequest, name=at("worked", asked), text=said("建议修复。")),
        "RecordOpinionAdoption": filled(c.RecordOpinionAdoptionRequest, name=at("ready", asked), adoption=said(3),
                                        reason=said("费用过高。")),
        "EndConsultation": filled(c.EndConsultationRequest, name=at("ready", asked), reason=said("no-longer-needed")),
        "GetConsultation": filled(c.GetConsultationRequest, name=at("worked", asked)),
        "ListConsultations": filled(c.ListConsultationsRequest, parent=at("worked")),
        "GetExpertDraw": filled(c.GetExpertDrawRequest, name=at("worked", f"{asked}/draw")),
        "GetConsultationText": filled(c.GetConsultationTextRequest, name=at("worked", f"{asked}/text")),
        "GetExpertOpinion": filled(c.GetExpertOpinionRequest, name=at("ready", f"{asked}/opinion")),
        "BeginMonitoring": filled(mo.BeginMonitoringRequest, parent=at("bare"), monitoring=lambda w: _monitoring()),
        "ReviewMonitoring": filled(mo.ReviewMonitoringRequest, name=at("worked", "/monitorings/1"), finding=said(1),
                                   text=said("无变化。")),
        "EndMonitoring": filled(mo.EndMonitoringRequest, name=at("worked", "/monitorings/1"), end=said(2),
                                reason=said("判决已生效。")),
        "GetMonitoring": filled(mo.GetMonitoringRequest, name=at("worked", "/monitorings/1")),
        "ListMonitorings": filled(mo.ListMonitoringsRequest, parent=at("worked"), unit=county),
        "GetMonitoringText": filled(mo.GetMonitoringTextRequest, name=at("worked", "/monitorings/1/text")),
    }  # fmt: skip
