"""Statements of the people of a case."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    true,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on, insert

from casework import names
from casework.case import Side, Stage, Step
from casework.errors import CaseError, Reason
from casework.mediation.choosing import MatterRole
from casework.mediation.course import Beside, CompanionRole, PeopleStanding, Person, Scope
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.sealing import SealedBytes, WrappedKey
from services.mediation.models.cases import Case
from services.mediation.models.consents import Consent, Mediation
from services.mediation.models.mediators import Ask, PanelMember
from services.mediation.models.people import (
    AgentInvitation,
    BarredRole,
    Companion,
    IdentityCheck,
    Invitation,
    KeptSide,
    Party,
)
from services.mediation.models.safeguards import Alert, Screening

# Parameters of several statements, each with its type.
_NUMBER = bindparam("number", type_=Text)
_PARTY = bindparam("party", type_=Integer)
_COMPANION = bindparam("companion", type_=Integer)
_SUBJECT = bindparam("subject", type_=Text)
_BEHIND = bindparam("behind", type_=Integer)
_LIMIT = bindparam("limit", type_=Integer)
_AT = bindparam("at", type_=DateTime(timezone=True))

_PEOPLE = (
    select(
        Party.party, Party.side, Party.withdrawn_at.is_not(None), Party.member,
        or_(Party.needs_guardian, Party.minor_until.is_not(None)),
    )
    .where(Party.number == _NUMBER)
    .order_by(Party.party)
)  # fmt: skip
_ROUND = select(Mediation.round).where(Mediation.number == _NUMBER).scalar_subquery()


def _counts(last: FromClause) -> ColumnElement[bool]:
    """Condition under which a consent counts: with support for those who need it, with the guardian for a minor."""
    guardian = exists().where(
        Companion.number == Party.number,
        Companion.companion == last.c.assisted_by,
        Companion.role == CompanionRole.GUARDIAN,
    )
    of_age = cast(func.timezone("Asia/Shanghai", last.c.at), Date) >= Party.minor_until
    return and_(
        last.c.given,
        or_(not_(Party.needs_guardian), last.c.assisted_by > 0),
        or_(Party.minor_until.is_(None), of_age, guardian),
    )


def _last_word(step: Step, round_: ColumnElement[int]) -> FromClause:
    """Return the last answer of each party to a step of an attempt."""
    return (
        select(Consent.given, Consent.assisted_by, Consent.recorded_at, Consent.at)
        .where(
            Consent.number == Party.number, Consent.party == Party.party, Consent.step == step, Consent.round == round_
        )
        .order_by(Consent.consent.desc())
        .limit(1)
        .lateral("last")
    )


# The last answer of each party to each step of this attempt.
_LAST_WORDS = (
    select(Consent.step, Consent.party, Consent.given, Consent.assisted_by, Consent.at)
    .ext(distinct_on(Consent.step, Consent.party))
    .where(Consent.number == _NUMBER, Consent.round == _ROUND)
    .order_by(Consent.step, Consent.party, Consent.consent.desc())
    .subquery("last")
)
_SAID = (
    select(_LAST_WORDS.c.step, _LAST_WORDS.c.party)
    .join(Party, Party.party == _LAST_WORDS.c.party)
    .where(Party.number == _NUMBER, _counts(_LAST_WORDS))
)
_EXTENDING = _last_word(Step.EXTENSION, _ROUND)
_SAID_TO_EXTENSION = (
    select(Party.party, case((_counts(_EXTENDING), _EXTENDING.c.recorded_at)))
    .outerjoin(_EXTENDING, true())
    .where(Party.number == _NUMBER, Party.withdrawn_at.is_(None))
    .order_by(Party.party)
)
_GET_PARTY = select(Party).where(Party.number == _NUMBER, Party.party == _PARTY)
_OF_SUBJECT = select(Party.party).where(Party.number == _NUMBER, Party.subject == _SUBJECT, Party.subject != "")
_ACCOUNTS = select(
    union(
        select(KeptSide.subject).where(KeptSide.number == _NUMBER),
        select(Party.subject).where(Party.number == _NUMBER, Party.subject != ""),
        select(Companion.subject).where(Companion.number == _NUMBER, Companion.subject != ""),
    )
    .subquery()
    .c.subject
)
_LIST_PARTIES = select(Party).where(Party.number == _NUMBER, Party.party > _BEHIND).order_by(Party.party).limit(_LIMIT)
_REJOIN = (
    update(Party)
    .where(
        Party.number == _NUMBER, Party.withdrawn_at.is_not(None), not_(Party.member), Party.side != Side.THIRD
    )
    .values(withdrawn_at=None, version=Party.version + 1)
)  # fmt: skip
_BY_PHONE = (
    select(Case.number, Case.sealed_key, Case.erased_at, Party.sealed)
    .join(Party, Party.number == Case.number)
    .where(
        Party.phone_index == bindparam("index"), Case.unit == bindparam("unit"), Case.stage != Stage.CLOSED,
        Party.sealed.is_not(None),
    )
    .order_by(Case.opened_at.desc(), Case.number.desc())
    .limit(20)
)  # fmt: skip
_GET_COMPANION = select(Companion).where(Companion.number == _NUMBER, Companion.companion == _COMPANION)
_LIST_COMPANIONS = (
    select(Companion)
    .where(Companion.number == _NUMBER, Companion.companion > _BEHIND)
    .order_by(Companion.companion)
    .limit(_LIMIT)
)
_LIST_COMPANIONS_OF = _LIST_COMPANIONS.where(Companion.parties.overlap(bindparam("of", type_=ARRAY(Integer))))
_BESIDES = select(Companion).where(Companion.number == _NUMBER)
_END_COMPANION = (
    update(Companion)
    .where(Companion.number == _NUMBER, Companion.companion == _COMPANION)
    .values(ended_at=func.coalesce(Companion.ended_at, _AT))
    .returning(Companion)
)
_BAR = (
    insert(BarredRole)
    .values(number=_NUMBER, subject=_SUBJECT, role=bindparam("role"), since=_AT)
    .on_conflict_do_nothing()
)  # fmt: skip
_BARRED = select(true()).where(
    BarredRole.number == _NUMBER, BarredRole.subject == _SUBJECT, BarredRole.role == bindparam("role")
)
_KEEP_SIDE = (
    insert(KeptSide)
    .values(number=_NUMBER, subject=_SUBJECT, side=bindparam("side"), since=_AT)
    .on_conflict_do_nothing()
)  # fmt: skip
_KEPT_SIDE = select(KeptSide.side).where(KeptSide.number == _NUMBER, KeptSide.subject == _SUBJECT)
_HANDING_OVER = _last_word(Step.CAUCUS_HANDOVER, bindparam("round", type_=Integer))
_ACCEPTED = (
    select(func.max(Ask.answered_at).label("at"))
    .where(Ask.number == _NUMBER, Ask.subject == bindparam("mediator"))
    .subquery("accepted")
)
_HANDED_OVER = (
    select(
        func.coalesce(
            func.bool_and(
                func.coalesce(
                    and_(_HANDING_OVER.c.given, _HANDING_OVER.c.recorded_at >= _ACCEPTED.c.at), false()
                )
            ),
            false(),
        )
    )
    .select_from(Party)
    .outerjoin(_HANDING_OVER, true())
    .join(_ACCEPTED, true())
    .where(Party.number == _NUMBER, Party.side == bindparam("side"), Party.withdrawn_at.is_(None))
)  # fmt: skip
_ERASE = (
    update(Case).where(Case.number == _NUMBER).values(sealed_key=None, sealed=None, erased_at=_AT),
    update(Party).where(Party.number == _NUMBER).values(sealed=None, phone_index=None, minor_until=None),
    *(
        update(each).where(each.number == _NUMBER).values(sealed=None)
        for each in (Companion, Screening, Alert, Invitation, AgentInvitation, PanelMember)
    ),
)


class Called(NamedTuple):
    """An open case with a party of this phone number: the case's key, and the party's sealed details."""

    number: str
    key: WrappedKey | None
    erased_at: datetime | None
    sealed: SealedBytes | None


async def standing(connection: Connection, number: str) -> PeopleStanding:
    """Return the parties of a case's mediation, with each one's last answer to each step."""
    people = tuple(Person(*row) for row in await connection.execute(_PEOPLE, {"number": number}))
    said: dict[Step, set[int]] = {}
    for step, party in await connection.execute(_SAID, {"number": number}):
        said.setdefault(step, set()).add(party)
    return PeopleStanding(people, {step: frozenset(parties) for step, parties in said.items()})


async def said_to_extension(connection: Connection, number: str) -> dict[str, datetime | None]:
    """Return when each party's consent to more time was recorded; None if its last answer is no consent."""
    rows = await connection.execute(_SAID_TO_EXTENSION, {"number": number})
    return {f"parties/{party}": at for party, at in rows}


