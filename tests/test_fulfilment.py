"""Fulfilment, judicial confirmation, closing and what comes after: each part of a clause on its own."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest
from pb.clock.v1 import clock_pb2
from pb.mediation.v1 import agreement_pb2, case_pb2, mediation_pb2
from pb.mediation.v1 import follow_up_pb2 as follow
from pb.mediation.v1 import fulfilment_pb2 as pb

from accord.embedded.stack import Stack
from casework.errors import CaseError
from casework.mediation import closing, confirmation, fulfilment
from casework.mediation.agreement import AgreementState, Clause, ClauseKind, Due, Form, Question
from casework.mediation.closing import Gate, Retention
from casework.mediation.confirmation import Caution
from casework.mediation.fulfilment import Instalment, InstalmentState, Performance, Remedy
from tests.conftest import COUNTY, Clients, request_id
from tests.dossiers import text_of
from tests.mediated import CONFIRMATION, SECRET, Mediated, as_date, day, mediated, refused
from tests.still import standing_still

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
LATER = NOW + timedelta(days=9)
SECOND = timedelta(seconds=1)


def part(**fields: object) -> Instalment:
    given = {"kind": ClauseKind.PAY, "amount": 300, "paid": 0, "due_at": LATER, "begun": False, "performed_on": None,
             "defaulted_at": None}  # fmt: skip
    return Instalment(**{**given, **fields})  # type: ignore[arg-type]


@pytest.fixture
async def case(clients: Clients) -> Mediated:
    """Return a case of neighbours in mediation."""
    return await mediated(clients)


# --- the rules ----------------------------------------------------------------------------------------------------


def test_a_part_is_in_default_when_its_day_has_passed_or_it_was_declared() -> None:
    assert part().state(NOW) is InstalmentState.PENDING
    assert part(begun=True).state(NOW) is InstalmentState.PART
    assert part().state(LATER) is InstalmentState.PENDING
    assert part().state(LATER + SECOND) is InstalmentState.DEFAULTED
    assert part(defaulted_at=NOW).state(NOW) is InstalmentState.DEFAULTED
    assert part(performed_on=date(2026, 12, 30)).state(LATER + timedelta(days=60)) is InstalmentState.PERFORMED


def test_a_payment_is_performed_when_its_whole_amount_was_paid_late_or_not() -> None:
    assert fulfilment.perform(part(), 100, True) == (100, False)
    assert fulfilment.perform(part(paid=100, defaulted_at=NOW), 200, False) == (300, True)
    for amount in (0, -1, 301):
        with pytest.raises(CaseError, match="INVALID_FIELD"):
            fulfilment.perform(part(), amount, True)
    act = part(kind=ClauseKind.ACT, amount=0)
    assert fulfilment.perform(act, 0, False) == (0, False)
    assert fulfilment.perform(act, 0, True) == (0, True)
    with pytest.raises(CaseError, match="INVALID_FIELD"):
        fulfilment.perform(act, 5, True)
    with pytest.raises(CaseError, match="WRONG_STATE"):
        fulfilment.perform(part(performed_on=date(2026, 12, 1)), 1, True)


def test_any_clear_sum_has_a_payment_order() -> None:
    assert Remedy.PAYMENT_ORDER in fulfilment.remedies(ClauseKind.PAY)
    assert Remedy.PAYMENT_ORDER not in fulfilment.remedies(ClauseKind.APOLOGISE)


def test_only_a_default_has_remedies() -> None:
    with pytest.raises(CaseError, match="WRONG_STATE"):
        fulfilment.pursue(part(), Remedy.REMIND, NOW)
    fulfilment.pursue(part(), Remedy.PAYMENT_ORDER, LATER + SECOND)
    with pytest.raises(CaseError, match="INVALID_FIELD"):
        fulfilment.pursue(part(kind=ClauseKind.ACT, amount=0), Remedy.PAYMENT_ORDER, LATER + SECOND)


def test_a_default_keeps_a_case_open_until_the_other_routes_were_told() -> None:
    assert fulfilment.is_open(InstalmentState.DEFAULTED, False, False)
    assert not fulfilment.is_open(InstalmentState.DEFAULTED, False, True)
    assert fulfilment.is_open(InstalmentState.PENDING, False, True)
    assert not fulfilment.is_open(InstalmentState.PENDING, True, False)


def test_performance_is_a_result_of_its_own() -> None:
    done, default = InstalmentState.PERFORMED, InstalmentState.DEFAULTED
    assert fulfilment.performance([], False) is None
    assert fulfilment.performance([done, done], True) is Performance.DONE
    assert fulfilment.performance([done, default], True) is Performance.PART
    assert fulfilment.performance([default], False) is Performance.NOT


def test_visits_are_7_30_and_90_days_after_performance() -> None:
    assert fulfilment.follow_ups(date(2026, 12, 1)) == {
        7: date(2026, 12, 8), 30: date(2026, 12, 31), 90: date(2027, 3, 1)}  # fmt: skip


PAY = Clause(2, 1, ClauseKind.PAY, 5, (Due(5, date(2026, 12, 1)),))
DEED = Clause(2, 1, ClauseKind.ACT, 0, (Due(0, date(2026, 12, 1)),))
LASTING = Clause(2, 1, ClauseKind.REFRAIN, 0, (Due(0, None),))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, []),
        ({"state": AgreementState.SIGNING}, [Caution.NOT_EFFECTIVE]),
        ({"due_at": NOW}, []),
        ({"due_at": NOW - SECOND}, [Caution.WINDOW_CLOSED]),
        ({"category": "family/marriage", "clauses": [DEED]}, [Caution.STATUS_MATTER]),
        ({"category": "family/marriage"}, []),
        ({"category": "homestead/title", "clauses": [DEED]}, [Caution.TITLE_MATTER]),
        ({"category": "ip", "clauses": [PAY, DEED]}, [Caution.TITLE_MATTER]),
        ({"clauses": [LASTING]}, [Caution.UNCLEAR_CONTENT]),
        ({"answers": {}}, [Caution.UNCLEAR_CONTENT, Caution.CHECKLIST_OPEN]),
        ({"form": Form.ORAL}, [Caution.ORAL_AGREEMENT]),
        ({"missing": {2}}, [Caution.NOT_JOINT]),
        ({"performed": True}, [Caution.NOTHING_TO_ENFORCE]),
    ],
)
def test_cautions_come_from_kind_of_matter_clauses_checklist_and_time(
    given: dict[str, object], found: list[Caution]
) -> None:
    facts: dict[str, object] = {
        "state": AgreementState.EFFECTIVE, "form": Form.WRITTEN, "category": "neighbour", "clauses": [PAY],
        "answers": dict.fromkeys(Question, True), "due_at": LATER, "missing": set(), "performed": False, "now": NOW,
    }  # fmt: skip
    assert confirmation.cautions(**{**facts, **given}) == found  # type: ignore[arg-type]


def test_the_numbers_of_the_field_are_those_of_the_contract() -> None:
    for kind, contract, prefix in (
        (InstalmentState, pb.InstalmentState, "INSTALMENT_STATE"), (Remedy, pb.Remedy, "REMEDY"),
        (Caution, pb.Caution, "CAUTION"), (confirmation.ConfirmationState, pb.ConfirmationState, "CONFIRMATION_STATE"),
        (Performance, agreement_pb2.Performance, "PERFORMANCE"), (Gate, follow.ClosingGate, "CLOSING_GATE"),
        (Retention, follow.Retention, "RETENTION"), (closing.View, follow.ClosingView, "CLOSING_VIEW"),
        (closing.ReopenReason, follow.ReopenReason, "REOPEN_REASON"),
        (closing.Satisfaction, agreement_pb2.Satisfaction, "SATISFACTION"),
    ):  # fmt: skip
        assert {f"{prefix}_{each.name}": int(each) for each in kind} == dict(contract.items()[1:])


# --- parts and defaults -------------------------------------------------------------------------------------------


async def test_each_instalment_has_a_clock_and_an_end_of_its_own(clients: Clients) -> None:
    wages = await mediated(clients, "labour/wage-arrears")
    await wages.agreed(wages.clause(900_00, instalments=wages.instalments((300_00, 5), (300_00, 35), (300_00, 65))))
    first, second, third = await wages.parts()
    assert [each.amount_fen for each in (first, second, third)] == [300_00] * 3
    paid = await wages.perform(first, 100_00)
    assert (paid.state, paid.paid_fen) == (pb.INSTALMENT_STATE_PART, 100_00)
    assert "performance-1-1-1" in await wages.running()
    await refused(wages.perform(first, 200_01), "INVALID_FIELD")
    paid = await wages.perform(first, 200_00)
    assert (paid.state, paid.paid_fen, list(paid.evidence)) == (pb.INSTALMENT_STATE_PERFORMED, 300_00, ["slip-1"] * 2)
    assert "performance-1-1-1" not in await wages.running()
    await refused(wages.perform(first, 1), "WRONG_STATE")
    # The second is refused outright: only that one is in default.
    broken = await wages.do("DeclareDefault", second.name, reason=pb.DEFAULT_REASON_REFUSED)
    assert broken.state == pb.INSTALMENT_STATE_DEFAULTED
    assert pb.REMEDY_PAYMENT_ORDER in broken.remedies
    running = await wages.running()
    assert "performance-1-1-2" not in running
    assert "performance-1-1-3" in running
    await refused(wages.do("DeclareDefault", second.name, reason=pb.DEFAULT_REASON_REFUSED), "WRONG_STATE")
    for remedy in (pb.REMEDY_REMIND, pb.REMEDY_PAYMENT_ORDER, pb.REMEDY_ESCALATE):
        told = await wages.do("PursueDefault", second.name, remedy=remedy)
    assert [step.remedy for step in told.steps] == [pb.REMEDY_REMIND, pb.REMEDY_PAYMENT_ORDER, pb.REMEDY_ESCALATE]
    await refused(wages.do("PursueDefault", third.name, remedy=pb.REMEDY_REMIND), "WRONG_STATE")
    assert [part.state for part in await wages.parts()] == [
        pb.INSTALMENT_STATE_PERFORMED, pb.INSTALMENT_STATE_DEFAULTED, pb.INSTALMENT_STATE_PENDING]  # fmt: skip
    results = await wages.do("GetMediationResults", f"{wages.name}/results")
    assert (results.outcome, results.performance) == (
        agreement_pb2.MEDIATION_OUTCOME_AGREED_FULL, agreement_pb2.PERFORMANCE_PART)  # fmt: skip
    # What is paid late counts all the same.
    late = await wages.perform(second, 300_00)
    assert late.state == pb.INSTALMENT_STATE_PERFORMED
    escalated = [event for event in await wages.history() if event.type == "DefaultPursued"]
    assert [event.wakes for event in escalated] == [False, False, True]


async def test_performance_says_its_day_and_none_to_come(case: Mediated) -> None:
    await case.agreed()
    (only,) = await case.parts()
    await refused(case.perform(only, 300_00, perform_date=day(1)), "INVALID_FIELD")
    await refused(case.perform(only, 300_00, perform_date=day(-1)), "CONTRADICTED")  # it bound today
    done = await case.perform(only, 300_00, perform_date=day(0))
    assert as_date(done.perform_date) == as_date(day(0))


async def test_nothing_is_performed_of_what_does_not_bind(case: Mediated) -> None:
    drafted = await case.answered()
    assert await case.parts() == []
    await refused(case.do("GetInstalment", f"{drafted.name}/clauses/1/instalments/1"), "NOT_FOUND")


async def test_a_day_that_passes_is_a_default_told_once(stack: Stack, clients: Clients) -> None:
    name = f"cases/{COUNTY}-2026-000901"
    opened = case_pb2.Case(name=name, unit=f"units/{COUNTY}", category="categories/neighbour", grade=1)
    async with standing_still(stack, "mediation") as still:
        now = still.time.set(datetime.now(UTC))
        around = still.clients(clients)
        await around.mediation.CreateCase(
            mediation_pb2.CreateCaseRequest(case=opened, request_id=request_id()), **around.as_service("worker")
        )
        case = Mediated(around, name)
        await case.join((1, 2))
        await case.agreed(case.clause(days=4), case.clause(days=60))
        still.time.set(now + timedelta(days=6))
        first, second = await case.parts()
        assert (first.state, second.state) == (pb.INSTALMENT_STATE_DEFAULTED, pb.INSTALMENT_STATE_PENDING)
        assert not first.HasField("default_time")
        for _ in range(2):
            await around.clocks["mediation"].FireClocks(
                clock_pb2.FireClocksRequest(service="mediation", case=name), **around.as_service("worker")
            )
        told = [event for event in await case.history() if event.type == "ClockOverdue"]
        assert [event.payload["subject"] for event in told if event.payload["rule"] == "performance"] == [first.name]
        # Nothing is raised against the unit for it; the unit has days to follow it up.
        (late,) = [event for event in told if event.payload["rule"] == "performance"]
        assert late.payload["consequence"] == "notify_parties"
        step = (await case.running())["default-1-1-1"]
        assert (step.rule, step.subject, step.taken_by) == ("default_follow_up", first.name, f"demo-mediator-{COUNTY}")
        told_of = await case.do("PursueDefault", first.name, remedy=pb.REMEDY_ENFORCEMENT)
        assert "default-1-1-1" not in await case.running()
        assert told_of.state == pb.INSTALMENT_STATE_DEFAULTED
        assert (await case.perform(first, 300_00)).state == pb.INSTALMENT_STATE_PERFORMED


@pytest.mark.fault("A1", "A7")
async def test_performance_counts_from_its_day_whenever_it_is_recorded(stack: Stack, clients: Clients) -> None:
    async with standing_still(stack, "mediation") as still:
        now = still.time.set(datetime.now(UTC))
        around = still.clients(clients)

        async def agreed(number: int) -> Mediated:
            name = f"cases/{COUNTY}-2026-{number:06}"
            opened = case_pb2.Case(name=name, unit=f"units/{COUNTY}", category="categories/neighbour", grade=1)
            await around.mediation.CreateCase(
                mediation_pb2.CreateCaseRequest(case=opened, request_id=request_id()), **around.as_service("worker")
            )
            case = Mediated(around, name)
            await case.join((1, 2))
            await case.agreed(case.clause(days=4))
            return case

        async def told(case: Mediated, kind: str, rule: str) -> list[dict[str, object]]:
            fire = clock_pb2.FireClocksRequest(service="mediation", case=case.name)
            await around.clocks["mediation"].FireClocks(fire, **around.as_service("worker"))
            events = [dict(each.payload) for each in await case.history() if each.type == kind]
            return [each for each in events if str(each["rule"]).startswith(rule)]

        # Nothing is performed before it bound: what was performed long ago was agreed before that.
        still.time.set(now - timedelta(days=61))
        long_ago = await agreed(904)
        still.time.set(now)
        on_time = await agreed(903)
        # Performed two months ago: the visits that should have been are reported at once, each with how late.
        (part,) = await long_ago.parts()
        await long_ago.perform(part, 300_00, perform_date=day(-60))
        late = await told(long_ago, "ClockOverdue", "follow_up")
        assert [each["rule"] for each in late] == ["follow_up_7", "follow_up_30"]
        assert all(int(each["late_by_seconds"]) > 22 * 86_400 for each in late)  # type: ignore[call-overload]

        # Paid on the day it was due, entered two days later.
        (part,) = await on_time.parts()
        still.time.set(now + timedelta(days=6))
        assert len(await told(on_time, "ClockOverdue", "performance")) == 1
        await on_time.perform(part, 300_00, perform_date=day(4))
        clock = clock_pb2.GetClockRequest(name=f"clocks/mediation/{on_time.number}.performance-1-1-1")
        met = await around.clocks["mediation"].GetClock(clock, **around.as_("handler"))
        assert (met.state, met.overdue) == (clock_pb2.CLOCK_STATE_MET, False)
        assert len(await told(on_time, "ClockBreachWithdrawn", "performance")) == 1


# --- judicial confirmation ----------------------------------------------------------------------------------------


async def test_all_parties_apply_within_30_days_and_the_court_gets_a_whole_bundle(case: Mediated) -> None:
    bound = await case.agreed()
    bound_number = bound.document_number
    await case.consent(CONFIRMATION, 1)
    eligible = await case.do("CheckEligibility", bound.name)
    assert list(eligible.cautions) == [pb.CAUTION_NOT_JOINT]
    assert list(eligible.missing_consents) == [case.party(2)]
    await refused(case.do("ApplyForConfirmation", bound.name, court="620102-court"), "CONSENT_MISSING")
    await case.consent(CONFIRMATION, 2)
    assert not (await case.do("CheckEligibility", bound.name)).cautions
    applied = await case.do("ApplyForConfirmation", bound.name, court="620102-court")
    assert applied.state == pb.CONFIRMATION_STATE_APPLIED
    assert "confirmation-1" not in await case.running()
    await refused(case.do("ApplyForConfirmation", bound.name, court="620102-court"), "ALREADY_EXISTS")

    bundle = await case.do("GetHandOver", f"{applied.name}/handOver", role="clerk")
    assert hashlib.sha256(bundle.content).hexdigest() == bundle.sha256
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["agreement"] == bound.name
        named = {file["file_name"]: file for file in manifest["files"]}
        assert set(archive.namelist()) == {*named, "manifest.json"}
        assert [name.split("-", 1)[1].split(".")[0] for name in sorted(named)] == [
            "confirmation_application", "agreement", "proof_of_mediation", "consents"]  # fmt: skip
        for name, file in named.items():
            data = archive.read(name)
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (file["sha256"], file["size_bytes"])
        texts = {name.split("-", 1)[1]: text_of(archive.read(name)) for name in named}
    assert SECRET in texts["agreement.docx"]
    assert bound_number in texts["agreement.docx"]
    assert "城关区人民调解委员会" in texts["proof_of_mediation.docx"]
    assert texts["consents.docx"].count("申请司法确认") == 2
    assert "兰州市城关区人民法院" in texts["confirmation_application.docx"]
    assert "620102-court" not in texts["confirmation_application.docx"], "a paper names the court, not its code"
    again = await case.do("GetHandOver", f"{applied.name}/handOver", role="clerk")
    assert again.content == bundle.content
    assert (await case.kinds()).count("HandOverRead") == 2

    await refused(case.do("RecordConfirmationResult", applied.name, result=1, evidence="d-1"), "INVALID_FIELD|result")
    confirmed = await case.do("RecordConfirmationResult", applied.name, result=2, evidence="court-77")
    assert (confirmed.state, confirmed.result_evidence) == (pb.CONFIRMATION_STATE_CONFIRMED, "court-77")
    await refused(case.do("RecordConfirmationResult", applied.name, result=3, evidence="court-78"), "WRONG_STATE")


async def test_a_withdrawn_application_can_be_made_again(case: Mediated) -> None:
    bound = await case.agreed()
    await case.consent(CONFIRMATION, 1, 2)
    applied = await case.do("ApplyForConfirmation", bound.name, court="620102-court")
    await case.do("RecordConfirmationResult", applied.name, result=4, evidence="letter-1")
    assert (await case.do("ApplyForConfirmation", bound.name, court="620102-court")).state == 1


async def test_after_30_days_it_is_too_late(case: Mediated) -> None:
    bound = await case.agreed()
    await case.consent(CONFIRMATION, 1, 2)
    await case.execute(
        "UPDATE agreements SET confirm_due_at = now() - interval '1 second' WHERE number = $1", [(case.number,)]
    )
    await refused(case.do("ApplyForConfirmation", bound.name, court="620102-court"), "WINDOW_CLOSED")
    assert pb.CAUTION_WINDOW_CLOSED in (await case.do("CheckEligibility", bound.name)).cautions
