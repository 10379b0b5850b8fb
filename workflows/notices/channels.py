"""What every channel does: take one notice for one address, and say whether it took it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from casework.mediation.notice import Outcome


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A notice for one address. Its key stays the same however often it is tried: by it a repeat is known."""

    key: str
    to: str
    language: str
    subject: str
    text: str
    short: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What a channel said: it took it, refuses it for good, or is not available; and why, as a code."""

    outcome: Outcome
    reason: str = ""


TAKEN = Sent(Outcome.ACCEPTED)


class Way(Protocol):
    """A channel that needs no person."""

    async def send(self, notice: Outgoing) -> Sent:
        """Send a notice; never raises for what the other side says."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...
