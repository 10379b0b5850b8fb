"""Time limit rules: how long something may take, how days are counted, what may pause or extend it, its legal basis.

A running clock stores the whole content of its rule (`to_data`), so that a later edit of the rule files moves no
date until somebody has previewed the change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property


class Unit(StrEnum):
    """The unit a rule counts in."""

    hour = "hour"
    calendar = "calendar"
    working = "working"
    month = "month"


class Roll(StrEnum):
    """Where a last day that is a day off moves: to the next working day (民法典 art. 203), or nowhere."""

    none = "none"
    next_workday = "next_workday"


class HourStart(StrEnum):
    """From when hours count: the moment itself (民法典 art. 201), or the next full hour (民诉法 art. 85)."""

    moment = "moment"
    next_hour = "next_hour"


class Consumer(StrEnum):
    """Who starts a clock: a service automatically, or an official manually."""

    service = "service"
    by_hand = "by_hand"


class Trigger(StrEnum):
    """What starts the clock."""

    report_received = "report_received"
    refusal_disputed = "refusal_disputed"
    case_accepted = "case_accepted"
    task_dispatched = "task_dispatched"
    task_reported = "task_reported"
    close_requested = "close_requested"
    promise_received = "promise_received"
    escalation_raised = "escalation_raised"
    application_received = "application_received"
    complaint_received = "complaint_received"
    mediation_accepted = "mediation_accepted"
    mediation_started = "mediation_started"
    mediation_ended = "mediation_ended"
    mediator_signed_file = "mediator_signed_file"
    agreement_effective = "agreement_effective"
    performance_due = "performance_due"
    """The last day for it is over; of instalments the last one's (民事诉讼法 art. 250)."""
    petition_received = "petition_received"
    petition_accepted = "petition_accepted"
    petition_transferred = "petition_transferred"
    reply_received = "reply_received"
    review_requested = "review_requested"
    dispatched_by_hotline = "dispatched_by_hotline"
    dispute_dispatched = "dispute_dispatched"
    case_filed = "case_filed"
    case_accepted_by_authority = "case_accepted_by_authority"
    document_received = "document_received"
    act_known = "act_known"
    right_violated = "right_violated"
    employment_ended = "employment_ended"
    award_received = "award_received"
    decision_received = "decision_received"
    judgment_received = "judgment_received"
    ruling_received = "ruling_received"
    order_received = "order_received"
    order_effective = "order_effective"
    notice_received = "notice_received"
    decision_known = "decision_known"
    document_effective = "document_effective"
    accident_happened = "accident_happened"
    death_occurred = "death_occurred"
    cooling_off_over = "cooling_off_over"
    mediation_failed = "mediation_failed"
    decision_made = "decision_made"
    suggestion_received = "suggestion_received"
    letter_received = "letter_received"
    hazard_accepted = "hazard_accepted"
    matter_listed = "matter_listed"
    consents_given = "consents_given"
    mediation_begun = "mediation_begun"
    """Every party consented: the mediation is accepted."""
    mediation_proposed = "mediation_proposed"
    """A party consented, or mediation was proposed again: the others are asked."""
    agreement_drafted = "agreement_drafted"
    appointment_due = "appointment_due"
    mediator_asked = "mediator_asked"
    alert_requested = "alert_requested"
    alert_approved = "alert_approved"
    part_agreed = "part_agreed"
    part_defaulted = "part_defaulted"
    agreement_performed = "agreement_performed"
    docking_signed = "docking_signed"
    answer_set_aside = "answer_set_aside"
    review_over = "review_over"
    meeting_held = "meeting_held"
    meeting_decided = "meeting_decided"
    decision_reported = "decision_reported"
    hazard_reported = "hazard_reported"
    hazard_verified = "hazard_verified"
    hazard_assessed = "hazard_assessed"
    warning_drafted = "warning_drafted"
    warning_served = "warning_served"
    measures_reported = "measures_reported"
    recommendation_drafted = "recommendation_drafted"
    recommendation_approved = "recommendation_approved"
    recommendation_objected = "recommendation_objected"
    recommendation_replied = "recommendation_replied"
    recommendation_visited = "recommendation_visited"
    campaign_started = "campaign_started"
    campaign_over = "campaign_over"
    finding_recorded = "finding_recorded"
    plan_submitted = "plan_submitted"
    plan_countersigned = "plan_countersigned"
    plan_approved = "plan_approved"
    plan_executed = "plan_executed"
    plan_revision_needed = "plan_revision_needed"
    force_ordered = "force_ordered"
    force_task_given = "force_task_given"
    force_task_reported = "force_task_reported"
    force_met = "force_met"
    lead_assigned = "lead_assigned"
    lead_offered = "lead_offered"
    consultation_asked = "consultation_asked"
    expert_asked = "expert_asked"
    opinion_signed = "opinion_signed"
    monitoring_begun = "monitoring_begun"
    ladder_step = "ladder_step"
    """A ladder names the limit; the rule files say which ladder."""
    escalation_returned = "escalation_returned"
    top_reached = "top_reached"
    absence_recorded = "absence_recorded"
    handover_opened = "handover_opened"
    case_dispatched = "case_dispatched"
    objection_made = "objection_made"
    offer_made = "offer_made"
    plan_change_proposed = "plan_change_proposed"
    assessment_published = "assessment_published"
    assessment_objected = "assessment_objected"
    matter_registered = "matter_registered"
    matter_assigned = "matter_assigned"
    matter_progressed = "matter_progressed"
    strike_off_requested = "strike_off_requested"
    matter_struck_off = "matter_struck_off"
    letter_drafted = "letter_drafted"
    letter_approved = "letter_approved"
    letter_served = "letter_served"
    letter_replied = "letter_replied"
    letter_objected = "letter_objected"
    letter_failed = "letter_failed"
    interview_announced = "interview_announced"
    interview_held = "interview_held"
    clue_registered = "clue_registered"
    clue_assigned = "clue_assigned"
    clue_verified = "clue_verified"
    clue_transferred = "clue_transferred"
    clue_accepted = "clue_accepted"
    clue_handled = "clue_handled"
    backlog_planned = "backlog_planned"
    notice_sent = "notice_sent"
    notice_failed = "notice_failed"
    partner_ordered = "partner_ordered"

    @property
    def consumer(self) -> Consumer | None:
        """Who starts clocks on this trigger; None if nobody does: then no rule may name it."""
        return CONSUMERS.get(self)