async def add_party(connection: Connection, number: str, at: datetime, **columns: object) -> Party:
    """Add a party under the next number of its case and return its row; the case must be locked."""
    return await rows.add(connection, Party, "party", {"number": number}, joined_at=at, **columns)


async def get_party(connection: Connection, number: str, party: int) -> Party:
    """Return a party's row; NOT_FOUND where there is none."""
    row = (await connection.execute(_GET_PARTY, {"number": number, "party": party})).first()
    return rows.not_found(row, names.party_name(number, party))


async def add_check(connection: Connection, party: Party, **columns: object) -> None:
    """Store the result of a check of a party's identity; its case is locked."""
    key = {"number": party.number, "party": party.party}
    await rows.add(connection, IdentityCheck, "check_no", key, **columns)


async def forget_check(connection: Connection, party: Party, at: datetime, by: str) -> None:
    """Store that a party's identity has to be checked anew."""
    await add_check(connection, party, document=0, matches=False, checked_at=at, checked_by=by)


async def names_of(connection: Connection, number: str, subject: str) -> list[str]:
    """Return the names of the parties of a case that somebody signs in for."""
    found = await connection.execute(_OF_SUBJECT, {"number": number, "subject": subject})
    invited = [subject] if subject.startswith(f"{names.case_name(number)}/parties/") else []
    return [*(names.party_name(number, party) for (party,) in found), *invited]


