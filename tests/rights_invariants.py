"""The lines of rights.md that concern mediation, as checks of a case before and after a command.

Each check is named for what must be impossible; `holds` runs them all and names the first that does not hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import grpc
from pb.mediation.v1 import caucus_pb2, consent_pb2

from casework.case import Ground, Stage, Step
from casework.mediation.agreement import AgreementState, Form, Signer
from casework.mediation.course import MAX_REPRESENTATIVES, MediationState
from casework.mediation.session import SessionKind, SessionState
from tests import rights_agents as agents
from tests import rights_invited as invited
from tests.rights_facts import READS, Facts, changes, columns_changed
from tests.rights_scene import Move
from tests.rpcs import Answer, check

RUNNING = (MediationState.CONSENTED, MediationState.MEDIATING)
OVER = (MediationState.AGREED, MediationState.NOT_AGREED, MediationState.WITHDRAWN)
FAILED = ("OUTCOME_NOT_AGREED", "OUTCOME_WITHDRAWN")
ROUTES = {"police", "legal_aid", "negotiation", "mediation"}
EXTENDED_BY_CONSENT = "consent_of_all"

CODES = {"invitations", "agent_invitations"}
"""Where wrong answers are counted."""


@dataclass(frozen=True)
class Happened:
    """A command, its answer, and the case before and after it."""

    move: Move
    answer: Answer
    before: Facts
    after: Facts

    @property
    def done(self) -> bool:
        """Whether it was done."""
        return self.answer.code is grpc.StatusCode.OK

    def fresh(self, table: str) -> list[dict[str, object]]:
        """Return the rows of a table that were not there before."""
        return [row for row in self.after.rows(table) if row not in self.before.rows(table)]


def refusals_are_clear_and_change_nothing(it: Happened) -> None:
    check(it.answer)
    if not it.done:
        assert it.answer.reason
        changed = changes(it.before, it.after)
        # A wrong answer to an invitation is counted, and told where it closes it.
        counted = {*CODES, "events", "cases"} if it.move.rpc == invited.SIGN_IN else set()
        assert not changed.keys() - counted, changed


def looks_change_nothing_but_what_records_them(it: Happened) -> None:
    if it.move.reads:
        changed = changes(it.before, it.after)
        left = set(changed) - READS - {"events", "cases"}
        assert not left, changed
        assert {row["kind"] for row in it.fresh("events")} <= {"ContentRead"}, changed


def every_change_is_told_in_the_history(it: Happened) -> None:
    counted = CODES if it.move.rpc == invited.SIGN_IN else set()
    changed = changes(it.before, it.after).keys() - READS - counted
    assert not changed or it.fresh("events"), changed


def nobody_is_in_mediation_without_every_consent(it: Happened) -> None:
    facts = it.after
    if facts.state in RUNNING and facts.case["stage"] != Stage.CLOSED:
        assert {1, 2} <= facts.sides, facts.sides
        assert not facts.silent(Step.MEDIATION), facts.silent(Step.MEDIATION)
    if facts.state == MediationState.MEDIATING:
        assert facts.mediation
        assert facts.mediation["mediator"], "nobody mediates without a mediator"


def silence_is_no_consent(it: Happened) -> None:
    said, known = it.fresh("consents"), len(it.before.rows("consents"))
    assert len(it.after.rows("consents")) == known + len(said), "what was said is never changed"
    if it.move.rpc != "RecordConsent" or not it.done:
        assert not said, f"{it.move} spoke for a party: {said}"
        return
    asked = it.move.request
    assert len(said) <= 1
    for row in said:
        assert isinstance(asked, consent_pb2.RecordConsentRequest)
        party = int(asked.parent.rpartition("/")[2])
        told = (row["party"], row["step"], row["given"], row["recorded_by"], row["language"], row["medium"])
        assert told == (party, asked.consent.step, asked.consent.given, it.move.sub, asked.consent.language,
                        asked.consent.medium)  # fmt: skip


def sessions_are_held_with_every_consent_or_not_at_all(it: Happened) -> None:
    facts, mediation = it.after, it.after.mediation
    if facts.state in OVER or not mediation:
        # The one in which they just agreed goes on to its own end.
        left = [SessionState.SCHEDULED] if facts.state == MediationState.AGREED else [1, 2]
        assert not [row for row in facts.rows("sessions") if row["state"] in left], "the mediation is over"
        return
    for session in facts.rows("sessions", state=int(SessionState.OPEN)):
        assert facts.state == MediationState.MEDIATING, (facts.state, session)
        assert mediation["mediator"], session
        assert facts.case["stage"] != Stage.CLOSED, session
        assert not facts.silent(Step.MEDIATION), (facts.silent(Step.MEDIATION), session)


def no_joint_session_after_violence_but_by_the_wish_of_each(it: Happened) -> None:
    if it.move.rpc != "StartSession" or not it.done or not it.after.mediation:
        return
    began = [row for row in it.fresh("sessions") if row["kind"] == SessionKind.JOINT]
    if began and it.after.mediation["joint_barred"]:
        wishes = {row["party"]: row["wished"] for row in it.after.rows("joint_wishes")}
        assert all(wishes.get(party) for party in it.after.present), wishes


def leaving_always_works(it: Happened) -> None:
    known = [f"/parties/{row['party']}" for row in it.before.rows("parties")]
    if it.move.rpc != "WithdrawParty" or not it.move.proper or not it.move.request.name.endswith(tuple(known)):
        return
    assert it.done, it.answer
    told = consent_pb2.Withdrawal.FromString(it.answer.messages[0])
    assert {route.route for route in told.routes} >= ROUTES
    assert told.routes[0].kind in ("court", "arbitration", "administration")
    closed = it.before.case["stage"] == Stage.CLOSED
    party = int(told.party.rpartition("/")[2])
    assert it.after.state in OVER or closed or party not in it.after.present
    if it.after.state == MediationState.WITHDRAWN and it.before.state != MediationState.WITHDRAWN:
        running = [row["id"].split(".", 1)[1] for row in it.after.rows("clocks", state=1)]
        assert not [key for key in running if key.startswith(("mediator-", "session-"))], running
        assert any(row["wakes"] for row in it.fresh("events")), "the workflow is told at once"


def leaving_leaves_nothing_behind(it: Happened) -> None:
    if it.move.rpc != "WithdrawParty" or not it.done:
        return
    ended = {"mediations", "asks", "clocks", "clock_entries", "clock_rungs", "sessions", "agreements", "rights_notices"}
    changed = changes(it.before, it.after)
    assert set(changed) <= {"parties", "events", "cases", *ended}, changed
    parties = columns_changed(it.before.rows("parties"), it.after.rows("parties"), "party")
    assert parties <= {"withdrawn_at", "version"}, parties
    case = columns_changed([it.before.case], [it.after.case], "number")
    assert case <= {"seq", "head", "version"}, case
    # Where the one who left was the last of whom an answer was awaited, the others begin to mediate.
    begins = {"rule", "due_at"} if it.before.state != it.after.state == MediationState.CONSENTED else set()
    for event in it.fresh("events"):
        assert set(event["payload"]) <= {  # type: ignore[call-overload]
            "mediation", "stage", "party", "ground", "session", "next_at", *begins}, event  # fmt: skip


def more_time_takes_every_partys_consent(it: Happened) -> None:
    for row in it.fresh("clock_entries"):
        data = row["data"]
        if row["kind"] == "extended" and data["how"] == EXTENDED_BY_CONSENT:  # type: ignore[index]
            assert it.before.present, "nobody was there to consent"
            assert not it.before.silent(Step.EXTENSION), (it.before.silent(Step.EXTENSION), row)


def who_mediated_has_no_other_role(it: Happened) -> None:
    facts = it.after
    for row in facts.rows("companions", ended_at=None):
        assert row["subject"] not in facts.mediators, ("companion", row)
    for row in facts.rows("parties"):
        assert not row.get("subject") or row["subject"] not in facts.mediators, ("party", row)
    closings = facts.events("CaseClosed")
    assert not closings or closings[-1]["actor"] not in facts.mediators, "closed by who mediated"


def who_reviews_is_not_who_handled(it: Happened) -> None:
    asked = ""
    for event in it.after.events():
        asked = event["actor"] if event["kind"] == "ClosingRequested" else asked
        if event["kind"] in ("CaseClosed", "ClosingSentBack"):
            assert event["actor"] != asked, event
    reported: dict[int, str] = {}
    for event in it.after.events():
        if event["kind"] == "TaskReported":
            reported[event["payload"]["task"]] = event["actor"]
        if event["kind"] in ("TaskVerified", "TaskSentBack"):
            assert event["actor"] != reported[event["payload"]["task"]], event


def a_group_has_at_most_five_representatives(it: Happened) -> None:
    sides = {row["party"]: row["side"] for row in it.after.rows("parties")}
    of_side: dict[int, int] = {}
    for row in it.after.rows("companions", role=3, ended_at=None):
        for side in {sides[party] for party in row["parties"]}:
            of_side[side] = of_side.get(side, 0) + 1
    assert all(count <= MAX_REPRESENTATIVES for count in of_side.values()), of_side


def a_settlement_is_each_principals_own(it: Happened) -> None:
    for row in it.fresh("consents"):
        own = row["step"] not in (Step.SESSION, Step.EXTENSION)
        assert not (own and row["given"] and row["given_by"]), row


def a_caucus_is_read_by_its_mediator_and_that_side_alone(it: Happened) -> None:
    if not it.done or it.move.rpc not in ("ListCaucusNotes", "ListCaucusOffers", "ListCaucusReads"):
        return
    request, mediation = it.move.request, it.before.mediation
    assert isinstance(request, (caucus_pb2.ListCaucusNotesRequest, caucus_pb2.ListCaucusOffersRequest,
                                caucus_pb2.ListCaucusReadsRequest))  # fmt: skip
    side = {"applicant": 1, "respondent": 2, "third": 3}[request.parent.rpartition("/")[2]]
    of_record = bool(mediation and mediation["mediator"] == it.move.sub and it.move.role == "mediator")
    bound = {row["side"] for row in it.before.rows("parties") if row["subject"] == it.move.sub}
    if it.move.role == "invited":
        (row,) = it.before.rows("parties", party=int(it.move.sub.rpartition("/")[2]))
        assert (row["side"], row["code_confided"]) == (side, True), (side, row)
        return
    assert of_record or (it.move.role == "citizen" and bound == {side}), (side, bound, mediation)


def what_binds_was_signed_for_each_party_with_its_own_consent(it: Happened) -> None:
    for row in it.after.rows("agreements", state=int(AgreementState.EFFECTIVE)):
        known = it.before.rows("agreements", agreement=row["agreement"])
        if known and known[0]["state"] == AgreementState.EFFECTIVE:
            continue
        signed = {each["party"]: each for each in it.after.rows("signatures", agreement=row["agreement"])}
        assert set(it.before.present) <= set(signed), (it.before.present, signed)
        assert it.before.state == MediationState.MEDIATING
        if row["form"] == Form.WRITTEN:
            assert row["countersigned_by"] in it.before.mediators, row
            assert row["seal_at"], row
    for each in it.fresh("signatures"):
        if each["signer"] != Signer.SELF:
            party = int(each["party"])  # type: ignore[call-overload]
            word = it.before.last_word(party, Step.SETTLEMENT)
            guards = [row for row in it.before.rows("companions", role=1, ended_at=None) if party in row["parties"]]
            by_guardian = each["signer"] == Signer.GUARDIAN and guards
            assert by_guardian or (word and word["given"]), (each, word)


def a_mediation_can_always_be_ended(it: Happened) -> None:
    if it.move.rpc != "EndMediation" or not it.move.proper or it.move.request.ground == Ground.AGREED:
        return
    record = it.before.mediation["mediator"] if it.before.mediation else ""
    if it.move.sub != record and (record or it.move.sub in _out(it.before)):
        assert not it.done, "ended by who does not mediate"
        return
    if it.before.state not in (0, *OVER) and it.before.case["stage"] != Stage.CLOSED:
        assert it.done, it.answer
        there = set(it.after.present)
        assert there == {row["party"] for row in it.after.rows("rights_notices") if row["party"] in there}


def a_case_is_not_closed_over_a_mediation_that_goes_on(it: Happened) -> None:
    if it.after.case["stage"] == Stage.CLOSED and it.after.rows("asks"):
        assert it.after.state in OVER, it.after.state


OF_RECORD = frozenset({
    "SignAgreement", "DraftAgreement", "AnswerChecklist", "AnswerThirdParties", "CountersignAgreement",
    "DeclareDefault", "ScheduleSession", "StartSession", "EndSession", "CancelSession", "RecordAttendance",
    "WriteSessionRecord", "ConfirmReadBack", "SignSessionRecord", "AskJointSession", "WriteCaucusNote",
    "MakeCaucusOffer", "ListCaucusNotes", "ListCaucusOffers", "ListCaucusReads", "BindParty",
})  # fmt: skip
"""What nobody does as a mediator but the one of record."""


def _out(facts: Facts) -> set[object]:
    """Return who was replaced, or gave way."""
    return {row["subject"] for row in facts.rows("asks") if row["state"] in (5, 6) or row["kin"] or row["interest"]}


def what_mediators_do_the_one_of_record_does(it: Happened) -> None:
    if it.done and it.move.role == "mediator" and it.move.rpc in OF_RECORD:
        assert it.before.mediation, it.move
        assert it.before.mediation["mediator"] == it.move.sub, it.move


def a_side_is_kept_for_ever(it: Happened) -> None:
    kept = {row["subject"]: row["side"] for row in it.after.rows("sides_kept")}
    assert {row["subject"]: row["side"] for row in it.before.rows("sides_kept")}.items() <= kept.items()
    for row in it.after.rows("parties"):
        assert not row["subject"] or kept[row["subject"]] == row["side"], row


def no_office_counts_in_ones_own_matter(it: Happened) -> None:
    if it.done and it.move.role not in ("citizen", "invited", "agent"):
        assert it.move.sub not in {row["subject"] for row in it.before.rows("sides_kept")}, it.move


def what_was_told_an_earlier_mediator_stays_there(it: Happened) -> None:
    if not it.done or it.move.rpc != "ListCaucusNotes" or it.move.role != "mediator":
        return
    answer = caucus_pb2.ListCaucusNotesResponse.FromString(it.answer.messages[0])
    side = {"applicant": 1, "respondent": 2, "third": 3}[it.move.request.parent.rpartition("/")[2]]
    told = it.before.rows("caucus_notes", side=side)
    own = [row for row in told if row["mediator"] in ("", it.move.sub)]
    assert answer.withheld == len(told) - len(answer.notes)
    if len(answer.notes) > len(own):
        of_side = [number for number, row in it.before.present.items() if row["side"] == side]
        words = [it.before.last_word(number, Step.CAUCUS_HANDOVER) for number in of_side]
        assert words, "nobody is there to agree"
        assert all(word and word["given"] for word in words), words


def a_party_speaks_for_itself_alone(it: Happened) -> None:
    if not it.done or it.move.role not in ("citizen", "invited") or it.move.reads:
        return
    name = getattr(it.move.request, "parent", "") or getattr(it.move.request, "name", "")
    if "/parties/" in name:
        (row,) = it.before.rows("parties", party=int(name.rpartition("/")[2]))
        needed = agents.NEEDS.get(it.move.rpc)
        acts = needed is not None and agents.acts_for(it.before, it.move.sub, row["party"], needed)
        assert acts or it.move.sub in (row["subject"], name), row


def facts_do_not_contradict_each_other(it: Happened) -> None:
    for row in it.fresh("agreements"):
        known = it.before.rows("agreements", agreement=row["agreement"])
        if row["seal_at"] and known and not known[0]["seal_at"]:
            signed = {each["party"] for each in it.after.rows("signatures", agreement=row["agreement"])}
            assert set(it.before.present) <= signed, (it.before.present, signed)
            assert row["countersigned_at"], row
    for row in it.fresh("sessions"):
        if row["state"] == SessionState.HELD:
            came = it.after.rows("attendances", session=row["session"])
            assert any(each["role"] in (1, 4) and each["presence"] != 3 for each in came), row
    asked = it.after.events("ClosingRequested")
    if it.move.rpc == "RequestClosing" and it.done and asked[-1]["payload"]["outcome"] in FAILED:
        binding = it.after.rows("agreements", state=int(AgreementState.EFFECTIVE), extent=1)
        assert not binding, binding


def an_erasure_takes_two_people_and_no_hold(it: Happened) -> None:
    if it.after.case.get("erased_at") and not it.before.case.get("erased_at"):
        (row,) = it.after.rows("erasures")
        assert row["requested_by"] != row["decided_by"], row
        assert it.before.case["stage"] == Stage.CLOSED
        assert not it.before.rows("holds", lifted_at=None)
        assert not it.after.case["sealed_key"]
        assert not [each for each in it.after.rows("parties") if each["sealed"] or each["phone_index"]]


def a_record_is_signed_or_refused_for_a_party_by_itself_or_by_staff(it: Happened) -> None:
    if it.move.role != "citizen":
        return
    for table in ("record_signatures", "record_refusals"):
        for row in it.fresh(table):
            (own,) = it.before.rows("parties", party=row["party"])
            assert own["subject"] == it.move.sub, (it.move, row)
            assert row.get("manner", 4) in (0, 4), "who signs in signs electronically"


def a_claim_decides_nothing_until_the_creditor_or_staff_says_yes(it: Happened) -> None:
    changed, done = changes(it.before, it.after), {row["claim"] for row in it.fresh("performance_claims")}
    if it.move.rpc == "ClaimPerformance":
        assert not {"instalments", "performances", "clocks"} & set(changed), changed
    elif it.move.rpc not in ("AnswerClaim", "RecordPerformance"):
        assert not done, it.move
    if it.move.rpc == "AnswerClaim" and it.done and it.move.role == "citizen":
        agreement, clause = (int(each) for each in it.move.request.name.split("/")[3:6:2])
        (owed,) = it.before.rows("clauses", agreement=agreement, clause=clause)
        (own,) = it.before.rows("parties", party=owed["beneficiary"])
        assert own["subject"] == it.move.sub, it.move
        assert it.move.request.confirmed == bool(it.fresh("performances")), changed


INVARIANTS: list[Callable[[Happened], None]] = [
    refusals_are_clear_and_change_nothing,
    looks_change_nothing_but_what_records_them,
    every_change_is_told_in_the_history,
    nobody_is_in_mediation_without_every_consent,
    silence_is_no_consent,
    sessions_are_held_with_every_consent_or_not_at_all,
    no_joint_session_after_violence_but_by_the_wish_of_each,
    leaving_always_works,
    leaving_leaves_nothing_behind,
    more_time_takes_every_partys_consent,
    who_mediated_has_no_other_role,
    who_reviews_is_not_who_handled,
    a_group_has_at_most_five_representatives,
    a_settlement_is_each_principals_own,
    a_caucus_is_read_by_its_mediator_and_that_side_alone,
    what_binds_was_signed_for_each_party_with_its_own_consent,
    a_mediation_can_always_be_ended,
    a_case_is_not_closed_over_a_mediation_that_goes_on,
    what_mediators_do_the_one_of_record_does,
    a_side_is_kept_for_ever,
    no_office_counts_in_ones_own_matter,
    what_was_told_an_earlier_mediator_stays_there,
    a_party_speaks_for_itself_alone,
    a_record_is_signed_or_refused_for_a_party_by_itself_or_by_staff,
    a_claim_decides_nothing_until_the_creditor_or_staff_says_yes,
    facts_do_not_contradict_each_other,
    an_erasure_takes_two_people_and_no_hold,
    *invited.INVARIANTS,
    *agents.INVARIANTS,
]


STANDING = [
    nobody_is_in_mediation_without_every_consent,
    sessions_are_held_with_every_consent_or_not_at_all,
    who_mediated_has_no_other_role,
    who_reviews_is_not_who_handled,
    a_group_has_at_most_five_representatives,
    a_case_is_not_closed_over_a_mediation_that_goes_on,
]
"""Those that look only at how things stand: they hold as well after two people pressed a button at once."""


def broken(it: Happened, invariants: list[Callable[[Happened], None]] = INVARIANTS) -> list[str]:
    """Return the invariants that do not hold, each with what is wrong."""
    found = []
    for invariant in invariants:
        try:
            invariant(it)
        except AssertionError as error:
            found.append(f"{invariant.__name__}: {str(error)[:1500]}")
    return found
