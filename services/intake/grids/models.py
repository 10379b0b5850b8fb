"""The tables of grids: the grids, who works there until when, what was reported from them."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models import IntakeModel
from services.kit.storage.models import NOW, Code, Codes, Instant, Words


class Grid(IntakeModel):
    """A grid of a village."""

    __tablename__ = "grids"
    __table_args__ = ({"comment": "Grids below the village: the code begins with that of the village."},)

    grid: Mapped[Code] = mapped_column(primary_key=True)
    unit: Mapped[Code]
    display_name: Mapped[Words]
    created_at: Mapped[Instant]
    closed_at: Mapped[Instant | None]


class GridWorker(IntakeModel):
    """An entry of the roster."""

    __tablename__ = "grid_workers"
    __table_args__ = (
        CheckConstraint("first_on <= last_on"),
        Index("grid_workers_account", "account"),
        Index("grid_workers_changed", "changed_at"),
        {"comment": "Account, grids and term, nothing else: no points, no tracks."},
    )

    unit: Mapped[Code] = mapped_column(primary_key=True)
    worker_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    account: Mapped[Code]
    grids: Mapped[Codes]
    first_on: Mapped[date]
    last_on: Mapped[date]
    changed_at: Mapped[Instant] = mapped_column(
        server_default=NOW, comment="By the database's clock: the other services are told what changed."
    )


class GridTraining(IntakeModel):
    """A training that a grid worker attended."""

    __tablename__ = "grid_trainings"

    unit: Mapped[Code] = mapped_column(primary_key=True)
    worker_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    training: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[Words]
    held_on: Mapped[date]


class GridReport(IntakeModel):
    """What is known of a report because it was seen in a grid."""

    __tablename__ = "grid_reports"
    __table_args__ = (
        Index(
            "grid_reports_own", "filed_by", text("received_at DESC"), text("number DESC"),
            postgresql_where=text("filed_by <> ''"),
        ),
        {"comment": "Grid and time of observation of reports, and which grid worker filed them."},
    )  # fmt: skip

    number: Mapped[Code] = mapped_column(ForeignKey("reports.number"), primary_key=True)
    filed_by: Mapped[Code] = mapped_column(comment="Account of the grid worker; empty if another filed it.")
    grid: Mapped[Code]
    observed_at: Mapped[Instant | None]
    received_at: Mapped[Instant]
