"""What models are made of: their base, the types of their columns; and the tables every service has.

A model is a table with typed columns. `select(Report)` gives rows that read like the model: `row.state` is a
`ReportState`, for mypy and at run time. Rows are plain results of PostgreSQL: no session, no identity
map, no lazy loading; changing one stores nothing.

The migrations create the tables; `tests/test_models.py` reports where a model differs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from enum import IntEnum
from string import Formatter
from typing import Annotated, Any, TypeVar

import orjson
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    Dialect,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column
from sqlalchemy.types import UserDefinedType

from casework.case import Outcome
from services.kit.storage.sealing import SealedBytes, WrappedKey

State = TypeVar("State", bound=IntEnum)


class Numbered(TypeDecorator[State]):
    """A state, stored as the number it has in the contract."""

    impl = SmallInteger
    cache_ok = True

    def __init__(self, states: type[State]) -> None:
        super().__init__()
        self.states = states

    def bind_processor(self, dialect: Dialect) -> Callable[[State | None], int | None]:
        """Return what converts a state into a number."""
        return lambda state: None if state is None else int(state)

    def process_literal_param(self, value: State | None, dialect: Dialect) -> str:
        """Return a state as a literal in a statement."""
        return "NULL" if value is None else str(int(value))

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[int | None], State | None]:
        """Return what converts a number into a state."""
        states = self.states
        return lambda number: None if number is None else states(number)


class NumberedOrNone(Numbered[State]):
    """A state or none, which is stored as 0, as in the contract, and reads as None."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[State | None], int | None]:
        """Return what converts a state into a number."""
        return lambda state: 0 if state is None else int(state)

    def process_literal_param(self, value: State | None, dialect: Dialect) -> str:
        """Return a state as a literal in a statement."""
        return "0" if value is None else str(int(value))

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[int | None], State | None]:
        """Return what converts a number into a state."""
        states = self.states
        return lambda number: states(number) if number else None


class Stored(TypeDecorator[Any]):
    """JSON. A string that is passed in is JSON already; what is read has been parsed."""

    impl = JSONB
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:
        """Return what writes a value as JSON."""
        return lambda value: value if value is None or isinstance(value, str) else orjson.dumps(value).decode()

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Return what reads JSON."""
        return lambda value: orjson.loads(value) if isinstance(value, str) else value


class _Xid(UserDefinedType[str]):
    """The number of a transaction."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "XID8"


class _Snapshot(UserDefinedType[str]):
    """Which transactions had ended at one moment."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "PG_SNAPSHOT"


POSTGRESQL_TYPES = {"xid8": _Xid, "pg_snapshot": _Snapshot}
"""Types of PostgreSQL that SQLAlchemy does not have."""

Code = Annotated[str, mapped_column(Text(collation="C"))]
"""A code, a number of a case, a key: compared byte by byte."""
Words = Annotated[str, mapped_column(Text)]
"""A text that is not used for ordering."""
Count = Annotated[int, mapped_column(BigInteger)]
"""A whole number up to 2⁶³."""
Small = Annotated[int, mapped_column(SmallInteger)]
"""A number of the contract that is only stored here."""
Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]
"""An instant; it comes out in UTC."""
Json = Annotated[Any, mapped_column(Stored)]
"""JSON, as `Stored` has it."""
Codes = Annotated[list[str], mapped_column(ARRAY(Text(collation="C")))]
"""Several codes."""

NOW = text("clock_timestamp()")


class Model(DeclarativeBase):
    """A table. The models of a service derive from a base of its own, with `metadata` of its own."""

    type_annotation_map = {WrappedKey: LargeBinary, SealedBytes: LargeBinary}


def date_of(clock: str = "due_clock") -> MappedColumn[Any]:
    """Return the column that shows the date of a clock, whose id is in another column."""
    return mapped_column(comment=f"The date of the clock {clock}: none while that is paused without an end.")


def clock_named(key: str) -> MappedColumn[Any]:
    """Return the column with the id of the clock of a row; its key is written with columns, as `task-{task}`."""
    parts = ["number", "'.'::text"]
    for words, column, _, _ in Formatter().parse(key):
        parts += [f"'{words}'::text"] if words else []
        parts += [f"{column}::text"] if column else []
    return mapped_column(Computed(" || ".join(parts), persisted=True))


class Event(Model):
    """What happened to a case: history, audit chain and outbox in one."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("number", "seq"),
        Index("events_xid", "xid"),
        {"comment": "History, audit chain and outbox in one: what happened to each case."},
    )

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    number: Mapped[Code]
    seq: Mapped[Count]
    kind: Mapped[Words]
    occurred_at: Mapped[Instant]
    recorded_at: Mapped[Instant] = mapped_column(server_default=NOW)
    actor: Mapped[Words]
    unit: Mapped[Code]
    payload: Mapped[Json]
    content: Mapped[bytes]
    hash: Mapped[bytes]
    wakes: Mapped[bool]
    trace_parent: Mapped[Words] = mapped_column(server_default="")
    xid: Mapped[str] = mapped_column(_Xid, server_default=text("pg_current_xact_id()"))
    bulk: Mapped[bool] = mapped_column(
        server_default=text("false"),
        comment="Came with many others or from a machine: what a person did is followed up first.",
    )


class FeedPlace(Model):
    """The position of an event in the feed."""

    __tablename__ = "feed"
    __table_args__ = (
        UniqueConstraint("event_id"),
        {"comment": "Commit order of the events: positions from 1 without gaps, given after commit."},
    )

    position: Mapped[Count] = mapped_column(primary_key=True, autoincrement=False)
    event_id: Mapped[Count]


