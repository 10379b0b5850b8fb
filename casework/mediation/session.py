"""Sessions of a mediation: when one may be held, who takes part, when its record is complete."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from casework.door.category import within
from casework.errors import CaseError, Reason, field_error

LONGEST = timedelta(hours=12)
EARLY = timedelta(days=1)
"""How long before its scheduled time a session may begin: an earlier one is another session."""
_EARLIEST, _LATEST = timedelta(days=30), timedelta(days=366)


_SCREENED_FIRST = ("family/violence",)


def is_screened_first(category: str) -> bool:
    """Return whether each side is asked alone in matters of this category: before it agrees, and before it meets."""
    return any(within(each, category) for each in _SCREENED_FIRST)


def must_be_screened(party: int, unscreened: Collection[int]) -> None:
    """Raise SCREENING_MISSING if a party would agree to mediation before it was asked alone.

    Whoever lives in fear of the other side also says yes out of it (反家庭暴力法 art. 5; house default).
    """
    if party in unscreened:
        raise CaseError(Reason.SCREENING_MISSING, f"parties/{party}")


class SessionKind(IntEnum):
    """Who takes part; the numbers match the contract."""

    JOINT = 1
    SEPARATE = 2


class Venue(IntEnum):
    """Where a session is held; the numbers match the contract."""

    ROOM = 1
    ON_SITE = 2
    REMOTE = 3


class SessionState(IntEnum):
    """State of a session; the numbers match the contract."""

    SCHEDULED = 1
    OPEN = 2
    HELD = 3
    CANCELLED = 4
    BROKEN_OFF = 5


class SignerRole(IntEnum):
    """The role of a signer; the numbers match the contract."""

    PARTY = 1
    MEDIATOR = 2
    RECORDER = 3
    INTERPRETER = 4
    ASSESSOR = 5


class Manner(IntEnum):
    """How a signer signs; the numbers match the contract."""

    SIGNATURE = 1
    STAMP = 2
    FINGERPRINT = 3
    ELECTRONIC = 4
    SPOKEN = 5


class AttendeeRole(IntEnum):
    """The role of a participant; the numbers match the contract."""

    PARTY = 1
    MEDIATOR = 2
    INTERPRETER = 3
    REPRESENTATIVE = 4
    SUPPORT = 5
    RECORDER = 6
    OTHER = 7
    ASSESSOR = 8


class Presence(IntEnum):
    """How a participant attended; the numbers match the contract."""

    PRESENT = 1
    REMOTE = 2
    ABSENT = 3
    LEFT = 4


_BEFORE: dict[SessionState, frozenset[SessionState]] = {
    SessionState.OPEN: frozenset({SessionState.SCHEDULED}),
    SessionState.HELD: frozenset({SessionState.OPEN}),
    SessionState.CANCELLED: frozenset({SessionState.SCHEDULED, SessionState.OPEN}),
    SessionState.BROKEN_OFF: frozenset({SessionState.OPEN}),
}
MAY_RECORD = frozenset({SessionState.OPEN, SessionState.HELD, SessionState.BROKEN_OFF})
"""States in which there is something to record, and people to sign it."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """What decides whether people may meet: their sides, consents, wishes, and the screening."""

    sides: Mapping[int, int]
    """Side of every party that has not withdrawn."""
    unconsented: frozenset[int]
    """Those of them without a valid consent to mediation."""
    apart: bool
    """Whether the parties may meet only if each asked for it."""
    wishing: frozenset[int]
    """Who asked for a joint session."""
    unscreened: frozenset[int] = frozenset()
    """Who has not yet been asked alone about violence, in a matter where everybody must be."""


def move(state: SessionState, to: SessionState) -> SessionState:
    """Return the session's new state, or raise WRONG_STATE naming its current state."""
    if state not in _BEFORE[to]:
        raise CaseError(Reason.WRONG_STATE, f"{state.name} → {to.name}", state=state.name)
    return to