# The names services use and what starts them. A rule file with another name under these triggers does not load.
CONSUMED = {
    "partner_order": Trigger.partner_ordered,
    "accept": Trigger.report_received,
    "accept_urgent": Trigger.report_received,
    "accept_danger": Trigger.report_received,
    "decline_review": Trigger.refusal_disputed,
    "sign": Trigger.task_dispatched,
    "task": Trigger.task_dispatched,
    "verify_task": Trigger.task_reported,
    "close_low": Trigger.case_accepted,
    "close_medium": Trigger.case_accepted,
    "close_high": Trigger.case_accepted,
    "close_review": Trigger.close_requested,
    "promised": Trigger.promise_received,
    "acknowledge_escalation": Trigger.escalation_raised,
    "resolve_escalation": Trigger.escalation_raised,
    "mediation_term": Trigger.mediation_begun,
    "labour_mediation": Trigger.mediation_begun,
    "medical_mediation": Trigger.mediation_begun,
    "consumer_mediation": Trigger.mediation_begun,
    "mediation_answer": Trigger.mediation_proposed,
    "agreement_answer": Trigger.agreement_drafted,
    "mediator_choice": Trigger.consents_given,
    "mediator_appointment": Trigger.appointment_due,
    "mediator_answer": Trigger.mediator_asked,
    "alert_decision": Trigger.alert_requested,
    "alert_review": Trigger.alert_approved,
    "performance": Trigger.part_agreed,
    "default_follow_up": Trigger.part_defaulted,
    "follow_up_7": Trigger.agreement_performed,
    "follow_up_30": Trigger.agreement_performed,
    "follow_up_90": Trigger.agreement_performed,
    "police_docking": Trigger.docking_signed,
    "petition_review_request": Trigger.reply_received,
    "petition_review": Trigger.review_requested,
    "petition_second_review_request": Trigger.reply_received,
    "petition_second_review": Trigger.review_requested,
    "petition_new_answer": Trigger.answer_set_aside,
    "petition_final_notice": Trigger.review_over,
    "meeting_minutes": Trigger.meeting_held,
    "meeting_decision": Trigger.meeting_decided,
    "meeting_verification": Trigger.decision_reported,
    "respond_hazard_urgent": Trigger.hazard_reported,
    "verify_hazard": Trigger.hazard_reported,
    "verify_hazard_urgent": Trigger.hazard_reported,
    "assess_hazard": Trigger.hazard_verified,
    "warn_department": Trigger.hazard_assessed,
    "warn_department_high": Trigger.hazard_assessed,
    "approve_warning": Trigger.warning_drafted,
    "warning_measures": Trigger.warning_served,
    "check_measures": Trigger.measures_reported,
    "approve_recommendation": Trigger.recommendation_drafted,
    "serve_recommendation": Trigger.recommendation_approved,
    "prompt_reply": Trigger.suggestion_received,
    "judicial_suggestion": Trigger.suggestion_received,
    "procuratorial_suggestion": Trigger.suggestion_received,
    "recommendation_objection": Trigger.recommendation_objected,
    "procuratorial_objection": Trigger.recommendation_objected,
    "recommendation_visit": Trigger.recommendation_replied,
    "recommendation_effect": Trigger.recommendation_visited,
    "campaign_round": Trigger.campaign_started,
    "campaign_end": Trigger.campaign_started,
    "campaign_report": Trigger.campaign_over,
    "hand_over_finding": Trigger.finding_recorded,
    "plan_countersign": Trigger.plan_submitted,
    "plan_approval": Trigger.plan_countersigned,
    "plan_measure": Trigger.plan_approved,
    "plan_assessment": Trigger.plan_executed,
    "plan_revision_county": Trigger.plan_revision_needed,
    "plan_revision_above": Trigger.plan_revision_needed,
    "force_setup": Trigger.force_ordered,
    "force_task": Trigger.force_task_given,
    "force_task_check": Trigger.force_task_reported,
    "force_minutes": Trigger.force_met,
    "lead_first_look": Trigger.lead_assigned,
    "lead_contact": Trigger.lead_assigned,
    "lead_note": Trigger.lead_assigned,
    "lead_hand_over": Trigger.lead_offered,
    "consultation": Trigger.consultation_asked,
    "expert_answer": Trigger.expert_asked,
    "opinion_adoption": Trigger.opinion_signed,
    "monitoring_month": Trigger.monitoring_begun,
    "monitoring_quarter": Trigger.monitoring_begun,
    "monitoring_half_year": Trigger.monitoring_begun,
    "watch_returned": Trigger.escalation_returned,
    "top_reminder": Trigger.top_reached,
    "absence_end": Trigger.absence_recorded,
    "handover": Trigger.handover_opened,
    "objection": Trigger.case_dispatched,
    "objection_decision": Trigger.objection_made,
    "offer_answer": Trigger.offer_made,
    "merge_answer": Trigger.offer_made,
    "plan_decision": Trigger.plan_change_proposed,
    "assessment_objection": Trigger.assessment_published,
    "assessment_decision": Trigger.assessment_objected,
    "matter_plan": Trigger.matter_registered,
    "matter_unit": Trigger.matter_assigned,
    "matter_progress": Trigger.matter_progressed,
    "matter_check": Trigger.strike_off_requested,
    "matter_look_back_30": Trigger.matter_struck_off,
    "matter_look_back_90": Trigger.matter_struck_off,
    "letter_draft": Trigger.letter_drafted,
    "letter_service": Trigger.letter_approved,
    "letter_receipt": Trigger.letter_served,
    "letter_notice_reply": Trigger.letter_received,
    "letter_warning_reply": Trigger.letter_received,
    "letter_circular_rectification": Trigger.letter_received,
    "letter_inspection_report": Trigger.letter_received,
    "letter_interview_minutes": Trigger.interview_announced,
    "letter_interview_plan": Trigger.interview_held,
    "letter_verification": Trigger.letter_replied,
    "letter_objection": Trigger.letter_received,
    "letter_objection_decision": Trigger.letter_objected,
    "letter_next": Trigger.letter_failed,
    "letter_watch": Trigger.escalation_raised,
    "clue_assign": Trigger.clue_registered,
    "clue_verify": Trigger.clue_assigned,
    "clue_decide": Trigger.clue_verified,
    "clue_answer": Trigger.clue_transferred,
    "clue_handle": Trigger.clue_accepted,
    "clue_use": Trigger.clue_handled,
    "backlog_target": Trigger.backlog_planned,
    "notice_deemed": Trigger.notice_sent,
    "notice_failed": Trigger.notice_failed,
}
ALSO_BY_HAND = frozenset(
    {
        "judicial_confirmation", "petition_handling", "court_entrusted", "court_entrusted_summary",
        "judicial_suggestion", "procuratorial_suggestion", "labour_agreement_review",
    }
)  # fmt: skip
"""Names used by a service that people can also start manually, if the matter itself is not kept here."""

