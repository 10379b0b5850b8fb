"""Agents and representatives in the property test of rights: what they try by a code of their own, within powers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pb.mediation.v1 import agreement_pb2, caucus_pb2, consent_pb2, evidence_pb2, invitations_pb2, people_pb2
from pb.privacy.v1 import case_file_pb2

from casework.case import Step
from casework.clocks.calendar import LOCAL
from casework.mediation.course import Scope
from tests.conftest import request_id
from tests.rights_facts import Facts
from tests.rights_scene import Code, Maker, Move, Scene
from tests.world_people import companion, consent
from tests.world_sessions import PDF, new_evidence

if TYPE_CHECKING:
    from tests.rights_invariants import Happened

SIGN_IN = "SignInByInvitation"
NEEDS: dict[str, Scope | None] = {
    "RecordConsent": Scope.PROCEDURE, "CreateEvidence": Scope.SPEAK, "ExportNotices": Scope.RECEIVE,
    "GetInvitation": None, "EndCompanion": None,
}  # fmt: skip
"""Of what is tried, what an agent may do, and by which power; None by any."""


def acts_for(facts: Facts, subject: str, party: int, needed: Scope | None) -> bool:
    """Return whether somebody is an agent of a party now, with a power."""
    today = datetime.now(UTC).astimezone(LOCAL).date().isoformat()
    return any(
        party in row["parties"] and row["scopes"] and (needed is None or int(needed) in row["scopes"])
        for row in facts.rows("companions", ended_at=None)
        if row["role"] in (3, 4)
        and subject
        and subject in (row["subject"], f"cases/{row['number']}/companions/{row['companion']}")
        and (row["last_day"] is None or row["last_day"] >= today)
    )


def invite(s: Scene) -> Move:
    agents = [row["companion"] for row in s.facts.rows("companions") if row["role"] in (3, 4)]
    if not agents and s.maybe(0.8):
        made = companion(s.case, s.dice.choice((3, 4)), (s.any("parties", "party"),), scopes=(1, 2, 3, 4))
        return s.move("CreateCompanion", people_pb2.CreateCompanionRequest(parent=s.case, companion=made), "clerk")
    chosen = s.dice.choice(agents) if agents and s.maybe(0.85) else s.any("companions", "companion")
    request = invitations_pb2.InviteAgentRequest(name=f"{s.case}/companions/{chosen}")
    return s.move("InviteAgent", request, s.dice.choice(("clerk", "handler", "mediator")))


def sign_in(s: Scene) -> Move:
    if not s.agents:
        return invite(s)
    number = s.dice.choice(sorted(s.agents))
    known = s.agents[number][-1] if s.maybe(0.8) else s.dice.choice(s.agents[number])
    words = known.words if s.maybe(0.9) else "苹果 云彩"
    request = invitations_pb2.SignInByInvitationRequest(code=known.code, second_factor=words)
    right = known == s.agents[number][-1] and words == known.words
    return Move(SIGN_IN, request, "clerk", s.dice.choice(s.staff), s.unit, right=right, about=number, agent=True)


def by_code(s: Scene) -> Move:
    """Do something as an agent: mostly for a principal, now and then for somebody else or what no agent may."""
    if not s.acting:
        return sign_in(s)
    own = s.dice.choice(sorted(s.acting))
    (row,) = s.facts.rows("companions", companion=own)
    number = s.dice.choice(row["parties"]) if s.maybe(0.75) else s.any("parties", "party")
    party = s.of(number)
    said = consent(s.dice.choice((1, 3, 3, 4, 9, 9)), s.maybe(0.8), medium=5)
    evidence = evidence_pb2.CreateEvidenceRequest(
        parent=s.case, evidence=new_evidence(s.case, party=party), content=PDF + request_id().encode()
    )
    agreements = s.facts.rows("agreements")
    draft = f"{s.case}/agreements/{agreements[-1]['agreement'] if agreements else 1}"
    tried = (
        (5, consent_pb2.RecordConsentRequest(parent=party, consent=said)),
        (4, evidence),
        (2, consent_pb2.WithdrawPartyRequest(name=party)),
        (2, agreement_pb2.SignAgreementRequest(name=draft, parties=[party], signer=3, manner=5)),
        (2, case_file_pb2.ExportNoticesRequest(name=f"{party}/notices")),
        (2, case_file_pb2.ExportCaseFileRequest(name=f"{party}/file")),
        (2, invitations_pb2.GetInvitationRequest(name=f"{party}/invitation")),
        (1, people_pb2.ListAccessLogRequest(parent=s.case)),
        (2, caucus_pb2.ListCaucusNotesRequest(parent=f"{s.case}/caucuses/applicant")),
        (1, people_pb2.EndCompanionRequest(name=f"{s.case}/companions/{s.any('companions', 'companion')}")),
        (1, invitations_pb2.InviteAgentRequest(name=f"{s.case}/companions/{own}")),
    )
    (request,) = s.dice.choices([each for _, each in tried], [weight for weight, _ in tried])
    rpc, fields = type(request).__name__.removesuffix("Request"), request.DESCRIPTOR.fields_by_name
    if "request_id" in fields:
        request.request_id = request_id()  # type: ignore[attr-defined]
    name = f"{s.case}/companions/{own}"
    reads = "request_id" not in fields
    return Move(rpc, request, "agent", name, s.unit, proper=False, reads=reads, token=s.acting[own], about=number)


MOVES: dict[Maker, int] = {invite: 4, sign_in: 5, by_code: 14}


def learn(s: Scene, move: Move, answer: bytes) -> None:
    """Keep the code or the token that a call answered."""
    if move.rpc == "InviteAgent":
        made = invitations_pb2.AgentInvitation.FromString(answer)
        s.agents.setdefault(int(made.name.split("/")[3]), []).append(Code(made.code, made.words.split(" / ")[0]))
    elif move.rpc == SIGN_IN and move.agent:
        session = invitations_pb2.InvitationSession.FromString(answer)
        s.acting[int(session.companion.rpartition("/")[2])] = session.access_token


def an_agent_does_what_its_powers_allow_for_its_principals_alone(it: Happened) -> None:
    if not it.done or it.move.role != "agent":
        return
    assert it.move.rpc in NEEDS, it.move
    if it.move.rpc == "EndCompanion":
        assert it.move.request.name == it.move.sub, it.move
    else:
        assert acts_for(it.before, it.move.sub, it.move.about, NEEDS[it.move.rpc]), it.move


def what_an_agent_says_is_recorded_as_given_by_it(it: Happened) -> None:
    if it.done and it.move.role == "agent" and it.move.rpc == "RecordConsent":
        (row,) = it.fresh("consents") or it.after.rows("consents")[-1:]
        assert f"{row['given_by']}" == it.move.sub.rpartition("/")[2], row
        assert row["step"] in (int(Step.SESSION), int(Step.EXTENSION)), "also a no is the principal's own"


def only_the_code_of_an_agent_in_force_signs_in(it: Happened) -> None:
    if it.move.rpc == SIGN_IN and it.move.agent and it.done:
        (row,) = it.before.rows("companions", companion=it.move.about)
        assert it.move.right, it.move
        assert row["ended_at"] is None, row


INVARIANTS = [
    an_agent_does_what_its_powers_allow_for_its_principals_alone,
    what_an_agent_says_is_recorded_as_given_by_it,
    only_the_code_of_an_agent_in_force_signs_in,
]
