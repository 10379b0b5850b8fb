"""The base of the servicers of special handling: a matter locked, a matter read."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import Message

from casework import names
from casework.errors import Reason, field_error
from services.escalation.matters.special.matters import store as matters
from services.escalation.models import File, Matter
from services.escalation.servicer import Servicer
from services.kit.command import Work
from services.kit.serving.access import current_call
from services.kit.storage.database import Connection


class SpecialServicer(Servicer):
    """A servicer of resources below a matter."""

    async def matter(self, name: str, work: Work) -> tuple[File, Matter]:
        """Return the file of a name's matter, locked, and the matter. The caller checks permission next."""
        file = await self.locked(name, work)
        return file, await matters.get(work.connection, file.number)

    async def seen(self, connection: Connection, name: str, also: Iterable[str] = ()) -> Matter:
        """Return the matter that a name belongs to, if the caller may read it: by its units, or by one of these."""
        matter = await matters.get(connection, names.number_of(name))
        current_call().require_any((*matters.concerned(matter), *also))
        return matter

    async def sealed(self, work: Work, file: File, message: Message | str) -> bytes:
        """Return a text sealed under the key of a locked file; empty for an empty one."""
        data = message.encode() if isinstance(message, str) else message.SerializeToString()
        return (await self.seal(work, file)).seal(data) if data else b""

    async def read(self, connection: Connection, number: str, *sealed: bytes | None) -> list[bytes]:
        """Return what was sealed in a file; empty if nothing was."""
        if not any(sealed):
            return [b"" for _ in sealed]
        opener = await self.opener(connection, number)
        return [opener.open(each) if each else b"" for each in sealed]


def required(message: Message, field: str, path: str) -> Message | str:
    """Return a required part of a message; INVALID_FIELD with its name if it is missing."""
    found: Message | str = getattr(message, field)
    there = message.HasField(field) if isinstance(found, Message) else bool(found)
    if not there:
        raise field_error(path, Reason.INVALID_FIELD, "required")
    return found
