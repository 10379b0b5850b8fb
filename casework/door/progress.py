"""The progress of a matter in plain words: its phase, whose turn it is, what comes next, what can be done now.

The same words for the holder of the receipt, a party, and officials who answer their telephone call.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from casework.case import Outcome
from casework.door.forward import ForwardState
from casework.door.report import ReportState


class Phase(IntEnum):
    """The phase of a matter; the numbers match the contract."""

    AT_DOOR = 1
    DECLINED = 2
    REVIEW = 3
    WITHDRAWN = 4
    HANDLING = 5
    MEDIATION = 6
    CLOSING = 7
    CLOSED = 8
    ERASED = 9


PHASE_WORDS: dict[Phase, tuple[str, str]] = {
    Phase.AT_DOOR: ("已登记，等待受理", "Received, waits to be accepted"),
    Phase.DECLINED: ("不予受理", "Not accepted"),
    Phase.REVIEW: ("复核中", "The refusal is being looked at again"),
    Phase.WITHDRAWN: ("已撤回", "Withdrawn"),
    Phase.HANDLING: ("办理中", "Being handled"),
    Phase.MEDIATION: ("调解中", "In mediation"),
    Phase.CLOSING: ("办结待审", "Closing is being checked"),
    Phase.CLOSED: ("已办结", "Closed"),
    Phase.ERASED: ("内容已依法删除", "Its content was erased by law"),
}


class Turn(IntEnum):
    """Whose turn it is; the numbers match the contract."""

    UNIT = 1
    REPORTER = 2
    PARTIES = 3
    NOBODY = 4


@dataclass(frozen=True, slots=True)
class _Step:
    phase: Phase
    turn: Turn
    zh: str
    en: str


class NextStep(Enum):
    """What comes next: the phase it belongs to, whose turn it is, and the sentence."""

    DECIDE = _Step(
        Phase.AT_DOOR,
        Turn.UNIT,
        "单位将决定受理，或者说明不予受理的理由和其他途径。",
        "The centre decides to accept it, or says why not and where else to go.",
    )
    DECIDE_FOUNDED = _Step(
        Phase.AT_DOOR,
        Turn.UNIT,
        "已核查属实，单位将作出受理决定。",
        "Checked and found to be so; the centre decides to accept it.",
    )
    DECIDE_UNFOUNDED = _Step(
        Phase.AT_DOOR,
        Turn.UNIT,
        "核查未发现所述情况，单位将作出决定并说明理由。",
        "Checked and not found to be so; the centre decides and says why.",
    )
    ANOTHER_UNIT_ASKED = _Step(
        Phase.AT_DOOR,
        Turn.UNIT,
        "登记单位认为应由另一单位办理，已转请该单位接收。在其接收之前，仍由登记单位负责，答复期限不变。",
        "The centre thinks that this is for another unit, and another unit was asked to take it over. Until it does,"
        " the centre answers for it, by the same date.",
    )
    MERGE_PROPOSED = _Step(
        Phase.AT_DOOR,
        Turn.UNIT,
        "登记单位认为另一单位已在办理同一事项，已提议并案。在对方答复之前，仍由登记单位负责，答复期限不变。",
        "The centre thinks that another unit has the same matter already, and proposed to handle both together. Until"
        " that unit answers, the centre answers for it, by the same date.",
    )
    UMPIRE_DECIDES = _Step(
        Phase.AT_DOOR,
        Turn.UNIT,
        "另一单位没有接收，由上级单位决定由谁办理。在此之前仍由登记单位负责，答复期限不变。",
        "Another unit was asked and did not take it over; the unit above decides who has it. Until then the centre"
        " answers for it, by the same date.",
    )
    OPEN = _Step(Phase.HANDLING, Turn.UNIT, "已受理，正在立案。", "Accepted; the case is being opened.")
    CHOOSE_ROUTE = _Step(
        Phase.DECLINED,
        Turn.REPORTER,
        "您可以走下列其他途径，也可以请求由另一人复核。",
        "You can take one of the other routes below, or ask that somebody else looks at it again.",
    )
    OTHER_ROUTES = _Step(
        Phase.DECLINED,
        Turn.REPORTER,
        "复核维持原决定。您可以走下列其他途径。",
        "The refusal was confirmed. You can take one of the other routes below.",
    )
    REVIEW = _Step(
        Phase.REVIEW,
        Turn.UNIT,
        "由另一名工作人员复核不予受理的决定，并告知您结果。",
        "Somebody else looks at the refusal again and tells you the result.",
    )
    REPORT_AGAIN = _Step(
        Phase.WITHDRAWN,
        Turn.NOBODY,
        "您已撤回。需要时可以重新反映。",
        "You withdrew it. You can report it again whenever you need.",
    )
    HANDLE = _Step(Phase.HANDLING, Turn.UNIT, "承办单位正在按方案办理。", "The unit in charge carries out the plan.")
    FINISH = _Step(
        Phase.HANDLING,
        Turn.UNIT,
        "方案任务已完成，承办单位将申请办结。",
        "The tasks of the plan are done; the unit in charge will ask to close the matter.",
    )
    CONSENT = _Step(
        Phase.MEDIATION,
        Turn.PARTIES,
        "已提出调解，等待各方表示是否同意；不同意无须说明理由。",
        "Mediation was proposed; each party says yes or no. A no needs no reason.",
    )
    CHOOSE_MEDIATOR = _Step(
        Phase.MEDIATION,
        Turn.PARTIES,
        "各方已同意调解，正在确定调解员。",
        "All parties agreed to mediation; the mediator is being chosen.",
    )
    MEDIATE = _Step(Phase.MEDIATION, Turn.UNIT, "调解员正在调解。", "The mediator is mediating.")
    PERFORM = _Step(
        Phase.MEDIATION,
        Turn.PARTIES,
        "各方已达成协议，请按约定履行。",
        "The parties agreed; what was agreed is to be done.",
    )
    CHECK_CLOSING = _Step(
        Phase.CLOSING, Turn.UNIT, "已申请办结，由另一人审核。", "Closing was requested; somebody else checks it."
    )
    RATE = _Step(
        Phase.CLOSED,
        Turn.REPORTER,
        "已办结。您可以评价；情况再次发生的，可以重新反映。",
        "Closed. You can say how content you are; if it comes up again, report it again.",
    )
    NOTHING = _Step(
        Phase.ERASED,
        Turn.NOBODY,
        "所述内容已依法删除，只留编号和时间。",
        "What was told was erased by law; only number and times remain.",
    )

    @property
    def phase(self) -> Phase:
        """The phase it belongs to."""
        return self.value.phase

    @property
    def turn(self) -> Turn:
        """Whose turn it is."""
        return self.value.turn

    def words(self, language: str) -> str:
        """Return the sentence."""
        return self.value.en if language == "en" else self.value.zh


@dataclass(frozen=True, slots=True)
class _Words:
    verb: str
    zh: str
    en: str


class Action(Enum):
    """What a reporter can do with their receipt: the verb of the call, and the words."""

    ADD = _Words("add", "补充情况", "add something")
    CORRECT = _Words("correct", "更正联系方式或地址", "correct how you can be reached, or the address")
    WITHDRAW = _Words("withdraw", "撤回", "withdraw it")
    RATE = _Words("rate", "评价办理情况", "say how content you are")
    REQUEST_REVIEW = _Words(
        "requestReview", "请求另一人复核不予受理的决定", "ask that somebody else looks at the refusal again"
    )

    @property
    def verb(self) -> str:
        """The verb of the call, `POST /v1/reports/{report}:{verb}`."""
        return self.value.verb

    def words(self, language: str) -> str:
        """Return what it is called."""
        return self.value.en if language == "en" else self.value.zh


_OPEN_PHASES = frozenset({Phase.AT_DOOR, Phase.REVIEW, Phase.HANDLING, Phase.MEDIATION, Phase.CLOSING})


def possible(step: NextStep, *, withdrawn: bool = False) -> list[Action]:
    """Return what a reporter can do when this comes next."""
    found = [Action.ADD, Action.CORRECT] if step.phase in _OPEN_PHASES else []
    if step.phase in _OPEN_PHASES - {Phase.REVIEW} and not withdrawn:
        found.append(Action.WITHDRAW)
    if step is NextStep.CHOOSE_ROUTE:
        found.append(Action.REQUEST_REVIEW)
    if step.phase in (Phase.CLOSED, Phase.DECLINED, Phase.WITHDRAWN):
        found.append(Action.RATE)
    return found


OUTCOME_WORDS: dict[Outcome, tuple[str, str]] = {
    Outcome.AGREED: ("各方达成协议", "The parties agreed"),
    Outcome.NOT_AGREED: ("调解未成，已告知其他途径", "No agreement; other routes were named"),
    Outcome.WITHDRAWN: ("已撤回", "Withdrawn"),
    Outcome.REFERRED: ("已转其他机关办理", "Handed over to another body"),
    Outcome.RESOLVED: ("问题已处理", "The problem was dealt with"),
}


def answer_words(state: ReportState, outcome: Outcome | None, language: str, *, closed: bool) -> str:
    """Return how a matter was answered; a closed case that was opened again is being handled."""
    words = PHASE_WORDS[Phase.HANDLING]
    if state is ReportState.DECLINED:
        words = PHASE_WORDS[Phase.DECLINED]
    elif state is ReportState.CLOSED or closed:
        words = OUTCOME_WORDS[outcome] if outcome is not None else PHASE_WORDS[Phase.CLOSED]
    return words[language == "en"]


_AT_DOOR: dict[ReportState, NextStep] = {
    ReportState.RECEIVED: NextStep.DECIDE,
    ReportState.VERIFIED: NextStep.DECIDE_FOUNDED,
    ReportState.UNFOUNDED: NextStep.DECIDE_UNFOUNDED,
    ReportState.ACCEPTED: NextStep.OPEN,
    ReportState.DECLINED: NextStep.CHOOSE_ROUTE,
    ReportState.CLOSED: NextStep.RATE,
    ReportState.WITHDRAWN: NextStep.REPORT_AGAIN,
    ReportState.DISPUTED: NextStep.REVIEW,
}


_FORWARDED = {
    ForwardState.ASKED: NextStep.ANOTHER_UNIT_ASKED, ForwardState.REFERRED: NextStep.UMPIRE_DECIDES,
}  # fmt: skip


def at_door(
    state: ReportState, *, reviewed: bool = False, erased: bool = False, forwarded: ForwardState | None = None,
    merging: bool = False,
) -> NextStep:  # fmt: skip
    """Return what comes next for a report in this state; a merged one follows the report it was merged into.

    `reviewed` says that a refusal was reviewed before, `forwarded` how far its open forward is, `merging` that it was
    forwarded to be merged.
    """
    if erased:
        return NextStep.NOTHING
    if merging and forwarded is ForwardState.ASKED:
        return NextStep.MERGE_PROPOSED
    if forwarded in _FORWARDED:
        return _FORWARDED[forwarded]
    if state is ReportState.DECLINED and reviewed:
        return NextStep.OTHER_ROUTES
    return _AT_DOOR[state]
