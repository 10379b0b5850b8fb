"""The base of the ledger's servicer: a locked matter, a unit's part, a response."""

from __future__ import annotations

from pb.escalation.v1 import ledger_pb2 as pb

from casework import names
from casework.errors import CaseError, Reason
from casework.supervision.matters import matter as rules_of
from casework.supervision.matters.matter import AssignmentState, Step
from services.escalation import files
from services.escalation.matters.ledger import store, view
from services.escalation.models import Matter, MatterAssignment
from services.escalation.servicer import Servicer
from services.kit import dates
from services.kit.command import Versioned, Work, check_etag


class LedgerBase(Servicer):
    """The base of every part of the ledger's servicer."""

    async def matter(self, name: str, work: Work) -> Matter:
        """Return the matter that a name belongs to, locked after its file. The caller checks permission next."""
        file = await self.locked(name, work)
        return await store.lock(work.connection, file.number)

    async def kept(self, request: Versioned, work: Work) -> Matter:
        """Return the matter of a request, locked, if the caller may act for the unit that keeps it."""
        matter = await self.matter(request.name, work)
        work.call.require(matter.keeper)
        check_etag(matter.version, request.etag)
        return matter

    async def own_part(self, request: Versioned, work: Work) -> tuple[Matter, MatterAssignment]:
        """Return the matter and a part that is under way, if the caller may act for the unit that has it."""
        matter = await self.matter(request.name, work)
        part = await store.assignment(work.connection, matter.number, names.index_of(request.name))
        work.call.require(part.unit)
        check_etag(matter.version, request.etag)
        return matter, self._under_way(matter, part)

    async def part(self, work: Work, matter: Matter, name: str) -> MatterAssignment:
        """Return a part of a locked matter that is under way; WRONG_STATE if it is over."""
        part = await store.assignment(work.connection, matter.number, names.index_of(name))
        return self._under_way(matter, part)

    @staticmethod
    def _under_way(matter: Matter, part: MatterAssignment) -> MatterAssignment:
        rules_of.may(matter.state, Step.WORK)
        if part.state is not AssignmentState.OPEN or part.entry != matter.entry:
            raise CaseError(Reason.WRONG_STATE, part.state.name, state=part.state.name)
        return part

    async def sealed(self, work: Work, number: str, data: bytes) -> bytes:
        """Return data sealed under the key of a matter whose file is locked."""
        return (await files.writing(work.connection, self.sealer, await files.get(work.connection, number))).seal(data)

    async def note(self, work: Work, number: str, text: str) -> bytes | None:
        """Return the note of a change, sealed; None if there is none."""
        return await self.sealed(work, number, text.encode()) if text else None

    async def shown(self, work: Work, row: Matter) -> pb.Matter:
        """Return a matter as GetMatter returns it."""
        shown = view.whole(
            row, dates.today(work.now), work.call.language, await store.grading(work.connection, row.number),
            await store.assignments(work.connection, row), await store.look_backs(work.connection, row),
        )  # fmt: skip
        return self.tagged(shown)

    def tagged(self, shown: pb.Matter) -> pb.Matter:
        """Return a matter with its field (领域), which follows from its category."""
        shown.field = self.rules.fields.of(shown.category.removeprefix("categories/"))
        return shown
