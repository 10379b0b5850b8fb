"""A person's whole file as one ZIP file: the service's own part, parts of other services, a manifest of hashes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from grpc.aio import EOF  # type: ignore[attr-defined]
from pb.privacy.v1 import case_file_pb2 as pb

from casework import names
from casework.papers.package import Parcel
from services.gateway.rest.backend import Backend
from services.gateway.rest.contract import Contract
from services.gateway.rest.exchange import Exchange, Header
from services.gateway.rest.files import ANY, TYPES, FileStreamEndpoint, disposition
from services.gateway.rest.problem import of_rpc
from services.gateway.settings import GatewaySettings

RPCS = frozenset(
    {"accord.privacy.v1.CaseFileService.DownloadCaseFile", "accord.privacy.v1.ReportPrivacyService.DownloadReport"}
)
_NOTICES = "accord.privacy.v1.CaseFileService.ExportNotices"
_ZIP = TYPES["zip"]


class OwnFileEndpoint:
    """Serves `GET …/file:download`."""

    def __init__(
        self, files: FileStreamEndpoint, contract: Contract, backends: dict[str, Backend], settings: GatewaySettings
    ) -> None:
        rpc = next(each for each in contract.rpcs if each.full_name == _NOTICES)
        self._binding = files.binding
        self._notices: Callable[..., Any] = backends["mediation"].callable(rpc)
        self._timeout = settings.request_timeout

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Respond to one request; raise Problem. A failure midway closes the connection: half a file is useless."""
        kind = exchange.accepts(_ZIP, ANY)
        message, renamed = await self._binding.read(exchange, parts)
        call = self._binding.call_of(message)(message, timeout=exchange.lifetime(), metadata=exchange.metadata())
        parcel = Parcel(message.name)
        try:
            part = await call.read()
            token = part.access_token if part is not EOF else ""
            notices = await self._sent(exchange, message.name, token) if token else None
            await exchange.start(200, _headers(names.number_of(message.name), kind, exchange.language))
            while part is not EOF and not exchange.head:
                await exchange.write(_packed(parcel, part))
                part = await call.read()
        except grpc.RpcError as error:
            raise of_rpc(error, self._binding.shape.body, renamed) from None
        finally:
            call.cancel()
        if notices is not None and not exchange.head:
            parcel.begin(notices.file_name)
            await exchange.write(parcel.add(notices.content))
        await exchange.write(b"" if exchange.head else parcel.end(), more=False)

    async def _sent(self, exchange: Exchange, name: str, token: str) -> pb.NoticesFile:
        """Return the notices sent to a reporter, which mediation has."""
        metadata = (
            ("authorization", f"Bearer {token}"),
            ("accept-language", exchange.language),
            ("traceparent", exchange.trace_parent),
        )
        request = pb.ExportNoticesRequest(name=name.removesuffix("/file") + "/notices")
        found: pb.NoticesFile = await self._notices(
            request, timeout=exchange.timeout(self._timeout), metadata=metadata
        )  # fmt: skip
        return found


def _packed(parcel: Parcel, part: pb.OwnFilePart) -> bytes:
    if part.missing:
        parcel.missing(part.file_name)
        return b""
    if part.file_name:
        parcel.begin(part.file_name)
    return parcel.add(part.chunk) if part.chunk else b""


def _headers(number: str, kind: str, language: str) -> list[Header]:
    name = f"{number}-{'own-file' if language == 'en' else '本人材料'}.zip"
    return [
        (b"content-type", kind.encode()),
        (b"content-disposition", disposition(name).encode("ascii")),
        (b"cache-control", b"no-store"),
    ]
