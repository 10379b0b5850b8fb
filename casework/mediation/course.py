"""What may happen to the mediation of a case, and when: its states, its grounds, who must have consented to what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from casework.case import Side, Step
from casework.errors import CaseError, Reason, field_error

MAX_REPRESENTATIVES = 5
"""信访工作条例 art. 20: a group elects at most five representatives."""


class MediationState(IntEnum):
    """State of a mediation; the numbers match the contract."""

    PROPOSED = 1
    CONSENTED = 2
    MEDIATING = 3
    AGREED = 4
    NOT_AGREED = 5
    WITHDRAWN = 6


class PartyKind(IntEnum):
    """What kind of party it is; the numbers match the contract."""

    NATURAL = 1
    ORGANISATION = 2


class CompanionRole(IntEnum):
    """How somebody accompanies a party; the numbers match the contract."""

    GUARDIAN = 1
    SUPPORT = 2
    REPRESENTATIVE = 3
    AGENT = 4
    INTERPRETER = 5


class Scope(IntEnum):
    """What a representative or an agent may do; the numbers match the contract. None may settle."""

    SPEAK = 1
    RECEIVE = 2
    NEGOTIATE = 3
    PROCEDURE = 4


ENDED = frozenset({MediationState.AGREED, MediationState.NOT_AGREED, MediationState.WITHDRAWN})
_SUPPORTING = frozenset({CompanionRole.GUARDIAN, CompanionRole.SUPPORT})
_OF_ONE_SIDE = frozenset({CompanionRole.GUARDIAN, CompanionRole.AGENT})
ACTING = frozenset({CompanionRole.REPRESENTATIVE, CompanionRole.AGENT})
"""Roles of companions who act for a party, within their scopes."""
BY_OTHERS = frozenset({Step.SESSION, Step.EXTENSION})
"""Steps an agent with procedural scope may consent to for a party; all others require the party's own consent."""

_BEFORE: dict[MediationState, frozenset[MediationState]] = {
    MediationState.PROPOSED: frozenset(
        {
            MediationState.CONSENTED,
            MediationState.MEDIATING,
            MediationState.NOT_AGREED,
            MediationState.WITHDRAWN,
        }
    ),
    MediationState.CONSENTED: frozenset({MediationState.PROPOSED, MediationState.MEDIATING}),
    MediationState.MEDIATING: frozenset({MediationState.PROPOSED, MediationState.CONSENTED}),
    # After a partial agreement, a new party or a replaced mediator, the rest can still be ended.
    MediationState.AGREED: frozenset({MediationState.PROPOSED, MediationState.CONSENTED, MediationState.MEDIATING}),
    MediationState.NOT_AGREED: frozenset({MediationState.PROPOSED, MediationState.CONSENTED, MediationState.MEDIATING}),
    MediationState.WITHDRAWN: frozenset({MediationState.PROPOSED, MediationState.CONSENTED, MediationState.MEDIATING}),
}


def move(state: MediationState, to: MediationState) -> MediationState:
    """Return the mediation's new state, or raise WRONG_STATE naming its current state."""
    if state not in _BEFORE[to]:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {to.name}", state=state.name)
    return to


def must_be(state: MediationState, *expected: MediationState) -> None:
    """Raise WRONG_STATE unless the mediation is in one of the states."""
    if state not in expected:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def must_be_open(state: MediationState) -> None:
    """Raise WRONG_STATE if the mediation is over: it must be proposed again before anybody can consent."""
    if state in ENDED:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def must_be_there(withdrawn_at: datetime | None) -> None:
    """Raise WRONG_STATE if a party has left: it no longer has a say in who mediates."""
    if withdrawn_at is not None:
        raise CaseError(Reason.WRONG_STATE, "withdrawn", state="withdrawn")


@dataclass(frozen=True, slots=True)
class Person:
    """A party, with what consent depends on."""

    party: int
    side: Side
    withdrawn: bool = False
    member: bool = False
    needs_support: bool = False
    minor: bool = False
    """Whether it was a minor on the day of its statement, by its date of birth."""


@dataclass(frozen=True, slots=True)
class PeopleStanding:
    """Who is in a mediation, and each party's last statement on each step."""

    people: tuple[Person, ...]
    said: Mapping[Step, frozenset[int]] = field(default_factory=dict)
    """Parties whose last statement on a step was a valid yes."""

    @property
    def parties(self) -> list[tuple[int, Side, bool]]:
        """The parties: number, side, whether they left."""
        return [(person.party, person.side, person.withdrawn) for person in self.people]

    @property
    def there(self) -> dict[int, int]:
        """The side of each party that has not left."""
        return {person.party: person.side for person in self.people if not person.withdrawn}

    @property
    def supported(self) -> bool:
        """Whether a party, present or former, needs a guardian or support person."""
        return any(person.needs_support for person in self.people)

    @property
    def need_support(self) -> set[int]:
        """The parties that need a guardian or support person, as declared or by their age."""
        return {person.party for person in self.people if person.needs_support}

    @property
    def present(self) -> set[int]:
        """The parties that have not left."""
        return {person.party for person in self.people if not person.withdrawn}

    def consented(self, step: int) -> set[int]:
        """Return the parties that consented to a step."""
        return set(self.said.get(Step(step), ()))

    def missing(self, step: int) -> set[int]:
        """Return the present parties that have not consented to a step. Silence is not consent."""
        return self.present - self.consented(step)

    @property
    def complete(self) -> bool:
        """Whether there are two sides and every party consented to mediation (人民调解法 art. 3, 17)."""
        sides = {person.side for person in self.people if not person.withdrawn}
        return {Side.APPLICANT, Side.RESPONDENT} <= sides and not self.missing(Step.MEDIATION)


