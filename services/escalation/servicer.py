"""The base of escalation's servicers: a file locked for a command, its texts sealed, their readings logged."""

from __future__ import annotations

from casework import names
from services.escalation import files
from services.escalation.models import File
from services.kit import servicer as kit
from services.kit.command import Work
from services.kit.serving.access import current_call
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.kit.storage.sealing import CaseSealer


class Servicer(kit.Servicer):
    """A servicer of supervision."""

    service = "escalation"
    heads = "files"
    body_key_name = "requests of supervision"

    async def opened(self, work: Work, collection: str, unit: str) -> File:
        """Open a file of this unit and return its row, locked; permission was checked before."""
        number = await files.open_file(work.connection, collection, unit, work.now)
        return await files.lock(work.connection, number)

    async def locked(self, name: str, work: Work) -> File:
        """Return the row of a name's file, locked, or NOT_FOUND. The caller checks permission next."""
        return await files.lock(work.connection, names.number_of(name))

    async def seal(self, work: Work, file: File) -> CaseSealer:
        """Return the sealer of a locked file."""
        return await files.writing(work.connection, self.sealer, file)

    async def opener(self, connection: Connection, number: str) -> CaseSealer:
        """Return the opener of the sealed texts of a file."""
        return files.reading(self.sealer, await files.get(connection, number))

    async def log_reading(self, connection: Connection, number: str, unit: str, kind: str, **payload: object) -> None:
        """Append to a file's history that sealed texts were read, and by whom."""
        call, told = current_call(), [NewEvent(number, kind, unit, dict(payload))]
        await self.log.append(connection, told, at=self.time.now(), actor=call.caller.subject, trace=call.trace_parent)
