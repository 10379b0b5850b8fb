"""The RPCs of calendars: a secret address is made, revoked, and read by whoever has it.

The secret is derived from a stored salt by a key that is not in the database; stored is a keyed hash of it, by which it
is found. So it can be shown again to its owner, and nobody reads it from a backup.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from datetime import timedelta

from pb.access.v1 import calendar_pb2
from pb.mediation.v1 import calendars_pb2 as pb
from pb.mediation.v1 import calendars_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason
from casework.mediation.session import SessionKind, SessionState
from services.kit import dates
from services.kit.command import Work, command
from services.kit.composition import Parts
from services.kit.instants import stamp
from services.kit.serving.access import Call, Context, current_call
from services.kit.serving.codes import CodeMint
from services.kit.serving.tokens import Caller
from services.kit.storage.database import Connection
from services.mediation.calendars import store
from services.mediation.calendars.models import CalendarAddress
from services.mediation.calendars.store import Appointment
from services.mediation.grants import store as grants
from services.mediation.servicer import Servicer

_LIFE = timedelta(days=180)
_PAST = timedelta(days=30)
"""How long a session is shown after its end."""
_MOST = 500
_SECONDS = 120
"""For how long the token for the deadlines is valid."""
_SHOWS_DEADLINES = "worklists.get"
_TITLES = {
    SessionKind.JOINT: ("面对面调解", "Joint mediation session"),
    SessionKind.SEPARATE: ("背靠背调解", "Separate mediation session"),
}
_FOR_A_PARTY = ("预约", "Appointment")
"""What a party's calendar says: others may see its phone."""
_OFF = (SessionState.CANCELLED, SessionState.BROKEN_OFF)


class CalendarServicer(Servicer, calendars_pb2_grpc.CalendarServiceServicer):
    """Serves calendars."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._mint = CodeMint(parts.settings.codes_key_file)
        self._secret_key = parts.sealer.derive("calendar secret")
        self._index_key = parts.sealer.derive("calendar index")

    async def MakeCalendarAddress(
        self, request: pb.MakeCalendarAddressRequest, context: Context
    ) -> pb.CalendarAddress:  # fmt: skip
        """Return the new address; its secret is not in the response that is stored for a repeat."""
        await self._make(request, context)
        return await self._own(current_call())

    @command(pb.CalendarAddress)
    async def _make(self, request: pb.MakeCalendarAddressRequest, work: Work) -> pb.CalendarAddress:
        caller = work.call.caller
        work.call.require(caller.unit)
        salt = os.urandom(16)
        await store.make(
            work.connection, account=caller.subject, salt=salt, code_index=self._index(self._secret(salt)),
            roles=sorted(caller.roles), unit=caller.unit, language=work.call.language, made_at=work.now,
            expires_at=work.now + _LIFE,
        )  # fmt: skip
        return pb.CalendarAddress()

    async def GetCalendarAddress(self, request: pb.GetCalendarAddressRequest, context: Context) -> pb.CalendarAddress:
        """Return the address of the caller's calendar."""
        call = current_call()
        call.require(call.caller.unit)
        return await self._own(call)

    @command(pb.CalendarAddress)
    async def RevokeCalendarAddress(self, request: pb.RevokeCalendarAddressRequest, work: Work) -> pb.CalendarAddress:
        """Revoke the address of the caller's calendar; without one nothing changes."""
        work.call.require(work.call.caller.unit)
        await store.revoke(work.connection, work.call.caller.subject, work.now)
        return pb.CalendarAddress()

    async def ReadCalendar(self, request: pb.ReadCalendarRequest, context: Context) -> pb.CalendarFeed:
        """Return the sessions of an address's account, and a token for its deadlines."""
        call = current_call()
        call.require(names.ROOT_UNIT)
        async with self.database.read() as connection:
            row = await store.by_code(connection, self._index(request.code))
            if row is None or not await self._works(connection, row):
                raise CaseError(Reason.NOT_FOUND, "calendars")
            kept = await grants.kept_from(connection, row.account)
            found = await store.sessions(connection, row.account, self.time.now() - _PAST, _MOST)
        shown = [
            _entry(each._replace(staff=each.staff and each.session.number not in kept.own), row.language)
            for each in found if each.session.number not in kept.excluded
        ]  # fmt: skip
        feed = pb.CalendarFeed(entries=shown, language=row.language)
        if call.access.allows(Caller(row.account, frozenset(row.roles), row.unit), _SHOWS_DEADLINES, row.unit):
            feed.access_token = self._mint.calendar(row.account, row.unit, _SECONDS)
        return feed

    async def _own(self, call: Call) -> pb.CalendarAddress:
        async with self.database.read() as connection:
            row = await store.of_account(connection, call.caller.subject)
            works = row is not None and await self._works(connection, row)
        if row is None or not works:
            return pb.CalendarAddress()
        return pb.CalendarAddress(
            path=f"/v1/calendars/{self._secret(row.salt)}", language=row.language, create_time=stamp(row.made_at),
            expire_time=stamp(row.expires_at),
        )  # fmt: skip

    async def _works(self, connection: Connection, row: CalendarAddress) -> bool:
        """Return whether an address works: it is in force, and so is the post that it was made in.

        The post is that of the list of its head, else of the operator's file; of whoever is in neither, nobody knows.
        """
        now = self.time.now()
        if row.revoked_at is not None or row.expires_at <= now or row.unit not in self.rules.units:
            return False
        today, terms = dates.today(now), await store.terms(connection, row.account, row.unit)
        if terms:
            return any(first <= today and (last is None or today <= last) for first, last in terms)
        return self.rules.officials.holds(row.account, row.unit, now)

    def _secret(self, salt: bytes) -> str:
        """Return the secret of an address: 160 bits, in letters and digits."""
        return base64.b32encode(hmac.digest(self._secret_key, salt, "sha256")[:20]).decode().lower()

    def _index(self, code: str) -> bytes:
        return hashlib.blake2b(code.encode(), key=self._index_key, digest_size=32).digest()


def _entry(each: Appointment, language: str) -> calendar_pb2.CalendarEntry:
    row, english = each.session, language == "en"
    title = _TITLES[row.kind] if each.staff else _FOR_A_PARTY
    return calendar_pb2.CalendarEntry(
        uid=f"{row.number}.session-{row.session}",
        title=title[english],
        case=names.case_name(row.number),
        room_display_name=each.room_name if each.staff else "",
        start_time=stamp(row.during.start),
        end_time=stamp(row.during.end),
        cancelled=row.state in _OFF,
        revision=row.version,
        update_time=stamp(row.updated_at),
    )
