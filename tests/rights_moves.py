"""What people at a centre may try with a case, sensible or not: each move is one call in one role."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from pb.clock.v1 import clock_pb2
from pb.mediation.v1 import (
    caucus_pb2,
    consent_pb2,
    erasure_pb2,
    mediation_pb2,
    mediators_pb2,
    people_pb2,
    safeguards_pb2,
)
from pb.mediation.v1 import sessions_pb2 as sessions

from casework.case import Stage, Step
from casework.mediation.choosing import ChoicePhase
from casework.mediation.course import CompanionRole, MediationState
from tests import rights_agents as agents
from tests import rights_invited as invited
from tests import rights_outcome as outcome
from tests.rights_outcome import OUTCOME
from tests.rights_scene import Maker, Move, Scene
from tests.world_people import companion, consent, party
from tests.world_sessions import at, new_session

SIDES = ("applicant", "respondent", "third")


def add_party(s: Scene) -> Move:
    dice = s.dice
    made = party(
        side=dice.choices((1, 2, 3), (5, 4, 1))[0],
        phone=f"139{dice.randrange(10**8):08}",
        member=s.maybe(0.5),
        needs_support=s.maybe(0.12),
    )
    return s.move("CreateParty", people_pb2.CreatePartyRequest(parent=s.case, party=made), "clerk")


def update_party(s: Scene) -> Move:
    asked = people_pb2.Party(name=s.party(), side=1, kind=1, needs_support=s.maybe(0.4))
    request = people_pb2.UpdatePartyRequest(party=asked)
    request.update_mask.paths.append("needs_support")
    return s.move("UpdateParty", request, "clerk")


def accompany(s: Scene, role: int = 0, of: int = 0) -> Move:
    chosen = role or s.dice.choice((1, 2, 3, 3, 3, 4, 5))
    people = tuple({of} if of else {s.any("parties", "party") for _ in range(s.dice.choice((1, 2)))})
    user = s.dice.choice(s.everyone()) if s.maybe(0.5) and not role else ""
    scopes = s.dice.sample((1, 2, 3, 4), s.dice.randint(1, 4)) if chosen in (3, 4) else []
    made = companion(s.case, chosen, people, scopes=scopes, user=user)
    return s.move("CreateCompanion", people_pb2.CreateCompanionRequest(parent=s.case, companion=made), "clerk")


def say_it_myself(s: Scene) -> Move:
    number = s.any("parties", "party")
    step = s.dice.choice((1, 1, 1, 2, 3, 4, 9))
    said = consent(step, s.maybe(0.85), medium=5 if s.maybe(0.95) else 1)
    request = consent_pb2.RecordConsentRequest(parent=s.of(number), consent=said)
    return s.own("RecordConsent", request, number)


def leave_myself(s: Scene) -> Move:
    number = s.any("parties", "party")
    return s.own("WithdrawParty", consent_pb2.WithdrawPartyRequest(name=s.of(number)), number)


def replace_myself(s: Scene) -> Move:
    number = s.any("parties", "party")
    return s.own("ReplaceMediator", mediators_pb2.ReplaceMediatorRequest(name=s.of(number)), number)


def learn_age(s: Scene) -> Move:
    """Learn when a party was born: a minor, for preference one who said something already."""
    number = s.any("parties", "party")
    born = f"{s.dice.choice((1960, 2007, 2009, 2016))}-{s.dice.randint(1, 12):02}-{s.dice.randint(1, 28):02}"
    details = party(details={"birth_date": born}).details
    asked = people_pb2.Party(name=s.of(number), side=1, kind=1, details=details)
    request = people_pb2.UpdatePartyRequest(party=asked)
    request.update_mask.paths.append("details")
    return s.move("UpdateParty", request, "clerk")


def bind_at_the_counter(s: Scene) -> Move:
    request = caucus_pb2.BindPartyRequest(name=s.party(), subject=s.dice.choice(["", *s.citizens]))
    return s.move("BindParty", request, "clerk")


def ask_erasure(s: Scene) -> Move:
    request = erasure_pb2.RequestErasureRequest(
        name=s.case, ground=s.dice.choice((1, 2, 3, 3)), evidence="order-1", validate_only=s.maybe(0.3)
    )  # type: ignore[arg-type]  # fmt: skip
    return s.move("RequestErasure", request, "unit_head")


def erase(s: Scene) -> Move:
    return s.move("EraseCaseData", erasure_pb2.EraseCaseDataRequest(name=s.case), "unit_head")


def hold(s: Scene) -> Move:
    request = erasure_pb2.HoldCaseDataRequest(name=s.case, evidence="suit-1")
    return s.move("HoldCaseData", request, "unit_head")


def release(s: Scene) -> Move:
    return s.move("ReleaseCaseData", erasure_pb2.ReleaseCaseDataRequest(name=s.case, evidence="suit-1"), "unit_head")


def end_companion(s: Scene) -> Move:
    name = f"{s.case}/companions/{s.any('companions', 'companion')}"
    return s.move("EndCompanion", people_pb2.EndCompanionRequest(name=name), "clerk")


def say(s: Scene, number: int = 0, step: int = 0, given: bool | None = None) -> Move:
    number = number or s.any("parties", "party")
    step = step or s.dice.choice((1, 1, 1, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9))
    said = consent(step, s.maybe(0.85) if given is None else given, medium=s.dice.randint(1, 3))
    beside = [row for row in s.facts.rows("companions", ended_at=None) if number in row["parties"]]
    supporting = [row["companion"] for row in beside if row["role"] in (CompanionRole.GUARDIAN, CompanionRole.SUPPORT)]
    guarding = [row["companion"] for row in beside if row["role"] == CompanionRole.GUARDIAN]
    if supporting:
        said.assisted_by = f"{s.case}/companions/{(guarding or supporting)[0]}"
    if beside and s.maybe(0.1):
        said.given_by = f"{s.case}/companions/{s.dice.choice(beside)['companion']}"
    return s.move("RecordConsent", consent_pb2.RecordConsentRequest(parent=s.of(number), consent=said), "clerk")


def withdraw(s: Scene) -> Move:
    role = s.dice.choice(("clerk", "handler", "mediator", "unit_head", "grid_worker"))
    return s.move("WithdrawParty", consent_pb2.WithdrawPartyRequest(name=s.party()), role)


def propose(s: Scene) -> Move:
    return s.move("ProposeMediation", consent_pb2.ProposeMediationRequest(name=f"{s.case}/mediation"), "clerk")


def choose(s: Scene, number: int = 0, mediator: str = "") -> Move:
    name = f"mediators/{mediator or s.dice.choice(s.mediators)}"
    request = mediators_pb2.ChooseMediatorRequest(name=s.of(number) if number else s.party(), mediator=name)
    return s.move("ChooseMediator", request, "clerk")


def appoint(s: Scene) -> Move:
    request = mediators_pb2.AppointMediatorRequest(
        name=f"{s.case}/mediation", mediator=f"mediators/{s.dice.choice(s.mediators)}"
    )
    return s.move("AppointMediator", request, s.dice.choice(("duty_officer", "unit_head")))


def accept(s: Scene, sub: str = "", discloses: float = 0.1) -> Move:
    disclosure = mediators_pb2.Disclosure(kin=s.maybe(discloses), interest=s.maybe(discloses / 2), prior_role=False)
    request = mediators_pb2.AcceptMediationRequest(name=f"{s.case}/mediation", disclosure=disclosure)
    return s.move("AcceptMediation", request, "mediator", sub)


def decline(s: Scene) -> Move:
    return s.move("DeclineMediation", mediators_pb2.DeclineMediationRequest(name=f"{s.case}/mediation"), "mediator")


def replace_mediator(s: Scene) -> Move:
    return s.move("ReplaceMediator", mediators_pb2.ReplaceMediatorRequest(name=s.party()), "clerk")


def screen(s: Scene) -> Move:
    told = safeguards_pb2.Screening(
        in_private=s.maybe(0.9), concern=s.maybe(0.5), hide_address=s.maybe(0.3), wants_joint_session=s.maybe(0.2)
    )
    return s.move("ScreenParty", safeguards_pb2.ScreenPartyRequest(name=s.party(), screening=told), "mediator")


def wish(s: Scene) -> Move:
    request = sessions.AskJointSessionRequest(name=s.party(), wished=s.maybe(0.8), asked_alone=s.maybe(0.85))
    return s.move("AskJointSession", request, "mediator")


def schedule(s: Scene) -> Move:
    fields: dict[str, Any] = {"start_time": at(s.dice.choice((1, 1, 2, -1))), "end_time": at(3)}
    if s.maybe(0.25):
        fields |= {"kind": 2, "parties": [s.party()]}
    request = sessions.ScheduleSessionRequest(parent=s.case, session=new_session(**fields))
    return s.move("ScheduleSession", request, "mediator")


def session_verb(verb: str) -> Maker:
    def make(s: Scene) -> Move:
        return s.move(f"{verb}Session", getattr(sessions, f"{verb}SessionRequest")(name=s.session()), "mediator")

    return make


def attend(s: Scene) -> Move:
    came = [sessions.Attendance(role=1, party=s.of(number), presence=1) for number in s.facts.present] or [
        sessions.Attendance(role=3, presence=1)
    ]
    return s.move("RecordAttendance", sessions.RecordAttendanceRequest(name=s.session(), attendances=came), "mediator")


def write_record(s: Scene) -> Move:
    content = sessions.RecordContent(statements="各说各的")
    return s.move("WriteSessionRecord", sessions.WriteSessionRecordRequest(name=s.session(), content=content), "clerk")


def read_back(s: Scene) -> Move:
    request = sessions.ConfirmReadBackRequest(name=f"{s.session()}/record", party=s.party(), language="zh")
    return s.move("ConfirmReadBack", request, "mediator")


def sign_record(s: Scene) -> Move:
    request = sessions.SignSessionRecordRequest(name=f"{s.session()}/record", role=1, party=s.party(), manner=1)
    return s.move("SignSessionRecord", request, "mediator")


def record_myself(verb: str, **fields: Any) -> Maker:
    """A party confirms, signs or refuses the record of a session itself."""

    def make(s: Scene) -> Move:
        number = s.any("parties", "party")
        request = getattr(sessions, f"{verb}Request")(name=f"{s.session()}/record", party=s.of(number), **fields)
        return s.own(verb, request, number)

    return make


def caucus(verb: str) -> Maker:
    def make(s: Scene) -> Move:
        parent = f"{s.case}/caucuses/{s.dice.choice(SIDES)}"
        if verb == "WriteCaucusNote":
            request: Message = caucus_pb2.WriteCaucusNoteRequest(parent=parent, note=caucus_pb2.CaucusNote(text="只说"))
        elif verb == "MakeCaucusOffer":
            request = caucus_pb2.MakeCaucusOfferRequest(
                parent=parent, offer=caucus_pb2.CaucusOffer(terms="最低", amount_fen=5)
            )
        else:
            request = getattr(caucus_pb2, f"{verb}Request")(parent=parent)
        role = s.dice.choice(("mediator", "citizen"))
        return s.move(verb, request, role, s.dice.choice(s.mediators + s.citizens), reads=verb.startswith("List"))

    return make


def bind(s: Scene) -> Move:
    mediator = s.facts.mediation["mediator"] if s.facts.mediation else ""
    subject = s.dice.choice([*s.citizens, *s.citizens, *s.mediators])
    return s.move("BindParty", caucus_pb2.BindPartyRequest(name=s.party(), subject=subject), "mediator", mediator)


def list_parties(s: Scene) -> Move:
    return s.move("ListParties", people_pb2.ListPartiesRequest(parent=s.case), "clerk", reads=True)


def task(verb: str, role: str, **fields: Any) -> Maker:
    def make(s: Scene) -> Move:
        request = getattr(mediation_pb2, f"{verb}Request")(name=f"{s.case}/tasks/{s.any('tasks', 'task')}", **fields)
        return s.move(verb, request, role)

    return make


def close(s: Scene, approved: float = 0.6) -> Move:
    sub = s.dice.choice(s.staff + s.mediators)
    request = mediation_pb2.CloseCaseRequest(name=s.case, approved=s.maybe(approved), reason="not-complete")
    return s.move("CloseCase", request, "reviewer", sub)


def start_clock(s: Scene) -> Move:
    rule = s.dice.choice(("labour_inspection", "medical_administrative_mediation"))
    request = clock_pb2.StartClockRequest(service="mediation", case=s.case, rule=rule)
    return s.move("StartClock", request, "mediator")


def clock(verb: str, role: str, **fields: Any) -> Maker:
    def make(s: Scene) -> Move:
        ids = [row["id"] for row in s.facts.rows("clocks", state=1)] or [f"{s.number}.close"]
        terms = [each for each in ids if ".close" in each or "mediation" in each.split(".")[1]]
        name = s.dice.choice(terms if terms and s.maybe(0.7) else ids)
        request = getattr(clock_pb2, f"{verb}Request")(name=f"clocks/mediation/{name}", **fields)
        if verb == "ExtendClock":
            request.kind, request.amount = s.dice.choice((1, 2, 3, 3, 3, 3)), s.dice.choice((1, 1, 2, 500))
            request.reason = "more-to-say"
            claimed = list(s.facts.rows("parties")) if s.maybe(0.7) else []
            request.consents.extend(f"parties/{row['party']}" for row in claimed)
        if verb == "PauseClock":
            request.cause = s.dice.choice(("illness", "bad-weather", "appraisal"))
        return s.move(verb, request, role)

    return make


TRY: dict[Maker, int] = {
    add_party: 5, update_party: 2, accompany: 6, end_companion: 2, say: 10, withdraw: 4, propose: 3, choose: 6,
    appoint: 3, accept: 4, decline: 2, replace_mediator: 3, screen: 2, wish: 3, schedule: 5,
    session_verb("Start"): 4, session_verb("End"): 3, session_verb("Cancel"): 1, attend: 2, write_record: 2,
    read_back: 2, sign_record: 2, caucus("WriteCaucusNote"): 3, caucus("MakeCaucusOffer"): 2,
    caucus("ListCaucusNotes"): 5, caucus("ListCaucusOffers"): 3, caucus("ListCaucusReads"): 2, bind: 4,
    list_parties: 1, task("SignTask", "handler"): 2, task("ReportTask", "handler", evidence="doc-1"): 2,
    task("VerifyTask", "reviewer", sufficient=True): 2, Scene.closing: 1, close: 2, start_clock: 1,
    clock("ExtendClock", "handler"): 4, clock("PauseClock", "handler"): 1, clock("ResumeClock", "handler"): 1,
    clock("RevokeExtension", "handler"): 1, clock("StopClock", "handler", met=True): 1, say_it_myself: 5,
    record_myself("ConfirmReadBack", language="zh"): 2, record_myself("SignSessionRecord", role=1, manner=4): 2,
    record_myself("RefuseSessionRecord", reason="没有这样说"): 1, leave_myself: 2, replace_myself: 2,
    learn_age: 2, bind_at_the_counter: 2, ask_erasure: 1, erase: 1, hold: 1,
    release: 1, **OUTCOME, **invited.MOVES, **agents.MOVES,
}  # fmt: skip


def tried(s: Scene) -> Move:
    """Return whatever comes to somebody's mind."""
    (maker,) = s.dice.choices(list(TRY), list(TRY.values()))
    return maker(s)


