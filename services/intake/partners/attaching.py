"""Photos of partners' items: encoded anew before the transaction, each answered on its own."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pb.intake.v1 import partners_pb2 as pb

from casework import names
from casework.door import report as rules_of
from casework.errors import CaseError, FieldFault, Reason, field_error
from services.intake import erasing, record
from services.intake import store as reports
from services.intake.bulk import refused
from services.intake.models import Report
from services.intake.partners import store
from services.intake.partners.models import PartnerItem
from services.intake.reporters import store as acts
from services.kit.command import Keyed, Work
from services.kit.pictures import Picture, encoded_anew
from services.kit.serving.errors import invalid
from services.kit.storage import requests
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.kit.storage.sealing import Sealer

Key = tuple[str, bytes]
"""The number of an item, and the keyed hash of that of the photo there."""


@dataclass(frozen=True, slots=True)
class Shown(Keyed[pb.AttachPhotosResponse]):
    """The photos of a call, encoded anew, each or why it is refused."""

    pictures: Sequence[Picture | CaseError]
    photo_ids: Sequence[str]
    """Their numbers or names there; not stored, as they may name a person."""

    def stored(self, answer: pb.AttachPhotosResponse) -> bytes:
        """Return the answer without the names of photos."""
        kept = pb.AttachPhotosResponse(results=answer.results)
        for each in kept.results:
            each.ClearField("photo_id")
        return kept.SerializeToString()

    async def repeated(self, connection: Connection, stored: bytes) -> pb.AttachPhotosResponse:
        """Return the first answer, with the names as they were sent again."""
        answer = pb.AttachPhotosResponse.FromString(stored)
        for each, photo_id in zip(answer.results, self.photo_ids, strict=True):
            each.photo_id = photo_id
        return answer


async def encoded(
    photo: pb.ItemPhoto, faults: list[FieldFault], item: PartnerItem | None, turns: asyncio.Semaphore
) -> Picture | CaseError:
    """Return a photo encoded anew, or why it is refused; one of no item costs nothing."""
    if faults:
        return invalid(faults)
    if item is None or not item.report:
        return field_error("number", Reason.NOT_FOUND, photo.number)
    try:
        async with turns:
            return await asyncio.to_thread(encoded_anew, photo.content)
    except CaseError as error:
        return error


class Attaching:
    """Adds the photos of one call, in its transaction."""

    def __init__(self, work: Work, sealer: Sealer, body_key: bytes, partner: str) -> None:
        self._work, self._sealer, self._body_key, self._partner = work, sealer, body_key, partner
        self._items: Mapping[str, PartnerItem] = {}
        self._reports: dict[str, Report] = {}

    async def run(
        self, photos: Sequence[pb.ItemPhoto], pictures: Sequence[Picture | CaseError]
    ) -> pb.AttachPhotosResponse:
        """Return the answer to each photo, in order."""
        connection = self._work.connection
        named = {
            photo.number for photo, picture in zip(photos, pictures, strict=True) if not isinstance(picture, CaseError)
        }
        self._items = await store.known(connection, self._partner, named)
        # Locked in one order: two calls about the same reports wait for each other.
        for number in sorted({item.report for item in self._items.values()}):
            self._reports[number] = await reports.lock(connection, number)
        there = {
            (row.number, row.key): (row.body, row.photo)
            for row in await store.photos(connection, self._partner, named)
        }  # fmt: skip
        reply = pb.AttachPhotosResponse()
        for photo, picture in zip(photos, pictures, strict=True):
            result = reply.results.add(number=photo.number, photo_id=photo.photo_id)
            try:
                if isinstance(picture, CaseError):
                    raise picture
                await self._add(photo, picture, there, result)
            except CaseError as error:
                why = refused(0, error, self._work.call.language)
                result.reason, result.field, result.message = why.reason, why.field, why.message
        return reply

    async def _add(
        self, photo: pb.ItemPhoto, picture: Picture, there: dict[Key, tuple[bytes, int]], result: pb.ItemPhotoResult
    ) -> None:
        """Add a photo, or find that it is there."""
        hashed = hmac.digest(self._body_key, photo.photo_id.encode(), "sha256")
        key, body = (photo.number, hashed), requests.body_hash(photo, self._body_key)
        report = self._reports[self._items[photo.number].report]
        if key in there:
            if there[key][0] != body:
                raise requests.reused("photo_id")
            result.repeated = True
        else:
            there[key] = (body, await self._store(report, picture))
            await store.keep_photo(self._work.connection, self._partner, *key, *there[key])
        result.photo = f"{names.report_name(report.number)}/photos/{there[key][1]}"

    async def _store(self, report: Report, picture: Picture) -> int:
        work = self._work
        erasing.must_be_there(report)
        closed = await record.case_is_closed(work.connection, report.merged_into or report.number)
        rules_of.must_be_under_way(report.state, closed)
        sealer = self._sealer.under(report.number, report.sealed_key)
        added = await acts.add_photo(work.connection, report.number, picture, sealer, work.now)
        await work.append(NewEvent(report.number, "PhotoAdded", report.unit, {"photo": added.photo}))
        return added.photo
