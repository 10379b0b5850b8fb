"""What RPCs of letters have in common: finding a letter, checking permission, checking and sealing texts."""

from __future__ import annotations

from datetime import date

from pb.escalation.v1 import letters_pb2 as pb

from casework import names
from casework.errors import CaseError, FieldFault, Reason
from casework.supervision.letters.letter import LetterState, Part, must_be
from services.escalation.letters import store
from services.escalation.letters.models import Letter
from services.escalation.servicer import Servicer
from services.kit import dates
from services.kit.command import Named, Versioned, Work, check_etag
from services.kit.serving.access import current_call
from services.kit.storage.database import Connection


class LetterDesk(Servicer):
    """A servicer that works on letters."""

    async def issued(self, request: Named, work: Work, *states: LetterState) -> Letter:
        """Return a letter, locked, if the caller acts for its issuer; in one of these states, if any are named."""
        await self.locked(request.name, work)
        row = await store.get(work.connection, names.number_of(request.name))
        work.call.require(row.issuer)
        check_etag(row.version, getattr(request, "etag", ""))
        if states:
            must_be(row.state, *states)
        return row

    async def written(self, request: Named, work: Work, *states: LetterState) -> Letter:
        """Return a draft, locked, if the caller belongs to its issuer itself."""
        row = await self.issued(request, work, *states)
        self.must_write(work, row.issuer)
        return row

    def must_write(self, work: Work, issuer: str) -> None:
        """Raise PERMISSION_DENIED unless the caller belongs to the issuer itself: nobody above writes in its name."""
        units = self.rules.units
        heir = issuer if issuer in units else units.successor(issuer) or units.parent(issuer)
        work.call.require_person(work.call.caller.unit == heir)

    async def addressed(self, request: Versioned, work: Work) -> Letter:
        """Return a letter, locked, if the caller acts for the addressed unit, for which drafts do not exist."""
        await self.locked(request.name, work)
        row = await store.get(work.connection, names.number_of(request.name))
        work.call.require(row.unit)
        if row.served_at is None:
            raise CaseError(Reason.NOT_FOUND, request.name)
        check_etag(row.version, request.etag)
        return row

    async def seen(self, connection: Connection, name: str) -> tuple[Letter, bool]:
        """Return a letter, and whether the caller acts for its issuer; others see it once it was served on them."""
        row = await store.get(connection, names.number_of(name))
        call = current_call()
        call.require_any(await store.readers(connection, row.number))
        return row, call.access.allows(call.caller, call.permission, row.issuer)

    async def write(self, work: Work, row: Letter, part: Part, text: str) -> None:
        """Seal a part of a letter."""
        await self.keep(work, row, part, text.encode())

    async def keep(self, work: Work, row: Letter, part: Part, content: bytes) -> None:
        """Seal a part of a letter."""
        file = await self.locked(names.file_name(row.number), work)
        sealed = (await self.seal(work, file)).seal(content)
        await store.write(work.connection, row.number, part, sealed, work.now, work.actor)

    async def open(self, connection: Connection, row: Letter) -> tuple[pb.LetterWording, dict[Part, str]]:
        """Return the text of a letter, and its other parts; for a draft by a rule, the text that the rule proposes."""
        stored = await store.parts(connection, row.number)
        opened = {}
        if stored:
            sealer = await self.opener(connection, row.number)
            opened = {part: sealer.open(sealed) for part, sealed in stored.items()}
        words = pb.LetterWording.FromString(opened.pop(Part.WORDS, row.proposed or b""))
        return words, {part: content.decode() for part, content in opened.items()}

    def read_wording(self, wording: pb.LetterWording, today: date) -> date:
        """Return by when a demand must be met; a field error if that day is not allowed."""
        return _to_come("wording.due_date", dates.read(wording.due_date, "wording.due_date"), today)

    def read_interview(
        self, request: pb.Letter | pb.EditDraftRequest, field: str, kind: int, today: date
    ) -> date | None:
        """Return the day of the interview that a letter announces; a field error if its kind cannot announce one."""
        given = request.HasField("interview_date")
        if given is not (kind == pb.LETTER_KIND_INTERVIEW):
            fault = FieldFault(field, "约谈函须写明约谈日期，其他函件不写。", "is for an invitation to an interview")
            raise CaseError(Reason.INVALID_FIELD, field, (fault,), field=field)
        return _to_come(field, dates.read(request.interview_date, field), today) if given else None


def _to_come(field: str, day: date, today: date) -> date:
    if day <= today:
        fault = FieldFault(field, "应当在今天之后。", "must lie behind today")
        raise CaseError(Reason.INVALID_FIELD, field, (fault,), field=field)
    return day
