"""From the tables of a mediation's course to the source of documents: joint sessions, inquiries, time limits.

Talks with one side alone are not read here, neither their sessions nor their content.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from datetime import datetime

from pb.mediation.v1 import evidence_pb2, sessions_pb2

from casework.clocks.calendar import LOCAL
from casework.mediation.session import AttendeeRole, Venue
from casework.papers.documents import Extension, Inquiry, JointSession, MediatorFacts, PartyFacts, Proof, Recusal
from casework.papers.file_type import FileType
from services.kit.storage.database import Connection
from services.kit.storage.sealing import CaseSealer
from services.mediation.documents.source import store
from services.mediation.documents.source.store import Held
from services.mediation.models.sessions import Attendance
from services.mediation.officials.naming import Names

_PROOFS = {
    FileType.JPEG: "picture", FileType.PNG: "picture", FileType.MP3: "recording", FileType.MP4: "recording",
    FileType.M4A: "recording",
}  # fmt: skip
"""Of which kind a file is as proof; all others are documents."""


async def sessions_of(
    connection: Connection,
    number: str,
    opener: CaseSealer | None,
    parties: tuple[PartyFacts, ...],
    mediator: MediatorFacts | None,
    officials: Names,
) -> tuple[JointSession, ...]:
    """Return the joint sessions that began, with their newest records. Separate talks are not among them."""
    held, came = await store.joint_sessions(connection, number), await store.came(connection, number)
    read, refused = await store.read_back(connection, number), await store.refused(connection, number)
    names = {each.party: each.name for each in parties}
    return tuple(
        replace(
            _session(
                row, [each for each in came if each.session == row.session], read, names, opener, mediator, officials
            ),
            refused=tuple(names.get(party, "") for *of, party in refused if of == [row.session, row.record]),
        )
        for row in held
    )


def _session(
    row: Held,
    came: list[Attendance],
    read: Set[tuple[int, int | None, int]],
    names: dict[int, str],
    opener: CaseSealer | None,
    mediator: MediatorFacts | None,
    officials: Names,
) -> JointSession:
    content = sessions_pb2.RecordContent()
    if opener and row.record_sealed is not None:
        content.ParseFromString(opener.open(row.record_sealed))

    def called(*roles: AttendeeRole) -> tuple[str, ...]:
        found = (_opened(opener, each.sealed) or names.get(each.party, "") for each in came if each.role in roles)
        return tuple(name for name in found if name)

    there = [each.party for each in came if each.role is AttendeeRole.PARTY]
    others = set(AttendeeRole) - {AttendeeRole.MEDIATOR, AttendeeRole.RECORDER}
    return JointSession(
        session=row.session,
        began_at=row.started_at,
        ended_at=row.ended_at,
        place=row.room_name or _opened(opener, row.sealed),
        remote=row.venue is Venue.REMOTE,
        mediators=called(AttendeeRole.MEDIATOR) or ((mediator.name,) if mediator else ()),
        recorder="、".join(called(AttendeeRole.RECORDER)) or officials.name(row.written_by, row.started_at),
        attendance=called(*others),
        record="\n".join(part for part in (content.statements, content.points) if part),
        result=content.result,
        read_back=bool(there) and all((row.session, row.record, party) in read for party in there),
    )


def _opened(opener: CaseSealer | None, sealed: bytes | None) -> str:
    return opener.open(sealed).decode() if opener and sealed is not None else ""


async def inquiries_of(
    connection: Connection, number: str, opener: CaseSealer | None, officials: Names
) -> tuple[Inquiry, ...]:
    """Return the investigations."""
    found = []
    for row in await store.investigations(connection, number):
        content = evidence_pb2.InvestigationContent()
        if opener:
            content.ParseFromString(opener.open(row.sealed))
        by = officials.name(row.created_by, row.investigated_at)
        found.append(
            Inquiry(row.investigation, row.investigated_at, content.place, (by,) if by else (), content.informant,
                    content.text, row.read_back)
        )  # fmt: skip
    return tuple(found)


async def proofs_of(connection: Connection, number: str, opener: CaseSealer | None) -> tuple[Proof, ...]:
    """Return what was handed in or gathered as proof."""
    if opener is None:
        return ()
    return tuple(
        Proof(
            row.evidence, evidence_pb2.Evidence.FromString(opener.open(row.sealed)).title,
            _PROOFS.get(row.type, "document"), row.party,
        )
        for row in await store.evidence(connection, number)
    )  # fmt: skip


async def recusals_of(connection: Connection, number: str) -> tuple[Recusal, ...]:
    """Return the mediators replaced at a party's request; nothing says whose request it was."""
    replaced = await store.replaced(connection, number)
    return tuple(Recusal(ask, 0, mediator, at, granted=True, decided_at=at) for ask, at, mediator in replaced if at)


async def extensions_of(connection: Connection, number: str) -> tuple[Extension, ...]:
    """Return the extensions that every party agreed to, with when each did."""
    said = await store.agreed_to_extend(connection, number)
    consented = tuple((party, at) for party, given, at in said if given)
    found = []
    for index, told in enumerate(await store.extended(connection, number), start=1):
        before, after = (
            datetime.fromisoformat(told[each]).astimezone(LOCAL).date() for each in ("due_before", "due_at")
        )
        found.append(Extension(index, before, after, consented))
    return tuple(found)
