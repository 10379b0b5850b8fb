"""The tables of the people of a case."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Integer, SmallInteger, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from casework.case import Side
from casework.mediation.choosing import MatterRole
from casework.mediation.course import CompanionRole, PartyKind
from services.kit.storage.models import Code, Instant, Numbered, Small, Words
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.base import MediationModel


class Party(MediationModel):
    """A party of a case; what identifies it is sealed."""

    __tablename__ = "parties"
    __table_args__ = (
        Index("parties_phone", "phone_index", postgresql_where=text("phone_index IS NOT NULL")),
        Index("parties_subject", "subject", postgresql_where=text("subject <> ''")),
    )

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    party: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    side: Mapped[Side] = mapped_column(Numbered(Side))
    kind: Mapped[PartyKind] = mapped_column(Numbered(PartyKind))
    member: Mapped[bool] = mapped_column(server_default=text("false"))
    needs_guardian: Mapped[bool] = mapped_column(server_default=text("false"))
    sealed: Mapped[SealedBytes | None]
    phone_index: Mapped[bytes | None] = mapped_column(
        comment="Keyed hash of the whole phone number: finds an open case, tells nothing."
    )
    joined_at: Mapped[Instant]
    withdrawn_at: Mapped[Instant | None]
    subject: Mapped[Words] = mapped_column(
        server_default="", comment="Who signs in for the party, and so for its side of the compartment."
    )
    minor_until: Mapped[date | None] = mapped_column(
        comment="Of who was a minor when the matter came: the first day of age. "
        "A yes of an earlier day counts beside a guardian."
    )
    confided: Mapped[bool] = mapped_column(
        server_default=text("true"),
        comment="Whether the mediator of record bound the account: "
        "to one bound at the counter the compartment stays shut.",
    )
    code_confided: Mapped[bool] = mapped_column(
        server_default=text("false"),
        comment="Whether the mediator of record invited the party: with a code of the counter it stays shut.",
    )


class Coded(MediationModel):
    """What every invitation has: a code, sealed, and the wrong answers so far."""

    __abstract__ = True

    version: Mapped[int] = mapped_column(server_default="1")
    code_index: Mapped[bytes] = mapped_column(unique=True, comment="Keyed hash of the code.")
    sealed: Mapped[SealedBytes | None]
    made_by: Mapped[Words]
    made_at: Mapped[Instant]
    failed: Mapped[Small] = mapped_column(server_default="0", comment="Wrong answers in a row.")
    closed_until: Mapped[Instant | None]


class Invitation(Coded):
    """The invitation of a party: a code by which it acts without an account."""

    __tablename__ = "invitations"
    __table_args__ = (
        ForeignKeyConstraint(["number", "party"], ["parties.number", "parties.party"]),
        {"comment": "Codes of parties, sealed with what the invitation says; one a party, a new one replaces it."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    party: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    companion: Mapped[int] = mapped_column(
        server_default="0", comment="Guardian or support person who was invited in the party's place; 0 for itself."
    )


class AgentInvitation(Coded):
    """The invitation of an agent or a representative: a code of their own, beside that of the party."""

    __tablename__ = "agent_invitations"
    __table_args__ = (
        ForeignKeyConstraint(["number", "companion"], ["companions.number", "companions.companion"]),
        {"comment": "Codes of agents and representatives, sealed; one each, a new one replaces it."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    companion: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Companion(MediationModel):
    """Somebody who accompanies parties; what identifies them is sealed."""

    __tablename__ = "companions"

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    companion: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    role: Mapped[CompanionRole] = mapped_column(Numbered(CompanionRole))
    parties: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    scopes: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    subject: Mapped[Code] = mapped_column(server_default="")
    sealed: Mapped[SealedBytes | None]
    started_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]
    last_day: Mapped[date | None] = mapped_column(
        comment="Last day of the powers of an agent; none if they last as long as the matter."
    )


class KeptSide(MediationModel):
    """The side of a case that an account first belonged to, and so always belongs to."""

    __tablename__ = "sides_kept"
    __table_args__ = (
        Index("sides_kept_subject", "subject"),
        {"comment": "The one side of a case on which an account ever stood; never changed, never deleted."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    subject: Mapped[Words] = mapped_column(primary_key=True)
    side: Mapped[Side] = mapped_column(Numbered(Side))
    since: Mapped[Instant]


class IdentityCheck(MediationModel):
    """The result of a check of a party's identity."""

    __tablename__ = "identity_checks"
    __table_args__ = (
        ForeignKeyConstraint(["number", "party"], ["parties.number", "parties.party"]),
        {"comment": "Results of identity checks: by which document and whether it was the party; never a copy."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    party: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    check_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    document: Mapped[Small] = mapped_column(
        comment="0: name or number of the party changed, what was checked before is void."
    )
    matches: Mapped[bool]
    checked_at: Mapped[Instant]
    checked_by: Mapped[Words]


class BarredRole(MediationModel):
    """A role that an account may not have in a case, for good."""

    __tablename__ = "roles_barred"

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    subject: Mapped[Code] = mapped_column(primary_key=True)
    role: Mapped[MatterRole] = mapped_column(Numbered(MatterRole), primary_key=True)
    since: Mapped[Instant]
