"""What of a case's history in escalation leaves in its portable file; of everything else only the hashes do."""

from __future__ import annotations

from services.kit.storage.models import Event

_KINDS = frozenset(
    {
        "EscalationRaised", "EscalationTold", "EscalationAtTop", "EscalationAcknowledged", "EscalationReturned",
        "EscalationTakenUpAgain", "EscalationResolved", "EscalationSettled", "EscalationWithdrawn", "ReasonAdded",
        "ReasonWithdrawn", "EscalationCalledToMind", "OverdueWatched",
    }
)  # fmt: skip


def leaves(event: Event, first: Event) -> bool:
    """Return whether an event leaves: escalations and clocks do, texts that were read do not."""
    return event.kind in _KINDS or event.kind.startswith("Clock")
