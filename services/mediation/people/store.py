"""SQL of the people of a case."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.errors import CaseError, Reason
from casework.mediation.course import Beside, CompanionRole, PeopleStanding, Person, Scope, Side, Step
from services.kit.storage.database import Connection, text

_PEOPLE = text("""
    SELECT party, side, member, withdrawn_at IS NOT NULL AS withdrawn,
           needs_guardian OR minor_until IS NOT NULL AS needs_guardian
    FROM parties WHERE number = :number ORDER BY party
""")
# A yes as far as it counts: of whoever needs support beside somebody, of a minor beside the guardian.
_COUNTS = """given AND (NOT needs_guardian OR assisted_by > 0)
    AND (minor_until IS NULL OR (last.at AT TIME ZONE 'Asia/Shanghai')::date >= minor_until OR EXISTS (
        SELECT FROM companions WHERE companions.number = parties.number AND companion = assisted_by AND role = 1))"""
# The last word of each party to each step of this attempt.
_SAID = text(f"""
    SELECT step, party FROM (
        SELECT DISTINCT ON (step, party) step, party, given, assisted_by, at
        FROM consents WHERE number = :number
          AND round = (SELECT round FROM mediations WHERE number = :number)
        ORDER BY step, party, consent DESC
    ) last JOIN parties USING (party)
    WHERE parties.number = :number AND {_COUNTS}
""")
_SAID_TO_EXTENSION = text(f"""
    SELECT party, CASE WHEN {_COUNTS} THEN last.recorded_at END AS at
    FROM parties LEFT JOIN LATERAL (
        SELECT given, assisted_by, recorded_at, at FROM consents
        WHERE consents.number = parties.number AND consents.party = parties.party AND step = :step
          AND round = (SELECT round FROM mediations WHERE number = :number)
        ORDER BY consent DESC LIMIT 1
    ) last ON true
    WHERE parties.number = :number AND withdrawn_at IS NULL ORDER BY party
""")
_ADD_PARTY = text("""
    INSERT INTO parties (number, party, side, kind, member, needs_guardian, minor_until, sealed, phone_index, joined_at)
    SELECT :number, coalesce(max(party), 0) + 1, :side, :kind, :member, :needs_guardian, :minor_until, :sealed,
           :phone_index, :at
    FROM parties WHERE number = :number RETURNING *
""")
_ADD_COMPANION = text("""
    INSERT INTO companions (number, companion, role, parties, scopes, subject, sealed, started_at)
    SELECT :number, coalesce(max(companion), 0) + 1, :role, :parties, :scopes, :subject, :sealed, :at
    FROM companions WHERE number = :number RETURNING *
""")
_BY_PHONE = text("""
    SELECT cases.*, parties.sealed AS party_sealed FROM parties JOIN cases USING (number)
    WHERE phone_index = :index AND unit = :unit AND stage <> :closed AND parties.sealed IS NOT NULL
    ORDER BY opened_at DESC, number DESC LIMIT 20
""")
_ERASE = (
    "UPDATE cases SET sealed_key = NULL, sealed = NULL, erased_at = :at WHERE number = :number",
    "UPDATE parties SET sealed = NULL, phone_index = NULL, minor_until = NULL WHERE number = :number",
    "UPDATE companions SET sealed = NULL WHERE number = :number",
    "UPDATE screenings SET sealed = NULL WHERE number = :number",
    "UPDATE alerts SET sealed = NULL WHERE number = :number",
)


async def standing(connection: Connection, number: str) -> PeopleStanding:
    """Return who is in the mediation of a case and what each said last to each step."""
    people = tuple(
        Person(row.party, Side(row.side), row.withdrawn, row.member, row.needs_guardian)
        for row in await connection.execute(_PEOPLE, {"number": number})
    )
    said: dict[Step, set[int]] = {}
    for row in await connection.execute(_SAID, {"number": number}):
        said.setdefault(Step(row.step), set()).add(row.party)
    return PeopleStanding(people, {step: frozenset(parties) for step, parties in said.items()})


async def said_to_extension(connection: Connection, number: str) -> dict[str, datetime | None]:
    """Return of each party that is there when its yes to more time was recorded; None where its last word is none."""
    rows = await connection.execute(_SAID_TO_EXTENSION, {"number": number, "step": int(Step.EXTENSION)})
    return {f"parties/{row.party}": row.at for row in rows}


async def add_party(connection: Connection, number: str, at: datetime, **columns: Any) -> Any:
    """Add a party under the next number of its case and return its row; the case must be locked."""
    return (await connection.execute(_ADD_PARTY, {"number": number, "at": at, **columns})).one()


async def get_party(connection: Connection, number: str, party: int) -> Any:
    """Return a party's row; NOT_FOUND where there is none."""
    query = text("SELECT * FROM parties WHERE number = :number AND party = :party")
    row = (await connection.execute(query, {"number": number, "party": party})).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, names.party_name(number, party))
    return row


async def names_of(connection: Connection, number: str, subject: str) -> list[str]:
    """Return the names of the parties of a case that somebody signs in for."""
    query = text("SELECT party FROM parties WHERE number = :number AND subject = :subject AND subject <> ''")
    rows = await connection.execute(query, {"number": number, "subject": subject})
    return [names.party_name(number, row.party) for row in rows]


async def list_parties(connection: Connection, number: str, behind: int, limit: int) -> Sequence[Any]:
    """Return rows of a case's parties in the order in which they were added."""
    query = text("SELECT * FROM parties WHERE number = :number AND party > :behind ORDER BY party LIMIT :limit")
    return (await connection.execute(query, {"number": number, "behind": behind, "limit": limit})).all()