async def accounts(connection: Connection, number: str) -> frozenset[str]:
    """Return the accounts that ever signed in for a party of a case, or beside one."""
    found = await connection.execute(_ACCOUNTS, {"number": number})
    return frozenset(subject for (subject,) in found)


async def list_parties(connection: Connection, number: str, behind: int, limit: int) -> Sequence[Party]:
    """Return rows of a case's parties in the order in which they were added."""
    return await connection.execute(_LIST_PARTIES, {"number": number, "behind": behind, "limit": limit})


async def change_party(connection: Connection, number: str, party: int, **columns: object) -> Party:
    """Change columns of a party and return its new row."""
    return await rows.update(connection, Party, {"number": number, "party": party}, **columns)


async def rejoin(connection: Connection, number: str) -> None:
    """Let every principal party that left be asked again; not members who left their group, nor third persons."""
    await connection.execute(_REJOIN, {"number": number})


async def by_phone(connection: Connection, index: bytes, unit: str) -> list[Called]:
    """Return open cases of a unit, newest first, with a party of this phone number, with the sealed party."""
    return [Called(*row) for row in await connection.execute(_BY_PHONE, {"index": index, "unit": unit})]


async def add_companion(connection: Connection, number: str, at: datetime, **columns: object) -> Companion:
    """Add a companion under the next number of its case and return the row; the case must be locked."""
    return await rows.add(connection, Companion, "companion", {"number": number}, rows.PAGED, started_at=at, **columns)


async def get_companion(connection: Connection, number: str, companion: int) -> Companion:
    """Return a companion's row; NOT_FOUND where there is none."""
    row = (await connection.execute(_GET_COMPANION, {"number": number, "companion": companion})).first()
    return rows.not_found(row, names.companion_name(number, companion))


