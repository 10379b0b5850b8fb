"""What happened to a clock, entry by entry: an append-only ledger; nothing else moves a date.

Every entry says who made it, when it was recorded, and from which instant it counts, which may be earlier. Entries
count in the order of their effective instants, never in the order of recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from casework.clocks.rule import ExtensionKind


class EntryKind(StrEnum):
    """The kind of an entry."""

    started = "started"
    paused = "paused"
    resumed = "resumed"
    extended = "extended"
    extension_revoked = "extension_revoked"
    moved = "moved"
    met = "met"
    cancelled = "cancelled"
    reopened = "reopened"
    restarted = "restarted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What all entries have: a number in the ledger, the effective instant, and when and by whom it was recorded."""

    kind: ClassVar[EntryKind]
    seq: int
    at: datetime
    recorded_at: datetime
    actor: str = ""

    def __post_init__(self) -> None:
        """Refuse instants without a time zone: they would mean a different day elsewhere."""
        if self.at.tzinfo is None or self.recorded_at.tzinfo is None:
            raise ValueError("the instants of an entry need a time zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Entry):
    """The event that starts the clock; `until` is an end promised elsewhere, which is kept unchanged."""

    kind: ClassVar[EntryKind] = EntryKind.started
    until: datetime | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Entry):
    """The clock is paused from this day (or, for hours, this instant) on, for a cause the rule allows."""

    kind: ClassVar[EntryKind] = EntryKind.paused
    cause: str
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Entry):
    """The clock resumes; `of` is the number of the pause that ended. Old entries have None: every open pause ends."""

    kind: ClassVar[EntryKind] = EntryKind.resumed
    of: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended(Entry):
    """More time was given, in the rule's own unit."""

    kind: ClassVar[EntryKind] = EntryKind.extended
    amount: int
    how: ExtensionKind
    reason: str = ""
    approver: str = ""
    consents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionRevoked(Entry):
    """An extension was revoked: the clock is as if it had never been granted."""

    kind: ClassVar[EntryKind] = EntryKind.extension_revoked
    of: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved(Entry):
    """From now on the clock follows another version of its rule; the projection uses the rule it is given."""

    kind: ClassVar[EntryKind] = EntryKind.moved
    from_version: str
    to_version: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Met(Entry):
    """What was to be done was done."""

    kind: ClassVar[EntryKind] = EntryKind.met
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Entry):
    """The clock is no longer needed."""

    kind: ClassVar[EntryKind] = EntryKind.cancelled
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened(Entry):
    """What had met the clock turned out to be insufficient: time kept running, towards the same date."""

    kind: ClassVar[EntryKind] = EntryKind.reopened


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted(Entry):
    """The whole time starts again (中断, 民法典 195): what ran before does not count."""

    kind: ClassVar[EntryKind] = EntryKind.restarted
    cause: str
    evidence: str = ""


Ledger = Sequence[Entry]

_KINDS: dict[str, type[Entry]] = {
    each.kind: each
    for each in (
        Started, Paused, Resumed, Extended, ExtensionRevoked, Moved, Met, Cancelled, Reopened, Restarted,
    )
}  # fmt: skip


def in_order(ledger: Ledger) -> list[Entry]:
    """Return the entries in effective order: by effective instant, then by number."""
    return sorted(ledger, key=lambda entry: (entry.at, entry.seq))


def ending(ledger: Ledger) -> Entry | None:
    """Return the entry that ended the clock, None while it runs: a reopening revokes an earlier end."""
    ended: Entry | None = None
    for entry in sorted(ledger, key=lambda entry: entry.seq):
        if isinstance(entry, (Met, Cancelled)):
            ended = ended or entry
        elif isinstance(entry, Reopened):
            ended = None
    return ended


def entry_to_data(entry: Entry) -> dict[str, Any]:
    """Return the entry as plain JSON data; instants in ISO 8601."""
    data: dict[str, Any] = {"kind": str(entry.kind)}
    for field in fields(entry):
        value = getattr(entry, field.name)
        if isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, StrEnum):
            value = str(value)
        data[field.name] = value
    return data


def entry_from_data(data: dict[str, Any]) -> Entry:
    """Return the entry that `entry_to_data` gave; ValueError, KeyError or TypeError if it is none."""
    values = {name: value for name, value in data.items() if name != "kind"}
    for name in ("at", "recorded_at", "until"):
        if values.get(name) is None:
            continue
        values[name] = datetime.fromisoformat(values[name])
    if "consents" in values:
        values["consents"] = tuple(values["consents"])
    if "how" in values:
        values["how"] = ExtensionKind(values["how"])
    return _KINDS[data["kind"]](**values)


def to_data(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the ledger as plain JSON data, in the order of recording."""
    return [entry_to_data(entry) for entry in sorted(ledger, key=lambda entry: entry.seq)]


def from_data(data: Sequence[dict[str, Any]]) -> tuple[Entry, ...]:
    """Return the ledger that `to_data` gave."""
    return tuple(map(entry_from_data, data))
