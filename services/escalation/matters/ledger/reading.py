"""RPCs that read the ledger: single matters, lists, counts, texts, history, the exported list."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import date

from pb.escalation.v1 import ledger_pb2 as pb

from casework import names
from casework.errors import Reason, field_error
from casework.supervision.matters.matter import MatterLevel
from services.escalation import files
from services.escalation.matters.ledger import course, export, sheet, store, view
from services.escalation.matters.ledger.listing import store as listing
from services.escalation.matters.ledger.listing.store import Wanted
from services.escalation.matters.ledger.servicer import LedgerBase
from services.escalation.models import Matter
from services.kit import dates
from services.kit.instants import stamp
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.sealing import CaseSealer

_REPORTS = 200
"""Maximum of progress reports in one response, the latest ones."""
_MOST = 20_000
"""Matters in one export."""
_CHUNK = 1_000_000
_BEGINNING, _LAST = 0, 2**63 - 1


class Reading(LedgerBase):
    """The RPCs that read."""

    async def GetMatter(self, request: pb.GetMatterRequest, context: Context) -> pb.Matter:
        """Return a matter without its texts."""
        async with self.database.read() as connection:
            row = await self._seen(connection, request.name, author=True)
            shown = view.whole(
                row, self._today(), current_call().language, await store.grading(connection, row.number),
                await store.assignments(connection, row), await store.look_backs(connection, row),
            )  # fmt: skip
        return self.tagged(shown)

    async def ListMatterEvidence(
        self, request: pb.ListMatterEvidenceRequest, context: Context
    ) -> pb.ListMatterEvidenceResponse:
        """Return the evidence of a matter, in order, without its descriptions."""
        size, behind = request.page_size or 50, paging.read(request.page_token, "matter-evidence", paging.number) or 0
        async with self.database.read() as connection:
            row = await self._seen(connection, request.parent)
            found = await store.evidence(connection, row.number, behind, size + 1)
        reply = pb.ListMatterEvidenceResponse(evidence=[view.evidence(each) for each in found[:size]])
        reply.next_page_token = paging.following(found, size, "matter-evidence", lambda end: end.evidence)
        return reply

    async def ReadMatter(self, request: pb.ReadMatterRequest, context: Context) -> pb.MatterText:
        """Return the texts of a matter; this is logged."""
        async with self.database.begin() as connection:
            file = await files.lock(connection, names.number_of(request.name))
            row = await self._seen(connection, request.name)
            answer = await self._texts(connection, row, files.reading(self.sealer, file))
            call, now = current_call(), self.time.now()
            await store.note_reading(connection, [row.number], now, call)
            told = [course.happened(row, "MatterRead")]
            await self.log.append(connection, told, at=now, actor=call.caller.subject, trace=call.trace_parent)
        self.pulse.beat()
        return answer

    async def _texts(self, connection: Connection, row: Matter, opener: CaseSealer) -> pb.MatterText:
        answer = pb.MatterText(name=f"{names.file_name(row.number)}/text")
        if row.sealed:
            answer.content.ParseFromString(opener.open(row.sealed))
        for part in await listing.part_texts(connection, row.number, 1000):
            told = pb.AssignmentText.FromString(opener.open(part.sealed))
            told.assignment = course.assignment_name(part)
            answer.assignments.append(told)

        def opened(sealed: bytes | None) -> str:
            return opener.open(sealed or b"").decode()

        for each in await listing.progress_texts(connection, row.number, _REPORTS):
            answer.progress.add(
                assignment=course.assignment_name(each), unit=names.unit_name(each.unit),
                report_time=stamp(each.reported_at), text=opened(each.sealed),
            )  # fmt: skip
        for piece in await listing.evidence_texts(connection, row.number, 1000):
            answer.evidence.add(evidence=view.evidence_name(piece), description=opened(piece.sealed))
        for noted in await listing.version_texts(connection, row.number, 1000):
            answer.notes.add(version=noted.version, text=opened(noted.sealed))
        return answer

    async def ListMatters(self, request: pb.ListMattersRequest, context: Context) -> pb.ListMattersResponse:
        """Return matters of the caller's units, overdue ones first, then by due date."""
        size, wanted = request.page_size or 50, self._wanted(request)
        behind = paging.read(request.page_token, "matters", paging.day, paging.key)
        async with self.database.read() as connection:
            found = await listing.listed(connection, wanted, behind and (behind[0], behind[1]), size + 1)
        reply = pb.ListMattersResponse(matters=[self.tagged(view.matter(row, wanted.today)) for row in found[:size]])
        reply.next_page_token = paging.following(found, size, "matters", lambda end: (end.urgent_on, end.number))
        return reply

    async def CountMatters(self, request: pb.CountMattersRequest, context: Context) -> pb.CountMattersResponse:
        """Return how many matters the caller's units have, and how many are overdue."""
        wanted, reply = self._wanted(request), pb.CountMattersResponse()
        async with self.database.read() as connection:
            found = await listing.counted(connection, wanted)
        fields: dict[str, pb.MatterCount] = {}
        for row in found:
            count = {"count": row.matters, "overdue": row.overdue}
            match row.kind:
                case listing.ALL:
                    reply.total, reply.overdue = row.matters, row.overdue
                case listing.BY_STATE:
                    reply.states.add(state=row.state, **count)
                case listing.BY_GRADE:
                    reply.grades.add(grade=row.grade, **count)
                case listing.BY_LEVEL:
                    reply.levels.add(level=MatterLevel[row.level.upper()], **count)
                case listing.BY_UNIT:
                    reply.units.add(unit=names.unit_name(row.answers), **count)
                case _:
                    key = self.rules.fields.of(row.category)
                    held = fields.setdefault(key, pb.MatterCount(field=key))
                    held.count, held.overdue = held.count + row.matters, held.overdue + row.overdue
        reply.fields.extend(fields[key] for key in sorted(fields))
        return reply

    async def ListMatterHistory(
        self, request: pb.ListMatterHistoryRequest, context: Context
    ) -> pb.ListMatterHistoryResponse:
        """Return every version of a matter, oldest first."""
        size, behind = request.page_size or 50, paging.read(request.page_token, "matter-versions", paging.number) or 0
        async with self.database.read() as connection:
            row = await self._seen(connection, request.parent)
            found = await listing.versions(connection, row.number, behind, size + 1)
        reply = pb.ListMatterHistoryResponse(versions=[view.version(each) for each in found[:size]])
        reply.next_page_token = paging.following(found, size, "matter-versions", lambda end: end.version)
        return reply

    async def ListMatterReadings(
        self, request: pb.ListMatterReadingsRequest, context: Context
    ) -> pb.ListMatterReadingsResponse:
        """Return who read or exported the texts of a matter, latest first."""
        size, behind = request.page_size or 50, paging.read(request.page_token, "matter-readings")
        async with self.database.read() as connection:
            row = await self._seen(connection, request.parent)
            found = await listing.readings(connection, row.number, _LAST if behind is None else behind, size + 1)
        shown = [
            pb.MatterReading(
                read_time=stamp(each.at), account=each.actor, unit=names.unit_name(each.unit), action=each.action
            )
            for each in found[:size]
        ]
        reply = pb.ListMatterReadingsResponse(readings=shown)
        reply.next_page_token = paging.following(found, size, "matter-readings", lambda end: end.id)
        return reply

    async def ExportMatters(
        self, request: pb.ExportMattersRequest, context: Context
    ) -> AsyncIterator[pb.ExportMattersResponse]:
        """Return the list as a workbook, in parts; the access is logged for every matter in it."""
        wanted, call = self._wanted(request), current_call()
        async with self.database.begin() as connection:
            found = await listing.listed(connection, wanted, None, _MOST + 1)
            if len(found) > _MOST:
                raise field_error("unit", Reason.INVALID_FIELD, f"more than {_MOST} matters: ask for fewer")
            sealed = await listing.sealed_of(connection, [row.number for row in found])
            await store.note_reading(connection, [row.number for row in found], self.time.now(), call)
        unit, english = self.rules.units.known(wanted.unit), call.language == "en"
        lines = export.lines(found, sealed, self.rules, self.sealer, wanted.today, english=english)
        as_csv = request.form == pb.MATTER_FILE_FORM_CSV
        made = await asyncio.to_thread(sheet.file, unit.name, wanted.today, lines, english=english, as_csv=as_csv)
        content = made.content
        first = pb.ExportMattersResponse(
            file_name=f"matters-{unit.code}-{wanted.today:%Y%m%d}.{made.suffix}", media_type=made.media_type,
            count=len(found), sha256=hashlib.sha256(content).hexdigest(), chunk=content[:_CHUNK],
        )  # fmt: skip
        yield first
        for start in range(_CHUNK, len(content), _CHUNK):
            yield pb.ExportMattersResponse(chunk=content[start : start + _CHUNK])

    async def _seen(self, connection: Connection, name: str, *, author: bool = False) -> Matter:
        """Return the matter that a name belongs to, if the caller may read it for one of its units, or its author's."""
        row = await store.get(connection, names.number_of(name))
        put_forward = (await store.author_unit(connection, row.number),) if author else ()
        units = (*await course.units_of(connection, row), *put_forward)
        current_call().require_any(unit for unit in units if unit)
        return row

    def _wanted(self, request: pb.ListMattersRequest | pb.CountMattersRequest | pb.ExportMattersRequest) -> Wanted:
        """Return the filters of a request, within what the caller may see."""
        unit = current_call().scope(names.last(request.unit))
        level = course.column_of(MatterLevel(request.level)) if request.level else ""
        categories = self._of_field(request.field) if request.field else None
        return Wanted(unit, self._today(), level, request.state, request.grade, request.overdue, categories)

    def _of_field(self, key: str) -> list[str]:
        """Return the categories of a field; INVALID_FIELD if there is no such field."""
        fields = self.rules.fields
        if key not in {each.key for each in fields.fields}:
            raise field_error("field", Reason.INVALID_FIELD, ", ".join(each.key for each in fields.fields))
        return [each.id for each in self.rules.categories if fields.of(each.id) == key]

    def _today(self) -> date:
        return dates.today(self.time.now())
