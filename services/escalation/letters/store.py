"""SQL of supervision letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.supervision.letters.letter import LetterState, Part
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

_GET = text("SELECT * FROM letters WHERE number = :number")
_READS = text("INSERT INTO letter_readers (number, unit) VALUES (:number, :unit) ON CONFLICT DO NOTHING")
_READERS = text("SELECT unit FROM letter_readers WHERE number = :number")
_TEXTS = text("SELECT DISTINCT ON (part) part, sealed FROM letter_texts WHERE number = :number ORDER BY part, id DESC")
_NTH = text("SELECT count(*) + 1 FROM clocks WHERE number = :number AND id LIKE :keys")
_CLAIM = text("""
    INSERT INTO letter_rule_drafts (unit, subject, kind, at) VALUES (:unit, :subject, :kind, :at)
    ON CONFLICT (unit, subject, kind) DO NOTHING RETURNING true
""")
_STANDING = text("""
    SELECT number FROM letters WHERE unit = :unit AND subject = :subject AND kind >= :kind AND state NOT IN (8, 9, 10)
    ORDER BY kind, drafted_at DESC LIMIT 1
""")
_DRAFTED = text("""
    SELECT number FROM letters WHERE unit = :unit AND subject = :subject AND kind = :kind AND rule <> ''
    ORDER BY drafted_at DESC LIMIT 1
""")


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a letter as a draft that only its issuer is shown, and return its row."""
    row = await rows.insert(connection, "letters", number=number, state=int(LetterState.DRAFTED), **columns)
    await show_to(connection, number, [row.issuer])
    return row


async def get(connection: Connection, number: str) -> Any:
    """Return a letter; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.file_name(number))


async def change(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a letter and return its new row."""
    return await rows.update(connection, "letters", {"number": row.number}, **columns)


async def show_to(connection: Connection, number: str, units: Sequence[str]) -> None:
    """Let units be shown a letter from now on."""
    for unit in units:
        await connection.execute(_READS, {"number": number, "unit": unit})


async def readers(connection: Connection, number: str) -> list[str]:
    """Return the units a letter is shown to."""
    return [row.unit for row in await connection.execute(_READERS, {"number": number})]


async def write(connection: Connection, number: str, part: Part, sealed: bytes, at: datetime, by: str) -> None:
    """Store a sealed part of a letter."""
    await rows.insert(connection, "letter_texts", number=number, part=int(part), sealed=sealed, at=at, by=by)


async def parts(connection: Connection, number: str) -> dict[Part, bytes]:
    """Return the latest of each part of a letter, sealed."""
    found = await connection.execute(_TEXTS, {"number": number})
    return {Part(row.part): bytes(row.sealed) for row in found}


async def nth(connection: Connection, number: str, what: str) -> int:
    """Return the number of the next clock of a letter for this: its keys are `reply-1`, `reply-2`."""
    return int(await connection.scalar(_NTH, {"number": number, "keys": f"{number}.{what}-%"}))


async def claim(connection: Connection, unit: str, subject: str, kind: int, at: datetime) -> bool:
    """Return whether a rule may draft this: once for a unit, a matter and a kind, however many ask at a time."""
    asked = {"unit": unit, "subject": subject, "kind": kind, "at": at}
    return bool(await connection.scalar(_CLAIM, asked))


async def standing(connection: Connection, unit: str, subject: str, kind: int) -> str:
    """Return a letter to a unit about a matter that stands and is as grave or graver; empty where there is none."""
    asked = {"unit": unit, "subject": subject, "kind": kind}
    return await connection.scalar(_STANDING, asked) or ""


async def drafted(connection: Connection, unit: str, subject: str, kind: int) -> str:
    """Return the letter that a rule drafted for a unit, a matter and a kind; empty where none has."""
    asked = {"unit": unit, "subject": subject, "kind": kind}
    return await connection.scalar(_DRAFTED, asked) or ""


async def listed(
    connection: Connection, unit: str, states: Sequence[int], kind: int, behind: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return letters shown to units of the pattern, oldest first; `behind` is where the page before ended."""
    where = ["EXISTS (SELECT FROM letter_readers r WHERE r.number = l.number AND r.unit LIKE :unit)"]
    parameters: dict[str, Any] = {"unit": unit, "limit": limit}
    if states:
        where.append("l.state = ANY (CAST(:states AS smallint[]))")
        parameters["states"] = list(states)
    if kind:
        where.append("l.kind = :kind")
        parameters["kind"] = kind
    return await _page(connection, where, parameters, behind)


async def drafts(connection: Connection, unit: str, behind: tuple[datetime, str] | None, limit: int) -> Sequence[Any]:
    """Return drafts of issuers of the pattern, oldest first."""
    return await _page(connection, ["l.state = 1", "l.issuer LIKE :unit"], {"unit": unit, "limit": limit}, behind)


async def _page(
    connection: Connection, where: list[str], parameters: dict[str, Any], behind: tuple[datetime, str] | None
) -> Sequence[Any]:
    if behind:
        where.append("(l.drafted_at, l.number) > (CAST(:at AS timestamptz), :behind)")
        parameters.update(at=behind[0], behind=behind[1])
    query = f"SELECT l.* FROM letters l WHERE {' AND '.join(where)} ORDER BY l.drafted_at, l.number LIMIT :limit"
    return (await connection.execute(text(query), parameters)).all()
