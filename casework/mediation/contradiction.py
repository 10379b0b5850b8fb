"""Facts that cannot both be true: what must hold before a fact is recorded, in one table.

A state machine says in which state something may be done. This table says which facts a new record would contradict:
a performance before the agreement was effective, a seal on a paper nobody signed. Each command calls `must_hold` with
every fact its act depends on; no command decides this for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from casework.errors import TEXTS, CaseError, Reason


class Act(StrEnum):
    """The act about to be recorded."""

    SEAL_AGREEMENT = "SEAL_AGREEMENT"
    CLOSE_NOT_AGREED = "CLOSE_NOT_AGREED"
    CLOSE_WITHDRAWN = "CLOSE_WITHDRAWN"
    CLOSE_RESOLVED = "CLOSE_RESOLVED"
    CLOSE_AGREED = "CLOSE_AGREED"
    PERFORM_CLAUSE = "PERFORM_CLAUSE"
    VISIT = "VISIT"
    REOPEN_NOT_PERFORMED = "REOPEN_NOT_PERFORMED"
    START_SESSION = "START_SESSION"
    HOLD_SESSION = "HOLD_SESSION"
    CALL_OFF_SESSION = "CALL_OFF_SESSION"
    ATTEND = "ATTEND"
    CORRECT_ATTENDANCE = "CORRECT_ATTENDANCE"
    CONSENT = "CONSENT"
    CONSENT_TO_PROCEED = "CONSENT_TO_PROCEED"


class Fact(StrEnum):
    """A required fact; the error names it."""

    SIGNED_BY_EVERY_PARTY = "SIGNED_BY_EVERY_PARTY"
    SIGNED_BY_THE_MEDIATOR = "SIGNED_BY_THE_MEDIATOR"
    SIGNED_BY_EVERY_MEDIATOR = "SIGNED_BY_EVERY_MEDIATOR"
    NOT_AGREED_IN_FULL = "NOT_AGREED_IN_FULL"
    AN_AGREEMENT_BINDS = "AN_AGREEMENT_BINDS"
    SOMEBODY_WITHDREW = "SOMEBODY_WITHDREW"
    NOT_BEFORE_IT_BOUND = "NOT_BEFORE_IT_BOUND"
    NOT_BEFORE_ITS_DAY = "NOT_BEFORE_ITS_DAY"
    SOMETHING_IS_NOT_PERFORMED = "SOMETHING_IS_NOT_PERFORMED"
    NOT_LONG_BEFORE_ITS_TIME = "NOT_LONG_BEFORE_ITS_TIME"
    A_PARTY_CAME = "A_PARTY_CAME"
    A_MEDIATOR_CAME = "A_MEDIATOR_CAME"
    NOBODY_CAME = "NOBODY_CAME"
    CAME_BEFORE_LEAVING = "CAME_BEFORE_LEAVING"
    NOT_TO_COME = "NOT_TO_COME"
    ABSENT_WITHOUT_TIMES = "ABSENT_WITHOUT_TIMES"
    WHO_SIGNED_CAME = "WHO_SIGNED_CAME"
    PARTY_IS_THERE = "PARTY_IS_THERE"
    NOT_BEFORE_THE_MATTER = "NOT_BEFORE_THE_MATTER"
    MEDIATION_GOES_ON = "MEDIATION_GOES_ON"


NEEDS: dict[Act, tuple[Fact, ...]] = {
    # 人民调解法 art. 29: the parties sign, the mediators sign, and the seal is set.
    Act.SEAL_AGREEMENT: (
        Fact.SIGNED_BY_EVERY_PARTY,
        Fact.SIGNED_BY_THE_MEDIATOR,
        Fact.SIGNED_BY_EVERY_MEDIATOR,
    ),
    Act.CLOSE_NOT_AGREED: (Fact.NOT_AGREED_IN_FULL,),
    Act.CLOSE_WITHDRAWN: (Fact.NOT_AGREED_IN_FULL, Fact.SOMEBODY_WITHDREW),
    Act.CLOSE_RESOLVED: (Fact.NOT_AGREED_IN_FULL,),
    Act.CLOSE_AGREED: (Fact.AN_AGREEMENT_BINDS,),
    Act.PERFORM_CLAUSE: (Fact.NOT_BEFORE_IT_BOUND,),
    Act.VISIT: (Fact.NOT_BEFORE_ITS_DAY,),
    Act.REOPEN_NOT_PERFORMED: (Fact.SOMETHING_IS_NOT_PERFORMED,),
    Act.START_SESSION: (Fact.NOT_LONG_BEFORE_ITS_TIME,),
    Act.HOLD_SESSION: (Fact.A_PARTY_CAME, Fact.A_MEDIATOR_CAME),
    Act.CALL_OFF_SESSION: (Fact.NOBODY_CAME,),
    Act.ATTEND: (Fact.CAME_BEFORE_LEAVING, Fact.NOT_TO_COME, Fact.ABSENT_WITHOUT_TIMES),
    Act.CORRECT_ATTENDANCE: (Fact.WHO_SIGNED_CAME,),
    Act.CONSENT: (Fact.PARTY_IS_THERE, Fact.NOT_BEFORE_THE_MATTER),
    Act.CONSENT_TO_PROCEED: (Fact.PARTY_IS_THERE, Fact.NOT_BEFORE_THE_MATTER, Fact.MEDIATION_GOES_ON),
}
"""What each act requires. Ending or leaving a mediation requires nothing: that is always possible."""


INSTEAD: dict[Fact, tuple[str, str]] = {
    Fact.SIGNED_BY_EVERY_PARTY: ("先由每一方当事人签名，再盖章。", "Let every party sign first, then seal."),
    Fact.SIGNED_BY_THE_MEDIATOR: ("先由调解员签名，再盖章。", "Let the mediator sign first, then seal."),
    Fact.SIGNED_BY_EVERY_MEDIATOR: (
        "先由每一位参与调解的调解员签名，再盖章；不再参与的，先结束其参与。",
        "Let every second mediator sign first, or end the part of who no longer takes part; then seal.",
    ),
    Fact.NOT_AGREED_IN_FULL: (
        "已有生效的全部协议：按“达成协议”结案。",
        "There is a full agreement in effect: close the case as agreed.",
    ),
    Fact.AN_AGREEMENT_BINDS: (
        "提议过调解，但没有生效的协议：先让协议生效，或者按实际结果结案。",
        "Mediation was proposed and no agreement took effect: let one take effect, or close with what came of it.",
    ),
    Fact.SOMEBODY_WITHDREW: (
        "没有当事人退出调解的记录：先登记退出，或者按“未达成协议”结案。",
        "No party is recorded as having left: record that it left, or close as not agreed.",
    ),
    Fact.NOT_BEFORE_IT_BOUND: (
        "填写协议生效当日或者之后的履行日期。",
        "Give a day of performance on or after the day the agreement took effect.",
    ),
    Fact.NOT_BEFORE_ITS_DAY: (
        "回访日未到：到当日或者之后再回访、再登记。",
        "The day of this visit has not come: make and record it on that day or after it.",
    ),
    Fact.SOMETHING_IS_NOT_PERFORMED: (
        "协议已全部履行：以新事实或者纠纷复发为由重新办理。",
        "Everything is performed: reopen because of new facts or a recurrence.",
    ),
    Fact.NOT_LONG_BEFORE_ITS_TIME: (
        "到约定时间再开始，或者另行安排一次。",
        "Start the session at its time, or schedule another one.",
    ),
    Fact.A_PARTY_CAME: (
        "先登记到场的当事人；无人到场的，取消本次调解。",
        "Record which party came first; if nobody did, cancel the session.",
    ),
    Fact.A_MEDIATOR_CAME: (
        "先登记到场的调解员；调解员都没有到场的，另行安排。",
        "Record which mediator came; if none did, schedule another session.",
    ),
    Fact.NOBODY_CAME: (
        "已有人到场：结束本次调解，而不是取消。",
        "Somebody came: end the session instead of cancelling it.",
    ),
    Fact.CAME_BEFORE_LEAVING: ("到场时间应当早于离场时间。", "Give an arrival before the departure."),
    Fact.NOT_TO_COME: ("只登记已经发生的到场和离场。", "Record arrivals and departures once they happened."),
    Fact.ABSENT_WITHOUT_TIMES: ("未到场的，不填到场和离场时间。", "Leave out the times of who did not come."),
    Fact.WHO_SIGNED_CAME: (
        "该当事人已确认或者签署笔录：写一份新的笔录，再更正到场情况。",
        "This party confirmed or signed the record: write a new version of the record, then correct who came.",
    ),
    Fact.PARTY_IS_THERE: (
        "该当事人已退出：先登记其重新同意调解。",
        "This party left: record its new consent to mediation first.",
    ),
    Fact.NOT_BEFORE_THE_MATTER: (
        "填写受理当日或者之后的时间。",
        "Give a time on or after the day the matter was received.",
    ),
    Fact.MEDIATION_GOES_ON: (
        "调解已经结束：需要的，先重新提议调解。",
        "The mediation is over: propose it again first.",
    ),
}
"""What to do instead, in Chinese and English, by the fact that an act contradicts."""


class ContradictionError(CaseError):
    """An act that contradicts a fact; the message says what to do instead."""

    def __init__(self, act: Act, fact: Fact) -> None:
        super().__init__(Reason.CONTRADICTED, f"{act}: {fact}", act=act.value, fact=fact.value)
        self._fact = fact

    def message(self, language: str) -> str:
        """Return the message for a person, with what to do instead, followed by the detail."""
        text, english = TEXTS[self.reason], language == "en"
        joined = (text.en, " ", INSTEAD[self._fact][1]) if english else (text.zh, "", INSTEAD[self._fact][0])
        return f"{''.join(joined)} ({self.detail})"

    def renamed(self, names: Mapping[str, str]) -> CaseError:
        """Return the error itself: it names no field."""
        return self


def must_hold(act: Act, facts: Mapping[Fact, bool]) -> None:
    """Raise CONTRADICTED naming the first fact that contradicts an act; every fact it requires must be given."""
    for fact in NEEDS[act]:
        if not facts[fact]:
            raise ContradictionError(act, fact)
