"""PortableCaseService's RPCs: a case leaves as one signed file, on record before its first byte."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from pb.mediation.v1 import documents_pb2, portable_pb2_grpc
from pb.mediation.v1 import portable_pb2 as pb

from casework import names
from casework.case import Step
from casework.errors import CaseError, Reason
from casework.papers.portable.writing import Writer, fits
from services.kit.composition import Parts
from services.kit.serving.access import Context, current_call
from services.kit.signatures import SigningKey
from services.kit.storage import access_log
from services.kit.storage.database import Connection
from services.kit.storage.sealing import CaseSealer, SealError
from services.mediation import keys, record
from services.mediation import store as cases
from services.mediation.evidence.files import Files
from services.mediation.models.cases import Case
from services.mediation.people import store as people
from services.mediation.portable import store
from services.mediation.portable.contents import Contents, Gathering, Paper
from services.mediation.portable.histories import received
from services.mediation.servicer import Servicer

_PART = 256 * 1024


class _Taken(NamedTuple):
    """What of a case leaves, and what opens it."""

    contents: Contents
    opener: CaseSealer


class PortableCaseServicer(Servicer, portable_pb2_grpc.PortableCaseServiceServicer):
    """Serves portable case files."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        assert parts.settings.files is not None, "the evidence would not be served without it"
        self._files = Files(parts.settings.files)
        file = parts.settings.portable_key_file
        self._key = SigningKey(file) if file else None

    async def GetPortableCaseKeys(
        self, request: pb.GetPortableCaseKeysRequest, context: Context
    ) -> pb.PortableCaseKeys:
        """Return the public keys of this installation."""
        current_call().require(names.ROOT_UNIT)
        keys_ = [pb.PortableCaseKey(**self._key.public, kid=self._key.id, use="sig")] if self._key else []
        return pb.PortableCaseKeys(keys=keys_)

    async def TakeOutCase(self, request: pb.TakeOutCaseRequest, context: Context) -> AsyncIterator[pb.PortableCasePart]:
        """Stream a case as one signed file; whoever leaves halfway has taken it out all the same."""
        key = self._key
        if key is None:
            raise CaseError(Reason.SERVICE_UNAVAILABLE)
        taken, number = await self._take(request, key), names.number_of(request.name)
        writer = Writer(number)
        yield pb.PortableCasePart(file_name=f"{number}-portable.zip", media_type="application/zip")
        missing: list[str] = []
        for name, content in taken.contents.data:
            for part in await asyncio.to_thread(_parts, writer.add(name, content)):
                yield part
        for paper in taken.contents.papers:
            for part in await asyncio.to_thread(self._paper, writer, paper, taken.opener):
                yield part
        for name, stored_hash in taken.contents.evidence:
            for part in await asyncio.to_thread(self._evidence, writer, name, stored_hash, taken.opener, missing):
                yield part
        about = {**taken.contents.about, "key": key.id, "missing": missing}
        for part in await asyncio.to_thread(_parts, writer.end(about, key.sign)):
            yield part

    async def _take(self, request: pb.TakeOutCaseRequest, key: SigningKey) -> _Taken:
        """Return what leaves, on record; the case is locked meanwhile, so that it is of one state."""
        call, now = current_call(), self.time.now()
        async with self.database.begin() as connection:
            case = await cases.lock(connection, names.number_of(request.name))
            await record.admit(connection, call, case)
            opener = keys.reading(self.sealer, case)
            await _must_be_allowed(connection, case, request.ground)
            gathering = Gathering(connection, case, opener, keys.content_of(self.sealer, case))
            contents = await gathering.contents(received(request, key, now))
            if not fits(contents.sizes):
                raise CaseError(Reason.TOO_MANY)
            row = await store.add(
                connection, case.number, ground=request.ground, reason=opener.seal(request.reason.encode()),
                taken_at=now, taken_by=call.caller.subject,
            )  # fmt: skip
            await access_log.record(connection, call, now, case.number, f"{request.name}/takeOuts/{row.take_out}")
        return _Taken(contents, opener)

    @staticmethod
    def _paper(writer: Writer, paper: Paper, opener: CaseSealer) -> list[pb.PortableCasePart]:
        if hashlib.sha256(paper.sealed).digest() != paper.stored_hash:
            raise SealError(f"{paper.name}: a document is not what was stored")
        opened = documents_pb2.DocumentContent.FromString(opener.open(paper.sealed))
        return _parts(writer.add(paper.name, opened.content))

    def _evidence(
        self, writer: Writer, name: str, stored_hash: bytes, opener: CaseSealer, missing: list[str]
    ) -> list[pb.PortableCasePart]:
        """Return a file of evidence in parts; one that is damaged or gone is named as missing instead."""
        try:
            content = opener.open(self._files.get(stored_hash))
        except CaseError as error:
            if error.reason is not Reason.FILE_DAMAGED:
                raise
            missing.append(name)
            return []
        return _parts(writer.add(name, content))


async def _must_be_allowed(connection: Connection, case: Case, ground: int) -> None:
    """Raise for a complaint about a unit, which could be carried to that unit, and where a party did not agree."""
    if case.about:
        raise CaseError(Reason.COMPLAINT_STAYS)
    if ground == pb.TAKE_OUT_GROUND_CONSENT:
        standing = await people.standing(connection, case.number)
        # Of those who left as well: what they said before is in it.
        missing = {each.party for each in standing.people} - standing.consented(Step.DATA_TRANSFER)
        if missing or not standing.people:
            who = ", ".join(names.party_name(case.number, each) for each in sorted(missing))
            raise CaseError(Reason.CONSENT_MISSING, who, parties=who)


def _parts(pieces: Iterator[bytes]) -> list[pb.PortableCasePart]:
    """Return pieces of the file as parts that a response has room for."""
    whole = b"".join(pieces)
    return [pb.PortableCasePart(chunk=whole[start : start + _PART]) for start in range(0, len(whole), _PART)]
