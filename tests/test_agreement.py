"""The agreement: what must be answered before anybody signs, from when it binds, how a mediation ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pb.intake.v1 import report_pb2
from pb.mediation.v1 import agreement_pb2 as pb
from pb.mediation.v1 import consent_pb2, people_pb2, sessions_pb2

from casework.errors import CaseError
from casework.mediation import agreement as rules_of
from casework.mediation.agreement import Clause, ClauseKind, Due, Extent, Form, Question, Signer
from casework.mediation.termination import Ground, MediationResult
from services.kit.instants import instant, stamp
from tests.case_people import Act
from tests.conftest import COUNTY, Clients, request_id
from tests.mediated import ALL_YES, SECRET, SETTLEMENT, Mediated, mediated, refused
from tests.world_people import companion

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
TODAY = date(2026, 11, 24)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


@pytest.fixture
async def case(clients: Clients) -> Mediated:
    """Return a case of neighbours in mediation."""
    return await mediated(clients)


# --- the rules ----------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.integers(1, 5), instants, min_size=1), instants, instants)
def test_a_written_agreement_binds_from_the_last_of_signatures_countersignature_and_seal(
    signed: dict[int, datetime], mediator: datetime, seal: datetime
) -> None:
    found = rules_of.effective_at(Form.WRITTEN, signed, set(signed), mediator, seal)
    assert found == max([*signed.values(), mediator, seal])
    assert rules_of.effective_at(Form.WRITTEN, signed, {*signed, 99}, mediator, seal) is None
    assert rules_of.effective_at(Form.WRITTEN, signed, set(signed), None, seal) is None
    assert rules_of.effective_at(Form.WRITTEN, signed, set(signed), mediator, None) is None
    assert rules_of.effective_at(Form.ORAL, signed, set(signed), None, None) == max(signed.values())


def test_nobody_s_agreement_never_binds() -> None:
    assert rules_of.effective_at(Form.ORAL, {}, set(), NOW, NOW) is None


@pytest.mark.parametrize("question", Question)
def test_one_open_or_denied_question_keeps_everybody_from_signing(question: Question) -> None:
    rules_of.may_sign(dict.fromkeys(Question, True), True)
    for answers in (
        {q: True for q in Question if q is not question},
        {**dict.fromkeys(Question, True), question: False},
    ):
        with pytest.raises(CaseError, match=question.name):
            rules_of.may_sign(answers, True)
    for settled in (None, False):
        with pytest.raises(CaseError, match="THIRD_PARTIES"):
            rules_of.may_sign(dict.fromkeys(Question, True), settled)


@pytest.mark.parametrize(
    ("clause", "field"),
    [
        (Clause(1, 9, ClauseKind.PAY, 5, (Due(5, TODAY),)), "clauses[0].beneficiary"),
        (Clause(9, 1, ClauseKind.PAY, 5, (Due(5, TODAY),)), "clauses[0].performer"),
        (Clause(1, 1, ClauseKind.PAY, 5, (Due(5, TODAY),)), "clauses[0].beneficiary"),
        (Clause(1, 2, ClauseKind.PAY, 0, (Due(0, TODAY),)), "clauses[0].amount_fen"),
        (Clause(1, 2, ClauseKind.ACT, 5, (Due(5, TODAY),)), "clauses[0].amount_fen"),
        (Clause(1, 2, ClauseKind.ACT, 0, (Due(0, None),)), "clauses[0].due_date"),
        (Clause(1, 2, ClauseKind.APOLOGISE, 0, (Due(0, date(2026, 11, 23)),)), "clauses[0].due_date"),
        (Clause(1, 2, ClauseKind.PAY, 5, (Due(2, TODAY), Due(2, date(2026, 12, 1)))), "clauses[0].instalments"),
        (Clause(1, 2, ClauseKind.PAY, 4, (Due(2, TODAY), Due(2, TODAY))), "clauses[0].instalments"),
        (Clause(1, 2, ClauseKind.PAY, 4, (Due(2, date(2026, 12, 1)), Due(2, TODAY))), "clauses[0].instalments"),
    ],
)
def test_a_clause_that_cannot_be_performed_as_it_stands_is_no_clause(clause: Clause, field: str) -> None:
    with pytest.raises(CaseError) as refusal:
        rules_of.check_draft([clause], Form.WRITTEN, "neighbour", {1, 2}, TODAY)
    assert f"agreement.{field}" in {fault.field for fault in refusal.value.fields}


def test_a_lasting_duty_needs_no_day() -> None:
    rules_of.check_draft([Clause(1, 2, ClauseKind.REFRAIN, 0, (Due(0, None),))], Form.ORAL, "neighbour", {1, 2}, TODAY)


@pytest.mark.parametrize("category", ["labour", "labour/wage-arrears", "medical"])
def test_labour_and_medical_agreements_are_written(category: str) -> None:
    with pytest.raises(CaseError, match="WRITTEN_REQUIRED"):
        rules_of.check_draft([], Form.ORAL, category, {1, 2}, TODAY)
    assert not rules_of.written_required("labourer")


def test_who_signs_for_another_needs_that_principals_own_consent() -> None:
    rules_of.may_sign_for(Signer.REPRESENTATIVE, [1, 3], {1, 2, 3}, {1, 3})
    for signer in (Signer.REPRESENTATIVE, Signer.AGENT):
        with pytest.raises(CaseError, match="CONSENT_MISSING"):
            rules_of.may_sign_for(signer, [1, 3], {1, 2, 3}, {1})
    rules_of.may_sign_for(Signer.SELF, [1], {1, 2}, set())


def test_the_numbers_of_the_field_are_those_of_the_contract() -> None:
    for kind, contract, prefix in (
        (Question, pb.ChecklistQuestion, "CHECKLIST_QUESTION"), (Ground, pb.EndGround, "END_GROUND"),
        (MediationResult, pb.MediationOutcome, "MEDIATION_OUTCOME"), (Signer, pb.Signer, "SIGNER"),
        (Extent, pb.AgreementExtent, "AGREEMENT_EXTENT"), (Form, pb.AgreementForm, "AGREEMENT_FORM"),
        (rules_of.Interest, pb.ThirdInterest, "THIRD_INTEREST"), (ClauseKind, pb.ClauseKind, "CLAUSE_KIND"),
        (rules_of.AgreementState, pb.AgreementState, "AGREEMENT_STATE"),
    ):  # fmt: skip
        assert {f"{prefix}_{each.name}": int(each) for each in kind} == dict(contract.items()[1:])


# --- the service --------------------------------------------------------------------------------------------------


async def test_an_agreement_binds_when_all_have_signed_and_the_seal_is_set(case: Mediated) -> None:
    drafted = await case.answered()
    assert (await case.sign(drafted, 1)).state == pb.AGREEMENT_STATE_SIGNING
    assert not (await case.sign(drafted, 2, manner=sessions_pb2.SIGNING_MANNER_FINGERPRINT)).HasField("effective_time")
    countersigned = await case.do("CountersignAgreement", drafted.name)
    assert countersigned.state == pb.AGREEMENT_STATE_SIGNING
    bound = await case.do("SealAgreement", drafted.name, role="clerk")
    assert bound.state == pb.AGREEMENT_STATE_EFFECTIVE
    assert bound.effective_time == bound.seal_time
    assert "人调字第" in bound.document_number
    assert bound.document_number.startswith("(20")
    clocks = await case.running()
    assert {"confirmation-1", "performance-1-1-1"} <= set(clocks)
    window = instant(clocks["confirmation-1"].due_time) - instant(bound.effective_time)
    assert timedelta(days=30) < window <= timedelta(days=31)
    ending = await case.do("GetEnding", f"{case.name}/ending")
    assert ending.ground == pb.END_GROUND_AGREED
    results = await case.do("GetMediationResults", f"{case.name}/results")
    assert (results.outcome, results.performance) == (pb.MEDIATION_OUTCOME_AGREED_FULL, pb.PERFORMANCE_NOT)
    assert not results.satisfaction
    kinds = await case.kinds()
    assert kinds.index("AgreementSealed") < kinds.index("AgreementEffective") < kinds.index("MediationEnded")


@pytest.mark.fault("D12")
async def test_the_seal_comes_last_and_no_number_goes_to_a_paper_nobody_signed(case: Mediated) -> None:
    drafted = await case.answered()
    await refused(case.do("SealAgreement", drafted.name, role="unit_head"), "CONTRADICTED.*SIGNED_BY_EVERY_PARTY")
    await case.do("CountersignAgreement", drafted.name)
    await case.sign(drafted, 2)
    await refused(case.do("SealAgreement", drafted.name, role="unit_head"), "CONTRADICTED.*SIGNED_BY_EVERY_PARTY")
    assert not (await case.do("GetAgreement", drafted.name)).document_number
    await case.sign(drafted, 1)
    bound = await case.do("SealAgreement", drafted.name, role="unit_head")
    assert bound.state == pb.AGREEMENT_STATE_EFFECTIVE
    assert bound.effective_time == bound.seal_time


async def test_what_a_mediator_signed_who_was_replaced_then_must_be_signed_anew(case: Mediated) -> None:
    drafted = await case.answered()
    await case.do("CountersignAgreement", drafted.name)
    await case.sign(drafted, 1)
    await Act(case.clients, case.name).replace(1)
    await refused(case.sign(drafted, 2), "PERMISSION_DENIED")
    found = await case.do("GetAgreement", drafted.name, role="clerk")
    assert (found.state, found.HasField("countersign_time")) == (pb.AGREEMENT_STATE_SIGNING, False)


async def test_nobody_signs_before_checklist_and_third_parties_are_answered(case: Mediated) -> None:
    drafted = await case.draft()
    await refused(case.sign(drafted, 1), "CHECKLIST_INCOMPLETE")
    await case.do("AnswerChecklist", drafted.name, answers=ALL_YES)
    await refused(case.sign(drafted, 1), "THIRD_PARTIES")
    await case.do("AnswerThirdParties", drafted.name, interests=[pb.THIRD_INTEREST_SPOUSE], settled=False)
    await refused(case.sign(drafted, 1), "THIRD_PARTIES")
    for verb in ("CountersignAgreement", "SealAgreement"):
        role = "clerk" if verb == "SealAgreement" else "mediator"
        await refused(case.do(verb, drafted.name, role=role), "CHECKLIST_INCOMPLETE")
    await case.do("AnswerThirdParties", drafted.name, interests=[pb.THIRD_INTEREST_SPOUSE], settled=True)
    no = [pb.ChecklistAnswer(question=pb.CHECKLIST_QUESTION_VOLUNTARY, yes=False)]
    await case.do("AnswerChecklist", drafted.name, answers=no)
    await refused(case.sign(drafted, 1), "VOLUNTARY")
    await case.do("AnswerChecklist", drafted.name, answers=ALL_YES)
    assert (await case.sign(drafted, 1)).signatures[0].party == case.party(1)


async def test_only_the_mediator_of_record_answers_and_countersigns(case: Mediated) -> None:
    drafted = await case.draft()
    other = case.clients.as_("mediator", sub="another-mediator")
    for verb, fields in (("AnswerChecklist", {"answers": ALL_YES}), ("AnswerThirdParties", {"settled": True}),
                         ("CountersignAgreement", {})):  # fmt: skip
        request = case.request(verb, drafted.name, **fields)
        await refused(case.stub(verb)(request, **other), "PERMISSION_DENIED")


async def test_a_party_signs_once_and_only_parties_sign(case: Mediated, clients: Clients) -> None:
    drafted = await case.answered()
    await case.sign(drafted, 1)
    await refused(case.sign(drafted, 1), "ALREADY_EXISTS")
    await refused(case.sign(drafted, 7), "NOT_FOUND")
    other = await mediated(clients)
    stranger = case.request("SignAgreement", drafted.name, parties=[other.party(2)], signer=1, manner=1)
    await refused(case.stub("SignAgreement")(stranger, **clients.as_("mediator")), "INVALID_FIELD")


async def test_a_new_draft_takes_the_place_of_the_old_one_with_its_signatures(case: Mediated) -> None:
    first = await case.answered()
    await case.sign(first, 1)
    second = await case.answered(case.clause(500_00))
    await refused(case.sign(first, 2), "WRONG_STATE")
    listed = (await case.do("ListAgreements")).agreements
    assert [each.state for each in listed] == [pb.AGREEMENT_STATE_SUPERSEDED, pb.AGREEMENT_STATE_DRAFT]
    assert listed[1].name == second.name
    assert not listed[1].signatures


async def test_an_oral_agreement_binds_when_all_have_agreed(case: Mediated) -> None:
    drafted = await case.answered(form=pb.AGREEMENT_FORM_ORAL)
    await refused(case.sign(drafted, 1), "INVALID_FIELD")  # by hand
    await case.sign(drafted, 1, manner=sessions_pb2.SIGNING_MANNER_SPOKEN)
    bound = await case.sign(drafted, 2, manner=sessions_pb2.SIGNING_MANNER_SPOKEN)
    assert bound.state == pb.AGREEMENT_STATE_EFFECTIVE


async def test_wages_are_agreed_in_writing(clients: Clients) -> None:
    wages = await mediated(clients, "labour/wage-arrears")
    await refused(wages.draft(form=pb.AGREEMENT_FORM_ORAL), "WRITTEN_REQUIRED")
    assert (await wages.draft()).form == pb.AGREEMENT_FORM_WRITTEN


async def test_a_representative_signs_only_for_those_who_consented_to_the_settlement(clients: Clients) -> None:
    group = await mediated(clients, "labour/wage-arrears", sides=(1, 2, 1, 1, 1))
    drafted = await group.answered()
    await group.consent(SETTLEMENT, 1, 3, 4)
    error = await refused(group.sign(drafted, 1, 3, 4, 5, signer=Signer.REPRESENTATIVE), "CONSENT_MISSING")
    assert error.details() == "CONSENT_MISSING: 5"
    await group.sign(drafted, 1, 3, 4, signer=Signer.REPRESENTATIVE)
    await group.sign(drafted, 2)
    await group.do("CountersignAgreement", drafted.name)
    await refused(group.do("SealAgreement", drafted.name, role="clerk"), "SIGNED_BY_EVERY_PARTY")
    # The fifth opts out: the others' agreement binds without that one.
    await group.withdraw(5)
    bound = await group.do("SealAgreement", drafted.name, role="clerk")
    assert bound.state == pb.AGREEMENT_STATE_EFFECTIVE


async def test_a_guardian_signs_only_for_whom_it_is_on_record_as_guardian(case: Mediated) -> None:
    drafted = await case.answered()
    await refused(case.sign(drafted, 1, signer=Signer.GUARDIAN), "CONSENT_MISSING")
    people = Act(case.clients, case.name)
    guardian = await people.accompany(companion(case.name, 1, (1,)))
    await refused(case.sign(drafted, 2, signer=Signer.GUARDIAN), "CONSENT_MISSING")
    ended = people_pb2.EndCompanionRequest(name=guardian.name, request_id=request_id())
    await case.clients.people.EndCompanion(ended, **people.clerk)
    await refused(case.sign(drafted, 1, signer=Signer.GUARDIAN), "CONSENT_MISSING")
    await people.accompany(companion(case.name, 1, (1,)))
    assert (await case.sign(drafted, 1, signer=Signer.GUARDIAN)).signatures[0].signer == Signer.GUARDIAN


@pytest.mark.parametrize("what", ["somebody new", "the mediator replaced"])
async def test_what_was_agreed_in_part_keeps_nobody_in_mediation(what: str, case: Mediated) -> None:
    await case.agreed(extent=pb.AGREEMENT_EXTENT_PARTIAL)
    people = Act(case.clients, case.name)
    await (people.add(3) if what == "somebody new" else people.replace(1))
    who = "mediator" if what == "somebody new" else "duty_officer"
    await case.do("EndMediation", role=who, ground=pb.END_GROUND_GAP_TOO_WIDE)
    assert (await people.mediation()).state == consent_pb2.MEDIATION_STATE_AGREED


async def test_what_was_agreed_in_part_stays_agreed_when_a_party_leaves_over_the_rest(case: Mediated) -> None:
    await case.agreed(extent=pb.AGREEMENT_EXTENT_PARTIAL)
    people = Act(case.clients, case.name)
    assert (await people.withdraw(2)).mediation_state == consent_pb2.MEDIATION_STATE_AGREED
    results = await case.do("GetMediationResults", f"{case.name}/results")
    assert results.outcome == pb.MEDIATION_OUTCOME_AGREED_PARTIAL


async def test_consent_given_and_taken_back_is_none(clients: Clients) -> None:
    group = await mediated(clients, sides=(1, 2, 1))
    drafted = await group.answered()
    await group.consent(SETTLEMENT, 3)
    await group.consent(SETTLEMENT, 3, given=False)
    await refused(group.sign(drafted, 3, signer=Signer.AGENT), "CONSENT_MISSING")


async def test_who_has_withdrawn_signs_nothing_and_is_bound_by_nothing(case: Mediated) -> None:
    drafted = await case.answered()
    await case.sign(drafted, 1)
    await case.withdraw(2)
    await refused(case.sign(drafted, 2), "SUPERSEDED")
    await refused(case.do("SealAgreement", drafted.name, role="clerk"), "SUPERSEDED")
    await refused(case.draft(), "NOT_IN_MEDIATION")
    ended = await case.do("GetEnding", f"{case.name}/ending")
    assert ended.ground == pb.END_GROUND_PARTY_WITHDREW
    assert [notice.party for notice in ended.notices] == [case.party(1), case.party(2)]


async def test_without_a_mediation_under_way_there_is_no_agreement(clients: Clients, case: Mediated) -> None:
    proposed = await mediated(clients, state=1)
    await refused(proposed.draft(), "PERMISSION_DENIED")  # nobody mediates it
    await case.agreed()
    await refused(case.draft(), "NOT_IN_MEDIATION")
    await refused(case.do("EndMediation", ground=pb.END_GROUND_GAP_TOO_WIDE), "WRONG_STATE")


async def test_a_mediation_ends_on_a_ground_and_every_party_is_served_the_other_routes(clients: Clients) -> None:
    case = await mediated(clients, "labour/wage-arrears")
    await refused(case.do("EndMediation", ground=pb.END_GROUND_AGREED), "NOT_EFFECTIVE")
    await case.answered()
    ended = await case.do("EndMediation", ground=pb.END_GROUND_GAP_TOO_WIDE)
    assert list(ended.routes)[:2] == [report_pb2.ROUTE_ARBITRATION, report_pb2.ROUTE_ADMINISTRATION]
    assert (ended.other_routes[0].route, ended.other_routes[0].first) == ("labour_arbitration", True)
    assert [notice.party for notice in ended.notices] == [case.party(1), case.party(2)]
    listed = (await case.do("ListAgreements")).agreements
    assert [each.state for each in listed] == [pb.AGREEMENT_STATE_SUPERSEDED]
    served = await case.do("ServeNotice", ended.notices[0].name, medium=1, evidence="receipt-1", role="clerk")
    assert served.medium == pb.SERVICE_MEDIUM_IN_PERSON
    assert (served.evidence, bool(served.server)) == ("receipt-1", True)
    await refused(case.do("ServeNotice", served.name, medium=1), "ALREADY_EXISTS")
    await refused(case.do("ServeNotice", f"{case.name}/notices/9", medium=1), "NOT_FOUND")
    results = await case.do("GetMediationResults", f"{case.name}/results")
    assert (results.outcome, results.performance) == (pb.MEDIATION_OUTCOME_NOT_AGREED, 0)


async def test_service_nobody_saw_is_proven_and_no_service_is_dated_where_it_cannot_be(clients: Clients) -> None:
    case = await mediated(clients)
    ended = await case.do("EndMediation", ground=pb.END_GROUND_GAP_TOO_WIDE)
    notice, now = ended.notices[1].name, datetime.now(UTC)

    def serve(medium: int, hours: float = 0, **fields: Any) -> Any:
        if hours:
            fields["serve_time"] = stamp(now + timedelta(hours=hours))
        return case.do("ServeNotice", notice, medium=medium, role="clerk", **fields)

    for medium in (pb.SERVICE_MEDIUM_POST, pb.SERVICE_MEDIUM_ELECTRONIC):
        await refused(serve(medium), "EVIDENCE_REQUIRED")
    await refused(serve(pb.SERVICE_MEDIUM_POST, 1, evidence="EMS-1"), "IN_THE_FUTURE")
    await refused(serve(pb.SERVICE_MEDIUM_IN_PERSON, -1), "BEFORE_START")
    served = await serve(pb.SERVICE_MEDIUM_POST, evidence="EMS-1")
    assert (served.evidence, served.HasField("serve_time")) == ("EMS-1", True)
    shown = await case.do("GetEnding", f"{case.name}/ending")
    assert [(each.evidence, bool(each.server)) for each in shown.notices] == [("", False), ("EMS-1", True)]


async def test_a_mediation_that_was_only_proposed_ends_as_well(clients: Clients) -> None:
    case = await mediated(clients, state=1)
    assert (await case.do("EndMediation", ground=pb.END_GROUND_PARTY_WITHDREW)).ground == pb.END_GROUND_PARTY_WITHDREW


async def test_a_partial_agreement_leaves_the_rest_in_mediation(case: Mediated) -> None:
    await case.agreed(extent=pb.AGREEMENT_EXTENT_PARTIAL)
    results = await case.do("GetMediationResults", f"{case.name}/results")
    assert (results.outcome, results.performance) == (0, pb.PERFORMANCE_NOT)
    await case.do("EndMediation", ground=pb.END_GROUND_TERM_EXPIRED)
    results = await case.do("GetMediationResults", f"{case.name}/results")
    assert results.outcome == pb.MEDIATION_OUTCOME_AGREED_PARTIAL


async def test_what_an_agreement_says_is_sealed_and_every_reading_is_written_down(case: Mediated) -> None:
    drafted = await case.answered()
    assert SECRET.encode() not in drafted.SerializeToString()
    text = await case.do("GetAgreementText", f"{drafted.name}/text")
    assert (text.statement.facts, list(text.clauses)) == (SECRET, [SECRET])
    assert "AgreementTextRead" in await case.kinds()
    await refused(case.do("GetAgreementText", f"{drafted.name}/text", role="clerk"), "PERMISSION_DENIED")
    for table in ("agreements", "clauses", "events", "requests"):
        for (row,) in await case.fetch(f"SELECT t::text FROM {table} t"):
            assert SECRET not in row
            assert SECRET.encode().hex() not in row


async def test_a_repeat_of_a_signature_gets_the_first_answer(case: Mediated) -> None:
    drafted = await case.answered()
    request = case.request("SignAgreement", drafted.name, parties=[case.party(1)], signer=1, manner=1)
    request.request_id = request_id()
    first = await case.stub("SignAgreement")(request, **case.clients.as_("mediator"))
    assert await case.stub("SignAgreement")(request, **case.clients.as_("mediator")) == first
    await refused(case.do("CountersignAgreement", drafted.name, etag="1"), "ETAG_MISMATCH")


async def test_an_agreement_is_made_over_rest_as_well(case: Mediated, rest: httpx.AsyncClient) -> None:
    def key(role: str) -> dict[str, str]:
        token = case.clients.stack.token(role, COUNTY)
        return {"Authorization": f"Bearer {token}", "Idempotency-Key": request_id()}

    body = {
        "extent": "AGREEMENT_EXTENT_FULL",
        "form": "AGREEMENT_FORM_WRITTEN",
        "clauses": [{"performer": case.party(2), "beneficiary": case.party(1), "kind": "CLAUSE_KIND_PAY",
                     "amountFen": "30000", "dueDate": {"year": 2199, "month": 2, "day": 28}, "content": SECRET}],
    }  # fmt: skip
    drafted = await rest.post(f"/v1/{case.name}/agreements", json=body, headers=key("mediator"))
    assert drafted.status_code == 200, drafted.text
    name = drafted.json()["name"]
    assert drafted.json()["clauses"][0]["dueDate"] == {"year": 2199, "month": 2, "day": 28}
    assert SECRET not in drafted.text
    body["clauses"][0]["dueDate"] = {"year": 2199, "month": 2, "day": 30}  # type: ignore[index]
    wrong = await rest.post(f"/v1/{case.name}/agreements", json=body, headers=key("mediator"))
    assert wrong.status_code == 400
    assert "INVALID_FIELD" in wrong.text
    answers = [{"question": question, "yes": True} for question in pb.ChecklistQuestion.keys()[1:]]
    for verb, sent in (("answerChecklist", {"answers": answers}), ("answerThirdParties", {"settled": True})):
        answered = await rest.post(f"/v1/{name}:{verb}", json=sent, headers=key("mediator"))
        assert answered.status_code == 200, answered.text
    signed = {"parties": [case.party(1)], "signer": "SIGNER_SELF", "manner": "SIGNING_MANNER_SIGNATURE"}
    answer = await rest.post(f"/v1/{name}:sign", json=signed, headers=key("mediator"))
    assert answer.json()["state"] == "AGREEMENT_STATE_SIGNING"
    text = await rest.get(f"/v1/{name}/text", headers=key("reviewer"))
    assert text.json()["clauses"] == [SECRET]
