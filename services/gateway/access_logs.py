"""Who looked: a case's log is kept by mediation, its report's by intake; here both are one list, newest first.

Whoever may see one of them alone sees that one. A page goes on in each log behind the last entry that was shown of it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias

import grpc
from pb.mediation.v1 import people_pb2
from pb.privacy.v1 import reports_pb2

from services.gateway.rest.backend import Backend
from services.gateway.rest.contract import Contract
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.problem import of_rpc
from services.gateway.rest.unary import UnaryEndpoint
from services.gateway.settings import GatewaySettings

OF_CASE = "accord.mediation.v1.PeopleService.ListAccessLog"
OF_REPORT = "accord.privacy.v1.ReportPrivacyService.ListReportAccess"
RPCS = frozenset({OF_CASE, OF_REPORT})
_SIZE = 50
_BETWEEN, _ENDED = "~", "-"
_NOT_SHOWN = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND)

Entry: TypeAlias = people_pb2.AccessLogEntry
Page: TypeAlias = people_pb2.ListAccessLogResponse | reports_pb2.ListReportAccessResponse


@dataclass(slots=True)
class _Log:
    """One log: the token of its page, and the page."""

    token: str
    page: Page | None
    shown: list[Entry] = field(default_factory=list)

    @property
    def entries(self) -> list[Entry]:
        """Return its entries; none if it has ended or the caller may not see it."""
        return list(self.page.entries) if self.page is not None and self.token != _ENDED else []

    def following(self) -> str:
        """Return the token of its next page."""
        if self.page is None or self.token == _ENDED:
            return _ENDED
        if len(self.shown) == len(self.page.entries):
            return self.page.next_page_token or _ENDED
        return self.shown[-1].page_token if self.shown else self.token


class AccessLogEndpoint:
    """Serves `GET …/accessLog`."""

    def __init__(
        self, own: UnaryEndpoint, contract: Contract, backends: dict[str, Backend], settings: GatewaySettings
    ) -> None:
        of_case = own.binding.shape.rpc.full_name == OF_CASE
        server, name = ("intake", OF_REPORT) if of_case else ("mediation", OF_CASE)
        rpc = next(each for each in contract.rpcs if each.full_name == name)
        self._own = own
        self._other: Callable[..., Any] = backends[server].callable(rpc)
        self._timeout = settings.request_timeout

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Respond to one request; raise Problem."""
        exchange.accepts("application/json")
        message, renamed = await self._own.binding.read(exchange, parts)
        assert isinstance(message, people_pb2.ListAccessLogRequest | reports_pb2.ListReportAccessRequest)
        size = message.page_size or _SIZE
        first, joined, second = message.page_token.partition(_BETWEEN)
        second = second if joined or not first else _ENDED
        if first == _ENDED:
            message.page_token, message.page_size = "", 1
        else:
            message.page_token = first
        page = await self._own.call(exchange, message, renamed)
        assert isinstance(page, people_pb2.ListAccessLogResponse | reports_pb2.ListReportAccessResponse)
        logs = _Log(first, page), _Log(second, await self._beside(exchange, message.parent, page, second, size))
        merged = heapq.merge(*([(each, log) for each in log.entries] for log in logs), key=lambda pair: -_when(pair[0]))
        found = list(islice(merged, size))
        for each, log in found:
            log.shown.append(each)
        following = [log.following() for log in logs]
        del page.entries[:]
        page.entries.extend(each for each, _ in found)
        page.next_page_token = "" if set(following) == {_ENDED} else _BETWEEN.join(following)
        for each in page.entries:
            each.page_token = ""
        if isinstance(page, reports_pb2.ListReportAccessResponse):
            page.access_token = ""
        await self._own.answer(exchange, page)

    async def _beside(self, exchange: Exchange, parent: str, page: Page, token: str, size: int) -> Page | None:
        """Return a page of the other log; None where it has ended, or where the caller may not see it."""
        if token == _ENDED:
            return None
        metadata = exchange.metadata()
        asked: people_pb2.ListAccessLogRequest | reports_pb2.ListReportAccessRequest
        if isinstance(page, reports_pb2.ListReportAccessResponse):
            asked = people_pb2.ListAccessLogRequest(parent=page.case, page_size=size, page_token=token)
            if page.access_token:
                metadata = (("authorization", f"Bearer {page.access_token}"), *metadata[1:])
        else:
            report = parent.replace("cases/", "reports/")
            asked = reports_pb2.ListReportAccessRequest(parent=report, page_size=size, page_token=token)
        try:
            found: Page = await self._other(asked, timeout=exchange.timeout(self._timeout), metadata=metadata)
        except grpc.aio.AioRpcError as error:
            if error.code() in _NOT_SHOWN:
                return None
            raise of_rpc(error) from None
        return found


def _when(entry: Entry) -> int:
    return entry.time.ToNanoseconds()
