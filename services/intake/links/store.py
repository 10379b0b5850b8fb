"""Statements of links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import DateTime, Integer, Select, Text, and_, bindparam, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from casework.door.report import LinkKind
from services.intake.models import Link
from services.kit.storage.database import Connection

_NUMBER, _OTHER = bindparam("number", type_=Text), bindparam("other", type_=Text)
_DECIDED = insert(Link).values({column.name: bindparam(column.name) for column in Link.__table__.columns})
_LINK = _DECIDED.on_conflict_do_update(
    index_elements=[Link.number, Link.target],
    set_={name: _DECIDED.excluded[name] for name in ("kind", "reason", "actor", "created_at")},
)


async def link(
    connection: Connection, number: str, target: str, kind: LinkKind, reason: str, actor: str, at: datetime
) -> None:
    """Store a decision on how two reports are related; a later decision on the same two replaces it."""
    row = {"number": number, "target": target, "kind": kind, "reason": reason, "actor": actor, "created_at": at}
    await connection.execute(_LINK, row)


_REPEATS = (
    select(Link.target)
    .where(Link.number == _NUMBER, Link.kind == LinkKind.REPEAT)
    .order_by(Link.created_at.desc(), Link.target)
    .limit(20)
)  # fmt: skip


async def repeats(connection: Connection, number: str) -> list[str]:
    """Return the earlier reports that a report repeats, newest decision first, at most 20; the links have them all."""
    return [target for (target,) in await connection.execute(_REPEATS, {"number": number})]


_PLACE = (Link.created_at, Link.number, Link.target)


@lru_cache(maxsize=2)
def _of(behind: bool) -> Select[Link]:
    found = select(Link).where(or_(Link.number == _NUMBER, Link.target == _NUMBER))
    if behind:
        mark = bindparam("at", type_=DateTime(timezone=True)), bindparam("one", type_=Text), _OTHER
        found = found.where(tuple_(*_PLACE) < tuple_(*mark))
    newest = (each.desc() for each in _PLACE)
    return found.order_by(*newest).limit(bindparam("limit", type_=Integer))


async def of(
    connection: Connection, number: str, behind: tuple[datetime, str, str] | None, limit: int
) -> Sequence[Link]:
    """Return the links of a report in both directions, newest first."""
    parameters: dict[str, object] = {"number": number, "limit": limit}
    if behind:
        parameters |= dict(zip(("at", "one", "other"), behind, strict=True))
    return await connection.execute(_of(behind is not None), parameters)


_BETWEEN = (
    select(Link)
    .where(
        or_(
            and_(Link.number == _NUMBER, Link.target == _OTHER), and_(Link.number == _OTHER, Link.target == _NUMBER)
        )
    )
    .order_by(Link.created_at.desc())
)  # fmt: skip


async def between(connection: Connection, number: str, other: str) -> Sequence[Link]:
    """Return what was decided about two reports, newest first."""
    return await connection.execute(_BETWEEN, {"number": number, "other": other})
