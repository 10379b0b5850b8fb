"""The table of the secret addresses of calendars."""

from __future__ import annotations

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.kit.storage.models import Code, Instant, Words
from services.mediation.models.base import MediationModel


class CalendarAddress(MediationModel):
    """The secret address of an account's calendar; the secret itself is stored nowhere."""

    __tablename__ = "calendar_addresses"
    __table_args__ = ({"comment": "Secret addresses of calendars: one an account, a new one replaces it."},)

    account: Mapped[Words] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    salt: Mapped[bytes] = mapped_column(comment="What the secret is derived from, with a key that is not stored here.")
    code_index: Mapped[bytes] = mapped_column(unique=True, comment="Keyed hash of the secret.")
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="Roles of the account when it was made.")
    unit: Mapped[Code]
    language: Mapped[Words]
    made_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    revoked_at: Mapped[Instant | None]
