"""Every limit that was held against the text of its law: number, unit, start, exclusions, more time, article."""

from __future__ import annotations

import pytest

from casework.clocks.rule import Confidence, Consumer, ExtensionKind, Holder, Rule
from casework.clocks.rule_book import RuleBook
from tests.still import shipped_rules
from tests.test_calendar import SHIPPED

pytestmark = pytest.mark.fault("F1", "F6")


@pytest.fixture(scope="module")
def book() -> RuleBook:
    return shipped_rules(SHIPPED).clocks


CORRECTED = """
traffic_mediation_request 10 working document_received 道路交通事故处理程序规定 86 112
traffic_mediation 10 working mediation_started 道路交通事故处理程序规定 87 112
traffic_after_mediation 3 working mediation_failed 道路交通事故处理程序规定 85 112
consumer_mediation 60 calendar mediation_begun test ? 总局令第121号 23
consumer_mediation_repealed 45 working mediation_accepted test 暂行办法 21
labour_arbitration_limitation 12 month right_violated force_majeure 劳动争议调解仲裁法 27
labour_wage_limitation 12 month employment_ended force_majeure 劳动争议调解仲裁法 27(4)
labour_mediation 15 calendar mediation_begun ? 劳动争议调解仲裁法 14
medical_mediation 30 working mediation_begun appraisal 医疗纠纷条例 38
public_security_case 30 calendar case_filed expert,hearing 治安管理处罚法 118 185
labour_arbitration_acceptance 5 working application_received ? 劳动争议调解仲裁法 29 80
labour_arbitration_award 45 calendar case_accepted_by_authority suspension,public_service ? 劳动争议调解仲裁法 43 46
administrative_review 60 calendar case_accepted_by_authority suspension,mediation 行政复议法 62
administrative_review_application 60 calendar act_known force_majeure 行政复议法 20
administrative_review_untold 12 month act_known 行政复议法 20(3)
enforcement 24 month performance_due limitation_obstacle 民事诉讼法 250
enforcement_no_period 24 month document_effective limitation_obstacle 民事诉讼法 250
protection_order 72 hour case_accepted_by_authority 反家庭暴力法 28
protection_order_urgent 24 hour case_accepted_by_authority 反家庭暴力法 28
protection_order_validity 6 month order_effective 反家庭暴力法 30
court_filing 7 calendar complaint_received completion 民事诉讼法 126 208
court_delegated 30 calendar mediator_signed_file ? 特邀调解规定 27
hotline_weifang 5 working dispatched_by_hotline 潍坊条例 20
court_return 1 working mediation_ended 特邀调解规定 21 26
police_docking 7 calendar docking_signed 办理行政案件程序规定 183
police_second_mediation 7 working mediation_failed 办理行政案件程序规定 183
mediation_term 1 month mediation_begun 人民调解工作若干规定 33
court_entrusted 15 calendar mediator_signed_file ? 关于严格依法规范民事案件立案与调解工作的意见 3
court_entrusted_summary 7 calendar mediator_signed_file ? 关于严格依法规范民事案件立案与调解工作的意见 3
"""
MISSING = """
labour_award_suit 15 calendar award_received 劳动争议调解仲裁法 48 50
labour_award_annulment 30 calendar award_received 劳动争议调解仲裁法 49
labour_agreement_review 15 calendar agreement_effective ? 劳动人事争议仲裁办案规则 74
payment_order_notice 5 calendar application_received 民事诉讼法 226
payment_order_issue 15 calendar case_accepted_by_authority 民事诉讼法 227
payment_order_objection 15 calendar order_received 民事诉讼法 227
confirmation_objection 15 calendar ruling_received 民诉解释 372
confirmation_objection_others 6 month right_violated 民诉解释 372
administrative_suit 6 month act_known force_majeure 行政诉讼法 46
administrative_suit_after_review 15 calendar decision_received force_majeure 行政诉讼法 45
administrative_inaction 2 month application_received 行政诉讼法 47
administrative_review_acceptance 5 working application_received 行政复议法 30 88
administrative_review_completion 10 working notice_received 行政复议法 31 88
administrative_review_simple 30 calendar case_accepted_by_authority suspension,mediation 行政复议法 62(2)
land_arbitration_suit 30 calendar award_received 农村土地承包经营纠纷调解仲裁法 48
land_arbitration_limitation 24 month right_violated 农村土地承包经营纠纷调解仲裁法 18
land_arbitration_acceptance 5 working application_received 农村土地承包经营纠纷调解仲裁法 23
land_title_suit 30 calendar decision_received 土地管理法 14
forest_title_suit 30 calendar decision_received 森林法 22
collective_decision_annulment 12 month decision_known 农村集体经济组织法 57
collective_decision_annulment_end 60 month decision_made 农村集体经济组织法 57
owners_decision_annulment 12 month decision_known 建筑物区分所有权解释 12
work_injury_application_employer 30 calendar accident_happened 工伤保险条例 17
work_injury_application_worker 12 month accident_happened 工伤保险条例 17
work_injury_decision 60 calendar case_accepted_by_authority other_authority 工伤保险条例 20
work_injury_decision_simple 15 calendar case_accepted_by_authority other_authority 工伤保险条例 20
work_capacity_appraisal 60 calendar application_received 工伤保险条例 25
work_capacity_second_appraisal 15 calendar decision_received 工伤保险条例 26
commercial_arbitration_acceptance 5 calendar application_received 仲裁法 35
commercial_award_annulment 3 month award_received 仲裁法 72
commercial_award_correction 30 calendar award_received 仲裁法 69
traffic_finding_review 3 working document_received 道路交通事故处理程序规定 71 112
open_information_reply 20 working application_received third_party 政府信息公开条例 33
legal_aid_review 7 calendar application_received 法律援助法 43
legal_aid_assignment 3 calendar decision_made 法律援助法 43
legal_aid_objection 5 calendar application_received 法律援助法 49
autopsy 48 hour death_occurred 医疗纠纷预防和处理条例 26
autopsy_frozen 7 calendar death_occurred 医疗纠纷预防和处理条例 26
protection_order_review 5 calendar order_effective 反家庭暴力法 31
civil_limitation 36 month right_violated limitation_obstacle 民法典 188 194 195
divorce_cooling_off 30 calendar application_received 民法典 1077
divorce_certificate 30 calendar cooling_off_over 民法典 1077
appeal_judgment 15 calendar judgment_received 民事诉讼法 171
appeal_ruling 10 calendar ruling_received 民事诉讼法 171
administrative_licence 20 working case_accepted_by_authority appraisal 行政许可法 42 82
"""
ROWS = [line.split() for line in (CORRECTED + MISSING).splitlines() if line]
MORE = {
    "public_security_case": (ExtensionKind.superior_approval, 30, 2),
    "labour_mediation": (ExtensionKind.consent_of_all, None, None),
    "labour_arbitration_award": (ExtensionKind.head_approval, 15, 1),
    "administrative_review": (ExtensionKind.head_approval, 30, 1),
    "protection_order_validity": (ExtensionKind.head_approval, None, None),
    "mediation_term": (ExtensionKind.consent_of_all, 1, 1),
    "court_entrusted": (ExtensionKind.consent_of_all, 30, 1),
    "court_entrusted_summary": (ExtensionKind.consent_of_all, 30, 1),
    "work_capacity_appraisal": (ExtensionKind.head_approval, 30, 1),
    "open_information_reply": (ExtensionKind.head_approval, 20, 1),
    "administrative_licence": (ExtensionKind.head_approval, 10, 1),
}


