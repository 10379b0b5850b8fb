"""Statements of the register of mediators, of choices, and of who was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from pb.mediation.v1 import people_pb2
from sqlalchemy import (
    DateTime,
    Integer,
    SmallInteger,
    Text,
    Update,
    any_,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from casework import names
from casework.errors import CaseError, Reason
from casework.mediation.choosing import OUT_FOR, Against, AskState, Candidate, MatterRole, PanelState
from casework.mediation.course import MediationState, PartyKind
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.sealing import Sealer
from services.mediation.models.cases import Case
from services.mediation.models.consents import Mediation
from services.mediation.models.grants import Grant, GrantScope
from services.mediation.models.mediators import Ask, Choice, Mediator, PanelMember
from services.mediation.models.people import BarredRole, Party

# Parameters of several statements, each with its type.
_NUMBER = bindparam("number", type_=Text)
_ROUND = bindparam("round", type_=Integer)
_MEDIATOR = bindparam("mediator", type_=Text)
_UNIT, _LANGUAGE = bindparam("unit", type_=Text), bindparam("language", type_=Text)
_CATEGORY = bindparam("category", type_=Text)
_AT = bindparam("at", type_=DateTime(timezone=True))

_COLUMNS = (
    "mediator", "subject", "display_name", "unit", "areas", "languages", "specialities", "active", "updated_at",
    "updated_by",
)  # fmt: skip
_ADD = (
    insert(Mediator)
    .values({name: bindparam(name) for name in _COLUMNS})
    .on_conflict_do_nothing()
    .returning(Mediator)
)  # fmt: skip
_GET = select(Mediator).where(Mediator.mediator == _MEDIATOR)
_LOCK = _GET.with_for_update()
_SPEAKS = or_(_LANGUAGE == "", any_(Mediator.languages) == _LANGUAGE)
_KNOWN = func.unnest(Mediator.specialities).column_valued("known")
_LISTED = (
    select(Mediator)
    .where(
        Mediator.unit.like(_UNIT), Mediator.mediator > bindparam("behind", type_=Text), _SPEAKS,
        or_(
            _CATEGORY == "",
            exists().where(or_(_CATEGORY == _KNOWN, _CATEGORY.like(_KNOWN.concat("/%")))),
        ),
    )
    .order_by(Mediator.mediator)
    .limit(bindparam("limit", type_=Integer))
)  # fmt: skip
_AREA = func.unnest(Mediator.areas).column_valued("area")
_CANDIDATES = (
    select(Mediator)
    .where(Mediator.active, exists().where(_UNIT.like(_AREA.concat("%"))), _SPEAKS)
    .order_by(Mediator.mediator)
    .limit(1000)
)
_LOAD = (
    select(Mediation.mediator, func.count())
    .where(
        Mediation.state == MediationState.MEDIATING,
        Mediation.mediator == any_(bindparam("subjects", type_=ARRAY(Text))),
    )
    .group_by(Mediation.mediator)
)
_ORGANISATIONS = (
    select(Party.sealed, Case.sealed_key)
    .join(Case, Case.number == Party.number)
    .where(Party.number == _NUMBER, Party.kind == PartyKind.ORGANISATION, Party.sealed.is_not(None))
)
_ASKS = select(Ask).where(Ask.number == _NUMBER)
_PANEL = select(PanelMember).where(PanelMember.number == _NUMBER, PanelMember.subject != "")
_EXCLUDED = select(Grant.holder).where(
    Grant.number == _NUMBER, Grant.scope == GrantScope.EXCLUDED, Grant.ended_at.is_(None)
)
_BARRED = select(BarredRole.subject).where(BarredRole.number == _NUMBER, BarredRole.role == MatterRole.MEDIATOR)
_CHOSEN = insert(Choice).values({column.name: bindparam(column.name) for column in Choice.__table__.columns})
_CHOOSE = _CHOSEN.on_conflict_do_update(
    index_elements=[Choice.number, Choice.round, Choice.party],
    set_={name: _CHOSEN.excluded[name] for name in ("mediator", "at")},
)
_OUT = (AskState.DECLINED, AskState.LAPSED, AskState.DISCLOSED, AskState.REPLACED, AskState.RELIEVED)
_CHOICES = select(Choice.party, Choice.mediator).where(
    Choice.number == _NUMBER,
    Choice.round == _ROUND,
    Choice.mediator.not_in(select(Ask.mediator).where(Ask.number == _NUMBER, Ask.state.in_(_OUT))),
)
_ASKED = (
    _ASKS.where(Ask.state == any_(bindparam("states", type_=ARRAY(SmallInteger)))).order_by(Ask.ask.desc()).limit(1)
)
_CANCEL = (
    update(Ask)
    .where(Ask.number == _NUMBER, Ask.state == AskState.ASKED)
    .values(state=AskState.CANCELLED, answered_at=_AT)
)


async def add(connection: Connection, **columns: object) -> Mediator:
    """Enter a mediator and return the row; ALREADY_EXISTS where the name or the user is there."""
    row = (await connection.execute(_ADD, columns)).first()
    if row is None:
        raise CaseError(Reason.ALREADY_EXISTS, names.mediator_name(str(columns["mediator"])))
    return row


async def get(connection: Connection, mediator: str, *, lock: bool = False) -> Mediator:
    """Return a mediator's row; NOT_FOUND where there is none."""
    row = (await connection.execute(_LOCK if lock else _GET, {"mediator": mediator})).first()
    return rows.not_found(row, names.mediator_name(mediator))


