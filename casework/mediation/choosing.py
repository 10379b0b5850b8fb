"""Choosing a mediator: conflicts of interest, whether both sides chose the same one, who is asked next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from casework.case import Side
from casework.door.complaint import lies_within
from casework.errors import CaseError, Reason
from casework.mediation.course import PeopleStanding
from casework.names import county_of


class ChoicePhase(IntEnum):
    """How the mediator is being found; the numbers match the contract."""

    NONE = 0
    PARTIES = 1
    UNIT = 2
    ASKED = 3
    FIXED = 4


class AskState(IntEnum):
    """The outcome of asking a mediator."""

    ASKED = 1
    ACCEPTED = 2
    DECLINED = 3
    LAPSED = 4
    DISCLOSED = 5
    REPLACED = 6
    CANCELLED = 7
    RELIEVED = 8


class Conflict(IntEnum):
    """A mediator's conflicts of interest in a case; the numbers match the contract."""

    NONE = 0
    SAME_UNIT = 1
    KIN = 2
    INTEREST = 3
    PRIOR_ROLE = 4
    REPLACED = 5
    NOT_AVAILABLE = 6
    EXCLUDED = 7


CONFLICTS = {
    Conflict.SAME_UNIT: (
        "回避：与当事人同属一个单位，或者属于被投诉的单位",
        "Belongs to the unit that is a party, or complained of.",
    ),
    Conflict.KIN: ("回避：申明与本案有关人员有亲属关系", "Declared to be a relative of somebody in the case."),
    Conflict.INTEREST: ("回避：与本案有利害关系", "Has an interest in the outcome."),
    Conflict.PRIOR_ROLE: ("回避：在同一纠纷中有或者有过其他身份", "Has, or had, another role in the same matter."),
    Conflict.REPLACED: ("已应当事人要求更换", "Was replaced at a party's request."),
    Conflict.NOT_AVAILABLE: (
        "本轮已询问：不接受或者逾期未答复",
        "Was asked in this round, and declined or did not answer.",
    ),
    Conflict.EXCLUDED: ("已决定回避", "Excluded from the case."),
}
"""What disqualifies a mediator, in Chinese and English."""


class MatterRole(IntEnum):
    """A role a person can have in a matter; a mediator cannot take another one later (特邀调解规定 art. 16)."""

    MEDIATOR = 1
    AGENT = 2
    INTERPRETER = 3
    WITNESS = 4
    APPRAISER = 5
    JUROR = 6
    ARBITRATOR = 7
    PARTY = 8
    COMPANION = 9
    REVIEWER = 10
    ASSESSOR = 11


class PanelRole(IntEnum):
    """In which role somebody takes part beside the mediator of record; the numbers match the contract."""

    SECOND_MEDIATOR = 1
    ASSESSOR = 2


class PanelState(IntEnum):
    """State of a member of the panel; the numbers match the contract."""

    PROPOSED = 1
    ASKED = 2
    ACCEPTED = 3
    DECLINED = 4
    LAPSED = 5
    DISCLOSED = 6
    REPLACED = 7
    ENDED = 8


class LeavingReason(IntEnum):
    """Why somebody no longer takes part; the numbers match the contract."""

    CONFLICT = 1
    ABSENT = 2
    NOT_NEEDED = 3
    MISCONDUCT = 4
    LEADS = 5
    OVER = 6


PANEL_LIVE = (PanelState.PROPOSED, PanelState.ASKED, PanelState.ACCEPTED)
"""States of a member who takes part, or still may."""
OUT_FOR = (LeavingReason.CONFLICT, LeavingReason.MISCONDUCT)
"""Reasons after which somebody does not come back in the same matter."""
RELIEVED_AS = {
    LeavingReason.CONFLICT: AskState.DISCLOSED,
    LeavingReason.ABSENT: AskState.LAPSED,
    LeavingReason.MISCONDUCT: AskState.RELIEVED,
}
"""What becomes of the request that a mediator of record accepted, by why the part ended."""
BARRED_TO_MEDIATOR = frozenset(MatterRole) - {MatterRole.MEDIATOR}
BARRED_TO_ASSESSOR = frozenset(MatterRole) - {MatterRole.ASSESSOR}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mediator of the register, with what choosing needs."""

    mediator: str
    subject: str
    unit: str
    areas: tuple[str, ...]
    languages: tuple[str, ...]
    specialities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Against:
    """What is known in a case that can be a conflict of interest for mediators, by user."""

    party_units: frozenset[str]
    barred: frozenset[str]
    kin: frozenset[str]
    interest: frozenset[str]
    prior_role: frozenset[str]
    replaced: frozenset[str]
    unavailable: frozenset[str]
    about: str = ""
    """The unit complained of; nobody who belongs to it mediates."""
    excluded: frozenset[str] = frozenset()
    """Accounts excluded from the case (回避)."""


def conflict_of(subject: str, unit: str, against: Against) -> Conflict:
    """Return a mediator's conflicts of interest, the gravest first (人民调解法 art. 23; 特邀调解规定 art. 15)."""
    if unit in against.party_units or lies_within(against.about, unit):
        return Conflict.SAME_UNIT
    for conflict, subjects in (
        (Conflict.EXCLUDED, against.excluded),
        (Conflict.KIN, against.kin),
        (Conflict.INTEREST, against.interest),
        (Conflict.PRIOR_ROLE, against.barred | against.prior_role),
        (Conflict.REPLACED, against.replaced),
        (Conflict.NOT_AVAILABLE, against.unavailable),
    ):
        if subject in subjects:
            return conflict
    return Conflict.NONE


