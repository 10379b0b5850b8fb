"""Statements of duplicates: reports that may be about the same matter, and what people decided about two reports."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    DateTime,
    Float,
    Integer,
    Text,
    and_,
    any_,
    bindparam,
    case,
    cast,
    column,
    exists,
    false,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from casework.door.report import OPEN, LinkKind, ReportState
from services.intake.duplicates import copying
from services.intake.models import CountedText, Likeness, Link, Report, SignCount, not_about
from services.kit.storage.database import Connection
from services.kit.storage.models import CaseStanding
from services.kit.storage.sealing import SealedBytes, WrappedKey


class Candidate(NamedTuple):
    """A report that may be about the same matter as a text: what is needed to compare them, no text."""

    number: str
    state: ReportState
    unit: str
    merged_into: str
    received_at: datetime
    area: str
    same_category: bool
    same_place: bool
    shared: list[int]
    size: int


class Unsigned(NamedTuple):
    """A report not counted yet; without signs if they must still be computed from its sealed text."""

    number: str
    signed: bool
    erased_at: datetime | None
    sealed_key: WrappedKey | None
    sealed: SealedBytes | None
    """With its key, what is sealed of one without signs."""


_NUMBERS = bindparam("numbers", type_=ARRAY(Text))
_SIGNS, _RARE = bindparam("signs", type_=ARRAY(Integer)), bindparam("rare", type_=ARRAY(Integer))
_SELF, _LIMIT = bindparam("self", type_=Text), bindparam("limit", type_=Integer)
_CATEGORY, _AREA = bindparam("category", type_=Text), bindparam("area", type_=Text)
_ASKED_BY = bindparam("asked_by", type_=Text)
_SAME_CATEGORY, _SAME_PLACE = Report.category == _CATEGORY, and_(Report.area != "", Report.area == _AREA)
_SIGNS_OF = (
    select(Likeness.signs, CountedText.counted)
    .join(CountedText, CountedText.number == Likeness.number)
    .where(Likeness.number == bindparam("number", type_=Text))
)


async def signs_of(connection: Connection, number: str) -> tuple[list[int] | None, bool]:
    """Return the signs of a report, None if they are not computed yet, and whether its text is counted under them."""
    found = (await connection.execute(_SIGNS_OF, {"number": number})).first()
    return (found[0], found[1]) if found else (None, False)


_COUNTS = select(SignCount.sign, SignCount.texts).where(SignCount.sign == any_(_SIGNS))


async def counts(connection: Connection, signs: Collection[int]) -> dict[int, int]:
    """Return how many texts have each of these signs; a sign that none has is missing."""
    return {
        sign: texts for sign, texts in await connection.execute(_COUNTS, {"signs": list(signs)}) if sign is not None
    }


# `&&` of intarray finds no index of PostgreSQL's own; its `&` takes two sorted arrays in one go.
_MEETS, _COMMON = "OPERATOR(pg_catalog.&&)", "OPERATOR(public.&)"
_REACHED = (
    select(Likeness.number, Likeness.signs, Likeness.size)
    .where(
        Likeness.signs.op(_MEETS, is_comparison=True)(_RARE),
        Likeness.number.like(any_(bindparam("places", type_=ARRAY(Text)))),
        Likeness.number != _SELF,
    )
    .limit(bindparam("most", type_=Integer))
    .cte("reached")
    .prefix_with("MATERIALIZED")
)
_SIZE = cast(_REACHED.c.size, Float(53))
_BEST = (
    select(_REACHED)
    .order_by((func.icount(_REACHED.c.signs.op(_COMMON)(_RARE)) / func.sqrt(_SIZE, type_=Float)).desc())
    .limit(bindparam("best", type_=Integer))
    .cte("best")
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
    select(
        Report.number, Report.state, Report.unit, Report.merged_into, Report.received_at, Report.area,
        _SAME_CATEGORY, _SAME_PLACE, _BEST.c.signs.op(_COMMON, return_type=ARRAY(Integer))(_SIGNS), _BEST.c.size,
    )
    .join(_BEST, _BEST.c.number == Report.number)
    .where(
        Report.erased_at.is_(None),
        Report.state != ReportState.MERGED,
        not_about(_ASKED_BY),
        not_(_TOLD_APART.exists()),
    )
)  # fmt: skip


class Search(NamedTuple):
    """A search: all signs of a text, its rarest ones, and in which places to search."""

    signs: Sequence[int]
    rare: Sequence[int]
    places: Sequence[str]
    """LIKE patterns of numbers."""
    most: int
    best: int


async def alike(
    connection: Connection, search: Search, *, self: str, category: str, area: str, asked_by: str
) -> list[Candidate]:
    """Return reports that share rare signs with a text, those that share most of them, in no order.

    The requesting unit is shown no complaint about itself or a unit above it.
    """
    parameters = {**search._asdict(), "self": self, "category": category, "area": area, "asked_by": asked_by}
    return [Candidate(*row) for row in await connection.execute(_ALIKE, parameters)]


# Never a complaint: others must not learn that there is one.
_COMMON_COUNT = func.icount(_REACHED.c.signs.op(_COMMON)(_SIGNS))
_NEARLY_WHOLE = (
    select(_REACHED.c.number)
    .where(
        bindparam("share", type_=Float) * (_REACHED.c.size + func.icount(_SIGNS) - _COMMON_COUNT) <= _COMMON_COUNT
    )
)  # fmt: skip
_OPEN_ALIKE = (
    select(Report.received_at)
    .outerjoin(CaseStanding, CaseStanding.number == Report.number)
    .where(
        Report.number.like(bindparam("county", type_=Text)),
        Report.received_at > bindparam("since", type_=DateTime(timezone=True)),
        Report.state.in_((*OPEN, ReportState.ACCEPTED)), Report.about == "", Report.withdrawn_at.is_(None),
        func.coalesce(CaseStanding.closed, false()).is_(False),
        _SAME_CATEGORY,
        or_(Report.number.in_(_NEARLY_WHOLE), _SAME_PLACE),
    )
    .order_by(Report.received_at.desc())
    .limit(100)
)  # fmt: skip


async def open_alike(
    connection: Connection, search: Search, *, county: str, category: str, area: str, since: datetime, share: float
) -> list[datetime]:
    """Return when open matters of the county that are probably the same were received, newest first."""
    parameters = {
        **search._asdict(), "self": "", "county": f"{county}-%", "category": category, "area": area, "since": since,
        "share": share,
    }  # fmt: skip
    return [received_at for (received_at,) in await connection.execute(_OPEN_ALIKE, parameters)]


# Counting and erasing take turns, so that a text is counted once, and subtracted only if it was counted.
_PLACE = func.hashtext(func.current_schema())
_TURN, _TURN_IF_FREE = (
    select(func.pg_advisory_xact_lock(4212, _PLACE)),
    select(func.pg_try_advisory_xact_lock(4212, _PLACE)),
)
_UNSIGNED = Likeness.signs.is_(None)
_UNCOUNTED = (
    select(
        CountedText.number, not_(_UNSIGNED), Report.erased_at,
        case((_UNSIGNED, Report.sealed_key), else_=null()), case((_UNSIGNED, Report.sealed), else_=null()),
    )
    .select_from(CountedText)
    .join(Report, Report.number == CountedText.number)
    .outerjoin(Likeness, Likeness.number == CountedText.number)
    .where(not_(CountedText.counted))
    .order_by(CountedText.number)
    .limit(_LIMIT)
    .with_for_update(of=CountedText)
)  # fmt: skip
_SIGN = (
    update(Likeness)
    .where(Likeness.number == bindparam("number", type_=Text), _UNSIGNED)
    .values(signs=_SIGNS, size=func.icount(_SIGNS))
)  # fmt: skip
_HAS_ROW = select(Likeness.number).where(Likeness.number == any_(_NUMBERS))
_COUNTED = update(CountedText).where(CountedText.number == any_(_NUMBERS)).values(counted=True)
_OF_TEXT = func.unnest(Likeness.signs).table_valued(column("sign", Integer), name="of_text").render_derived()
_IN_TEXTS = (
    select(_OF_TEXT.c.sign, func.count().label("texts"))
    .select_from(Likeness)
    .join(_OF_TEXT, true())
    .where(Likeness.number == any_(_NUMBERS))
    .group_by(_OF_TEXT.c.sign)
    .order_by(_OF_TEXT.c.sign)
)  # fmt: skip
_ADD = insert(SignCount).from_select(["sign", "texts"], _IN_TEXTS)
_ADD_COUNTS = _ADD.on_conflict_do_update(
    index_elements=[SignCount.sign], set_={"texts": SignCount.texts + _ADD.excluded.texts}
)
_IS_COUNTED = exists().where(CountedText.number == Likeness.number, CountedText.counted)
_GONE = _IN_TEXTS.where(_IS_COUNTED).subquery()
_TAKE_COUNTS = (
    update(SignCount)
    .where(SignCount.sign == _GONE.c.sign)
    .values(
        texts=SignCount.texts - _GONE.c.texts,
        sign=case((SignCount.texts > _GONE.c.texts, SignCount.sign), else_=null()),
    )
)  # fmt: skip
_FORGET = (
    update(Likeness).where(Likeness.number == any_(_NUMBERS)).values(signs=literal_column("'{}'::integer[]"), size=0)
)


async def uncounted(connection: Connection, limit: int) -> Sequence[Unsigned]:
    """Return reports whose signs are not counted yet, locked; none while another process counts."""
    if not await connection.scalar(_TURN_IF_FREE):
        return []
    return [Unsigned(*row) for row in await connection.execute(_UNCOUNTED, {"limit": limit})]


async def count(connection: Connection, numbers: Sequence[str], signed: Mapping[str, Sequence[int]]) -> None:
    """Count the texts of these reports under their signs; `signed` are signs computed only now."""
    if signed:
        # From before there were signs, each has a row without them; an imported one has none.
        before = {number for (number,) in await connection.execute(_HAS_ROW, {"numbers": list(signed)})}
        for number in before:
            await connection.execute(_SIGN, {"number": number, "signs": list(signed[number])})
        rows = copying.copied((number, signs) for number, signs in signed.items() if number not in before)
        await connection.raw.copy_to_table("likenesses", source=rows, columns=copying.COLUMNS, format="binary")
    await connection.execute(_ADD_COUNTS, {"numbers": list(numbers)})
    await connection.execute(_COUNTED, {"numbers": list(numbers)})


async def forget(connection: Connection, numbers: Iterable[str]) -> None:
    """Clear the signs of reports and subtract them from the counts; a sign that no text has any more is removed."""
    parameters = {"numbers": sorted(numbers)}
    await connection.execute(_TURN)
    await connection.execute(_TAKE_COUNTS, parameters)
    await connection.execute(_FORGET, parameters)
    await connection.execute(_COUNTED, parameters)
