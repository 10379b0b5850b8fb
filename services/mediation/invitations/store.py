"""Statements of invitations."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import DateTime, Integer, LargeBinary, Text, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.people import AgentInvitation, Invitation, Party

_KEY = {"number": bindparam("number", type_=Text), "party": bindparam("party", type_=Integer)}
_RENEWED = ("code_index", "sealed", "made_by", "made_at")
_AGENT_MADE = ("number", "companion", *_RENEWED)
_MADE = ("companion", "code_index", "sealed", "made_by", "made_at")
_INVITE = (
    insert(Invitation)
    .values({**_KEY, **{each: bindparam(each) for each in _MADE}})
    .on_conflict_do_update(
        index_elements=[Invitation.number, Invitation.party],
        set_={
            **{each: bindparam(each, type_=Invitation.__table__.c[each].type) for each in _MADE},
            "version": Invitation.version + 1, "failed": 0, "closed_until": None,
        },
    )
    .returning(Invitation)
)  # fmt: skip
_INVITE_AGENT = (
    insert(AgentInvitation)
    .values({**{each: bindparam(each) for each in _AGENT_MADE}})
    .on_conflict_do_update(
        index_elements=[AgentInvitation.number, AgentInvitation.companion],
        set_={
            **{each: bindparam(each, type_=AgentInvitation.__table__.c[each].type) for each in _RENEWED},
            "version": AgentInvitation.version + 1, "failed": 0, "closed_until": None,
        },
    )
    .returning(AgentInvitation)
)  # fmt: skip
_CONFIDE = (
    update(Party)
    .where(Party.number == _KEY["number"], Party.party == _KEY["party"])
    .values(code_confided=bindparam("confided"))
)
_BY_CODE = select(Invitation).where(Invitation.code_index == bindparam("index", type_=LargeBinary)).with_for_update()
_BY_AGENT_CODE = (
    select(AgentInvitation).where(AgentInvitation.code_index == bindparam("index", type_=LargeBinary)).with_for_update()
)
_COUNTED = {"failed": bindparam("failed"), "closed_until": bindparam("until", type_=DateTime(timezone=True))}
_COUNT = (
    update(Invitation).where(Invitation.number == _KEY["number"], Invitation.party == _KEY["party"]).values(**_COUNTED)
)
_COUNT_AGENT = (
    update(AgentInvitation)
    .where(
        AgentInvitation.number == _KEY["number"],
        AgentInvitation.companion == bindparam("of", type_=Integer),
    )
    .values(**_COUNTED)
)


class Found(NamedTuple):
    """An invitation of a party, or of an agent, as its code finds it."""

    number: str
    party: int
    """0 of an agent."""
    companion: int
    """The agent; of a party the guardian or support person who was invited in its place, 0 for itself."""
    sealed: SealedBytes | None
    made_at: datetime
    failed: int
    closed_until: datetime | None

    @property
    def is_agent(self) -> bool:
        """Whether it is that of an agent."""
        return not self.party


async def invite(
    connection: Connection, number: str, party: int, *, confided: bool, companion: int, code_index: bytes,
    sealed: SealedBytes, by: str, at: datetime,
) -> Invitation:  # fmt: skip
    """Store the invitation of a party, replacing an earlier one; `confided` says whether it opens the compartment."""
    key = {"number": number, "party": party}
    await connection.execute(_CONFIDE, {**key, "confided": confided})
    made = {"companion": companion, "code_index": code_index, "sealed": sealed, "made_by": by, "made_at": at}
    return (await connection.execute(_INVITE, {**key, **made})).one()


async def find(connection: Connection, number: str, party: int) -> Invitation | None:
    """Return the invitation of a party; None where it has none."""
    return (await rows.find(connection, Invitation, number=number, party=party)).first()


async def invite_agent(connection: Connection, number: str, companion: int, **made: object) -> AgentInvitation:
    """Store the invitation of an agent, replacing an earlier one."""
    row = {"number": number, "companion": companion, **made}
    return (await connection.execute(_INVITE_AGENT, row)).one()


async def find_agent(connection: Connection, number: str, companion: int) -> AgentInvitation | None:
    """Return the invitation of an agent; None where it has none."""
    return (await rows.find(connection, AgentInvitation, number=number, companion=companion)).first()


async def by_code(connection: Connection, index: bytes) -> Found | None:
    """Return the invitation with this code, locked; None where there is none."""
    own = (await connection.execute(_BY_CODE, {"index": index})).first()
    if own is not None:
        return Found(own.number, own.party, own.companion, own.sealed, own.made_at, own.failed, own.closed_until)
    agents = (await connection.execute(_BY_AGENT_CODE, {"index": index})).first()
    if agents is None:
        return None
    return Found(agents.number, 0, agents.companion, agents.sealed, agents.made_at, agents.failed, agents.closed_until)


async def count(connection: Connection, found: Found, failed: int, until: datetime | None) -> None:
    """Store how many wrong answers were given in a row, and until when the invitation is closed."""
    counted = {"number": found.number, "failed": failed, "until": until}
    if found.is_agent:
        await connection.execute(_COUNT_AGENT, {**counted, "of": found.companion})
    else:
        await connection.execute(_COUNT, {**counted, "party": found.party})
