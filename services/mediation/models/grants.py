"""The table of grants."""

from __future__ import annotations

from enum import IntEnum

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.storage.models import Code, Instant, Numbered, Words
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.base import MediationModel


class GrantScope(IntEnum):
    """The scope of a grant; the numbers are those of the contract."""

    READ = 1
    WORK = 2
    EXCLUDED = 3


GIVING = (GrantScope.READ, GrantScope.WORK)
"""Scopes of grants that let somebody do something."""


class Grant(MediationModel):
    """Temporary access of an account to one case, or its exclusion from it."""

    __tablename__ = "grants"
    __table_args__ = (
        Index("grants_holder", "holder", "number"),
        Index(
            "grants_excluded", "holder",
            postgresql_where=text(f"scope = {GrantScope.EXCLUDED:d} AND ended_at IS NULL"),
        ),
        {"comment": "What somebody may do in one case for a time, by whom and why; never deleted."},
    )  # fmt: skip

    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    grant_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    holder: Mapped[Words]
    scope: Mapped[GrantScope] = mapped_column(Numbered(GrantScope))
    reason: Mapped[SealedBytes] = mapped_column(comment="Sealed under the key of the case: it is told in words.")
    emergency: Mapped[bool] = mapped_column(
        comment="Taken by the holder, who could not wait: short, and an auditor looks at it."
    )
    made_by: Mapped[Words]
    made_unit: Mapped[Code]
    made_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    ended_at: Mapped[Instant | None] = mapped_column(comment="When it was revoked; expiry needs no hand.")
    ended_by: Mapped[Words] = mapped_column(server_default="")
    party: Mapped[int] = mapped_column(
        server_default="0", comment="The party that asked for an exclusion; 0 where the unit did it by itself."
    )
