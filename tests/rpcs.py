"""Every RPC of every service, out of the contracts' descriptors, called with raw bytes."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from pb.access.v1 import permission_pb2

from accord.embedded.keys import ROLES
from casework.errors import TEXTS, Reason
from services.gateway.rest.contract import load
from services.gateway.settings import SERVED_BY
from services.kit.serving.access import OFFICIALS
from tests.conftest import COUNTY, Clients

load()  # imports the stubs of every contract: the descriptors are found by name below
POLICIES = Path(__file__).resolve().parent.parent / "rules" / "access"
DETAILS = {each.DESCRIPTOR.full_name: each for each in (
    error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.LocalizedMessage,
    error_details_pb2.RequestInfo, error_details_pb2.RetryInfo)}  # fmt: skip


@dataclass(frozen=True)
class Rpc:
    """One RPC at one of the servers that have it."""

    server: str
    method: MethodDescriptor

    @property
    def path(self) -> str:
        """How it is called on the wire."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    @property
    def permission(self) -> str:
        """The permission it names."""
        options: Any = self.method.GetOptions()
        return str(options.Extensions[permission_pb2.permission])

    @property
    def public(self) -> bool:
        """Whether it may be called without an account."""
        options: Any = self.method.GetOptions()
        return bool(options.Extensions[permission_pb2.public])

    @property
    def request_type(self) -> type[Message]:
        """The class of its request."""
        return GetMessageClass(self.method.input_type)

    def __str__(self) -> str:
        return f"{self.server}.{self.method.name}"


def all_rpcs() -> list[Rpc]:
    """Return every RPC at every server: a new one is among them by itself."""
    return [
        Rpc(server, method)
        for service, servers in SERVED_BY.items()
        for server in servers
        for method in Default().FindServiceByName(service).methods
    ]


@dataclass(frozen=True)
class Answer:
    """What came back: the code, the messages, the status with its details by kind."""

    code: grpc.StatusCode
    text: str
    messages: list[bytes]
    details: dict[str, Any]

    @property
    def reason(self) -> str:
        """The stable reason; empty where there is none."""
        return str(self.details["ErrorInfo"].reason) if "ErrorInfo" in self.details else ""

    @property
    def fields(self) -> list[str]:
        """The fields said to be at fault."""
        bad = self.details.get("BadRequest")
        return [violation.field for violation in bad.field_violations] if bad else []


LOST = "Internal error from Core"
"""What the client library says in place of a refusal that came before its own message was out (grpc/grpc#36066)."""


async def call(channel: grpc.aio.Channel, path: str, *payloads: bytes, **arguments: Any) -> Answer:
    """Send raw messages to any RPC and return its whole answer, whatever it is."""
    for pause in (0.01, 0.05, 0.1, 0.2, 0.4, 0.8):
        answer = await _call(channel, path, *payloads, **arguments)
        if answer.text != LOST:
            break
        await asyncio.sleep(pause)
    return answer


async def _call(channel: grpc.aio.Channel, path: str, *payloads: bytes, **arguments: Any) -> Answer:
    stream: Any = channel.stream_stream(path)(iter(payloads), **arguments)
    messages: list[bytes] = []
    try:
        async for message in stream:
            messages.append(message)
        return Answer(grpc.StatusCode.OK, "", messages, {})
    except grpc.aio.AioRpcError as error:
        details: dict[str, Any] = {}
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                for packed in status_pb2.Status.FromString(value).details:
                    kind = DETAILS[packed.type_url.rpartition("/")[2]]
                    details[kind.__name__] = kind.FromString(packed.value)
        return Answer(error.code(), error.details() or "", messages, details)