CONSUMERS: dict[Trigger, Consumer] = dict.fromkeys(Trigger, Consumer.by_hand) | dict.fromkeys(
    (*CONSUMED.values(), Trigger.ladder_step), Consumer.service
)


class Holder(StrEnum):
    """To whom a time limit belongs: which ones closing a matter ends, and which not."""

    handling = "handling"
    """The unit's own handling of the matter: ends with the matter."""
    agreement = "agreement"
    """What was agreed: performance and the visits after it continue."""
    party = "party"
    """A right that somebody may lose: no unit ends it."""
    authority = "authority"
    """The term of a court, an arbitration body or another office: we cannot end it."""


class AtCap(StrEnum):
    """What happens when a pause reaches its cap: the clock resumes by itself, or somebody is alerted."""

    resume = "resume"
    alarm = "alarm"


class ExtensionKind(StrEnum):
    """Who may extend the time."""

    head_approval = "head_approval"
    """The head of the unit approves, and those concerned are told the reason."""
    superior_approval = "superior_approval"
    """The organ one level up approves: the head of the unit above enters it."""
    once = "once"
    """The handler, with notice to those concerned."""
    consent_of_all = "consent_of_all"
    """Every party agrees; the authority cannot do it alone."""


class Consequence(StrEnum):
    """The effect of a rung."""

    remind = "remind"
    escalate = "escalate"
    notify_parties = "notify_parties"
    release = "release"
    """The parties are released, with a notice of the other routes open to them."""
    inform = "inform"
    alarm = "alarm"


