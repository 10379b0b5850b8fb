"""The tables of subscriptions: the subscriptions, how far each has come, what could not be delivered."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Identity, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from casework.door.programs.hooks import LIVE, SubscriptionState, UndeliveredState
from services.intake.models import IntakeModel
from services.kit.storage.models import Code, Count, Instant, Numbered, Small, Words

_LIVE = ", ".join(str(state.value) for state in LIVE)


class Subscription(IntakeModel):
    """A subscription. Its times are those of the database's clock, not business time."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        Index("subscriptions_unit", "unit", "id"),
        Index("subscriptions_live", "id", postgresql_where=text(f"state IN ({_LIVE})")),
        {"comment": "Systems that events are sent to, of a unit and all below it."},
    )

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    unit: Mapped[Code]
    url: Mapped[Words]
    types: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="Types of events; empty for all.")
    number: Mapped[Code] = mapped_column(comment="The one case; empty for all.")
    content_mode: Mapped[Small]
    state: Mapped[SubscriptionState] = mapped_column(Numbered(SubscriptionState), server_default="1")
    salt: Mapped[bytes] = mapped_column(comment="What the secret is derived from, with a key that is not stored here.")
    old_salt: Mapped[bytes | None]
    old_until: Mapped[Instant | None]
    failures: Mapped[int] = mapped_column(server_default="0", comment="Rounds in a row in which nobody was reached.")
    failing_since: Mapped[Instant | None]
    next_at: Mapped[Instant]
    sent_at: Mapped[Instant | None]
    reason: Mapped[Words] = mapped_column(server_default="")
    lease: Mapped[Words] = mapped_column(server_default="")
    leased_until: Mapped[Instant | None]
    made_by: Mapped[Words]
    made_at: Mapped[Instant]


class SubscriptionPosition(IntakeModel):
    """How far a subscription has come in the feed of a service."""

    __tablename__ = "subscription_positions"

    subscription: Mapped[Count] = mapped_column(ForeignKey("subscriptions.id"), primary_key=True, autoincrement=False)
    service: Mapped[Code] = mapped_column(primary_key=True)
    position: Mapped[Count]
    head_position: Mapped[Count]
    moved_at: Mapped[Instant]


class Undelivered(IntakeModel):
    """An event that could not be delivered at once: it names it, and has nothing of its contents."""

    __tablename__ = "undelivered"
    __table_args__ = (
        Index(
            "undelivered_waiting", "subscription", "service", "position",
            postgresql_where=text(f"state = {UndeliveredState.WAITING:d}"),
        ),
        {"comment": "Events that wait for another attempt, were delivered later, or are dead letters."},
    )  # fmt: skip

    subscription: Mapped[Count] = mapped_column(ForeignKey("subscriptions.id"), primary_key=True, autoincrement=False)
    service: Mapped[Code] = mapped_column(primary_key=True)
    position: Mapped[Count] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[Code]
    kind: Mapped[Words]
    state: Mapped[UndeliveredState] = mapped_column(Numbered(UndeliveredState), server_default="1")
    attempts: Mapped[int] = mapped_column(server_default="0")
    reason: Mapped[Words]
    failed_at: Mapped[Instant | None] = mapped_column(comment="When the first attempt failed.")
    next_at: Mapped[Instant]