OWN_UNIT = {
    **dict.fromkeys(("ConfirmReceipt", "ReplyLetter", "ObjectLetter"), "620102001"),
    **dict.fromkeys(("ReplyToRecommendation", "ObjectToRecommendation", "ReportWarningMeasures"), "620102-labour"),
    **dict.fromkeys(("ReportClueVerification", "AnswerClueTransfer", "ReportClueHandling"), "620102-labour"),
    "GetClueReporter": "620102",
    **dict.fromkeys(("TakeOutCase", "GetSignedHistory"), "620102"),
    **dict.fromkeys(
        ("SubmitItems", "AttachPhotos", "UploadAttachment", "ListItems", "ListItemChanges", "ReconcileItems"),
        "620102-police",
    ),
    "ListDockingChanges": "620102-court",
    "ReportBacklogTarget": "620102-petition",
    "ObjectToAssessment": "620102",
    **dict.fromkeys(
        ("DraftLetter", "EditDraft", "DiscardDraft", "RecordHearing", "ApproveLetter", "ServeLetter", "HoldInterview",
         "VerifyLetter", "WithdrawLetter", "RecordTransfer"),
        "620102",
    ),
    **dict.fromkeys(
        ("DraftRecommendation", "ReviseRecommendation", "ApproveRecommendation", "ServeRecommendation",
         "RecordRecommendationVisit", "CloseRecommendation"),
        "620102",
    ),
}  # fmt: skip
"""RPCs that nobody above may call in a unit's name, and the unit that may."""
BY_NAME = {str(rpc): rpc for rpc in all_rpcs()}


@cache
def granted() -> dict[str, set[str]]:
    """Return the roles that the policies grant each permission to, whatever the matter says, read from their text.

    A permission that is granted only because of what the matter says has none.
    """
    found: dict[str, set[str]] = {}
    for roles, actions, asks in _policies():
        for action in actions:
            found.setdefault(action, set()).update(() if asks else roles)
    return found


@cache
def of_record(permission: str) -> bool:
    """Return whether the mediator of record has a permission because of being it."""
    return any("mediator" in roles and permission in actions for roles, actions, asks in _policies() if asks)


def callers(rpc: Rpc) -> set[str]:
    """Return the roles in which somebody may call an RPC about the world's case; its mediator is of record there."""
    found = granted()[rpc.permission] - {"service"}
    return found | {"mediator"} if of_record(rpc.permission) else found


@cache
def _policies() -> list[tuple[list[str], list[str], bool]]:
    """Return of each policy that permits its roles, its actions, and whether it asks for a part.

    One that names no role permits everybody.
    """
    text = "\n".join(path.read_text("utf-8") for path in sorted(POLICIES.glob("*.cedar")))
    return [
        (_roles(policy, condition), re.findall(r'Action::"([\w.]+)"', policy), "Part::" in condition)
        for policy, condition in re.findall(r"permit \((.*?)\n\)(.*?);", text, re.S)
    ]


def _roles(policy: str, condition: str) -> list[str]:
    named = re.findall(r'Role::"(\w+)"', policy)
    if "Part::" in condition or named:
        return named
    return sorted(OFFICIALS) if "officials" in policy else [role for role in ROLES if role != "service"]


def access(clients: Clients, rpc: Rpc, language: str = "en") -> dict[str, Any]:
    """Return a caller who may call it for any unit; where nobody may, for the unit it is about."""
    roles = granted()[rpc.permission] - {"service"}
    unit = COUNTY if not roles and of_record(rpc.permission) else OWN_UNIT.get(rpc.method.name, "cn")
    return as_role(clients, min(roles) if roles else people(rpc)[0], unit, language=language)


def people(rpc: Rpc) -> list[str]:
    """Return the roles of people that may call it; `service` where it is a machine's alone."""
    return sorted(callers(rpc)) or ["service"]


def as_role(clients: Clients, role: str, unit: str, **more: Any) -> dict[str, Any]:
    """Return the arguments of a call in a role; that of a machine is a machine client's alone."""
    return clients.as_service() if role == "service" else clients.as_(role, unit, **more)


async def send(clients: Clients, name: str, request: Any, language: str = "en") -> Answer:
    """Send a message, or bytes, to an RPC by `server.Method`."""
    rpc = BY_NAME[name]
    data = request if isinstance(request, bytes) else request.SerializePartialToString()
    return await call(clients.channels[rpc.server], rpc.path, data, **access(clients, rpc, language))


def check(answer: Answer, language: str = "en") -> None:
    """Check that a refusal is one that a client can work with."""
    assert answer.code not in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}, answer
    if answer.code is grpc.StatusCode.OK:
        return
    info, told = answer.details["ErrorInfo"], answer.details["LocalizedMessage"]
    reason = Reason(info.reason)
    assert info.domain == "accord"
    assert told.locale == {"zh": "zh-CN", "en": "en-US"}[language]
    assert told.message.startswith(TEXTS[reason].en if language == "en" else TEXTS[reason].zh)
    if answer.code is grpc.StatusCode.INVALID_ARGUMENT:
        assert answer.fields, answer
        assert all(answer.fields), answer
