"""SQL of the register of mediators, of choices, and of who was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pb.mediation.v1 import people_pb2

from casework import names
from casework.errors import CaseError, Reason
from casework.mediation.choosing import Against, AskState, Candidate, MatterRole
from services.kit.storage.database import Connection, text
from services.kit.storage.sealing import Sealer

_ADD = text("""
    INSERT INTO mediators (mediator, subject, display_name, unit, areas, languages, specialities, active, updated_at,
                           updated_by)
    VALUES (:mediator, :subject, :display_name, :unit, :areas, :languages, :specialities, :active, :at, :by)
    ON CONFLICT DO NOTHING RETURNING *
""")
_CANDIDATES = text("""
    SELECT * FROM mediators
    WHERE active AND EXISTS (SELECT FROM unnest(areas) area WHERE :unit LIKE area || '%')
      AND (:language = '' OR :language = ANY(languages))
    ORDER BY mediator LIMIT 1000
""")
_LOAD = text("""
    SELECT mediator, count(*) AS cases FROM mediations WHERE state = 3 AND mediator = ANY(:subjects) GROUP BY mediator
""")
_ASK = text("""
    INSERT INTO asks (number, ask, round, mediator, subject, unit, state, asked_at)
    SELECT :number, coalesce(max(ask), 0) + 1, :round, :mediator, :subject, :unit, 1, :at
    FROM asks WHERE number = :number RETURNING *
""")
_ORGANISATIONS = text("""
    SELECT parties.sealed, cases.sealed_key FROM parties JOIN cases USING (number)
    WHERE number = :number AND kind = :organisation AND parties.sealed IS NOT NULL
""")


async def add(connection: Connection, **columns: Any) -> Any:
    """Enter a mediator and return the row; ALREADY_EXISTS where the name or the user is there."""
    row = (await connection.execute(_ADD, columns)).first()
    if row is None:
        raise CaseError(Reason.ALREADY_EXISTS, names.mediator_name(columns["mediator"]))
    return row


async def get(connection: Connection, mediator: str, *, lock: bool = False) -> Any:
    """Return a mediator's row; NOT_FOUND where there is none."""
    query = "SELECT * FROM mediators WHERE mediator = :mediator" + (" FOR UPDATE" if lock else "")
    row = (await connection.execute(text(query), {"mediator": mediator})).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, names.mediator_name(mediator))
    return row


async def change(connection: Connection, mediator: str, **columns: Any) -> Any:
    """Change columns of a mediator and return the new row."""
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    query = f"UPDATE mediators SET {sets}, version = version + 1 WHERE mediator = :mediator RETURNING *"
    return (await connection.execute(text(query), {"mediator": mediator, **columns})).one()


async def listed(
    connection: Connection, unit: str, language: str, category: str, behind: str, limit: int
) -> Sequence[Any]:
    """Return rows of mediators by name, of a unit pattern."""
    query = text("""
        SELECT * FROM mediators
        WHERE unit LIKE :unit AND mediator > :behind AND (:language = '' OR :language = ANY(languages))
          AND (:category = '' OR EXISTS (
              SELECT FROM unnest(specialities) known WHERE :category = known OR :category LIKE known || '/%'))
        ORDER BY mediator LIMIT :limit
    """)
    parameters = {"unit": unit, "language": language, "category": category, "behind": behind, "limit": limit}
    return (await connection.execute(query, parameters)).all()


async def candidates(connection: Connection, unit: str, language: str = "") -> dict[str, tuple[Candidate, Any]]:
    """Return mediators who take cases of a unit, by name, with their rows."""
    rows = await connection.execute(_CANDIDATES, {"unit": unit, "language": language})
    return {row.mediator: (candidate(row), row) for row in rows}


def candidate(row: Any) -> Candidate:
    """Return a row as the domain has it."""
    return Candidate(
        row.mediator, row.subject, row.unit, tuple(row.areas), tuple(row.languages), tuple(row.specialities)
    )


async def load(connection: Connection, subjects: Iterable[str]) -> dict[str, int]:
    """Return how many cases each user is mediating now."""
    rows = await connection.execute(_LOAD, {"subjects": list(subjects)})
    return {row.mediator: row.cases for row in rows}


