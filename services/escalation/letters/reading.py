"""RPCs that read letters: one, many, open drafts; texts, with a log entry."""

from __future__ import annotations

import asyncio
import hashlib

from pb.escalation.v1 import letters_pb2 as pb

from casework import names
from casework.papers.scan import WORD
from casework.supervision.letters.letter import REPLY_RULES, shown_parts
from casework.supervision.letters.sheet import LetterFacts, LetterSheet, sheet
from services.escalation.letters import store, view
from services.escalation.letters.desk import LetterDesk
from services.escalation.letters.models import Letter
from services.escalation.letters.word import written
from services.kit import dates
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.listing import given, time_of


class LetterReading(LetterDesk):
    """The RPCs that read letters."""

    async def GetLetter(self, request: pb.GetLetterRequest, context: Context) -> pb.Letter:
        """Return a letter to the units that may see it."""
        async with self.database.read() as connection:
            row, inside = await self.seen(connection, request.name)
        return view.letter(row, inside=inside)

    async def ListLetters(self, request: pb.ListLettersRequest, context: Context) -> pb.ListLettersResponse:
        """Return letters that the caller's units may see."""
        call = current_call()
        scope = call.scope(names.last(request.unit))
        filters = given(
            states=list(request.states) or None, kind=request.kind or None, start=time_of(request, "start_time"),
            end=time_of(request, "end_time"),
        )  # fmt: skip
        async with self.database.read() as connection:
            page = await store.LISTED.read(connection, request, paging.subtree(scope), call.kept_from, filters)
        return pb.ListLettersResponse(
            letters=[view.letter(row, inside=_inside(row)) for row in page.rows],
            next_page_token=page.token,
            total_size=page.total,
        )

    async def ListLetterDrafts(
        self, request: pb.ListLetterDraftsRequest, context: Context
    ) -> pb.ListLetterDraftsResponse:
        """Return the drafts of the caller's units, oldest first: those to be taken up, signed or discarded."""
        size, scope = request.page_size or 50, current_call().scope(names.last(request.unit))
        behind = paging.read(request.page_token, "letter-drafts", paging.instant, paging.key)
        async with self.database.read() as connection:
            rows = await store.drafts(connection, paging.subtree(scope), behind, size + 1)
        reply = pb.ListLetterDraftsResponse(letters=[view.letter(row, inside=True) for row in rows[:size]])
        reply.next_page_token = paging.following(rows, size, "letter-drafts", lambda end: (end.drafted_at, end.number))
        return reply

    async def ReadLetterText(self, request: pb.ReadLetterTextRequest, context: Context) -> pb.LetterText:
        """Return the texts of a letter that the caller may see; this is logged."""
        async with self.database.begin() as connection:
            row, inside = await self.seen(connection, request.name)
            wording, parts = await self.open(connection, row)
            call = current_call()
            may = shown_parts(inside=inside, addressed=call.access.allows(call.caller, call.permission, row.unit))
            shown = {part: text for part, text in parts.items() if part in may}
            await self.log_reading(
                connection, row.number, row.issuer, "LetterTextRead", parts=sorted(part.name for part in shown)
            )
        self.pulse.beat()
        said = {view.FIELDS[part]: text for part, text in shown.items()}
        return pb.LetterText(name=request.name, wording=wording, **said)

    async def RenderLetter(self, request: pb.RenderLetterRequest, context: Context) -> pb.LetterDocument:
        """Return a letter as a Word file; this is logged."""
        async with self.database.begin() as connection:
            row, _ = await self.seen(connection, request.name)
            wording, _ = await self.open(connection, row)
            await self.log_reading(connection, row.number, row.issuer, "LetterRendered")
        self.pulse.beat()
        languages = ("zh", "en") if request.companion else ("zh",)
        sheets = [(language, self._sheet(row, wording, language)) for language in languages]
        content = await asyncio.to_thread(written, self.rules.letters, sheets)
        return pb.LetterDocument(
            name=request.name,
            content=content,
            media_type=WORD,
            sha256=hashlib.sha256(content).hexdigest(),
            file_name=f"{row.document_number or row.number}.docx",
        )

    def _sheet(self, row: Letter, wording: pb.LetterWording, language: str) -> LetterSheet:
        kind, units = row.kind, self.rules.units
        started = dates.today(row.received_at or self.time.now())
        facts = LetterFacts(
            kind=kind,
            number=row.document_number,
            unit=units.paper(row.unit).addressee,
            issuer=units.paper(row.issuer).full,
            copies=tuple(units.paper(each).addressee for each in row.copies),
            subject=row.subject,
            due_on=row.due_on,
            reply_days=self.rules.clocks.get(REPLY_RULES[kind], row.unit, started).n,
            interview_on=row.interview_on,
            signer=row.approver,
            office=row.office,
            signed_on=dates.today(row.approved_at) if row.approved_at else None,
            phone=units.phone(row.issuer),
        )
        english = language == "en" and wording.HasField("english")
        return sheet(facts, view.words(wording.english if english else wording.words), language)


def _inside(row: Letter) -> bool:
    call = current_call()
    return call.access.allows(call.caller, call.permission, row.issuer)
