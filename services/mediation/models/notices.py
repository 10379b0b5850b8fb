"""The tables of notices and of the proof of their delivery."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Identity, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from casework.mediation.notice import Channel, NoticeState
from services.kit.storage.models import Code, Count, Instant, Json, Numbered, NumberedOrNone, Words
from services.mediation.models.base import MediationModel


class Notice(MediationModel):
    """A notice to a reporter or a party; it holds ids and codes, no name, no address and no text."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("source", "number", "seq", "rule", "party"),
        Index("notices_due", "due_at", "id", postgresql_where=text(f"state = {NoticeState.DUE:d}")),
        Index("notices_listed", "unit", "state", "due_at", "id"),
        Index("notices_matter", "number"),
        {"comment": "Outbox: once for each event, rule and recipient."},
    )

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    source: Mapped[Words]
    number: Mapped[Code]
    seq: Mapped[Count]
    rule: Mapped[Words]
    party: Mapped[int] = mapped_column(comment="Number of the party; 0 for the reporter.")
    unit: Mapped[Code]
    category: Mapped[Code] = mapped_column(server_default="")
    said: Mapped[Json] = mapped_column(comment="Codes, units and times of the event that the template needs.")
    state: Mapped[NoticeState] = mapped_column(Numbered(NoticeState), server_default="1")
    channel: Mapped[Channel | None] = mapped_column(NumberedOrNone(Channel), nullable=False, server_default="0")
    exhausted: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger), server_default="{}")
    attempts: Mapped[int] = mapped_column(server_default="0", comment="On the channel that is tried now.")
    reason: Mapped[Words] = mapped_column(server_default="")
    occurred_at: Mapped[Instant]
    due_at: Mapped[Instant]
    lease: Mapped[Words] = mapped_column(server_default="")
    leased_until: Mapped[Instant | None] = mapped_column(comment="In real time: nobody else sends it until then.")
    sent_at: Mapped[Instant | None]
    served_at: Mapped[Instant | None]
    updated_at: Mapped[Instant]


class Delivery(MediationModel):
    """An attempt to send a notice, or a receipt."""

    __tablename__ = "notice_deliveries"
    __table_args__ = (
        Index("notice_deliveries_notice", "notice", "id"),
        {"comment": "Proof of delivery: every attempt and receipt; never changed."},
    )

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    notice: Mapped[Count] = mapped_column(ForeignKey("notices.id"))
    at: Mapped[Instant]
    recorded_at: Mapped[Instant]
    state: Mapped[NoticeState] = mapped_column(Numbered(NoticeState))
    channel: Mapped[Channel | None] = mapped_column(NumberedOrNone(Channel), nullable=False)
    actor: Mapped[Words]
    reason: Mapped[Words] = mapped_column(server_default="")
    evidence: Mapped[Words] = mapped_column(server_default="")


class AskedService(MediationModel):
    """That a party asked for service of an agreement by a channel; the last time counts."""

    __tablename__ = "service_asked"
    __table_args__ = (
        ForeignKeyConstraint(["number", "agreement"], ["agreements.number", "agreements.agreement"]),
        {"comment": "That a party asked for service of an agreement by a channel; the last time counts."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    agreement: Mapped[int] = mapped_column(primary_key=True)
    party: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[Channel] = mapped_column(Numbered(Channel), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    asked_at: Mapped[Instant]
    asked_by: Mapped[Words]
