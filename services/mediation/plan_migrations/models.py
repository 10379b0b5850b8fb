"""The tables of migrations and of what became of each case."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.plans.moving import MigrationState
from services.kit.storage.models import Code, Instant, Json, Numbered, Words
from services.mediation.models.base import MediationModel


class PlanMigration(MediationModel):
    """A migration: from which version to which, of whose cases, and how far it got."""

    __tablename__ = "plan_migrations"
    __table_args__ = (
        {"comment": "Running cases move from one version of a plan type to another; never deleted."},
    )  # fmt: skip

    migration: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[MigrationState] = mapped_column(Numbered(MigrationState))
    unit: Mapped[Code]
    from_type: Mapped[Words]
    from_version: Mapped[Words]
    to_type: Mapped[Words]
    to_version: Mapped[Words]
    mapping: Mapped[Json] = mapped_column(comment="What each step of the old version becomes; empty if it is dropped.")
    reason: Mapped[Words]
    proposed_by: Mapped[Words]
    proposed_at: Mapped[Instant]
    decided_by: Mapped[Words] = mapped_column(server_default="")
    decided_at: Mapped[Instant | None]
    moved: Mapped[int] = mapped_column(server_default="0")
    tried: Mapped[Code] = mapped_column(
        server_default="", comment="The last case that was tried in this round; empty before the first."
    )


class PlanMigrationRow(MediationModel):
    """What became of a case when it was last tried."""

    __tablename__ = "plan_migration_rows"
    __table_args__ = ({"comment": "What became of each case of a migration when it was last tried."},)

    migration: Mapped[int] = mapped_column(ForeignKey("plan_migrations.migration"), primary_key=True)
    number: Mapped[Code] = mapped_column(ForeignKey("cases.number"), primary_key=True)
    obstacle: Mapped[Words] = mapped_column(server_default="")
    plan_version: Mapped[int] = mapped_column(server_default="0")
    tried_at: Mapped[Instant]