AGAIN = {
    "public_security_case": {"mediation_failed"},
    "labour_arbitration_award": {"completed", "party_added", "counterclaim"},
    "labour_arbitration_limitation": {"demand", "relief_sought", "agreed"},
    "labour_wage_limitation": {"demand", "relief_sought", "agreed"},
    "enforcement": {"demand", "agreed", "enforcement_sought"},
    "court_filing": {"completion"},
    "civil_limitation": {"demand", "agreed", "suit", "mediation_requested"},
    "owners_decision_annulment": set[str](),
    "collective_decision_annulment": set[str](),
}


@pytest.mark.parametrize("name", AGAIN)
def test_what_starts_a_limit_anew_is_what_the_law_names(book: RuleBook, name: str) -> None:
    assert {each.cause for each in book.get(name).restarts} == AGAIN[name]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_limit_is_what_its_article_says(book: RuleBook, row: list[str]) -> None:
    name, n, unit, trigger, *rest = row
    rule = book.get(name)
    assert (rule.n, str(rule.unit), str(rule.trigger)) == (int(n), unit, trigger)
    excluded = rest.pop(0).split(",") if rest[0].isascii() and rest[0] != "?" else []
    assert [each.cause for each in rule.pauses] == excluded
    if unsure := rest[0] == "?":
        rest.pop(0)
    assert rule.to_be_confirmed is unsure
    assert all(each in rule.basis for each in rest), rule.basis
    if name in MORE:
        assert [(each.kind, each.n, each.times) for each in rule.extensions] == [MORE[name]]


@pytest.mark.parametrize("name", [line.split()[0] for line in MISSING.splitlines() if line])
def test_a_limit_that_was_missing_is_started_by_hand_or_by_a_service(book: RuleBook, name: str) -> None:
    assert book.get(name).trigger.consumer in (Consumer.by_hand, Consumer.service)
    assert book.get(name).belongs_to in (Holder.party, Holder.authority)


def test_a_house_rule_says_that_it_is_one_where_the_law_gives_no_more_time(book: RuleBook) -> None:
    (more,) = book.get("mediation_term", "620102").extensions
    assert more.basis.startswith("house default")
    assert book.get("court_return").confidence is Confidence.house_default
    assert "no time" in book.get("court_return").basis
    assert "inferred" in book.get("court_delegated").note
    assert book.get("court_delegated").confidence is not Confidence.statute


def test_every_time_says_to_whom_it_belongs(book: RuleBook) -> None:
    def holds(rule: Rule) -> bool:
        return rule.belongs_to is not Holder.handling

    rights = {"civil_limitation", "judicial_confirmation", "enforcement", "labour_arbitration_limitation"}
    theirs = {"petition_handling", "court_entrusted", "labour_arbitration_award", "administrative_review"}
    assert all(book.get(name).belongs_to is Holder.party for name in rights | {"petition_review_request"})
    assert all(book.get(name).belongs_to is Holder.authority for name in theirs)
    assert not any(holds(book.get(name)) for name in ("accept", "close_high", "mediation_term", "medical_mediation"))
    assert all(holds(rule) for rule in book if str(rule.for_whom) == "right" and rule.trigger.consumer == "by_hand"
               and rule.name not in ("mediation_term", "labour_mediation"))  # fmt: skip