def must_have_consent(standing: PeopleStanding, step: Step) -> None:
    """Raise CONSENT_MISSING naming the parties that have not consented to a step."""
    missing = standing.missing(step)
    if missing:
        raise CaseError(Reason.CONSENT_MISSING, ", ".join(f"parties/{party}" for party in sorted(missing)))


def leaving_ends(standing: PeopleStanding, party: int) -> bool:
    """Return whether the mediation ends when a party leaves.

    It continues when a group member leaves and others remain on its side, or when a third person leaves.
    """
    (leaver,) = (person for person in standing.people if person.party == party)
    if leaver.side is Side.THIRD:
        return False
    of_side = {person.party for person in standing.people if person.side is leaver.side}
    return not (leaver.member and of_side & standing.present - {party})


@dataclass(frozen=True, slots=True)
class Beside:
    """A person who accompanies parties, with what consent depends on."""

    role: CompanionRole
    parties: frozenset[int]
    scopes: frozenset[Scope] = frozenset()
    ended: bool = False

    def serves(self, party: int, *roles: CompanionRole) -> bool:
        """Return whether they accompany the party now in one of the roles."""
        return not self.ended and self.role in roles and party in self.parties

    @property
    def powers(self) -> frozenset[Scope]:
        """What they may do for the parties now; nothing if they accompany them only, or no longer."""
        return self.scopes if self.role in ACTING and not self.ended else frozenset()


def check_consent(
    person: Person,
    step: Step,
    given: bool,
    assisted_by: Beside | None,
    given_by: Beside | None,
    interpreter: Beside | None,
) -> None:
    """Raise unless the statement counts as the party's own consent.

    A party who needs support must have a guardian or support person present (民法典 art. 19-23; 人民调解法 art. 3), a
    minor the guardian, whether or not the need was declared. Others may consent to times only, with procedural scope;
    a settlement requires each principal's own consent.
    """
    if assisted_by and not assisted_by.serves(person.party, *_SUPPORTING):
        raise field_error("consent.assisted_by", Reason.INVALID_FIELD)
    if interpreter and not interpreter.serves(person.party, CompanionRole.INTERPRETER):
        raise field_error("consent.interpreter", Reason.INVALID_FIELD)
    if given_by and not given_by.serves(person.party, *ACTING):
        raise field_error("consent.given_by", Reason.INVALID_FIELD)
    if given_by and given and (step not in BY_OTHERS or Scope.PROCEDURE not in given_by.scopes):
        raise CaseError(Reason.OWN_CONSENT_NEEDED, step.name)
    if given and (person.needs_support or person.minor) and assisted_by is None:
        raise CaseError(Reason.SUPPORT_NEEDED, f"parties/{person.party}")
    if given and person.minor and assisted_by and assisted_by.role is not CompanionRole.GUARDIAN:
        raise CaseError(Reason.GUARDIAN_NEEDED, f"parties/{person.party}")


def check_companion(companion: Beside, standing: PeopleStanding, others: list[Beside]) -> None:
    """Raise unless a person may accompany these parties in this role.

    Representatives are elected by members of one side, at most five per side; they and agents have a scope. A guardian
    or an agent is of one side: nobody decides for both (民法典 art. 35, 168).
    """
    people = {person.party: person for person in standing.people}
    if not companion.parties <= people.keys():
        raise field_error("companion.parties", Reason.INVALID_FIELD)
    if companion.role in ACTING and not companion.scopes:
        raise field_error("companion.scopes", Reason.INVALID_FIELD)
    if companion.ended:
        raise field_error("companion.last_day", Reason.INVALID_FIELD, "in the past")
    if companion.role in _OF_ONE_SIDE and len({people[party].side for party in companion.parties}) > 1:
        raise field_error("companion.parties", Reason.INVALID_FIELD, "a guardian or an agent is of one side")
    if companion.role is not CompanionRole.REPRESENTATIVE:
        return
    electors = [people[party] for party in companion.parties]
    sides = {elector.side for elector in electors}
    if len(sides) != 1 or any(elector.withdrawn or not elector.member for elector in electors):
        raise field_error("companion.parties", Reason.INVALID_FIELD, "must be elected by members of one side")
    of_side = {person.party for person in standing.people if person.side in sides}
    elected = [each for each in others if each.role is CompanionRole.REPRESENTATIVE and not each.ended]
    if sum(bool(each.parties & of_side) for each in elected) >= MAX_REPRESENTATIVES:
        raise CaseError(Reason.TOO_MANY_REPRESENTATIVES, str(MAX_REPRESENTATIVES))


def check_give_time(at: datetime, now: datetime) -> None:
    """Raise if the time of a consent is in the future."""
    if at > now:
        raise field_error("consent.give_time", Reason.INVALID_FIELD)
