"""The sender: claims due notices, asks how people can be reached, sends, and records the outcome.

No personal data is stored: a contact is in memory while its notice is sent. If a sender dies, its notices are sent
again after their claims expire, with the same keys. It pauses between batches, so that people at a counter do not wait
for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import grpc
import structlog
from pb.access.v1 import contact_pb2
from pb.access.v1.contact_pb2_grpc import ContactServiceStub
from pb.mediation.v1 import notices_pb2 as pb
from pb.mediation.v1.notices_pb2_grpc import NoticeServiceStub
from prometheus_client import Counter

from casework.mediation.notice import AT_DESK, Channel, Outcome, Quiet, Wishes, awake, choose
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.businesstime import BusinessTime
from services.kit.serving.loops import Loop
from workflows.backends import Backends
from workflows.notices.channels import Outgoing, Sent, Way
from workflows.notices.settings import RelaySettings
from workflows.notices.smtp import Smtp
from workflows.notices.webhook import Gateway

log = structlog.get_logger()

AT_ONCE = 100
"""Notices claimed at a time."""
LEASE = 900
"""Seconds for which they are claimed: longer than a batch takes with every connection timing out."""
WITHIN = 600.0
"""Seconds a batch may take."""
_EVERY = 5.0
"""Seconds between checks while nothing is written."""
_PACE = 0.01
"""Seconds from one notice to the next, however many are due: ten thousand take less than two minutes."""
_REST = 0.2
"""Minimum pause between two full batches, as a multiple of the time worked."""
_TIMEOUT = 30.0
_AGAIN = (1.0, 3.0, 9.0, 27.0)
"""Seconds after which it is recorded again what became of notices; a repeat with the same claim changes nothing."""

SENT = Counter("accord_notices_total", "Notices by channel and what became of them.", ["channel", "outcome"])


@dataclass(frozen=True)
class Sender:
    """The configured channels, and the services."""

    backends: Backends
    ways: Mapping[Channel, Way]
    paper: bool
    time: BusinessTime

    @classmethod
    def of(cls, backends: Backends, settings: RelaySettings) -> Sender:
        """Return the sender of the channels that are configured."""
        ways: dict[Channel, Way] = {}
        if settings.app_webhook_secret_file:
            ways[Channel.APP] = Gateway(Channel.APP, settings.app_webhook_url, settings.app_webhook_secret_file)
        if settings.sms_webhook_secret_file:
            ways[Channel.SMS] = Gateway(Channel.SMS, settings.sms_webhook_url, settings.sms_webhook_secret_file)
        if settings.smtp_host:
            ways[Channel.EMAIL] = Smtp(settings)
        return cls(backends, ways, settings.notice_paper, BusinessTime.of(settings))

    @property
    def served(self) -> frozenset[Channel]:
        """The available channels, besides the counter."""
        return frozenset(self.ways) | (frozenset({Channel.PAPER}) if self.paper else frozenset())

    async def close(self) -> None:
        """Close every channel."""
        for way in self.ways.values():
            await way.close()

    async def send_due(self) -> int:
        """Send one batch of due notices, and return how many there were."""
        stub = NoticeServiceStub(self.backends.channels[1])
        claim = pb.ClaimNoticesRequest(max_notices=AT_ONCE, lease_seconds=LEASE)
        claimed = (await stub.ClaimNotices(claim, timeout=_TIMEOUT)).notices
        if not claimed:
            return 0
        # Without any channel, nobody's data is read.
        contacts = await self._contacts([each.recipient for each in claimed]) if self.served else {}
        attempts = await asyncio.gather(*(self._try(each, contacts.get(each.recipient)) for each in claimed))
        await _record(stub, attempts)
        for each in attempts:
            channel = Channel(each.channel).name.lower() if each.channel else ""
            SENT.labels(channel, Outcome(each.outcome).name.lower()).inc()
        return len(claimed)

    async def _contacts(self, people: Sequence[str]) -> dict[str, contact_pb2.Contact]:
        """Ask mediation, and intake for reporters who are not a party."""
        intake, mediation, _ = self.backends.channels
        found: dict[str, contact_pb2.Contact] = {}
        for service, channel in (("mediation", mediation), ("intake", intake)):
            left = sorted({each for each in people if each not in found})
            asked = [each for each in left if service == "mediation" or each.startswith("reports/")]
            if asked:
                request = contact_pb2.BatchGetContactsRequest(service=service, names=asked)
                reply = await ContactServiceStub(channel).BatchGetContacts(request, timeout=_TIMEOUT)
                found |= {contact.name: contact for contact in reply.contacts}
        return found

    async def _try(self, notice: pb.ClaimedNotice, contact: contact_pb2.Contact | None) -> pb.NoticeAttempt:
        """Send one notice, or return why not."""
        told = pb.NoticeAttempt(name=notice.name, lease=notice.lease)
        if contact is None:
            outcome = Outcome.NOBODY if self.served else Outcome.TO_DESK
            told.MergeFrom(pb.NoticeAttempt(**numbers(outcome=outcome)))
            return told
        wishes, now = wishes_of(contact), self.time.now()
        if notice.asked:
            # A requested channel goes before other wishes, but never before a refusal to be reached by it.
            wishes = replace(wishes, wanted=())
        channel = choose(
            [Channel(each) for each in notice.channels], wishes, {Channel(each) for each in notice.exhausted},
            self.served,
        )  # fmt: skip
        if channel is None:
            told.MergeFrom(pb.NoticeAttempt(**numbers(outcome=Outcome.EXHAUSTED)))
        elif channel in AT_DESK:
            told.MergeFrom(pb.NoticeAttempt(**numbers(outcome=Outcome.TO_DESK, channel=channel)))
        elif (until := awake(wishes.quiet, now)) > now:
            told.MergeFrom(pb.NoticeAttempt(retry_time=stamp(until), **numbers(outcome=Outcome.QUIET)))
        else:
            sent = await self._send(channel, outgoing(notice, channel, contact))
            told.MergeFrom(pb.NoticeAttempt(reason=sent.reason, **numbers(outcome=sent.outcome, channel=channel)))
        return told

    async def _send(self, channel: Channel, notice: Outgoing) -> Sent:
        try:
            return await self.ways[channel].send(notice)
        except Exception as error:
            # Our own errors lose no notice: it is retried, and finally becomes a task.
            log.error("a channel failed", channel=channel.name, fault=type(error).__name__)
            return Sent(Outcome.UNAVAILABLE, "fault")


async def _record(stub: NoticeServiceStub, attempts: Sequence[pb.NoticeAttempt]) -> None:
    """Record what became of notices, again if no answer came: otherwise they would be sent again after the claim."""
    request = pb.RecordAttemptsRequest(attempts=attempts)
    for pause in _AGAIN:
        try:
            await stub.RecordAttempts(request, timeout=_TIMEOUT)
            return
        except grpc.aio.AioRpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise
            log.warning("what became of notices is recorded again", code=error.code().name)
            await asyncio.sleep(pause)
    await stub.RecordAttempts(request, timeout=_TIMEOUT)


def wishes_of(contact: contact_pb2.Contact) -> Wishes:
    """Return a person's wishes, and the channels by which they can be reached."""
    wish = contact.preference
    known = {channel for channel in Channel if address(contact, channel)}
    return Wishes(
        frozenset(known), tuple(map(Channel, wish.channels)), frozenset(map(Channel, wish.never_by)),
        Quiet(wish.quiet_from, wish.quiet_until),
    )  # fmt: skip


