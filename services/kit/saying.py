"""Instants and their like in plain words, in Chinese and English."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from casework.papers.chinese import LOCAL
from services.kit.instants import instant

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def moment(at: Timestamp, language: str) -> str:
    """Return an instant to the minute, in China's time; empty for none."""
    if not at.seconds:
        return ""
    here = instant(at).astimezone(LOCAL)
    if language == "en":
        return f"{here.day} {_MONTHS[here.month - 1]} {here.year}, {here:%H:%M}"
    return f"{here.year}年{here.month}月{here.day}日{here:%H:%M}"
