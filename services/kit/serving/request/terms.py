"""The term of a grid worker (网格员): after its last day the role in a token is worth nothing, in any service.

Checked in one place, for every call. An account that is on no roster is what its token says.
"""

from __future__ import annotations

from dataclasses import replace

from casework.errors import CaseError, Reason
from services.kit import dates
from services.kit.serving.access import Call
from services.kit.serving.request.named import Directory

GRID_WORKER = "grid_worker"
AFTERWARDS = frozenset({"reports.create", "photos.add", "reports.listOwn", "gridWorkers.list"})
"""What is not decided by today: what was seen in the term comes in after it, and one's own entries are one's own."""


async def must_serve(call: Call, roster: Directory | None) -> None:
    """Take the role from a call if the caller's term is over; raise TERM_OVER if nothing else permits the call."""
    caller = call.caller
    if roster is None or GRID_WORKER not in caller.roles or call.permission in AFTERWARDS:
        return
    today, terms = dates.today(call.time.now()), await roster.terms(caller.subject)
    if not terms or any(first <= today <= last for first, last in terms):
        return
    call.caller = replace(caller, roles=caller.roles - {GRID_WORKER})
    if not call.access.holds(call.caller, call.permission):
        raise CaseError(Reason.TERM_OVER, today.isoformat(), day=today.isoformat())