def address(contact: contact_pb2.Contact, channel: Channel) -> str:
    """Return the address for a channel; empty if there is none."""
    return {
        Channel.APP: contact.account,
        Channel.SMS: contact.phone,
        Channel.EMAIL: contact.email,
        Channel.PAPER: contact.postal_address,
        Channel.COUNTER: "",
    }[channel]


def outgoing(notice: pb.ClaimedNotice, channel: Channel, contact: contact_pb2.Contact) -> Outgoing:
    """Return a notice in the person's language, with their name."""
    wish = contact.preference
    language = wish.language or "zh"
    told = next(each for each in notice.texts if (each.language, each.discreet) == (language, wish.discreet))
    subject, text, short = (
        each.replace("{name}", contact.display_name) for each in (told.subject, told.text, told.short_text)
    )
    key = notice.name.replace("notices/", "notice-", 1)
    return Outgoing(key, address(contact, channel), language, subject, text, short)


async def keep_sending(loop: Loop, sender: Sender, more: asyncio.Event) -> None:
    """Send due notices for as long as the process runs: at once after a notice was written, and at intervals."""
    while True:
        loop.begin()
        started = time.monotonic()
        more.clear()
        count = await sender.send_due()
        loop.turned()
        if count == AT_ONCE:
            worked = time.monotonic() - started
            await asyncio.sleep(max(AT_ONCE * _PACE - worked, _REST * worked))
        elif not count:
            with suppress(TimeoutError):
                await asyncio.wait_for(more.wait(), _EVERY)
