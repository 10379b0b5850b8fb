"""Statements of duplicates: reports that may be about the same matter, and what people decided about two reports."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    DateTime,
    Float,
    Integer,
    Text,
    and_,
    bindparam,
    case,
    false,
    func,
    not_,
    or_,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import insert

from casework.door.report import OPEN, LinkKind, ReportState
from services.intake.models import Link, Report
from services.kit.storage.database import Connection
from services.kit.storage.models import CaseStanding


class Alike(NamedTuple):
    """A report that may be about the same matter as another; `alike` is how alike their texts are, 0 to 1."""

    number: str
    state: ReportState
    unit: str
    received_at: datetime
    alike: float
    same_category: bool
    same_place: bool


_FORM, _SELF = bindparam("form", type_=Text), bindparam("self", type_=Text)
_CATEGORY, _AREA = bindparam("category", type_=Text), bindparam("area", type_=Text)
_ASKED_BY = bindparam("asked_by", type_=Text)
_SAME_CATEGORY, _SAME_PLACE = Report.category == _CATEGORY, and_(Report.area != "", Report.area == _AREA)
_ALIKE_TEXT = func.similarity(Report.likeness, _FORM, type_=Float)
_THRESHOLD = select(func.set_config("pg_trgm.similarity_threshold", "0.25", true()))
# The candidates first, each by its own index: with a single condition the planner reads a whole county and compares
# every text in it (with 26,000 reports, 700 ms instead of 15).
_CANDIDATES = (
    union(
        select(Report.number).where(Report.likeness.op("%", is_comparison=True)(_FORM)),
        select(Report.number)
        .where(_SAME_PLACE, _SAME_CATEGORY, Report.received_at > bindparam("since", type_=DateTime(timezone=True)))
        .order_by(Report.received_at.desc())
        .limit(500),
    )
    .cte("candidates")
    .prefix_with("MATERIALIZED")
)
_TOLD_APART = select(Link.number).where(
    Link.kind == LinkKind.DISTINCT,
    or_(
        and_(Link.number == Report.number, Link.target == _SELF),
        and_(Link.target == Report.number, Link.number == _SELF),
    ),
)
_ALIKE = (
    select(Report.number, Report.state, Report.unit, Report.received_at, _ALIKE_TEXT, _SAME_CATEGORY, _SAME_PLACE)
    .join(_CANDIDATES, _CANDIDATES.c.number == Report.number)
    .where(
        Report.number.like(bindparam("county", type_=Text)),
        Report.number != _SELF,
        Report.state != ReportState.MERGED,
        or_(
            Report.about == "",
            and_(
                Report.about != _ASKED_BY,
                not_(and_(Report.about.not_like("%-%"), _ASKED_BY.like(Report.about.concat("%")))),
            ),
        ),
        not_(_TOLD_APART.exists()),
    )
    .order_by(
        (
            0.7 * _ALIKE_TEXT + case((_SAME_CATEGORY, 0.15), else_=0) + case((_SAME_PLACE, 0.15), else_=0)
        ).desc(),
        Report.received_at.desc(),
    )
    .limit(bindparam("limit", type_=Integer))
)  # fmt: skip


async def alike(
    connection: Connection,
    form: str,
    *,
    self: str,
    county: str,
    category: str,
    area: str,
    since: datetime,
    limit: int,
    asked_by: str,
) -> list[Alike]:
    """Return reports of the county that may be about the same matter, most alike first.

    A report is a candidate with a likeness of 0.25, or with the same place and category since `since`. The requesting
    unit is shown no complaint about itself or a unit above it.
    """
    await connection.execute(_THRESHOLD)
    parameters = {
        "form": form,
        "self": self,
        "county": f"{county}-%",
        "category": category,
        "area": area,
        "since": since,
        "limit": limit,
        "asked_by": asked_by,
    }
    return [Alike(*row) for row in await connection.execute(_ALIKE, parameters)]


_CLOSE = select(func.set_config("pg_trgm.similarity_threshold", "0.7", true()))
# Never a complaint: others must not learn that there is one.
_OPEN_ALIKE = (
    select(Report.received_at)
    .outerjoin(CaseStanding, CaseStanding.number == Report.number)
    .where(
        Report.number.like(bindparam("county", type_=Text)),
        Report.received_at > bindparam("since", type_=DateTime(timezone=True)),
        Report.state.in_((*OPEN, ReportState.ACCEPTED)), Report.about == "", Report.withdrawn_at.is_(None),
        func.coalesce(CaseStanding.closed, false()).is_(False),
        _SAME_CATEGORY,
        or_(Report.likeness.op("%", is_comparison=True)(_FORM), _SAME_PLACE),
    )
    .order_by(Report.received_at.desc())
    .limit(100)
)  # fmt: skip


async def open_alike(
    connection: Connection, form: str, *, county: str, category: str, area: str, since: datetime
) -> list[datetime]:
    """Return when open matters of the county that are probably the same were received, newest first."""
    await connection.execute(_CLOSE)
    parameters = {"form": form, "county": f"{county}-%", "category": category, "area": area, "since": since}
    return [received_at for (received_at,) in await connection.execute(_OPEN_ALIKE, parameters)]


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