def forward(s: Scene) -> Move:
    """Return what brings the matter on from where it is: without it nothing would ever get far."""
    facts = s.facts
    if facts.case["stage"] == Stage.CLOSE_REVIEW:
        return close(s, 0.8)
    if not {1, 2} <= facts.sides and facts.state <= MediationState.PROPOSED:
        return add_party(s)
    if facts.state == MediationState.PROPOSED:
        return _asked(s)
    if facts.state == MediationState.CONSENTED:
        return _found(s)
    if facts.state == MediationState.MEDIATING:
        return _sat(s)
    if facts.case["stage"] == Stage.CLOSED:
        return s.dice.choice((outcome.reopen, tried))(s)
    if facts.state in (MediationState.NOT_AGREED, MediationState.WITHDRAWN) and s.maybe(0.4):
        return propose(s)
    return outcome.wind_up(s)


def _asked(s: Scene) -> Move:
    silent = sorted(s.facts.silent(Step.MEDIATION))
    if not silent:
        return tried(s)
    number = s.dice.choice(silent)
    supported = any(
        number in row["parties"] and row["role"] in (1, 2) for row in s.facts.rows("companions", ended_at=None)
    )
    guarded = any(number in row["parties"] and row["role"] == 1 for row in s.facts.rows("companions", ended_at=None))
    if s.facts.present[number]["minor_until"] and not guarded:
        return accompany(s, CompanionRole.GUARDIAN, number)
    if s.facts.present[number]["needs_guardian"] and not supported:
        return accompany(s, CompanionRole.SUPPORT, number)
    return say(s, number, Step.MEDIATION, given=True)