async def against(connection: Connection, sealer: Sealer, case: Any, round_: int) -> Against:
    """Return what is known in a case that can stand against mediators."""
    units: set[str] = set()
    organisation = {"number": case.number, "organisation": people_pb2.PARTY_KIND_ORGANISATION}
    for row in await connection.execute(_ORGANISATIONS, organisation):
        opened = sealer.under(case.number, bytes(row.sealed_key)).open(bytes(row.sealed))
        units.add(names.last(people_pb2.PartyDetails.FromString(opened).unit))
    asks = (await connection.execute(text("SELECT * FROM asks WHERE number = :number"), {"number": case.number})).all()
    barred = await connection.execute(
        text("SELECT subject FROM roles_barred WHERE number = :number AND role = :role"),
        {"number": case.number, "role": int(MatterRole.MEDIATOR)},
    )
    gone = (AskState.DECLINED, AskState.LAPSED)
    return Against(
        party_units=frozenset(units - {""}),
        barred=frozenset(row.subject for row in barred),
        kin=frozenset(row.subject for row in asks if row.kin),
        interest=frozenset(row.subject for row in asks if row.interest),
        prior_role=frozenset(row.subject for row in asks if row.prior_role),
        replaced=frozenset(row.subject for row in asks if row.state == AskState.REPLACED),
        unavailable=frozenset(row.subject for row in asks if row.state in gone and row.round == round_),
        about=case.about,
    )


async def choose(connection: Connection, number: str, round_: int, party: int, mediator: str, at: datetime) -> None:
    """Keep a party's choice, in place of an earlier one."""
    query = text("""
        INSERT INTO choices (number, round, party, mediator, at) VALUES (:number, :round, :party, :mediator, :at)
        ON CONFLICT (number, round, party) DO UPDATE SET mediator = :mediator, at = :at
    """)
    await connection.execute(query, {"number": number, "round": round_, "party": party, "mediator": mediator, "at": at})


async def choices(connection: Connection, number: str, round_: int) -> Mapping[int, str]:
    """Return which mediator each party chose; the choice of one who is out of the question counts no more."""
    query = text("""
        SELECT party, mediator FROM choices WHERE number = :number AND round = :round AND mediator NOT IN (
            SELECT mediator FROM asks WHERE number = :number AND state = ANY(CAST(:out AS smallint[])))
    """)
    out = [AskState.DECLINED, AskState.LAPSED, AskState.DISCLOSED, AskState.REPLACED]
    rows = await connection.execute(query, {"number": number, "round": round_, "out": list(map(int, out))})
    return {row.party: row.mediator for row in rows}


async def ask(connection: Connection, number: str, round_: int, mediator: Any, at: datetime) -> Any:
    """Keep that a mediator is asked, and return the row; the case must be locked."""
    parameters = {
        "number": number, "round": round_, "mediator": mediator.mediator, "subject": mediator.subject,
        "unit": mediator.unit, "at": at,
    }  # fmt: skip
    return (await connection.execute(_ASK, parameters)).one()


async def asked(connection: Connection, number: str, *states: AskState) -> Any:
    """Return the last ask of a case in one of the states; None where there is none."""
    query = text("""
        SELECT * FROM asks WHERE number = :number AND state = ANY(CAST(:states AS smallint[])) ORDER BY ask DESC LIMIT 1
    """)
    return (await connection.execute(query, {"number": number, "states": list(map(int, states))})).first()


async def answer(
    connection: Connection, number: str, ask: int, state: AskState, at: datetime, **disclosed: bool
) -> None:
    """Keep what became of an ask."""
    sets = "".join(f", {name} = :{name}" for name in disclosed)
    query = f"UPDATE asks SET state = :state, answered_at = :at{sets} WHERE number = :number AND ask = :ask"
    await connection.execute(text(query), {"number": number, "ask": ask, "state": int(state), "at": at, **disclosed})


async def cancel_ask(connection: Connection, number: str, at: datetime) -> None:
    """Ask nobody any longer."""
    query = text("""
        UPDATE asks SET state = :cancelled, answered_at = :at WHERE number = :number AND state = :asked
    """)
    parameters = {"number": number, "at": at, "cancelled": int(AskState.CANCELLED), "asked": int(AskState.ASKED)}
    await connection.execute(query, parameters)