class Whom(StrEnum):
    """Whose time limit it is: a right that a citizen may lose, or a duty of a unit."""

    right = "right"
    duty = "duty"


class RemindOn(StrEnum):
    """Which date warnings use: the one before rolling (safe for a person who may lose a right), or the one after."""

    raw = "raw"
    due = "due"


class Confidence(StrEnum):
    """What a rule rests on."""

    statute = "statute"
    local_rule = "local rule"
    official_practice = "official practice"
    house_default = "house default"


@dataclass(frozen=True, slots=True)
class PauseRule:
    """A cause for which the clock may pause; the cap counts all pauses of this cause together, in the rule's unit."""

    cause: str
    zh: str
    en: str
    cap: int | None = None
    at_cap: AtCap = AtCap.alarm
    basis: str = ""


@dataclass(frozen=True, slots=True)
class ExtensionRule:
    """A way to extend: at most `n` units each time (None: as long as agreed), `times` times (None: no limit)."""

    kind: ExtensionKind
    n: int | None
    times: int | None = 1
    basis: str = ""


@dataclass(frozen=True, slots=True)
class RestartRule:
    """A cause that restarts the whole time (中断), for instance a demand, an action or an acknowledgment."""

    cause: str
    zh: str
    en: str
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """A point before the end (a warning) or after it (overdue), and its effect; overdue 0 is the breach."""

    amount: int
    unit: Unit
    consequence: Consequence