def _found(s: Scene) -> Move:
    mediation = s.facts.mediation
    assert mediation
    phase = mediation["phase"]
    if phase == ChoicePhase.ASKED:
        asked = s.facts.rows("asks", state=1)
        return accept(s, asked[-1]["subject"], 0.03) if asked else tried(s)
    if phase == ChoicePhase.UNIT:
        return appoint(s)
    out = {row["mediator"] for row in s.facts.rows("asks")} | {
        row["subject"] for row in s.facts.rows("roles_barred", role=1)
    }
    free = [each for each in s.mediators if each not in out]
    chosen = {
        row["party"] for row in s.facts.rows("choices", round=mediation["round"]) if [row["mediator"]] == free[:1]
    }
    left = sorted(set(s.facts.present) - chosen)
    if not free or not left:
        return withdraw(s) if s.maybe(0.3) else appoint(s)
    return choose(s, left[0], free[0])


def _sat(s: Scene) -> Move:
    sitting = [row for row in s.facts.rows("sessions") if row["state"] in (1, 2)]
    if s.maybe(0.12):
        silent = sorted(s.facts.silent(Step.EXTENSION))
        return say(s, silent[0], Step.EXTENSION, given=True) if silent else clock("ExtendClock", "handler")(s)
    if s.maybe(0.55):
        return outcome.agree(s)
    if not sitting:
        return schedule(s)
    if sitting[-1]["state"] == 1:
        return session_verb("Start")(s)
    if not s.facts.rows("attendances", session=sitting[-1]["session"]):
        return attend(s)
    return s.dice.choice((attend, write_record, read_back, sign_record, session_verb("End")))(s)
