"""Sessions as messages of the contract; sealed parts only on request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pb.mediation.v1 import sessions_pb2 as pb

from casework import names
from casework.mediation.session import AttendeeRole, Presence, SignerRole, is_complete
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.mediation.models.sessions import (
    Attendance,
    RecordRefusal,
    RecordSignature,
    Room,
    Session,
    SessionRecord,
    TimeWish,
)

CAME = (Presence.PRESENT, Presence.REMOTE, Presence.LEFT)


@dataclass(frozen=True, slots=True)
class Sitting:
    """A session with its attendance, record and signatures."""

    row: Session
    attendances: Sequence[Attendance]
    record: SessionRecord | None
    signatures: Sequence[RecordSignature]
    seconds: frozenset[int] = frozenset()
    """The second mediators who take part now, by their number on the panel."""

    @classmethod
    def of(
        cls,
        row: Session,
        attendances: Iterable[Attendance],
        records: dict[int, SessionRecord],
        signatures: Iterable[RecordSignature],
        seconds: frozenset[int] = frozenset(),
    ) -> Sitting:
        """Return a session with its own entries out of those of the case."""
        record = records.get(row.session)
        signed = [each for each in signatures if record and (each.session, each.record) == (row.session, record.record)]
        return cls(row, [each for each in attendances if each.session == row.session], record, signed, seconds)

    @property
    def came(self) -> set[int]:
        """The parties that attended; before attendance is recorded, the invited ones."""
        recorded = [each for each in self.attendances if each.role is AttendeeRole.PARTY]
        if not recorded:
            return set(self.row.parties)
        return {each.party for each in recorded if each.presence in CAME}

    @property
    def absent(self) -> set[int]:
        """The parties recorded as absent."""
        absent = AttendeeRole.PARTY, Presence.ABSENT
        return {each.party for each in self.attendances if (each.role, each.presence) == absent}

    @property
    def a_party_came(self) -> bool:
        """Whether the attendance of a party, or of somebody who speaks for one, is recorded."""
        of_party = (AttendeeRole.PARTY, AttendeeRole.REPRESENTATIVE)
        return any(each.role in of_party and each.presence in CAME for each in self.attendances)

    @property
    def read_backs(self) -> set[int]:
        """The parties the newest record was read back to."""
        return {each.party for each in self.signatures if each.read_back}

    @property
    def signed(self) -> set[int]:
        """The parties that signed the newest record."""
        return {each.party for each in self.signatures if each.role is SignerRole.PARTY and not each.read_back}

    @property
    def complete(self) -> bool:
        """Whether the newest record is confirmed and signed by all who must."""
        of_mediators = (each for each in self.signatures if each.role is SignerRole.MEDIATOR and not each.read_back)
        return is_complete(
            self.came, self.read_backs, self.signed, self._must_sign, {each.member for each in of_mediators}
        )

    @property
    def _must_sign(self) -> set[int]:
        """The second mediators who were there to the end, and still take part."""
        stayed = (Presence.PRESENT, Presence.REMOTE)
        there = {each.member for each in self.attendances if each.presence in stayed}
        return there & self.seconds

    @property
    def a_mediator_came(self) -> bool:
        """Whether no mediator's attendance is recorded, or that of one who came."""
        recorded = [each for each in self.attendances if each.role is AttendeeRole.MEDIATOR]
        return not recorded or any(each.presence in CAME for each in recorded)


def room(row: Room) -> pb.Room:
    """Return a room."""
    return pb.Room(
        name=names.room_name(row.room),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        display_name=row.display_name,
        capacity=row.capacity,
        accessible=row.accessible,
        closed=row.closed_at is not None,
        **numbers(kind=row.kind),
    )


def time_wish(row: TimeWish) -> pb.TimeWish:
    """Return a party's request for another time."""
    return pb.TimeWish(
        party=names.party_name(row.number, row.party),
        times=row.times,
        ask_time=stamp(row.asked_at),
    )


def session(sitting: Sitting, wishes: Iterable[TimeWish] = ()) -> pb.Session:
    """Return a session without its sealed part."""
    row = sitting.row
    return pb.Session(
        name=names.session_name(row.number, row.session),
        etag=str(row.version),
        room=names.room_name(row.room) if row.room else "",
        start_time=stamp(row.during.start),
        end_time=stamp(row.during.end),
        parties=[names.party_name(row.number, party) for party in row.parties],
        language=row.language,
        interpreter=row.interpreter,
        started_time=stamp(row.started_at),
        ended_time=stamp(row.ended_at),
        attendances=[attendance(each) for each in sitting.attendances],
        record_version=sitting.record.record if sitting.record else 0,
        record_signed=bool(sitting.record) and sitting.complete,
        update_time=stamp(row.updated_at),
        time_wishes=[time_wish(each) for each in wishes if each.session == row.session],
        **numbers(kind=row.kind, venue=row.venue, state=row.state),
    )


def attendance(row: Attendance, display_name: str = "") -> pb.Attendance:
    """Return an attendance; with the name only if it was unsealed."""
    return pb.Attendance(
        party=names.party_name(row.number, row.party) if row.party else "",
        ordinal=row.ordinal,
        arrive_time=stamp(row.arrived_at),
        leave_time=stamp(row.left_at),
        display_name=display_name,
        member=names.panel_name(row.number, row.member) if row.member else "",
        **numbers(role=row.role, presence=row.presence),
    )


def record(sitting: Sitting, refusals: Iterable[RecordRefusal] = (), *, to_party: bool = False) -> pb.SessionRecord:
    """Return the newest record of a session that has one, without its text; to a party without staff accounts."""
    row = sitting.record
    assert row is not None
    found = pb.SessionRecord(
        name=f"{names.session_name(row.number, row.session)}/record",
        etag=str(row.record),
        written_by=row.written_by,
        write_time=stamp(row.written_at),
        read_backs=[_signature(each) for each in sitting.signatures if each.read_back],
        signatures=[_signature(each) for each in sitting.signatures if not each.read_back],
        complete=sitting.complete,
        refusals=[_refusal(each) for each in refusals],
    )
    if to_party:
        found.ClearField("written_by")
        for each in (*found.read_backs, *found.signatures, *found.refusals):
            each.ClearField("recorded_by")
    return found


def _signature(row: RecordSignature) -> pb.RecordSignature:
    return pb.RecordSignature(
        party=names.party_name(row.number, row.party) if row.party else "",
        language=row.language,
        sign_time=stamp(row.signed_at),
        recorded_by=row.recorded_by,
        member=names.panel_name(row.number, row.member) if row.member else "",
        **numbers(role=row.role, manner=row.manner),
    )


def _refusal(row: RecordRefusal) -> pb.RecordRefusal:
    return pb.RecordRefusal(
        party=names.party_name(row.number, row.party),
        refuse_time=stamp(row.refused_at),
        recorded_by=row.recorded_by,
    )