@dataclass(frozen=True)
class Rule:
    """One complete rule: what it counts, from which event, with which exceptions, and its legal basis."""

    name: str
    version: str
    zh: str
    en: str
    n: int
    unit: Unit
    trigger: Trigger
    basis: str
    confidence: Confidence
    include_start: bool = False
    roll: Roll = Roll.none
    cutoff: int | None = None
    hour_start: HourStart = HourStart.moment
    pauses: tuple[PauseRule, ...] = ()
    backdate_days: int = 0
    extensions: tuple[ExtensionRule, ...] = ()
    restarts: tuple[RestartRule, ...] = ()
    warnings: tuple[Rung, ...] = ()
    overdue: tuple[Rung, ...] = (Rung(0, Unit.hour, Consequence.remind),)
    for_whom: Whom = Whom.duty
    remind_on: RemindOn = RemindOn.due
    to_be_confirmed: bool = False
    jurisdiction: str = "cn"
    valid_from: date | None = None
    valid_to: date | None = None
    successor: str = ""
    """The rule that replaces this one once it has expired."""
    belongs_to: Holder = Holder.handling
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse meaningless content; the message begins with the field at fault."""
        for field, message in faults(self):
            raise ValueError(f"{field}: {message}")

    def pause(self, cause: str) -> PauseRule | None:
        """Return the pause rule for this cause, None if the rule does not pause for it."""
        return next((each for each in self.pauses if each.cause == cause), None)

    def restart(self, cause: str) -> RestartRule | None:
        """Return the restart rule for this cause, None if the rule does not restart for it."""
        return next((each for each in self.restarts if each.cause == cause), None)

    def extension(self, kind: ExtensionKind) -> ExtensionRule | None:
        """Return the rule for this kind of extension, None if it is not allowed."""
        return next((each for each in self.extensions if each.kind == kind), None)

    def valid_on(self, day: date) -> bool:
        """Tell whether the rule was in force on the day; both bounds are included."""
        return (self.valid_from or date.min) <= day <= (self.valid_to or date.max)

    def is_over(self, day: date) -> bool:
        """Tell whether the rule had expired on the day."""
        return self.valid_to is not None and day > self.valid_to

    def lies_over(self, code: str) -> bool:
        """Tell whether the rule's jurisdiction covers the unit or area; only a national rule covers the nation."""
        return self.jurisdiction == "cn" or code.startswith(self.jurisdiction)

    @cached_property
    def rung_names(self) -> tuple[str, ...]:
        """The names of all rungs, warnings first: `warn-3d`, `overdue`, `overdue-5w`."""
        before = (f"warn-{each.amount}{each.unit[0] if each.unit != Unit.calendar else 'd'}" for each in self.warnings)
        after = (
            f"overdue-{each.amount}{each.unit[0] if each.unit != Unit.calendar else 'd'}" if each.amount else "overdue"
            for each in self.overdue
        )
        return (*before, *after)


def faults(rule: Rule) -> list[tuple[str, str]]:
    """Return what is wrong with a rule: the field and the fault, so that the loader can name the line."""
    found: list[tuple[str, str]] = []
    if rule.n < 1:
        found.append(("n", "must be at least 1"))
    if rule.unit == Unit.hour:
        refused = {
            "roll": rule.roll != Roll.none,
            "cutoff": rule.cutoff is not None,
            "include_start": rule.include_start,
        }
        found += [(field, "means nothing for a rule in hours") for field, given in refused.items() if given]
    elif rule.hour_start != HourStart.moment:
        found.append(("hour_start", "is for rules in hours"))
    if rule.cutoff is not None and not 0 <= rule.cutoff <= 24:
        found.append(("cutoff", "must be an hour from 0 to 24"))
    if rule.valid_from and rule.valid_to and rule.valid_from > rule.valid_to:
        found.append(("valid_to", "is before valid_from"))
    for field, keys in (
        ("pauses", [each.cause for each in rule.pauses]),
        ("extensions", [each.kind for each in rule.extensions]),
        ("restarts", [each.cause for each in rule.restarts]),
        ("warnings", [(each.amount, each.unit) for each in rule.warnings]),
        ("overdue", [(each.amount, each.unit) if each.amount else 0 for each in rule.overdue]),
    ):
        if len(set(keys)) < len(keys):
            found.append((field, "says the same thing twice"))
    for field, rungs in (("warnings", rule.warnings), ("overdue", rule.overdue)):
        if any(each.unit == Unit.month for each in rungs):
            found.append((field, "are given in hours, calendar days or working days"))
    if rule.successor and (not rule.valid_to or rule.successor == rule.name):
        found.append(("successor", "is for a rule with a last day, and names another"))
    if any(each.amount < 1 for each in rule.warnings):
        found.append(("warnings", "must lie before the end"))
    if not rule.overdue or rule.overdue[0].amount != 0:
        found.append(("overdue", "must begin with the breach itself, amount 0"))
    if any(each.cap is not None and each.cap < 1 for each in rule.pauses):
        found.append(("pauses", "a cap must be at least 1"))
    return found