async def change(connection: Connection, mediator: str, **columns: object) -> Mediator:
    """Change columns of a mediator and return the new row."""
    return await rows.update(connection, Mediator, {"mediator": mediator}, **columns)


async def listed(
    connection: Connection, unit: str, language: str, category: str, behind: str, limit: int
) -> Sequence[Mediator]:
    """Return rows of mediators by name, of a unit pattern."""
    parameters = {"unit": unit, "language": language, "category": category, "behind": behind, "limit": limit}
    return await connection.execute(_LISTED, parameters)


async def candidates(connection: Connection, unit: str, language: str = "") -> dict[str, tuple[Candidate, Mediator]]:
    """Return mediators who take cases of a unit, by name, with their rows."""
    found = await connection.execute(_CANDIDATES, {"unit": unit, "language": language})
    return {row.mediator: (candidate(row), row) for row in found}


def candidate(row: Mediator) -> Candidate:
    """Return a row as the domain has it."""
    return Candidate(
        row.mediator, row.subject, row.unit, tuple(row.areas), tuple(row.languages), tuple(row.specialities)
    )


async def load(connection: Connection, subjects: Iterable[str]) -> dict[str, int]:
    """Return how many cases each user is mediating now."""
    return dict(await connection.execute(_LOAD, {"subjects": list(subjects)}))


async def against(connection: Connection, sealer: Sealer, case: Case, round_: int) -> Against:
    """Return the conflicts of mediators in a case."""
    units: set[str] = set()
    for sealed, key in await connection.execute(_ORGANISATIONS, {"number": case.number}):
        if sealed is not None and key is not None:
            opened = sealer.under(case.number, key).open(sealed)
            units.add(names.last(people_pb2.PartyDetails.FromString(opened).unit))
    asks = list(await connection.execute(_ASKS, {"number": case.number}))
    panel = list(await connection.execute(_PANEL, {"number": case.number}))
    told: list[Ask | PanelMember] = [*asks, *panel]
    excluded = await connection.execute(_EXCLUDED, {"number": case.number})
    barred = await connection.execute(_BARRED, {"number": case.number})
    gone = (AskState.DECLINED, AskState.LAPSED)
    return Against(
        party_units=frozenset(units - {""}),
        barred=frozenset(subject for (subject,) in barred),
        kin=frozenset(row.subject for row in told if row.kin),
        interest=frozenset(row.subject for row in told if row.interest),
        prior_role=frozenset(row.subject for row in told if row.prior_role),
        replaced=frozenset(
            {row.subject for row in asks if row.state in (AskState.REPLACED, AskState.RELIEVED)}
            | {row.subject for row in panel if row.state is PanelState.REPLACED or row.reason in OUT_FOR}
        ),
        unavailable=frozenset(row.subject for row in asks if row.state in gone and row.round == round_),
        about=case.about,
        excluded=frozenset(subject for (subject,) in excluded),
    )


async def choose(connection: Connection, number: str, round_: int, party: int, mediator: str, at: datetime) -> None:
    """Store a party's choice, replacing an earlier one."""
    row = {"number": number, "round": round_, "party": party, "mediator": mediator, "at": at}
    await connection.execute(_CHOOSE, row)


async def choices(connection: Connection, number: str, round_: int) -> Mapping[int, str]:
    """Return which mediator each party chose; the choice of one who is out of the question no longer counts."""
    return dict(await connection.execute(_CHOICES, {"number": number, "round": round_}))


async def ask(connection: Connection, number: str, round_: int, mediator: Mediator, at: datetime) -> Ask:
    """Store that a mediator is asked, and return the row; the case must be locked."""
    return await rows.add(
        connection, Ask, "ask", {"number": number}, rows.PAGED, round=round_, mediator=mediator.mediator,
        subject=mediator.subject, unit=mediator.unit, state=AskState.ASKED, asked_at=at,
    )  # fmt: skip


async def asked(connection: Connection, number: str, *states: AskState) -> Ask:
    """Return the last request of a case in one of the states; there must be one."""
    return (await connection.execute(_ASKED, {"number": number, "states": states})).one()


@lru_cache(maxsize=8)
def _answer(*disclosed: str) -> Update:
    values = {**{name: bindparam(name) for name in disclosed}, "state": bindparam("state"), "answered_at": _AT}
    return update(Ask).where(Ask.number == _NUMBER, Ask.ask == bindparam("ask")).values(values)


async def answer(
    connection: Connection, number: str, ask: int, state: AskState, at: datetime, **disclosed: bool
) -> None:
    """Store the outcome of a request."""
    parameters = {"number": number, "ask": ask, "state": state, "at": at, **disclosed}
    await connection.execute(_answer(*disclosed), parameters)


async def cancel_ask(connection: Connection, number: str, at: datetime) -> None:
    """Cancel the open request."""
    await connection.execute(_CANCEL, {"number": number, "at": at})
