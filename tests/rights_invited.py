"""Invited parties in the property test of rights: what they try, and what must not result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pb.mediation.v1 import (
    agreement_pb2,
    caucus_pb2,
    consent_pb2,
    evidence_pb2,
    invitations_pb2,
    mediators_pb2,
    people_pb2,
)
from pb.privacy.v1 import case_file_pb2

from casework.case import Stage
from tests.conftest import request_id
from tests.rights_facts import columns_changed
from tests.rights_scene import Code, Maker, Move, Scene
from tests.world_people import consent
from tests.world_sessions import PDF, new_evidence

if TYPE_CHECKING:
    from tests.rights_invariants import Happened

SIGN_IN = "SignInByInvitation"
MAY = frozenset({
    "RecordConsent", "WithdrawParty", "ReplaceMediator", "ChooseMediator", "SignAgreement", "CreateEvidence",
    "ExportCaseFile", "ExportNotices", "GetInvitation", "ListAccessLog", "ListCaucusNotes",
})  # fmt: skip
"""Of what is tried by an invitation, what it is good for."""
SIDES = ("applicant", "respondent", "third")


def invite(s: Scene) -> Move:
    party = s.of(s.dice.choice(sorted(s.codes))) if s.codes and s.maybe(0.6) else s.party()
    request = invitations_pb2.InvitePartyRequest(name=party, claim="付清工资。")
    guards = [row["companion"] for row in s.facts.rows("companions", role=1, ended_at=None)]
    if guards and s.maybe(0.7):
        request.companion = f"{s.case}/companions/{s.dice.choice(guards)}"
    return s.move("InviteParty", request, s.dice.choice(("clerk", "handler", "mediator")))


def sign_in(s: Scene) -> Move:
    """Say the code and the words of an invitation; now and then an old one, or the words of another."""
    if not s.codes:
        return invite(s)
    several = [number for number, codes in s.codes.items() if len(codes) > 1]
    number = s.dice.choice(sorted(several if several and s.maybe(0.5) else s.codes))
    known = s.codes[number][-1] if s.maybe(0.5) else s.dice.choice(s.codes[number])
    every = [each.words for codes in s.codes.values() for each in codes]
    words = known.words if s.maybe(0.85) else s.dice.choice(["苹果 云彩", *every])
    request = invitations_pb2.SignInByInvitationRequest(code=known.code, second_factor=words)
    newest = s.codes[number][-1]
    right = known == newest and words == newest.words
    return Move(SIGN_IN, request, "clerk", s.dice.choice(s.staff), s.unit, right=right, about=number)


def by_code(s: Scene) -> Move:
    """Do something by an invitation: for oneself mostly, now and then for another party or what nobody may by one."""
    if not s.tokens:
        return sign_in(s)
    own = s.dice.choice(sorted(s.tokens))
    number = own if s.maybe(0.75) else s.any("parties", "party")
    party, side = s.of(number), SIDES[s.dice.choice((0, 0, 1, 1, 2))]
    said = consent(s.dice.choice((1, 1, 2, 3, 4, 9)), s.maybe(0.8), medium=5 if s.maybe(0.95) else 1)
    mediator = f"mediators/{s.dice.choice(s.mediators)}"
    evidence = evidence_pb2.CreateEvidenceRequest(
        parent=s.case, evidence=new_evidence(s.case, party=party), content=PDF + request_id().encode()
    )
    agreements = s.facts.rows("agreements")
    draft = f"{s.case}/agreements/{agreements[-1]['agreement'] if agreements else 1}"
    changed = people_pb2.UpdatePartyRequest(party=people_pb2.Party(name=party, side=1, kind=1, needs_support=False))
    changed.update_mask.paths.append("needs_support")
    tried = (
        (4, consent_pb2.RecordConsentRequest(parent=party, consent=said)),
        (2, consent_pb2.WithdrawPartyRequest(name=party)),
        (1, mediators_pb2.ReplaceMediatorRequest(name=party)),
        (2, mediators_pb2.ChooseMediatorRequest(name=party, mediator=mediator)),
        (3, agreement_pb2.SignAgreementRequest(name=draft, parties=[party], signer=1, manner=5)),
        (4, evidence),
        (16 if s.facts.rows("evidence") else 1, case_file_pb2.ExportCaseFileRequest(name=f"{party}/file")),
        (2, case_file_pb2.ExportNoticesRequest(name=f"{party}/notices")),
        (1, invitations_pb2.GetInvitationRequest(name=f"{party}/invitation")),
        (1, people_pb2.ListAccessLogRequest(parent=s.case)),
        (3, caucus_pb2.ListCaucusNotesRequest(parent=f"{s.case}/caucuses/{side}")),
        (1, people_pb2.UnmaskPartyRequest(name=party, purpose=1)),
        (1, people_pb2.ListPartiesRequest(parent=s.case)),
        (1, changed),
        (1, invitations_pb2.InvitePartyRequest(name=party, claim="付清工资。")),
    )
    (request,) = s.dice.choices([each for _, each in tried], [weight for weight, _ in tried])
    rpc, fields = type(request).__name__.removesuffix("Request"), request.DESCRIPTOR.fields_by_name
    if "request_id" in fields:
        request.request_id = request_id()  # type: ignore[attr-defined]
    reads = "request_id" not in fields
    return Move(
        rpc, request, "invited", s.of(own), s.unit, proper=own == number, reads=reads, token=s.tokens[own], about=number
    )


def hand_in(s: Scene) -> Move:
    """Hand in evidence for some party at the counter."""
    label = new_evidence(s.case, party=s.party())
    request = evidence_pb2.CreateEvidenceRequest(parent=s.case, evidence=label, content=PDF + request_id().encode())
    return s.move("CreateEvidence", request, "clerk")


MOVES: dict[Maker, int] = {hand_in: 4, invite: 6, sign_in: 8, by_code: 24}


def learn(s: Scene, move: Move, answer: bytes) -> None:
    """Keep the code or the token that a call answered."""
    if move.rpc == "InviteParty":
        made = invitations_pb2.Invitation.FromString(answer)
        number = int(made.name.split("/")[3])
        s.codes.setdefault(number, []).append(Code(made.code, made.words.split(" / ")[0]))
    elif move.rpc == SIGN_IN and not move.agent:
        session = invitations_pb2.InvitationSession.FromString(answer)
        s.tokens[int(session.party.rpartition("/")[2])] = session.access_token


def an_invitation_is_good_for_its_own_party_alone(it: Happened) -> None:
    if it.done and it.move.role == "invited":
        assert it.move.rpc in MAY, it.move
        assert it.move.rpc in ("ListAccessLog", "ListCaucusNotes") or it.move.sub.endswith(f"/parties/{it.move.about}")


def what_is_exported_names_nobody_else(it: Happened) -> None:
    if it.done and it.move.rpc == "ExportCaseFile":
        found = case_file_pb2.CaseFile.FromString(it.answer.messages[0])
        own = found.name.removesuffix("/file")
        assert {each.party for each in found.evidence} <= {own}, found.evidence
        assert all(each.name.startswith(f"{own}/") for each in found.consents), found.consents
        assert {each.subject for each in found.access_log if "/parties/" in each.subject} <= {own}, found.access_log


def only_the_code_that_holds_signs_in(it: Happened) -> None:
    if it.move.rpc != SIGN_IN or it.move.agent:
        return
    (row,) = it.before.rows("invitations", party=it.move.about)
    if not row["sealed"]:
        return  # erased: the code alone opens the certificate
    assert it.move.right or not it.done, it.move
    if it.move.right and not row["closed_until"] and not row["companion"]:
        assert it.done, it.answer
    changed = columns_changed(it.before.rows("invitations"), it.after.rows("invitations"), "party")
    assert changed <= {"failed", "closed_until"}, changed


def only_an_invitation_changes_a_code(it: Happened) -> None:
    if it.move.rpc != "InviteParty" and it.after.case["stage"] != Stage.CLOSED:
        codes = [
            [(row["party"], row["code_index"]) for row in each.rows("invitations")] for each in (it.before, it.after)
        ]
        assert codes[0] == codes[1], it.move


INVARIANTS = [
    an_invitation_is_good_for_its_own_party_alone,
    what_is_exported_names_nobody_else,
    only_the_code_that_holds_signs_in,
    only_an_invitation_changes_a_code,
]
