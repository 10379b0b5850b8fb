"""The base of mediation's servicers: a case locked for a command, or read."""

from __future__ import annotations

from collections.abc import Sequence

from pb.mediation.v1 import people_pb2 as pb

from casework.case import Stage
from casework.errors import CaseError, Reason
from services.kit import looks as looks_in_words
from services.kit import servicer as kit
from services.kit.command import Work
from services.kit.serving.access import current_call
from services.kit.storage import access_log
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.kit.storage.models import Look
from services.mediation import keys, record, store
from services.mediation.models.cases import Case


def _with_reason(subject: str) -> str:
    """Return the grant or the taking out that an access is about, within its case; empty if it is about none."""
    within = subject.split("/")[2:4]
    return "/".join(within) if within[:1] in (["grants"], ["takeOuts"]) else ""


class Servicer(kit.Servicer):
    """A servicer of mediation."""

    service = "mediation"
    heads = "cases"
    body_key_name = "requests of agreements"

    async def locked(self, name: str, work: Work, *, closed: bool = False) -> Case:
        """Return the case that a name belongs to, locked, if the caller may act on it; closed only if `closed`."""
        case = await record.locked(work, name)
        if not closed and case.stage is Stage.CLOSED:
            raise CaseError(Reason.WRONG_STATE, Stage.CLOSED.name, state=Stage.CLOSED.name)
        return case

    async def seen(self, connection: Connection, name: str) -> Case:
        """Return the case that a name belongs to, if the caller may read it."""
        return await record.seen(connection, name)

    async def log_reading(self, connection: Connection, case: Case, name: str, kind: str, **payload: object) -> None:
        """Write into the case's history and its access log that sealed contents were read, and by whom."""
        call = current_call()
        await access_log.record(connection, call, self.time.now(), case.number, name)
        told = [NewEvent(case.number, kind, case.unit, dict(payload))]
        await self.log.append(connection, told, at=self.time.now(), actor=call.caller.subject, trace=call.trace_parent)

    async def told(
        self, connection: Connection, case: Case, looks: Sequence[Look], to: str = ""
    ) -> list[pb.AccessLogEntry]:
        """Return entries of a case's access log in words, for the caller or for this account of a party."""
        call = current_call()
        reasons = await self._reasons(connection, case, looks)
        to = to or (call.caller.subject if record.is_party(call) else "")
        return [
            looks_in_words.entry(row, self.rules.units, call.language, to=to, reason=reasons.get(row.id, ""))
            for row in looks
        ]

    async def _reasons(self, connection: Connection, case: Case, looks: Sequence[Look]) -> dict[int, str]:
        """Return why somebody had access or took the case out, by entry."""
        about = {row.id: f"grants/{row.grant_no}" if row.grant_no else _with_reason(row.subject) for row in looks}
        if case.sealed_key is None or not any(about.values()):
            return {}
        sealed, opener = await store.reasons(connection, case.number), keys.reading(self.sealer, case)
        return {entry: opener.open(sealed[name]).decode() for entry, name in about.items() if name in sealed}

    def mark_of(self, unit: str) -> str:
        """Return how a unit is called in a document's number."""
        return self.rules.units.paper(unit).mark
