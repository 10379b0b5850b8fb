"""Facts that cannot both be true: what must hold before a fact is recorded, in one table.

A state machine says in which state something may be done. This table says which facts a new record would contradict:
a performance before the agreement was effective, a seal on a paper nobody signed. Each command calls `must_hold` with
every fact its act depends on; no command decides this for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from casework.errors import CaseError, Reason


class Act(StrEnum):
    """The act about to be recorded."""

    SEAL_AGREEMENT = "SEAL_AGREEMENT"
    CLOSE_NOT_AGREED = "CLOSE_NOT_AGREED"
    CLOSE_WITHDRAWN = "CLOSE_WITHDRAWN"
    PERFORM_CLAUSE = "PERFORM_CLAUSE"
    VISIT = "VISIT"
    REOPEN_NOT_PERFORMED = "REOPEN_NOT_PERFORMED"
    START_SESSION = "START_SESSION"
    HOLD_SESSION = "HOLD_SESSION"
    CALL_OFF_SESSION = "CALL_OFF_SESSION"
    ATTEND = "ATTEND"
    CONSENT = "CONSENT"
    CONSENT_TO_PROCEED = "CONSENT_TO_PROCEED"


class Fact(StrEnum):
    """A required fact; the error names it."""

    SIGNED_BY_EVERY_PARTY = "SIGNED_BY_EVERY_PARTY"
    SIGNED_BY_THE_MEDIATOR = "SIGNED_BY_THE_MEDIATOR"
    SIGNED_BY_EVERY_MEDIATOR = "SIGNED_BY_EVERY_MEDIATOR"
    NOT_AGREED_IN_FULL = "NOT_AGREED_IN_FULL"
    NOT_BEFORE_IT_BOUND = "NOT_BEFORE_IT_BOUND"
    NOT_LONG_BEFORE_IT_IS_DUE = "NOT_LONG_BEFORE_IT_IS_DUE"
    SOMETHING_IS_NOT_PERFORMED = "SOMETHING_IS_NOT_PERFORMED"
    NOT_LONG_BEFORE_ITS_TIME = "NOT_LONG_BEFORE_ITS_TIME"
    A_PARTY_CAME = "A_PARTY_CAME"
    A_MEDIATOR_CAME = "A_MEDIATOR_CAME"
    NOBODY_CAME = "NOBODY_CAME"
    CAME_BEFORE_LEAVING = "CAME_BEFORE_LEAVING"
    NOT_TO_COME = "NOT_TO_COME"
    ABSENT_WITHOUT_TIMES = "ABSENT_WITHOUT_TIMES"
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
    Act.CLOSE_WITHDRAWN: (Fact.NOT_AGREED_IN_FULL,),
    Act.PERFORM_CLAUSE: (Fact.NOT_BEFORE_IT_BOUND,),
    Act.VISIT: (Fact.NOT_LONG_BEFORE_IT_IS_DUE,),
    Act.REOPEN_NOT_PERFORMED: (Fact.SOMETHING_IS_NOT_PERFORMED,),
    Act.START_SESSION: (Fact.NOT_LONG_BEFORE_ITS_TIME,),
    Act.HOLD_SESSION: (Fact.A_PARTY_CAME, Fact.A_MEDIATOR_CAME),
    Act.CALL_OFF_SESSION: (Fact.NOBODY_CAME,),
    Act.ATTEND: (Fact.CAME_BEFORE_LEAVING, Fact.NOT_TO_COME, Fact.ABSENT_WITHOUT_TIMES),
    Act.CONSENT: (Fact.PARTY_IS_THERE, Fact.NOT_BEFORE_THE_MATTER),
    Act.CONSENT_TO_PROCEED: (Fact.PARTY_IS_THERE, Fact.NOT_BEFORE_THE_MATTER, Fact.MEDIATION_GOES_ON),
}
"""What each act requires. Ending or leaving a mediation requires nothing: that is always possible."""


def must_hold(act: Act, facts: Mapping[Fact, bool]) -> None:
    """Raise CONTRADICTED naming the first fact that contradicts an act; every fact it requires must be given."""
    for fact in NEEDS[act]:
        if not facts[fact]:
            raise CaseError(Reason.CONTRADICTED, f"{act}: {fact}", act=act.value, fact=fact.value)