def must_be_free(subject: str, unit: str, against: Against) -> None:
    """Raise CONFLICT_OF_INTEREST naming the conflict, if the mediator has one."""
    conflict = conflict_of(subject, unit, against)
    if conflict is not Conflict.NONE:
        raise CaseError(Reason.CONFLICT_OF_INTEREST, conflict.name, conflict=conflict.name)


def both_chose(standing: PeopleStanding, choices: Mapping[int, str]) -> str:
    """Return the mediator both sides chose; empty if they did not (yet).

    Each party has a say; in a group only the members who answered count, and at least one must have answered.
    """
    chosen: set[str] = set()
    for side in (Side.APPLICANT, Side.RESPONDENT):
        people = [person for person in standing.people if person.side is side and not person.withdrawn]
        said = [choices.get(person.party, "") for person in people if not person.member]
        spoke = [choices[person.party] for person in people if person.member and person.party in choices]
        if any(person.member for person in people):
            said += spoke or [""]
        if not said:
            return ""
        chosen.update(said)
    return chosen.pop() if len(chosen) == 1 else ""


def sides_differ(standing: PeopleStanding, choices: Mapping[int, str]) -> bool:
    """Return whether the sides chose different mediators, so that waiting longer is pointless."""
    by_side: dict[Side, set[str]] = {Side.APPLICANT: set(), Side.RESPONDENT: set()}
    for person in standing.people:
        if person.party in choices and not person.withdrawn and person.side in by_side:
            by_side[person.side].add(choices[person.party])
    return all(by_side.values()) and len(set().union(*by_side.values())) > 1


def ranked(
    candidates: Iterable[Candidate], category: str, load: Mapping[str, int], against: Against
) -> list[tuple[Candidate, Conflict]]:
    """Return candidates, best fit first: no conflict of interest, a matching speciality, fewest open mediations."""
    judged = [(each, conflict_of(each.subject, each.unit, against)) for each in candidates]
    return sorted(
        judged,
        key=lambda pair: (
            pair[1] is not Conflict.NONE,
            not knows(pair[0], category),
            load.get(pair[0].subject, 0),
            pair[0].mediator,
        ),
    )


def knows(candidate: Candidate, category: str) -> bool:
    """Return whether the category, or one above it, is a speciality of the mediator."""
    return any(category == known or category.startswith(f"{known}/") for known in candidate.specialities)


def must_be_in(phase: ChoicePhase, *expected: ChoicePhase) -> None:
    """Raise WRONG_STATE unless the mediator is being found in one of these ways."""
    if phase not in expected:
        raise CaseError(Reason.WRONG_STATE, phase.name, state=phase.name)


def takes_from(unit: str, mediator_unit: str, areas: Iterable[str]) -> bool:
    """Return whether a mediator may be appointed in a case of a unit: of its county or above, or for its area."""
    county = county_of(unit)
    return (
        county_of(mediator_unit) == county
        or unit.startswith(mediator_unit)
        or any(unit.startswith(area) for area in areas)
    )


def answered(state: PanelState, present: Collection[int], agreed: Collection[int], *, has_account: bool) -> PanelState:
    """Return the state of a proposed member after a party agreed: asked, or there, once all present parties did."""
    if state is not PanelState.PROPOSED or not set(present) <= set(agreed):
        return state
    return PanelState.ASKED if has_account else PanelState.ACCEPTED


def settled(state: PanelState, present: Collection[int], agreed: Collection[int], *, has_account: bool) -> PanelState:
    """Return the state of an assessor after parties joined or left: proposed again, until all present ones agreed."""
    if not set(present) <= set(agreed):
        return PanelState.PROPOSED
    return answered(state, present, agreed, has_account=has_account)


def must_be_on_panel(state: PanelState, *expected: PanelState) -> None:
    """Raise WRONG_STATE unless a member of the panel is in one of these states."""
    if state not in expected:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)
