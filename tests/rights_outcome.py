"""Moves about the outcome: agreement, end, performance, closing, reopening, docking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from google.type.date_pb2 import Date
from pb.mediation.v1 import (
    agreement_pb2,
    consent_pb2,
    docking_pb2,
    evidence_pb2,
    follow_up_pb2,
    fulfilment_pb2,
    notices_pb2,
)

from casework.case import Ground, Step
from casework.clocks.calendar import LOCAL
from tests.rights_scene import Maker, Move, Scene
from tests.world_people import consent


def _day(days: int) -> Date:
    found = (datetime.now(UTC) + timedelta(days=days)).astimezone(LOCAL).date()
    return Date(year=found.year, month=found.month, day=found.day)


def _mediator(s: Scene) -> str:
    return str(s.facts.mediation["mediator"]) if s.facts.mediation and s.maybe(0.9) else ""


def _agreement(s: Scene) -> str:
    rows = s.facts.rows("agreements")
    last = rows[-1]["agreement"] if rows and s.maybe(0.9) else s.any("agreements", "agreement")
    return f"{s.case}/agreements/{last}"


def draft(s: Scene) -> Move:
    clause = agreement_pb2.Clause(
        performer=s.party(), beneficiary=s.party(), kind=1, amount_fen=300_00, content="付清", due_date=_day(5)
    )
    present = s.facts.present
    sides = {row["side"]: number for number, row in present.items()}
    if {1, 2} <= sides.keys() and s.maybe(0.9):
        clause.performer, clause.beneficiary = s.of(sides[2]), s.of(sides[1])
    made = agreement_pb2.Agreement(
        extent=s.dice.choice((1, 1, 1, 2)), form=s.dice.choice((1, 1, 1, 1, 2)), clauses=[clause],
        statement=agreement_pb2.AgreementStatement(facts="欠薪属实"),
    )  # fmt: skip
    return s.move("DraftAgreement", agreement_pb2.DraftAgreementRequest(parent=s.case, agreement=made), "mediator")


def answer(s: Scene) -> Move:
    answers = [agreement_pb2.ChecklistAnswer(question=each, yes=s.maybe(0.98)) for each in range(1, 9)]  # type: ignore[arg-type]
    request = agreement_pb2.AnswerChecklistRequest(name=_agreement(s), answers=answers)
    return s.move("AnswerChecklist", request, "mediator", _mediator(s))


def answer_third(s: Scene) -> Move:
    touched = [agreement_pb2.THIRD_INTEREST_SPOUSE] if s.maybe(0.1) else []
    request = agreement_pb2.AnswerThirdPartiesRequest(name=_agreement(s), interests=touched, settled=s.maybe(0.5))
    return s.move("AnswerThirdParties", request, "mediator", _mediator(s))


def sign(s: Scene, parties: list[int] | None = None, signer: int = 0) -> Move:
    asked = [s.of(each) for each in parties] if parties else [s.party()]
    request = agreement_pb2.SignAgreementRequest(
        name=_agreement(s), parties=asked, signer=signer or s.dice.choice((1, 1, 1, 2, 3, 4)),
        manner=5 if s.maybe(0.1) else 1,
    )  # fmt: skip
    return s.move("SignAgreement", request, "clerk")


def settles(s: Scene, party: int) -> Move:
    """Let who needs support agree to the settlement beside whoever supports them, the guardian for preference."""
    beside = [row for row in s.facts.rows("companions", ended_at=None) if party in row["parties"] and row["role"] < 3]
    said = consent(int(Step.SETTLEMENT))
    if beside:
        said.assisted_by = f"{s.case}/companions/{min(beside, key=lambda row: row['role'])['companion']}"
    return s.move("RecordConsent", consent_pb2.RecordConsentRequest(parent=s.of(party), consent=said), "clerk")


def sign_for_all(s: Scene) -> Move:
    return sign(s, sorted(s.facts.present), s.dice.choice((2, 3, 4)))


def countersign(s: Scene) -> Move:
    request = agreement_pb2.CountersignAgreementRequest(name=_agreement(s))
    return s.move("CountersignAgreement", request, "mediator", _mediator(s))


def seal(s: Scene) -> Move:
    return s.move("SealAgreement", agreement_pb2.SealAgreementRequest(name=_agreement(s)), "clerk")


def end(s: Scene) -> Move:
    ground = s.dice.choice([each for each in Ground if each is not Ground.AGREED] + [Ground.AGREED])
    request = agreement_pb2.EndMediationRequest(name=s.case, ground=int(ground))  # type: ignore[arg-type]
    return s.move("EndMediation", request, "mediator")


def serve(s: Scene, party: int = 0) -> Move:
    name = f"{s.case}/notices/{party or s.any('parties', 'party')}"
    return s.move("ServeNotice", agreement_pb2.ServeNoticeRequest(name=name, medium=1), "clerk")


def view(s: Scene, party: int = 0) -> Move:
    request = follow_up_pb2.RecordViewRequest(
        name=f"{s.case}/closing", party=s.of(party) if party else s.party(), view=1
    )
    return s.move("RecordView", request, "clerk")


def visit(s: Scene) -> Move:
    said = [agreement_pb2.PartySatisfaction(party=s.party(), satisfaction=1)]
    request = follow_up_pb2.RecordVisitRequest(
        name=f"{s.case}/visits/{s.dice.choice((7, 30, 90))}", performance=1, recurred=False, satisfaction=said
    )
    return s.move("RecordVisit", request, "clerk")


def reopen(s: Scene) -> Move:
    request = follow_up_pb2.ReopenCaseRequest(name=s.case, reason=s.dice.choice((1, 2, 3)), evidence="doc-9")
    return s.move("ReopenCase", request, "duty_officer")


def _part(s: Scene) -> str:
    return f"{_agreement(s)}/clauses/1/instalments/1"


def perform(s: Scene) -> Move:
    request = fulfilment_pb2.RecordPerformanceRequest(
        name=_part(s), amount_fen=s.dice.choice((300_00, 300_00, 100_00, 1)), evidence="slip-1"
    )
    return s.move("RecordPerformance", request, "clerk")


def hand_in(s: Scene) -> Move:
    """A party hands in a file as evidence."""
    number = s.any("parties", "party")
    content = f"%PDF-1.7\n{s.dice.randrange(10**9)}\n".encode()
    given = evidence_pb2.Evidence(type=1, title="收据", party=s.of(number))  # type: ignore[arg-type]
    return s.own(
        "CreateEvidence", evidence_pb2.CreateEvidenceRequest(parent=s.case, evidence=given, content=content), number
    )


def claim(s: Scene) -> Move:
    """Who owes something says that it was performed, with a file of its own, or of somebody else."""
    owes = [row["performer"] for row in s.facts.rows("clauses")]
    number = s.dice.choice(owes) if owes and s.maybe(0.8) else s.any("parties", "party")
    proof = f"{s.case}/evidence/{s.any('evidence', 'evidence')}"
    amount = s.dice.choice((300_00, 100_00, 1))
    return s.own(
        "ClaimPerformance",
        fulfilment_pb2.ClaimPerformanceRequest(name=_part(s), evidence=proof, amount_fen=amount), number,
    )  # fmt: skip


def answer_claim(s: Scene) -> Move:
    """Who is owed it, or anybody, answers a claim."""
    owed = [row["beneficiary"] for row in s.facts.rows("clauses")]
    number = s.dice.choice(owed) if owed and s.maybe(0.6) else s.any("parties", "party")
    said = fulfilment_pb2.AnswerClaimRequest(
        name=_part(s), claim=s.any("performance_claims", "claim"), confirmed=s.maybe(0.5)
    )
    return s.own("AnswerClaim", said, number) if s.maybe(0.7) else s.move("AnswerClaim", said, "clerk")


def ask_service(s: Scene) -> Move:
    """A party wants its copy of the agreement."""
    number = s.any("parties", "party")
    request = notices_pb2.AskForServiceRequest(name=_agreement(s), party=s.of(number), channel=s.dice.choice((4, 5)))
    if request.channel == 4:  # by letter
        request.address = "乙巷9号"
    return s.own("AskForService", request, number)


def default(s: Scene) -> Move:
    return s.move("DeclareDefault", fulfilment_pb2.DeclareDefaultRequest(name=_part(s), reason=1), "mediator")


def dock(s: Scene) -> Move:
    made = docking_pb2.Docking(kind=1, procedure=1, hand_over_letter=f"letter-{s.dice.randrange(10**6)}")
    return s.move("CreateDocking", docking_pb2.CreateDockingRequest(parent=s.case, docking=made), "clerk")


def docking(verb: str, **fields: Any) -> Maker:
    def make(s: Scene) -> Move:
        name = f"{s.case}/dockings/{s.any('dockings', 'docking')}"
        return s.move(verb, getattr(docking_pb2, f"{verb}Request")(name=name, **fields), "mediator")

    return make


OUTCOME: dict[Maker, int] = {
    draft: 4, answer: 2, answer_third: 2, sign: 6, sign_for_all: 2, countersign: 2, seal: 2, end: 2, serve: 2, view: 2,
    visit: 1, reopen: 2, perform: 2, hand_in: 2, claim: 4, answer_claim: 3, ask_service: 2, default: 1, dock: 2,
    docking("ConfirmDockingConsent"): 1,
    docking("SignDocking"): 1, docking("ExtendDocking", evidence="doc-1"): 3, docking("ReturnDocking"): 1,
    docking("SettleDocking"): 1,
}  # fmt: skip


def agree(s: Scene) -> Move:
    """Return what brings an agreement on: a draft, the answers, each signature, the mediator's, the seal."""
    last = s.facts.rows("agreements")[-1] if s.facts.rows("agreements") else None
    if last is None or last["state"] not in (1, 2):
        return draft(s)
    key = {"agreement": last["agreement"]}
    if sum(row["yes"] for row in s.facts.rows("agreement_answers", **key)) < 8:
        return answer(s)
    if not last["third_settled"]:
        return answer_third(s)
    signed = {row["party"] for row in s.facts.rows("signatures", **key)}
    if left := sorted(set(s.facts.present) - signed):
        row = s.facts.present[left[0]]
        if (row["needs_guardian"] or row["minor_until"]) and left[0] in s.facts.silent(Step.SETTLEMENT):
            return settles(s, left[0])
        return sign(s, [left[0]], 1)
    return countersign(s) if not last["countersigned_at"] else seal(s)


def wind_up(s: Scene) -> Move:
    """Return what a closing still lacks, then the request for it."""
    facts = s.facts
    if unserved := facts.rows("rights_notices", served_at=None):
        return serve(s, unserved[0]["party"])
    heard = {row["party"] for row in facts.rows("closing_views")}
    sides = {row["side"] for number, row in facts.present.items() if number in heard}
    for number, row in facts.present.items():
        if row["side"] not in sides:
            return view(s, number)
    if facts.rows("instalments", performed_on=None) and s.maybe(0.5):
        return perform(s)
    return s.closing()
