"""Passes on what reporters do with their receipt after the case was opened, and what the desk corrects.

A separate durable consumer of intake's feed. Each step may be repeated; the position in the feed is acknowledged after
it. A report whose case is not open yet is retried until it is, so that nothing said in between is lost.
"""

from __future__ import annotations

from functools import partial

import grpc
import structlog
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import content_pb2
from pb.mediation.v1.content_pb2_grpc import CaseContentServiceStub

from casework.names import number_of
from services.kit.serving.loops import Loop
from workflows.backends import Backends
from workflows.feeds.places import act_on_all
from workflows.messages import Source

log = structlog.get_logger()

CONSUMER = "reporters"
WITHDRAWN = "WithdrawalRequested"
"""The event of a withdrawal once the report is a case."""
KINDS = frozenset({WITHDRAWN, "ReportAdded", "PhotoAdded", "ReportCorrected", "ReportAmended"})
"""Events after which the case takes over the content of its report."""
_TIMEOUT = 30.0
_GONE = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION)
"""Refusals for a report or a case that was erased."""


async def pass_on_all(loop: Loop, backends: Backends) -> None:
    """Pass on intake's feed, from the acknowledged position, until the stream ends."""
    act = partial(pass_on, backends)
    await act_on_all(loop, backends.feeds[Source.INTAKE], Source.INTAKE, CONSUMER, KINDS, act)


async def pass_on(backends: Backends, event: feed_pb2.Event) -> None:
    """Update the case with the current content of its report; nothing if it never becomes one or is merged.

    A repeat finds its request id used, whatever the content is by now: what changed since has its own event.
    """
    case, key = event.case, f"{event.type}-{number_of(event.case)}-{event.position}"
    asked = intake_pb2.GetReportContentRequest(name=case.replace("cases/", "reports/", 1) + "/content")
    try:
        content = await backends.intake.GetReportContent(asked, timeout=_TIMEOUT)
    except grpc.aio.AioRpcError as error:
        if error.code() not in _GONE:
            raise
        return
    report = content.report
    if report.state != report_pb2.REPORT_STATE_ACCEPTED or report.case != case:
        return
    # Once: what is added after a withdrawal does not ask about it again.
    withdrawn = event.type == WITHDRAWN and report.HasField("withdraw_time")
    request = content_pb2.RefreshCaseContentRequest(
        name=case, withdrawn=withdrawn, category=report.category, grade=report.triage.grade,
        receive_time=report.receive_time, request_id=key,
    )  # fmt: skip
    content.ClearField("report")
    content.ClearField("hand_overs")
    request.content.CopyFrom(content)
    try:
        await CaseContentServiceStub(backends.channels[1]).RefreshCaseContent(request, timeout=_TIMEOUT)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
            # One report that mediation cannot take must not hold up all others.
            log.error("content refused", case=case, event=event.type)
        elif error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
            raise
