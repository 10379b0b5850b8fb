"""The interface of channels: take one notice for one address, and return the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from casework.mediation.notice import Outcome


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A notice for one address. Its key is the same at every attempt, so that repeats can be recognised."""

    key: str
    to: str
    language: str
    subject: str
    text: str
    short: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The outcome: taken, refused permanently, or channel not available; and the reason as a code."""

    outcome: Outcome
    reason: str = ""


TAKEN = Sent(Outcome.ACCEPTED)


class Way(Protocol):
    """An automatic channel."""

    async def send(self, notice: Outgoing) -> Sent:
        """Send a notice; never raises an error for a response of the other side."""
        ...

    async def close(self) -> None:
        """Close open connections."""
        ...
