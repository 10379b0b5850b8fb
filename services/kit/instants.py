"""Instants between Python and proto, without the cost of going through text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Stands for a missing instant in lists: after all others."""


def stamp(instant: datetime | None) -> Timestamp | None:
    """Return the proto timestamp of an instant; None stays None, which leaves a field unset."""
    if instant is None:
        return None
    micros = (instant - _EPOCH) // _MICROSECOND
    seconds, rest = divmod(micros, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def instant(message: Timestamp) -> datetime:
    """Return the instant of a proto timestamp, to the microsecond, in UTC."""
    return _EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)