async def change_party(connection: Connection, number: str, party: int, **columns: Any) -> Any:
    """Change columns of a party and return its new row."""
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    query = f"""UPDATE parties SET {sets}, version = version + 1
        WHERE number = :number AND party = :party RETURNING *"""
    return (await connection.execute(text(query), {"number": number, "party": party, **columns})).one()


async def rejoin(connection: Connection, number: str) -> None:
    """Ask every principal afresh who left: not members who left their group, nor third persons."""
    query = text("""
        UPDATE parties SET withdrawn_at = NULL, version = version + 1
        WHERE number = :number AND withdrawn_at IS NOT NULL AND NOT member AND side <> :third
    """)
    await connection.execute(query, {"number": number, "third": int(Side.THIRD)})


async def by_phone(connection: Connection, index: bytes, unit: str, closed: int) -> Sequence[Any]:
    """Return open cases of a unit, newest first, in which this phone number is a party's, with the sealed party."""
    return (await connection.execute(_BY_PHONE, {"index": index, "unit": unit, "closed": closed})).all()


async def add_companion(connection: Connection, number: str, at: datetime, **columns: Any) -> Any:
    """Add a companion under the next number of its case and return the row; the case must be locked."""
    return (await connection.execute(_ADD_COMPANION, {"number": number, "at": at, **columns})).one()


async def get_companion(connection: Connection, number: str, companion: int) -> Any:
    """Return a companion's row; NOT_FOUND where there is none."""
    query = text("SELECT * FROM companions WHERE number = :number AND companion = :companion")
    row = (await connection.execute(query, {"number": number, "companion": companion})).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, names.companion_name(number, companion))
    return row


async def list_companions(connection: Connection, number: str, behind: int, limit: int) -> Sequence[Any]:
    """Return rows of a case's companions in the order in which they were added."""
    query = text("""
        SELECT * FROM companions WHERE number = :number AND companion > :behind ORDER BY companion LIMIT :limit
    """)
    return (await connection.execute(query, {"number": number, "behind": behind, "limit": limit})).all()


async def besides(connection: Connection, number: str) -> dict[int, Beside]:
    """Return who accompanies the parties of a case, by number."""
    rows = await connection.execute(text("SELECT * FROM companions WHERE number = :number"), {"number": number})
    return {row.companion: beside(row) for row in rows}


def beside(row: Any) -> Beside:
    """Return a companion's row as the domain has it."""
    return Beside(
        CompanionRole(row.role),
        frozenset(row.parties),
        frozenset(map(Scope, row.scopes)),
        row.ended_at is not None,
    )


async def end_companion(connection: Connection, number: str, companion: int, at: datetime) -> Any:
    """End a companion's role, once, and return the row."""
    query = text("""
        UPDATE companions SET ended_at = coalesce(ended_at, :at)
        WHERE number = :number AND companion = :companion RETURNING *
    """)
    return (await connection.execute(query, {"number": number, "companion": companion, "at": at})).one()


async def bar(connection: Connection, number: str, subject: str, roles: Sequence[int], at: datetime) -> None:
    """Bar a user from roles in a matter, for good."""
    query = text("""
        INSERT INTO roles_barred (number, subject, role, since) VALUES (:number, :subject, :role, :at)
        ON CONFLICT DO NOTHING
    """)
    for role in roles:
        await connection.execute(query, {"number": number, "subject": subject, "role": int(role), "at": at})


async def must_be_allowed(connection: Connection, number: str, subject: str, role: int) -> None:
    """Raise ROLE_BARRED where the user may not have this role in the matter."""
    query = text("SELECT 1 FROM roles_barred WHERE number = :number AND subject = :subject AND role = :role")
    if await connection.scalar(query, {"number": number, "subject": subject, "role": int(role)}):
        raise CaseError(Reason.ROLE_BARRED)


async def keep_side(connection: Connection, number: str, subject: str, side: int, at: datetime) -> None:
    """Keep on which side of a case an account stands, for good; SIDE_KEPT where it ever stood on another one."""
    added = text("""
        INSERT INTO sides_kept (number, subject, side, since) VALUES (:number, :subject, :side, :at)
        ON CONFLICT DO NOTHING
    """)
    await connection.execute(added, {"number": number, "subject": subject, "side": side, "at": at})
    kept = text("SELECT side FROM sides_kept WHERE number = :number AND subject = :subject")
    if await connection.scalar(kept, {"number": number, "subject": subject}) != side:
        raise CaseError(Reason.SIDE_KEPT)


_HANDED_OVER = text("""
    SELECT coalesce(bool_and(coalesce(given AND recorded_at >= accepted_at, false)), false) FROM parties
    LEFT JOIN LATERAL (
        SELECT given, recorded_at FROM consents
        WHERE consents.number = parties.number AND consents.party = parties.party AND step = :step AND round = :round
        ORDER BY consent DESC LIMIT 1
    ) last ON true
    CROSS JOIN (SELECT max(answered_at) AS accepted_at FROM asks WHERE number = :number AND subject = :mediator) asked
    WHERE parties.number = :number AND side = :side AND withdrawn_at IS NULL
""")


async def handed_over(connection: Connection, mediation: Any, side: int) -> bool:
    """Return whether every party of a side agreed, to this mediator, to hand over what it told an earlier one."""
    parameters = {"number": mediation.number, "side": side, "step": int(Step.CAUCUS_HANDOVER),
                  "round": mediation.round, "mediator": mediation.mediator}  # fmt: skip
    return bool(await connection.scalar(_HANDED_OVER, parameters))


async def erase(connection: Connection, number: str, at: datetime) -> None:
    """Destroy the key of a case and all that was sealed under it in these tables."""
    for query in _ERASE:
        await connection.execute(text(query), {"number": number, "at": at})
