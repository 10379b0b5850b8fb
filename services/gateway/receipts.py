"""A receipt as its holder sees it: intake's data and the progress of the case from mediation, in one response.

The code is enough. Unknown codes and codes requested too often are refused in the same way: the limits count before
anything is looked up. A response is cached for some seconds, for repeated clicks.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import grpc
import orjson
from pb.intake.v1 import report_pb2
from pb.mediation.v1 import progress_pb2

from casework.door.progress import Action
from casework.door.receipt import normal_form
from services.gateway.edge import visitor
from services.gateway.rest.backend import Backend
from services.gateway.rest.contract import Contract
from services.gateway.rest.encoder import encoder_of
from services.gateway.rest.exchange import Exchange
from services.gateway.rest.problem import of_rpc
from services.gateway.rest.unary import UnaryEndpoint
from services.gateway.settings import GatewaySettings
from services.kit.serving.limits import Rate

RPC = "accord.intake.v1.IntakeService.GetReceipt"
_PROGRESS = "accord.mediation.v1.ProgressService.GetProgress"
_WITHDRAW = Action.WITHDRAW.verb
_KEPT = 10_000
_SECONDS = 3.0
_AT_MEDIATION = frozenset({report_pb2.REPORT_STATE_ACCEPTED, report_pb2.REPORT_STATE_MERGED})


class ReceiptEndpoint:
    """Serves `GET /v1/receipts/{code}`."""

    def __init__(
        self, intake: UnaryEndpoint, contract: Contract, backends: dict[str, Backend], settings: GatewaySettings
    ) -> None:
        rpc = next(each for each in contract.rpcs if each.full_name == _PROGRESS)
        self._intake = intake
        self._progress: Callable[..., Any] = backends["mediation"].callable(rpc)
        self._encode = encoder_of(report_pb2.Receipt.DESCRIPTOR)
        self._codes, self._addresses = Rate(settings.limit_rate_code), Rate(settings.limit_rate_guess)
        self._timeout = settings.request_timeout
        self._known: OrderedDict[tuple[str, str], tuple[float, bytes]] = OrderedDict()

    async def __call__(self, exchange: Exchange, parts: list[str]) -> None:
        """Respond to one request; raise Problem."""
        exchange.accepts("application/json")
        code = normal_form(parts[-1]) or parts[-1]
        await self._addresses.count(visitor(exchange.scope).subject)
        await self._codes.count(code)
        key = (code, exchange.language)
        body = self._kept(key)
        if body is None:
            receipt = await self._intake.ask(exchange, parts)
            assert isinstance(receipt, report_pb2.Receipt), "the contract says so"
            if receipt.state in _AT_MEDIATION and receipt.progress.phase != report_pb2.PHASE_ERASED:
                await self._follow(exchange, receipt)
            body = orjson.dumps(self._encode(receipt))
            self._keep(key, body)
        await exchange.answer(200, [(b"content-type", b"application/json"), (b"cache-control", b"no-store")], body)

    async def _follow(self, exchange: Exchange, receipt: report_pb2.Receipt) -> None:
        """Replace intake's progress by that of the case, once there is one."""
        metadata = (
            ("authorization", f"Bearer {receipt.access_token}"),
            ("accept-language", exchange.language),
            ("traceparent", exchange.trace_parent),
        )
        request = progress_pb2.GetProgressRequest(name=f"{receipt.case}/progress")
        try:
            progress = await self._progress(request, timeout=exchange.timeout(self._timeout), metadata=metadata)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return  # It was accepted just now, and its case is being opened.
            raise of_rpc(error) from None
        # Only intake knows whether it was withdrawn.
        withdrawable = any(each.action == _WITHDRAW for each in receipt.progress.actions)
        kept = [each for each in progress.actions if withdrawable or each.action != _WITHDRAW]
        del progress.actions[:]
        progress.actions.extend(kept)
        receipt.progress.CopyFrom(progress)
        receipt.next_step = progress.next_step
        receipt.unit, receipt.unit_display_name = progress.unit, progress.unit_display_name
        receipt.ClearField("due_time")
        if progress.dates and progress.dates[0].HasField("due_time"):
            receipt.due_time.CopyFrom(progress.dates[0].due_time)

    def _kept(self, key: tuple[str, str]) -> bytes | None:
        until, body = self._known.get(key, (0.0, b""))
        return body if until > time.monotonic() else None

    def _keep(self, key: tuple[str, str], body: bytes) -> None:
        self._known[key] = time.monotonic() + _SECONDS, body
        self._known.move_to_end(key)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
