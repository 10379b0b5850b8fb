"""What of a report's history leaves in the portable file of its case; of everything else only the hashes do."""

from __future__ import annotations

from services.kit.serving.tokens import MATTERS
from services.kit.storage.models import Event

_KINDS = frozenset(
    {
        "ReportReceived", "ReportImported", "ReportVerified", "ReportTriaged", "ReportAmended", "ReportAccepted",
        "ReportDeclined", "RefusalDisputed", "RefusalUpheld", "RefusalSetAside", "ReportTakenOver", "PhotoAdded",
        "ReportAdded", "ReportCorrected", "WithdrawalRequested",
    }
)  # fmt: skip
"""Not who read it, which other reports are like it, what units asked each other, or how content somebody was."""


def leaves(event: Event, first: Event) -> bool:
    """Return whether an event leaves: none that says who reported, or in which grid they live."""
    filer = first.actor if first.payload.get("channel") == "CHANNEL_APP" else ""
    if event.actor == filer or event.actor.startswith(MATTERS) or "grid" in event.payload:
        return False
    return event.kind in _KINDS or event.kind.startswith("Clock")