def may_record(state: SessionState, kind: SessionKind) -> None:
    """Raise unless the session has a record: a joint one that started. A separate one uses the caucus compartment."""
    if kind is SessionKind.SEPARATE:
        raise CaseError(Reason.CAUCUS_ONLY)
    if state not in MAY_RECORD:
        raise CaseError(Reason.WRONG_STATE, state.name, state=state.name)


def may_meet(kind: SessionKind, meeting: Meeting) -> None:
    """Raise unless a session of this kind may be held.

    Every party's consent to mediation must be valid (人民调解法 art. 3, 17; silence is not consent). After
    violence, a joint session requires the wish of each party (反家庭暴力法 art. 5); the refusal does not say why.
    """
    if not meeting.sides or meeting.unconsented:
        missing = ", ".join(str(party) for party in sorted(meeting.unconsented))
        raise CaseError(Reason.CONSENT_MISSING, missing, parties=missing)
    if kind is not SessionKind.JOINT:
        return
    if len(set(meeting.sides.values())) < 2:
        raise CaseError(Reason.CONSENT_MISSING, "one side only", parties="")
    if meeting.apart and not set(meeting.sides) <= meeting.wishing:
        raise CaseError(Reason.JOINT_REFUSED)
    if meeting.unscreened:
        raise CaseError(Reason.SCREENING_MISSING)


def invited(kind: SessionKind, asked: Iterable[int], meeting: Meeting) -> list[int]:
    """Return the parties of a session: all, if none is named, for a joint one; of one side for a separate one."""
    parties = sorted(set(asked))
    if any(party not in meeting.sides for party in parties):
        raise field_error("session.parties", Reason.INVALID_FIELD, "not a party of the case, or withdrawn")
    if kind is SessionKind.JOINT:
        parties = parties or sorted(meeting.sides)
        if len({meeting.sides[party] for party in parties}) < 2:
            raise field_error("session.parties", Reason.INVALID_FIELD, "a joint session needs at least two sides")
        return parties
    if len({meeting.sides[party] for party in parties}) != 1:
        raise field_error("session.parties", Reason.INVALID_FIELD, "a separate session has one side only")
    return parties


def check_time(start: datetime, end: datetime, now: datetime) -> None:
    """Raise unless a session may be at this time: within 12 hours, a year ahead, or up to 30 days late on paper."""
    if not now - _EARLIEST <= start <= now + _LATEST:
        raise field_error("session.start_time", Reason.INVALID_FIELD, "30 days ago to 366 days ahead")
    if not start < end <= start + LONGEST:
        raise field_error("session.end_time", Reason.INVALID_FIELD, "after start_time, at most 12 hours")


def may_start(start: datetime, now: datetime) -> bool:
    """Return whether a session scheduled for a time may begin now; a late one always may."""
    return now >= start - EARLY


def check_venue(venue: Venue, room: str, place: str) -> None:
    """Raise unless the session says where it is: a room, or the place or link of one held elsewhere."""
    if venue is Venue.ROOM and not room:
        raise field_error("session.room", Reason.INVALID_FIELD, "needed for a session in a room")
    if venue is not Venue.ROOM and not (place or room):
        raise field_error("session.place", Reason.INVALID_FIELD, "needed for a session on site or remote")


def is_complete(
    parties: Iterable[int], read_backs: set[int], signed: set[int], mediators: set[int], signed_as: set[int]
) -> bool:
    """Return whether a record was read back to and signed by every party who attended, and signed by every mediator.

    `mediators` are the second ones who must sign, by their number on the panel; the one of record, 0, always must.
    """
    came = set(parties)
    return bool(came) and came <= read_backs and came <= signed and {0, *mediators} <= signed_as


def may_sign(party: int, parties: Iterable[int], read_backs: set[int]) -> None:
    """Raise unless a party may sign: it attended, and the record was read back to it."""
    must_have_come(party, parties)
    if party not in read_backs:
        raise CaseError(Reason.READ_BACK_MISSING)


def must_have_come(party: int, parties: Iterable[int]) -> None:
    """Raise unless a party attended: only those confirm, sign or refuse a record."""
    if party not in set(parties):
        raise field_error("party", Reason.INVALID_FIELD, "did not come to this session")