class Seal(Model):
    """A link of the chain over the feed."""

    __tablename__ = "seals"
    __table_args__ = ({"comment": "Chain over the feed: each seal hashes the one before and the events it covers."},)

    last_position: Mapped[Count] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[Count]
    hash: Mapped[bytes]
    sealed_at: Mapped[Instant] = mapped_column(server_default=NOW)


class FeedHead(Model):
    """Where the feed ends: one row."""

    __tablename__ = "feed_head"
    __table_args__ = (CheckConstraint("one"),)

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    position: Mapped[Count]
    snapshot: Mapped[str] = mapped_column(_Snapshot)
    hash: Mapped[bytes]
    cluster: Mapped[Words]


class Consumer(Model):
    """How far a consumer has read the feed."""

    __tablename__ = "consumers"

    name: Mapped[Words] = mapped_column(primary_key=True)
    position: Mapped[Count]
    acknowledged_at: Mapped[Instant] = mapped_column(server_default=NOW)
    owner: Mapped[Words] = mapped_column(
        server_default="", comment="Who alone says how far it has come; empty for machine clients."
    )


class StoredRequest(Model):
    """A used request id and the first response; none while its command runs."""

    __tablename__ = "requests"
    __table_args__ = ({"comment": "First answer of every command by caller and request id; holds no personal data."},)

    caller: Mapped[Code] = mapped_column(primary_key=True)
    request_id: Mapped[Code] = mapped_column(primary_key=True)
    body_hash: Mapped[bytes]
    answer: Mapped[bytes | None]
    created_at: Mapped[Instant] = mapped_column(server_default=NOW)


class KnownKey(Model):
    """The master key a database was sealed with: one row."""

    __tablename__ = "master_key"
    __table_args__ = (
        CheckConstraint("one"),
        {"comment": "By what the key that wraps all data keys is known again; a service with another stops."},
    )

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    fingerprint: Mapped[Words]
    kept_at: Mapped[Instant] = mapped_column(server_default=NOW)
    wrapping: Mapped[list[str]] = mapped_column(
        ARRAY(Text),
        server_default="{}",
        comment="The keys that wrap data keys, once there is a second; else the first alone.",
    )


class MaintenanceNotice(Model):
    """What is said while the service is in maintenance: one row then, none otherwise."""

    __tablename__ = "maintenance"
    __table_args__ = (
        CheckConstraint("one"),
        {"comment": "While there is a row, writes are refused with its words; administrators write it."},
    )

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    zh: Mapped[Words]
    en: Mapped[Words]
    until: Mapped[Instant]
    began_at: Mapped[Instant] = mapped_column(server_default=NOW)


class CaseStanding(Model):
    """Which unit a case belongs to, in services that do not own cases."""

    __tablename__ = "case_standings"
    __table_args__ = (
        Index("case_standings_excluded", "excluded", postgresql_using="gin", postgresql_where=text("excluded <> '{}'")),
        Index("case_standings_closed", "closed_at", postgresql_where=text("closed_at IS NOT NULL")),
        Index("case_standings_sided", "sided", postgresql_using="gin", postgresql_where=text("sided <> '{}'")),
        {"comment": "Whose a case is, as its owner told it last; what is older changes nothing."},
    )

    number: Mapped[Code] = mapped_column(primary_key=True)
    seq: Mapped[Count]
    unit: Mapped[Code]
    about: Mapped[Code]
    co_units: Mapped[Codes]
    mediator: Mapped[Words]
    grants: Mapped[Json]
    closed: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="Whether the case is closed, as its owner told it last."
    )
    excluded: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    parties: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    sided: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    outcome: Mapped[Outcome | None] = mapped_column(NumberedOrNone(Outcome), nullable=False, server_default="0")
    closed_at: Mapped[Instant | None]
    expected_at: Mapped[Instant | None] = mapped_column(
        comment="By when the case is to be closed, as its owner told it last."
    )


class KnownGridTerm(Model):
    """Until when a grid worker serves, in services that do not keep the roster."""

    __tablename__ = "grid_terms"
    __table_args__ = (
        Index("grid_terms_account", "account"),
        {"comment": "The terms of grid workers, as the roster told them last: account and days, nothing else."},
    )

    entry: Mapped[Code] = mapped_column(primary_key=True)
    version: Mapped[Count]
    account: Mapped[Code]
    first_on: Mapped[date]
    last_on: Mapped[date]


class NumberSeries(Model):
    """The last number given in a series of a unit in a year."""

    __tablename__ = "number_series"
    __table_args__ = ({"comment": "Last number given; its row lock is held to the commit: no gaps, no duplicates."},)

    unit: Mapped[Code] = mapped_column(primary_key=True)
    series: Mapped[Words] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class Look(Model):
    """An access to personal data of a case."""

    __tablename__ = "access_log"
    __table_args__ = (
        Index("access_log_case", "number", "id"),
        {"comment": "Who opened whose data, when and for what. A search that found nothing has no number."},
    )

    id: Mapped[Count] = mapped_column(Identity(always=True), primary_key=True)
    number: Mapped[Code]
    at: Mapped[Instant]
    actor: Mapped[Words]
    unit: Mapped[Code]
    action: Mapped[Words]
    subject: Mapped[Words]
    purpose: Mapped[Small]
    roles: Mapped[Words] = mapped_column(
        server_default="", comment="Roles of the account at that moment: shown to the person concerned as a post."
    )
    grant_no: Mapped[int] = mapped_column(
        server_default="0", comment="The grant by which alone it was done; 0 where the office allowed it."
    )
