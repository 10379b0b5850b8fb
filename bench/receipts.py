"""(receipts) Looks at receipts by code, without an account, at 50 clients: of 1,000 open cases, and of one again."""

from __future__ import annotations

import asyncio
import os
import statistics
import uuid

import grpc
from pb.intake.v1 import intake_pb2, report_pb2
from pb.intake.v1.intake_pb2_grpc import IntakeServiceStub
from pb.mediation.v1 import case_pb2, mediation_pb2
from pb.mediation.v1.mediation_pb2_grpc import MediationServiceStub

from accord.embedded.keys import client_token
from accord.embedded.stack import Stack
from bench.measure import Figures, only
from bench.unary import Http, Many, measure

_CASES = 1_000
_ROUNDS = 5
_UNIT = "units/620102"


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    # One address asks for all of them here, and for the same ones in every round.
    os.environ |= {"ACCORD_LIMIT_RATE_CODE": "1000000/minute", "ACCORD_LIMIT_RATE_GUESS": "1000000/minute"}
    try:
        with Stack(state=state, port_base=0, roster=only("intake", "mediation", "escalation", "gateway")) as stack:
            codes = await _open_cases(stack)
            port = stack.ports["gateway"]
            each, again = Many(port, [f"/v1/receipts/{code}" for code in codes]), Http(port, f"/v1/receipts/{codes[0]}")
            rounds = {"each": [], "again": []}  # type: dict[str, list[tuple[float, float, float]]]
            for _ in range(_ROUNDS):
                rounds["each"].append(await measure(each.get, _CASES))
                rounds["again"].append(await measure(again.get, _CASES))
                await asyncio.sleep(3)  # what the gateway kept is forgotten
            each.close()
            again.close()
    finally:
        for name in ("ACCORD_LIMIT_RATE_CODE", "ACCORD_LIMIT_RATE_GUESS"):
            del os.environ[name]

    def said(kind: str) -> str:
        rate, p50, p99 = (statistics.median(column) for column in zip(*rounds[kind], strict=True))
        return f"{rate:,.0f} a second, p50 {p50:.1f} ms, p99 {p99:.1f} ms"

    return Figures(
        "receipts",
        "looks at receipts by code at 50 concurrent clients, without an account",
        {
            f"{_CASES:,} receipts of open cases, one after the other": said("each"),
            "one receipt, again and again": said("again"),
        },
    )


async def _open_cases(stack: Stack) -> list[str]:
    """File reports, accept them and open their cases; return the codes of their receipts."""
    clerk = (("authorization", f"Bearer {stack.token('duty_officer', '62')}"),)
    machine = (("authorization", f"Bearer {client_token(stack.keys, 'worker')}"),)
    key = uuid.uuid4().hex
    async with (
        grpc.aio.insecure_channel(f"127.0.0.1:{stack.ports['intake']}") as to_intake,
        grpc.aio.insecure_channel(f"127.0.0.1:{stack.ports['mediation']}") as to_mediation,
    ):
        intake, mediation = IntakeServiceStub(to_intake), MediationServiceStub(to_mediation)
        turns = asyncio.Semaphore(32)

        async def one(index: int) -> str:
            async with turns:
                report = report_pb2.Report(
                    channel="CHANNEL_COUNTER", unit=_UNIT, category="categories/neighbour", text="楼上漏水。",
                )  # fmt: skip
                request = intake_pb2.CreateReportRequest(report=report, request_id=f"{key}-file-{index}")
                made = await intake.CreateReport(request, metadata=clerk)
                accept = intake_pb2.AcceptReportRequest(name=made.name, request_id=f"{key}-accept-{index}")
                await intake.AcceptReport(accept, metadata=clerk)
                case = case_pb2.Case(name=made.case, unit=_UNIT, category="categories/neighbour", grade="GRADE_LOW")
                new = mediation_pb2.CreateCaseRequest(case=case, request_id=f"{key}-open-{index}")
                await mediation.CreateCase(new, metadata=machine)
                return made.receipt_code

        return await asyncio.gather(*(one(index) for index in range(_CASES)))
