"""The field's own rules of special handling: who may do what in which state, what a draw gives, what is left out."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pb.escalation.v1 import consultations_pb2, lead_pb2, monitoring_pb2, plans_pb2, task_force_pb2

from casework.errors import CaseError
from casework.papers import deidentification
from casework.supervision.matters import consultation, lead, monitoring, task_force
from casework.supervision.matters import plan as matter_plan
from casework.supervision.matters.consultation import AskState, Candidate, ConsultationState
from casework.supervision.matters.lead import Barred, HandOverState, NoteKind
from casework.supervision.matters.monitoring import Finding, Interval, MonitoringState
from casework.supervision.matters.plan import Assessment, Countersigned, MeasureState, PlanState, RightsCheck, Role
from casework.supervision.matters.task_force import ForceState, TaskState

HEARD = [Countersigned("620102", Role.CO_UNIT, True), Countersigned("620102-justice", Role.LEGAL_ADVISER, True)]
FREE = [RightsCheck("party-1", may_sue=True, told=True, consents=False)]


@pytest.mark.parametrize(
    ("ours", "contract"),
    [
        (PlanState, plans_pb2.PlanState), (Role, plans_pb2.CountersignRole), (Assessment, plans_pb2.PlanAssessment),
        (MeasureState, plans_pb2.PlanMeasureState), (ForceState, task_force_pb2.TaskForceState),
        (TaskState, task_force_pb2.ForceTaskState), (NoteKind, lead_pb2.LeadNoteKind),
        (HandOverState, lead_pb2.LeadHandOverState), (ConsultationState, consultations_pb2.ConsultationState),
        (AskState, consultations_pb2.ExpertAskState), (consultation.Recusal, consultations_pb2.RecusalReason),
        (consultation.Adoption, consultations_pb2.OpinionAdoption), (MonitoringState, monitoring_pb2.MonitoringState),
        (Interval, monitoring_pb2.MonitoringInterval), (Finding, monitoring_pb2.MonitoringFinding),
    ],
)  # fmt: skip
def test_the_numbers_are_those_of_the_contract(ours: type, contract: object) -> None:
    said = {name: number for name, number in contract.items() if number}  # type: ignore[attr-defined]
    found = {each.name: each.value for each in ours}  # type: ignore[attr-defined]
    assert {name.endswith(own) for own, name in zip(found, said, strict=True)} == {True}
    assert list(found.values()) == list(said.values())


# --- plans ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [PlanState.DRAFTED, PlanState.APPROVED, PlanState.EXECUTED, PlanState.SUPERSEDED])
def test_only_a_plan_that_went_round_is_approved(state: PlanState) -> None:
    with pytest.raises(CaseError, match="WRONG_STATE"):
        matter_plan.move(state, PlanState.APPROVED)


def test_nobody_who_drafted_or_edited_a_plan_approves_it() -> None:
    matter_plan.may_approve(HEARD, FREE, "head", ["drafter", "editor"])
    for who in ("drafter", "editor"):
        with pytest.raises(CaseError, match="SAME_PERSON"):
            matter_plan.may_approve(HEARD, FREE, who, ["drafter", "editor"])


def test_a_plan_is_not_approved_before_everybody_asked_and_a_legal_adviser_were_heard() -> None:
    asked = [*HEARD[:1], Countersigned("", Role.LEGAL_ADVISER, False)]
    with pytest.raises(CaseError, match="COUNTERSIGN_MISSING: LEGAL_ADVISER"):
        matter_plan.may_approve(asked, FREE, "head", ["drafter"])


@pytest.mark.parametrize(("may_sue", "told"), [(False, True), (True, False)])
def test_a_plan_that_keeps_a_party_from_a_suit_or_was_not_told_to_it_is_not_approved(may_sue: bool, told: bool) -> None:
    checks = [*FREE, RightsCheck("party-2", may_sue=may_sue, told=told, consents=True)]
    with pytest.raises(CaseError, match="RIGHTS_UNCHECKED: party-2"):
        matter_plan.may_approve(HEARD, checks, "head", ["drafter"])


def test_every_other_unit_with_a_measure_and_a_legal_adviser_are_asked_to_countersign() -> None:
    asked = matter_plan.asked_to_countersign("a", ["b", "a", "b"], ["c"])
    assert asked == (("b", Role.CO_UNIT), ("c", Role.CO_UNIT), ("", Role.LEGAL_ADVISER))


def test_a_difference_is_told_field_by_field_with_what_was_there_and_what_is_new() -> None:
    base = {"text.facts": "甲", "measures[1].unit": "units/a", "measures[2].unit": "units/b"}
    other = {"text.facts": "乙", "measures[1].unit": "units/a", "text.cost": "丙"}
    assert matter_plan.differences(base, other) == [
        ("text.facts", "甲", "乙"), ("text.cost", "", "丙"), ("measures[2].unit", "units/b", ""),
    ]  # fmt: skip


def test_a_county_has_five_days_for_a_further_version_and_those_above_ten() -> None:
    rules = {level: matter_plan.revision_rule(level) for level in ("county", "city", "province")}
    assert rules == {"county": "plan_revision_county", "city": "plan_revision_above", "province": "plan_revision_above"}


# --- task forces ----------------------------------------------------------------------------------------------------


def test_who_reports_a_task_does_not_check_it_and_what_is_not_good_enough_is_open_again() -> None:
    with pytest.raises(CaseError, match="SAME_PERSON"):
        task_force.verify(TaskState.REPORTED, True, "a", "a")
    assert task_force.verify(TaskState.REPORTED, False, "b", "a") is TaskState.OPEN
    assert task_force.verify(TaskState.REPORTED, True, "b", "a") is TaskState.DONE
    with pytest.raises(CaseError, match="WRONG_STATE"):
        task_force.verify(TaskState.OPEN, True, "b", "a")


def test_no_open_task_goes_under_with_a_task_force_or_a_unit_that_leaves() -> None:
    task_force.may_dissolve(0)
    with pytest.raises(CaseError, match="TASKS_OPEN: 2"):
        task_force.may_dissolve(2)
    with pytest.raises(CaseError, match="TASKS_OPEN: b"):
        task_force.must_have_no_task(["a", "b"], ["b", "c"])


# --- lead officials -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", Barred)
def test_a_lead_official_decides_no_legal_result_and_closes_no_way_to_a_court(what: Barred) -> None:
    with pytest.raises(CaseError, match="ROLE_BARRED"):
        lead.must_not_be_the_lead("lead", "lead", what)
    lead.must_not_be_the_lead("another", "lead", what)
    lead.must_not_be_the_lead("another", "", what)


def test_all_a_lead_official_can_do_is_to_look_to_meet_the_people_and_to_write_a_note() -> None:
    assert {each.name for each in NoteKind} == {"FIRST_LOOK", "CONTACT", "MONTHLY"}
    rpcs = {method.name for method in lead_pb2.DESCRIPTOR.services_by_name["LeadService"].methods}
    assert {each for each in rpcs if not each.startswith(("Get", "List"))} == {
        "AssignLead", "RecordLeadNote", "HandOverLead", "AnswerLeadHandOver"}  # fmt: skip


def test_a_lead_official_is_of_the_unit_that_keeps_the_matter_or_above_never_below_or_of_the_nation() -> None:
    path = ("cn", "62", "6201", "620102")
    for unit in path[1:]:
        lead.must_lie_above(unit, path)
    for unit in ("cn", "620102-labour", "620103", "620102001"):
        with pytest.raises(CaseError, match="INVALID_FIELD"):
            lead.must_lie_above(unit, path)


def test_the_monthly_note_keeps_to_the_day_of_the_assignment_over_short_months() -> None:
    due = [lead.note_due(date(2026, 1, 31), month) for month in range(1, 15)]
    assert [day.isoformat() for day in due[:5]] == [
        "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"]  # fmt: skip
    assert [day.isoformat() for day in due[10:]] == ["2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31"]


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 60))
def test_one_note_falls_into_every_month(assigned: date, month: int) -> None:
    before, due = lead.note_due(assigned, month - 1), lead.note_due(assigned, month)
    assert (due.year * 12 + due.month) - (before.year * 12 + before.month) == 1
    assert due.day == assigned.day or (due.day < assigned.day and (due.replace(day=28).month == due.month))


def test_a_contact_says_how_and_nothing_else_does() -> None:
    lead.check_note(NoteKind.CONTACT, 1, False)
    for kind, form in ((NoteKind.CONTACT, 0), (NoteKind.MONTHLY, 1)):
        with pytest.raises(CaseError, match="INVALID_FIELD"):
            lead.check_note(kind, form, False)
    with pytest.raises(CaseError, match="WRONG_STATE"):
        lead.check_note(NoteKind.FIRST_LOOK, 0, True)


# --- consultations --------------------------------------------------------------------------------------------------


def test_a_draw_can_be_checked_by_anybody_who_has_seed_and_names() -> None:
    names = [f"experts/620102-2026-{index:06d}" for index in range(1, 6)]
    order = consultation.drawn("ab" * 32, names)
    assert order == consultation.drawn("ab" * 32, reversed(names))
    # Worked out once with `printf '%s/%s' seed name | sha256sum | sort`.
    assert [name[-1] for name in order] == ["4", "3", "1", "2", "5"]


@given(st.integers(0, 2**64), st.integers(2, 30))
def test_a_draw_leaves_nobody_out_and_names_nobody_twice(seed: int, count: int) -> None:
    names = [f"experts/620102-2026-{index:06d}" for index in range(count)]
    assert sorted(consultation.drawn(f"{seed:064x}", names)) == names


def test_every_expert_comes_first_about_as_often_as_any_other() -> None:
    names = [f"experts/620102-2026-{index:06d}" for index in range(4)]
    first = [consultation.drawn(f"{seed:064x}", names)[0] for seed in range(2000)]
    assert all(400 < first.count(name) < 600 for name in names)


def test_nobody_of_a_unit_concerned_with_a_conflict_or_who_asks_is_drawn() -> None:
    pool = [Candidate(f"experts/{unit}", unit, f"user-{unit}") for unit in ("a", "b", "c", "d")]
    assert consultation.fitting(pool, {"a"}, {"experts/b"}, {"user-c"}) == ["experts/d"]


def test_experts_are_drawn_from_the_city_so_that_a_county_is_not_among_itself() -> None:
    assert {unit: consultation.pool_of(unit) for unit in ("620102001", "620102-labour", "6201", "62", "62-law")} == {
        "620102001": "6201", "620102-labour": "6201", "6201": "6201", "62": "62", "62-law": "62"}  # fmt: skip


@pytest.mark.parametrize("state", [ConsultationState.OPINED, ConsultationState.ANSWERED, ConsultationState.ENDED])
def test_what_is_signed_or_over_is_not_ended_and_nobody_steps_back_from_it(state: ConsultationState) -> None:
    with pytest.raises(CaseError, match="WRONG_STATE"):
        consultation.move(state, ConsultationState.ENDED)
    with pytest.raises(CaseError, match="WRONG_STATE"):
        consultation.may_recuse(state)


@pytest.mark.parametrize(
    "text",
    [
        "电话13904177355。", "电话139 0417 7355", "电话139-0417-7355", "１３９０４１７７３５５",
        "座机0931-8765432",        "身份证620102199001011234", "身份证62010219900101123X",
        "身份证 620102 19900101 123x", "卡号6222021234567890123",
        "手机一三九〇四一七七三五五", "电话1\u200b39\u200b0417\u200b7355",
        "邮箱zhang.san@example.com", "护照E12345678", "G12345678",
    ],
)  # fmt: skip
def test_a_number_by_which_a_person_could_be_found_does_not_pass_in_any_width_or_spacing(text: str) -> None:
    assert deidentification.found_in(text)


@pytest.mark.parametrize(
    "text",
    ["2026年3月2日，墙体裂缝宽12毫米，涉及1234567元。", "案号(2026)甘01民终1234号",
     "面积88.5平方米，共13户，3904元。",
     "编号620102-2026-000003", "GB 50010-2010"],
)  # fmt: skip
def test_dates_amounts_measurements_and_numbers_of_files_pass(text: str) -> None:
    assert not deidentification.found_in(text)


# --- monitoring -----------------------------------------------------------------------------------------------------


def test_a_monitoring_is_ended_once_and_by_somebody_else_than_who_began_it() -> None:
    for to in (MonitoringState.TAKEN_UP, MonitoringState.LAWFULLY_ENDED):
        assert monitoring.end(MonitoringState.ACTIVE, to, "b", "a") is to
        with pytest.raises(CaseError, match="SAME_PERSON"):
            monitoring.end(MonitoringState.ACTIVE, to, "a", "a")
        with pytest.raises(CaseError, match="WRONG_STATE"):
            monitoring.end(to, MonitoringState.TAKEN_UP, "b", "a")
    with pytest.raises(CaseError, match="WRONG_STATE"):
        monitoring.may_begin(True)
