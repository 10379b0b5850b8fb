"""Dockings: what a court, the police or a petition office hands over, and what goes back to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pb.mediation.v1 import agreement_pb2, case_pb2
from pb.mediation.v1 import docking_pb2 as pb

from casework.clocks.calendar import LOCAL
from casework.errors import CaseError
from casework.mediation import docking as rules_of
from casework.mediation.docking import Answer, Change, DockingKind, DockingState, Letter, Nature, Procedure, Result
from services.kit.instants import instant
from tests.conftest import Clients, request_id
from tests.mediated import EXTENSION, MEDIATION, Mediated, mediated, refused
from tests.still import shipped_rules

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
RULES = shipped_rules(Path(__file__).resolve().parent.parent / "rules")


@pytest.fixture
async def case(clients: Clients) -> Mediated:
    """Return a case of neighbours in mediation."""
    return await mediated(clients)


async def handed_over(case: Mediated, kind: int, **fields: Any) -> pb.Docking:
    """Hand a case over; what the police hand over is not decided, but for what is told."""
    if kind == pb.DOCKING_KIND_POLICE:
        fields.setdefault("decided", False)
    found: pb.Docking = await case.do(
        "CreateDocking",
        role="clerk",
        docking=pb.Docking(kind=kind, hand_over_letter=f"letter-{request_id()}", **fields),
    )
    return found


async def court(case: Mediated, procedure: int = pb.PROCEDURE_ORDINARY) -> pb.Docking:
    return await handed_over(case, pb.DOCKING_KIND_COURT, procedure=procedure)


async def petition(case: Mediated, days_ago: int = 20) -> pb.Docking:
    at = Timestamp()
    at.FromDatetime(datetime.now(UTC) - timedelta(days=days_ago))
    return await handed_over(case, pb.DOCKING_KIND_PETITION, nature=pb.PETITION_NATURE_CIVIL, petition_accept_time=at)


async def signed(case: Mediated, docking: pb.Docking) -> pb.Docking:
    """Let all parties consent, and sign for the matter."""
    await case.consent(MEDIATION, 1, 2)
    await case.do("ConfirmDockingConsent", docking.name)
    found: pb.Docking = await case.do("SignDocking", docking.name)
    return found


# --- the rules ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DockingKind)
@pytest.mark.parametrize("to", [DockingState.SIGNED, DockingState.AGREED, DockingState.SETTLED])
def test_no_step_is_left_out(kind: DockingKind, to: DockingState) -> None:
    with pytest.raises(CaseError, match="WRONG_STATE"):
        rules_of.move(kind, DockingState.HANDED_OVER, to)


def test_the_police_take_over_only_what_was_performed_and_applied_for() -> None:
    police = DockingKind.POLICE
    for before in (DockingState.AGREED, DockingState.PERFORMED):
        with pytest.raises(CaseError, match="WRONG_STATE"):
            rules_of.answered(police, before, Answer.ACCEPTED)
    assert rules_of.answered(police, DockingState.APPLIED, Answer.ACCEPTED) is DockingState.SETTLED
    assert rules_of.answered(police, DockingState.APPLIED, Answer.NOT_ACCEPTED) is DockingState.RETURNED


@pytest.mark.parametrize("state", [state for state in DockingState if state not in rules_of.OVER])
def test_a_decision_taken_meanwhile_ends_a_docking_in_any_open_state(state: DockingState) -> None:
    assert rules_of.answered(DockingKind.POLICE, state, Answer.DECIDED_MEANWHILE) is DockingState.OVERTAKEN


def test_what_is_over_is_not_given_back() -> None:
    for state in rules_of.OVER:
        with pytest.raises(CaseError, match="WRONG_STATE"):
            rules_of.give_back(state)


def test_a_return_says_whether_it_was_consented_agreed_or_performed_and_no_more() -> None:
    assert {state: rules_of.give_back(state)[1] for state in (DockingState(number) for number in (1, 2, 3, 4))} == {
        DockingState.HANDED_OVER: Result.NO_CONSENT,
        DockingState.CONSENTED: Result.NO_CONSENT,
        DockingState.SIGNED: Result.NO_AGREEMENT,
        DockingState.AGREED: Result.NOT_PERFORMED,
    }


@pytest.mark.parametrize("nature", [None, Nature.ADMINISTRATIVE, Nature.PENDING_IN_COURT])
def test_a_petition_about_administration_or_a_pending_suit_is_not_mediated(nature: Nature | None) -> None:
    with pytest.raises(CaseError, match="NOT_FOR_MEDIATION"):
        rules_of.may_hand_over(DockingKind.PETITION, nature, False)
    rules_of.may_hand_over(DockingKind.PETITION, Nature.CIVIL, False)


def test_the_term_of_a_court_is_extended_once_while_it_runs_by_all() -> None:
    due = NOW + timedelta(days=1)
    rules_of.may_extend(DockingKind.COURT, DockingState.SIGNED, False, due, set(), NOW)
    for kind, state, extended, at in (
        (DockingKind.POLICE, DockingState.SIGNED, False, NOW), (DockingKind.COURT, DockingState.AGREED, False, NOW),
        (DockingKind.COURT, DockingState.SIGNED, True, NOW),
        (DockingKind.COURT, DockingState.SIGNED, False, due + timedelta(seconds=1)),
    ):  # fmt: skip
        with pytest.raises(CaseError, match="WRONG_STATE"):
            rules_of.may_extend(kind, state, extended, due, set(), at)
    with pytest.raises(CaseError, match="CONSENT_MISSING"):
        rules_of.may_extend(DockingKind.COURT, DockingState.SIGNED, False, due, {2}, NOW)


def test_the_return_report_has_no_place_for_who_refused_or_why() -> None:
    fields = {field.name: field for field in pb.ReturnReport.DESCRIPTOR.fields}
    assert set(fields) == {"name", "result", "return_time", "letter_number"}
    assert set(pb.DockingResult.keys()) == {
        "DOCKING_RESULT_UNSPECIFIED", "DOCKING_RESULT_NO_CONSENT", "DOCKING_RESULT_NO_AGREEMENT",
        "DOCKING_RESULT_NOT_PERFORMED"}  # fmt: skip
    # Nor has the request that makes it, nor a letter: what is not told cannot leak.
    assert {field.name for field in pb.ReturnDockingRequest.DESCRIPTOR.fields} == {"name", "etag", "request_id"}
    assert {field.name for field in pb.DockingLetter.DESCRIPTOR.fields} == {"kind", "reference", "letter_time"}


def test_the_numbers_of_the_field_are_those_of_the_contract() -> None:
    for kind, contract, prefix in (
        (DockingKind, pb.DockingKind, "DOCKING_KIND"), (DockingState, pb.DockingState, "DOCKING_STATE"),
        (Procedure, pb.Procedure, "PROCEDURE"), (Nature, pb.PetitionNature, "PETITION_NATURE"),
        (Letter, pb.LetterKind, "LETTER_KIND"), (Result, pb.DockingResult, "DOCKING_RESULT"),
        (Answer, pb.AuthorityAnswer, "AUTHORITY_ANSWER"), (Change, pb.DockingChangeKind, "DOCKING_CHANGE_KIND"),
    ):  # fmt: skip
        assert {f"{prefix}_{each.name}": int(each) for each in kind} == dict(contract.items()[1:])


# --- courts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("procedure", "days"), [(pb.PROCEDURE_ORDINARY, 15), (pb.PROCEDURE_SUMMARY, 7)])
async def test_a_court_s_term_begins_when_the_matter_is_signed_for(procedure: int, days: int, case: Mediated) -> None:
    docking = await court(case, procedure)
    assert not docking.HasField("due_time")
    assert "docking-1" not in await case.running()
    await refused(case.do("SignDocking", docking.name), "WRONG_STATE")
    taken = await signed(case, docking)
    term = instant(taken.due_time) - instant(taken.sign_time)
    # A term whose last day is off ends with the next working day.
    assert timedelta(days=days) < term
    signed_on, due_on = (instant(at).astimezone(LOCAL).date() for at in (taken.sign_time, taken.due_time))
    assert due_on == RULES.calendars.of().next_working(signed_on + timedelta(days=days))
    assert "docking-1" in await case.running()
    assert [letter.kind for letter in taken.letters] == [pb.LETTER_KIND_HAND_OVER, pb.LETTER_KIND_RECEIPT]
    assert "人调函〔" in taken.letters[1].reference


async def test_no_docking_goes_on_without_the_consent_of_every_party(clients: Clients) -> None:
    case = await mediated(clients, state=1)
    docking = await court(case)
    await case.consent(MEDIATION, 1)
    await refused(case.do("ConfirmDockingConsent", docking.name), "CONSENT_MISSING")
    await case.consent(MEDIATION, 2)
    assert (await case.do("ConfirmDockingConsent", docking.name)).state == pb.DOCKING_STATE_CONSENTED


async def test_a_court_s_matter_names_its_procedure(case: Mediated) -> None:
    await refused(handed_over(case, pb.DOCKING_KIND_COURT), "INVALID_FIELD")


async def test_a_court_s_term_is_extended_by_30_days_by_both_sides(case: Mediated) -> None:
    taken = await signed(case, await court(case))
    await case.consent(EXTENSION, 1)
    await refused(case.do("ExtendDocking", taken.name, evidence="consent-1"), "CONSENT_MISSING")
    await case.consent(EXTENSION, 2)
    longer = await case.do("ExtendDocking", taken.name, evidence="consent-1")
    # Thirty days more, and on to the next working day.
    assert timedelta(days=30) <= instant(longer.due_time) - instant(taken.due_time) < timedelta(days=42)
    assert longer.extended
    running = (await case.running())["docking-1"]
    assert running.due_time == longer.due_time
    kinds = await case.kinds()
    assert {"DockingExtended", "ClockExtended"} <= set(kinds)
    await refused(case.do("ExtendDocking", taken.name, evidence="consent-2"), "WRONG_STATE")


async def test_a_court_gets_the_agreement(case: Mediated) -> None:
    taken = await signed(case, await court(case))
    await refused(case.do("SettleDocking", taken.name), "NOT_EFFECTIVE")
    bound = await case.agreed()
    agreed = await case.do("SettleDocking", taken.name)
    assert agreed.letters[-1].reference == bound.document_number
    assert "docking-1" not in await case.running()
    await refused(case.do("ReturnDocking", taken.name, etag="1"), "ETAG_MISMATCH")
    over = await case.do("RecordAuthorityAnswer", taken.name, role="clerk", answer=1, evidence="court-1")
    assert over.state == pb.DOCKING_STATE_SETTLED
    await refused(case.do("ReturnDocking", taken.name), "WRONG_STATE")


async def test_a_court_gets_the_matter_back_without_the_reasons_of_who_refused(case: Mediated) -> None:
    taken = await signed(case, await court(case))
    await refused(case.do("GetReturnReport", f"{taken.name}/returnReport"), "NOT_FOUND")
    await case.do("EndMediation", ground=agreement_pb2.END_GROUND_PARTY_WITHDREW)
    report = await case.do("ReturnDocking", taken.name)
    assert report.result == pb.DOCKING_RESULT_NO_AGREEMENT
    assert report == await case.do("GetReturnReport", f"{taken.name}/returnReport")
    assert "docking-1" not in await case.running()
    (told,) = [event for event in await case.history() if event.type == "DockingReturned"]
    assert set(told.payload) == {"docking", "authority"}


async def test_without_consent_a_matter_goes_back_as_just_that(case: Mediated) -> None:
    report = await case.do("ReturnDocking", (await court(case)).name)
    assert report.result == pb.DOCKING_RESULT_NO_CONSENT


# --- police -------------------------------------------------------------------------------------------------------


async def test_the_police_are_told_when_it_is_performed_and_applied_for(case: Mediated) -> None:
    await refused(handed_over(case, pb.DOCKING_KIND_POLICE, decided=True), "NOT_FOR_MEDIATION")
    taken = await signed(case, await handed_over(case, pb.DOCKING_KIND_POLICE))
    assert taken.HasField("due_time")
    await case.agreed()
    await case.do("SettleDocking", taken.name)
    await refused(case.do("ProveDockingPerformance", taken.name, evidence="slip-1"), "NOT_PERFORMED")
    await refused(case.do("ApplyForSettlement", taken.name, evidence="application-1"), "WRONG_STATE")
    (only,) = await case.parts()
    await case.perform(only, 300_00)
    await case.do("ProveDockingPerformance", taken.name, evidence="slip-1")
    await refused(case.do("RecordAuthorityAnswer", taken.name, role="clerk", answer=1, evidence="p-1"), "WRONG_STATE")
    await case.do("ApplyForSettlement", taken.name, evidence="application-1")
    over = await case.do("RecordAuthorityAnswer", taken.name, role="clerk", answer=1, evidence="police-1")
    assert over.state == pb.DOCKING_STATE_SETTLED
    assert [letter.kind for letter in over.letters] == [
        pb.LETTER_KIND_HAND_OVER, pb.LETTER_KIND_RECEIPT, pb.LETTER_KIND_AGREEMENT, pb.LETTER_KIND_PERFORMANCE_PROOF,
        pb.LETTER_KIND_APPLICATION, pb.LETTER_KIND_ANSWER]  # fmt: skip


async def test_once_the_police_decided_nothing_goes_on(case: Mediated) -> None:
    taken = await signed(case, await handed_over(case, pb.DOCKING_KIND_POLICE))
    over = await case.do("RecordAuthorityAnswer", taken.name, role="clerk", answer=3, evidence="police-2")
    assert over.state == pb.DOCKING_STATE_OVERTAKEN
    assert "docking-1" not in await case.running()
    await case.agreed()
    await refused(case.do("SettleDocking", taken.name), "WRONG_STATE")
    await refused(case.do("RecordAuthorityAnswer", taken.name, role="clerk", answer=1, evidence="p"), "ALREADY_EXISTS")


async def test_what_is_not_performed_goes_back_to_the_police(case: Mediated) -> None:
    taken = await signed(case, await handed_over(case, pb.DOCKING_KIND_POLICE))
    await case.agreed()
    await case.do("SettleDocking", taken.name)
    assert (await case.do("ReturnDocking", taken.name)).result == pb.DOCKING_RESULT_NOT_PERFORMED


async def test_a_docking_goes_on_after_its_case_was_closed(case: Mediated) -> None:
    taken = await signed(case, await handed_over(case, pb.DOCKING_KIND_POLICE))
    await case.agreed()
    (only,) = await case.parts()
    await case.perform(only, 300_00)
    await case.finish_tasks()
    await case.views()
    assert (await case.close()).stage == case_pb2.STAGE_CLOSED
    for verb, fields in (
        ("SettleDocking", {}), ("ProveDockingPerformance", {"evidence": "slip-1"}),
        ("ApplyForSettlement", {"evidence": "application-1"}),
    ):  # fmt: skip
        await case.do(verb, taken.name, **fields)
    answered = await case.do("RecordAuthorityAnswer", taken.name, role="clerk", answer=1, evidence="police-3")
    assert answered.state == pb.DOCKING_STATE_SETTLED


# --- petitions ----------------------------------------------------------------------------------------------------


async def test_no_step_of_a_docking_stops_the_petition_s_own_60_days(case: Mediated) -> None:
    docking = await petition(case)
    before = (await case.running())["petition-1"]
    left = instant(before.due_time) - instant(docking.petition_accept_time)
    assert timedelta(days=60) < left <= timedelta(days=61)
    taken = await signed(case, docking)
    assert not taken.HasField("due_time")
    await case.agreed()
    await case.do("SettleDocking", docking.name)
    assert (await case.running())["petition-1"].due_time == before.due_time
    # Not even closing the case does.
    (only,) = await case.parts()
    await case.perform(only, 300_00)
    await case.finish_tasks()
    await case.views()
    assert (await case.close()).stage == case_pb2.STAGE_CLOSED
    assert (await case.running())["petition-1"].due_time == before.due_time
    await case.do("RecordAuthorityAnswer", docking.name, role="clerk", answer=1, evidence="reply-1")
    assert "petition-1" not in await case.running()


async def test_a_petition_without_agreement_goes_back_to_its_60_days(case: Mediated) -> None:
    docking = await signed(case, await petition(case))
    before = (await case.running())["petition-1"].due_time
    report = await case.do("ReturnDocking", docking.name)
    assert report.result == pb.DOCKING_RESULT_NO_AGREEMENT
    assert (await case.running())["petition-1"].due_time == before
    replied = await case.do("RecordAuthorityAnswer", docking.name, role="clerk", answer=2, evidence="reply-2")
    assert replied.state == pb.DOCKING_STATE_RETURNED
    assert "petition-1" not in await case.running()


@pytest.mark.parametrize("nature", [0, pb.PETITION_NATURE_ADMINISTRATIVE, pb.PETITION_NATURE_PENDING_IN_COURT])
async def test_only_a_civil_claim_comes_from_a_petition(nature: int, case: Mediated) -> None:
    at = Timestamp(seconds=1_790_000_000)
    await refused(
        handed_over(case, pb.DOCKING_KIND_PETITION, nature=nature, petition_accept_time=at), "NOT_FOR_MEDIATION"
    )
    assert not (await case.do("ListDockings")).dockings
    assert "petition-1" not in await case.running()


async def test_a_petition_says_when_it_was_accepted(case: Mediated) -> None:
    await refused(handed_over(case, pb.DOCKING_KIND_PETITION, nature=1), "petition_accept_time|INVALID_FIELD")
    await refused(petition(case, days_ago=-2), "INVALID_FIELD")
