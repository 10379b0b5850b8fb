"""The tables of campaigns, checks and findings."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from casework.supervision.prevention.campaign import CampaignKind, CampaignState, FindingState
from services.escalation.models import EscalationModel
from services.kit.storage.models import Code, Instant, Numbered, Words, date_of
from services.kit.storage.sealing import SealedBytes


class Campaign(EscalationModel):
    """A screening campaign."""

    __tablename__ = "campaigns"
    __table_args__ = (
        Index("campaigns_newest", text("created_at DESC"), text("number DESC")),
        {"comment": "Screening campaigns: which fields, which places, which period."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("files.number"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[CampaignState] = mapped_column(Numbered(CampaignState))
    kind: Mapped[CampaignKind] = mapped_column(Numbered(CampaignKind))
    unit: Mapped[Code]
    categories: Mapped[list[str]] = mapped_column(ARRAY(Text))
    start_on: Mapped[date]
    end_on: Mapped[date]
    round_days: Mapped[int]
    round: Mapped[int] = mapped_column(server_default="0")
    round_end_on: Mapped[date | None]
    item_count: Mapped[int]
    checks: Mapped[int] = mapped_column(server_default="0", comment="Last number given to a check.")
    findings: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[Instant | None] = date_of()
    created_at: Mapped[Instant]
    started_at: Mapped[Instant | None]
    ended_at: Mapped[Instant | None]
    sealed: Mapped[SealedBytes]
    sealed_report: Mapped[SealedBytes | None]
    due_clock: Mapped[Code] = mapped_column(server_default="")


class CampaignPlace(EscalationModel):
    """A place of a campaign."""

    __tablename__ = "campaign_places"
    __table_args__ = ({"comment": "The places of a campaign and the unit that goes there."},)

    number: Mapped[Code] = mapped_column(ForeignKey("campaigns.number"), primary_key=True)
    place: Mapped[Code] = mapped_column(primary_key=True)
    unit: Mapped[Code]


class Check(EscalationModel):
    """A check at a place."""

    __tablename__ = "campaign_checks"
    __table_args__ = (
        Index("campaign_checks_place", "number", "round", "place"),
        {"comment": "Somebody of a unit went to a place; nothing here is counted by person."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("campaigns.number"), primary_key=True)
    check_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    round: Mapped[int]
    place: Mapped[Code]
    unit: Mapped[Code]
    answers: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    recorded_by: Mapped[Words]
    recorded_at: Mapped[Instant]


class Finding(EscalationModel):
    """A finding of a check."""

    __tablename__ = "findings"
    __table_args__ = (
        Index("findings_pending", "number", "finding", postgresql_where=text("state = 1")),
        {"comment": "What checks found, on its way into intake: each becomes one report."},
    )

    number: Mapped[Code] = mapped_column(ForeignKey("campaigns.number"), primary_key=True)
    finding: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(server_default="1")
    check_no: Mapped[int]
    round: Mapped[int]
    state: Mapped[FindingState] = mapped_column(Numbered(FindingState))
    place: Mapped[Code]
    unit: Mapped[Code]
    category: Mapped[Words]
    people_affected: Mapped[int]
    danger: Mapped[bool]
    report: Mapped[Code] = mapped_column(server_default="")
    recorded_at: Mapped[Instant]
    handed_over_at: Mapped[Instant | None]
    sealed: Mapped[SealedBytes]
