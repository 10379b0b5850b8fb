"""Two reports of one matter: what a merge writes, whoever decides it."""

from __future__ import annotations

from casework import names
from casework.door import report as rules_of
from casework.door.complaint import must_not_judge_itself
from casework.door.report import LinkKind, ReportState
from casework.errors import CaseError, Reason
from services.intake import record, store
from services.intake.links import store as links
from services.intake.models import Report
from services.intake.reception import ACCEPT
from services.kit.command import Work
from services.kit.storage.events import NewEvent


async def merge(work: Work, row: Report, other: Report, reason: str) -> Report:
    """Merge a report into another one, both locked, and return it; its clocks are cancelled, the other's run on."""
    rules_of.may_take_in(other.state, await record.case_is_closed(work.connection, other.number))
    must_not_judge_itself(row.about, other.unit)
    must_not_judge_itself(other.about, row.unit)
    if row.about != other.about:
        # If merged, the complaint could be transferred with the other report to the unit it is about.
        raise CaseError(Reason.COMPLAINED_OF, row.about or other.about)
    state = rules_of.move(row.state, ReportState.MERGED)
    changed = await store.change(
        work.connection, row.number, work.now, state=state, merged_into=other.number, decided_at=work.now
    )
    await store.redirect_merged(work.connection, row.number, other.number, work.now)
    await work.stop(row.number, f"{ACCEPT}%", met=False)
    await links.link(work.connection, row.number, other.number, LinkKind.DUPLICATE, reason, work.actor, work.now)
    payload = {"state": state.name, "target": names.report_name(other.number), "reason": reason}
    taken_in = {"report": names.report_name(row.number), "reason": reason}
    # The unit that has it now: there it is again if the merge is undone.
    await work.append(
        NewEvent(row.number, "ReportMerged", row.unit, payload, wakes=True),
        NewEvent(other.number, "MergeReceived", other.unit, taken_in),
    )
    return changed