async def list_companions(
    connection: Connection, number: str, behind: int, limit: int, of: Sequence[int] | None = None
) -> Sequence[Companion]:
    """Return rows of a case's companions in the order in which they were added; only of these parties, if any."""
    parameters = {"number": number, "behind": behind, "limit": limit}
    if of is None:
        return await connection.execute(_LIST_COMPANIONS, parameters)
    return await connection.execute(_LIST_COMPANIONS_OF, {**parameters, "of": list(of)})


async def besides(connection: Connection, number: str, today: date) -> dict[int, Beside]:
    """Return who accompanies the parties of a case, by number, as it is today."""
    return {row.companion: beside(row, today) for row in await connection.execute(_BESIDES, {"number": number})}


def beside(row: Companion, today: date) -> Beside:
    """Return a companion's row as `casework` has it."""
    ended = row.ended_at is not None or (row.last_day is not None and row.last_day < today)
    return Beside(row.role, frozenset(row.parties), frozenset(map(Scope, row.scopes)), ended)


async def powers(connection: Connection, number: str, subject: str, today: date) -> dict[int, frozenset[Scope]]:
    """Return for which parties of a case somebody is an agent or representative today, and what they may do for each.

    The subject is an account, or of who came by an invitation of their own the companion's name.
    """
    found: dict[int, frozenset[Scope]] = {}
    for row in await _of_agent(connection, number, subject):
        scopes = beside(row, today).powers
        found |= {party: found.get(party, frozenset()) | scopes for party in row.parties if scopes}
    return found


async def agent_of(connection: Connection, party: Party, subject: str, today: date) -> int:
    """Return as which companion somebody agrees to dates for a party today."""
    found = {
        row.companion
        for row in await _of_agent(connection, party.number, subject)
        if party.party in row.parties and Scope.PROCEDURE in beside(row, today).powers
    }
    return min(found)


async def _of_agent(connection: Connection, number: str, subject: str) -> list[Companion]:
    """Return as which companions of a case somebody came: an account, or the name that an invitation gave."""
    found = await connection.execute(_BESIDES, {"number": number})
    return [row for row in found if subject and subject in (row.subject, names.companion_name(number, row.companion))]


async def end_companion(connection: Connection, number: str, companion: int, at: datetime) -> Companion:
    """End a companion's role, once, and return the row."""
    return (await connection.execute(_END_COMPANION, {"number": number, "companion": companion, "at": at})).one()


async def bar(connection: Connection, number: str, subject: str, roles: Sequence[MatterRole], at: datetime) -> None:
    """Bar a user from roles in a matter, for good."""
    for role in roles:
        await connection.execute(_BAR, {"number": number, "subject": subject, "role": role, "at": at})


async def must_be_allowed(connection: Connection, number: str, subject: str, role: MatterRole) -> None:
    """Raise ROLE_BARRED where the user may not have this role in the matter."""
    if await connection.scalar(_BARRED, {"number": number, "subject": subject, "role": role}):
        raise CaseError(Reason.ROLE_BARRED)


async def keep_side(connection: Connection, number: str, subject: str, side: Side, at: datetime) -> None:
    """Store the side of a case that an account belongs to, for good; SIDE_KEPT if it ever belonged to another one."""
    await connection.execute(_KEEP_SIDE, {"number": number, "subject": subject, "side": side, "at": at})
    if await connection.scalar(_KEPT_SIDE, {"number": number, "subject": subject}) != side:
        raise CaseError(Reason.SIDE_KEPT)


async def handed_over(connection: Connection, mediation: Mediation, side: int) -> bool:
    """Return whether every party of a side agreed to pass on to this mediator what it told an earlier one."""
    parameters = {
        "number": mediation.number, "side": side, "round": mediation.round, "mediator": mediation.mediator,
    }  # fmt: skip
    return bool(await connection.scalar(_HANDED_OVER, parameters))


async def erase(connection: Connection, number: str, at: datetime) -> None:
    """Destroy the key of a case and all data sealed with it in these tables."""
    for statement in _ERASE:
        await connection.execute(statement, {"number": number, "at": at})
