"""The hash chain of a case: what makes its history provable.

Each event has a content hash over all its data, and a chain hash over the previous chain hash, its number and its
content hash. Changing, removing or reordering any event breaks every later chain hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

import orjson

GENESIS = bytes(32)
"""Chain hash before the first event of a case."""

_SAME = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)

Payload = Mapping[str, object]
"""An event's payload as JSON: no floats (their text is not canonical), no personal data."""


def canonical(value: object) -> bytes:
    """Return the canonical JSON of a payload: sorted keys, no spaces, UTF-8."""
    try:
        return orjson.dumps(value, option=_SAME)
    except TypeError:
        # Numbers beyond 64 bits, and text that only calls itself one; where both can write it, they write the same.
        return _ENCODER.encode(value).encode()


def content_hash(number: str, kind: str, unit: str, occurred_at: datetime, actor: str, payload: Payload) -> bytes:
    """Return SHA-256 over an event's data; `occurred_at` counts to the microsecond in UTC."""
    instant = instant_of(occurred_at)
    return hashlib.sha256(canonical([number, kind, unit, instant, actor, payload])).digest()


@lru_cache(maxsize=256)
def instant_of(instant: datetime) -> str:
    """Return an instant as it is hashed: to the microsecond, in UTC."""
    # All events of a batch share one instant: format it once.
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def chain_hash(before: bytes, sequence: int, content: bytes) -> bytes:
    """Return the chain hash of event `sequence` (from 1); PostgreSQL computes the same in `kit_append`."""
    return hashlib.sha256(before + sequence.to_bytes(8, "big") + content).digest()
