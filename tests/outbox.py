"""Where tests of notices send to: a mail server, a gateway that checks signatures, an outbox with a set time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope
from google.protobuf.timestamp_pb2 import Timestamp
from pb.intake.v1 import report_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2
from pb.mediation.v1 import notices_pb2 as pb
from pb.mediation.v1.notices_pb2_grpc import NoticeServiceStub
from standardwebhooks import Webhook

from services.kit.storage.database import text
from tests.case_people import Act
from tests.conftest import COUNTY, Clients, request_id
from tests.still import Still
from workflows.notices.sending import Sender
from workflows.notices.settings import RelaySettings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Mailbox:
    """A mail server: what it took, whom it refuses, and whether it answers at all."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        """Take an address, or say that there is no such mailbox."""
        if address in self.refused:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        """Take a mail, once the server answers."""
        self.asked.set()
        await self.answers.wait()
        mail = message_from_bytes(envelope.content or b"", policy=policy.default)  # type: ignore[arg-type]
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


@asynccontextmanager
async def mail_server() -> AsyncIterator[Mailbox]:
    """Run a mail server on a free port."""
    box, loop = Mailbox(), asyncio.get_running_loop()
    box.answers.set()
    server = await loop.create_server(lambda: SMTP(box, loop=loop), "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        box.answers.set()
        server.close()


@dataclass
class Messages:
    """A gateway: the messages it took by their id, and the codes it answers with first."""

    url: str = ""
    ids: list[str] = field(default_factory=list)
    taken: list[dict[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@contextmanager
def gateway() -> Iterator[Messages]:
    """Run a gateway for messages that takes what is signed."""
    told = Messages()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            code = told.answers.pop(0) if told.answers else 200
            Webhook(SECRET).verify(body, dict(self.headers.items()))
            told.ids.append(self.headers["webhook-id"])
            if code == 200:
                told.taken.append(json.loads(body))
            self.send_response(code)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}/messages"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Outbox:
    """A case in a mediation whose time is set, and its notices."""

    still: Still
    clients: Clients
    case: str

    def __post_init__(self) -> None:
        self.act = Act(self.clients, self.case)
        self.act.clerk = self.clients.as_("clerk")
        self.stub = NoticeServiceStub(self.still.channel)

    @classmethod
    async def of(cls, still: Still, around: Clients, number: int) -> Outbox:
        """Open a case of the county, reported by somebody."""
        clients = still.clients(around)
        name = f"cases/{COUNTY}-2026-{number:06}"
        case = case_pb2.Case(name=name, unit=f"units/{COUNTY}", category="categories/labour", grade=1)
        content = report_pb2.ReportContent(
            text="拖欠工资。", reporter=report_pb2.Reporter(display_name="赵报事", phone="13900001111")
        )
        request = mediation_pb2.CreateCaseRequest(case=case, content=content, request_id=request_id())
        await clients.mediation.CreateCase(request, **clients.as_service("worker"))
        return cls(still, clients, name)

    async def hear(self, kind: str, sequence: int, service: str = "mediation", **fields: str) -> int:
        """Let the outbox hear of an event, and return how many notices it wrote."""
        now = Timestamp()
        now.FromDatetime(self.still.time.now())
        if kind == "MediationEnded":
            fields.setdefault("ground", "END_GROUND_GAP_TOO_WIDE")
        event = pb.HeardEvent(
            service=service, case=self.case, type=kind, sequence=sequence, time=now, fields=fields,
            unit=f"units/{COUNTY}", category="categories/labour", reachable=True,
        )  # fmt: skip
        request = pb.RecordNoticesRequest(events=[event])
        return int((await self.stub.RecordNotices(request, **self.clients.as_service())).written)

    @asynccontextmanager
    async def sender(self, folder: Path, mail: Mailbox | None = None, sms: Messages | None = None,
                     paper: bool = False) -> AsyncIterator[Sender]:  # fmt: skip
        """Give a sender with these channels."""
        secret = folder / "secret"
        secret.write_text(SECRET)
        given: dict[str, Any] = {"trust_file": self.still.stack.keys.trust, "notice_paper": paper}
        if mail:
            given |= {"smtp_host": "127.0.0.1", "smtp_port": mail.port, "smtp_security": "none",
                      "smtp_from": "城关区调解中心 <notices@example.org>"}  # fmt: skip
        if sms:
            given |= {"sms_webhook_url": sms.url, "sms_webhook_secret_file": secret}
        async with self.still.backends() as backends:
            found = Sender.of(backends, RelaySettings(**given))
            found = Sender(backends, found.ways, found.paper, self.still.time)
            try:
                yield found
            finally:
                await found.close()

    async def notices(self, *states: int) -> list[pb.Notice]:
        """Return the notices of the case."""
        request = pb.ListNoticesRequest(case=self.case, states=states, page_size=1000)
        return list((await self.stub.ListNotices(request, **self.clients.as_("clerk"))).notices)

    async def notice(self, party: int) -> pb.Notice:
        """Return the one notice to a party, with its proof."""
        (found,) = [each for each in await self.notices() if each.recipient == self.act.of(party)]
        shown: pb.Notice = await self.stub.GetNotice(pb.GetNoticeRequest(name=found.name), **self.clients.as_("clerk"))
        return shown

    async def receipt(self, notice: str, kind: int, role: str = "clerk", **fields: Any) -> pb.Notice:
        """Record a receipt."""
        request = pb.RecordReceiptRequest(name=notice, kind=kind, request_id=request_id(), **fields)
        changed: pb.Notice = await self.stub.RecordReceipt(request, **self.clients.as_(role))
        return changed

    async def execute(self, sql: str, **values: Any) -> Any:
        """Run a statement in the outbox's database."""
        async with self.still.database.begin() as connection:
            return await connection.execute(text(sql), values)
