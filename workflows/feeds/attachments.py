"""Brings what partners attached to a report into the evidence of its case, once it has one.

A separate durable consumer of intake's feed, so that a file that cannot be brought holds up nothing else.
What was attached before goes with acceptance or a merge, what is attached later at once. Each step may be repeated: the
file of a case is there once.
"""

from __future__ import annotations

from functools import partial

import grpc
import structlog
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import attachments_pb2, intake_pb2, report_pb2
from pb.intake.v1.attachments_pb2_grpc import AttachmentServiceStub
from pb.mediation.v1 import evidence_pb2
from pb.mediation.v1.evidence_pb2_grpc import EvidenceServiceStub

from casework.names import number_of
from casework.papers.file_type import MEDIA_TYPES
from services.kit.numbers import numbers
from services.kit.serving.loops import Loop
from workflows.backends import Backends
from workflows.feeds.places import act_on_all
from workflows.messages import Source

log = structlog.get_logger()

CONSUMER = "attachments"
KINDS = frozenset({"AttachmentAdded", "ReportAccepted", "ReportMerged"})
"""Events after which a case may lack what was attached to a report."""
_TIMEOUT = 60.0
_GONE = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION)
"""Refusals for a report that was erased."""
_DONE = (grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.FAILED_PRECONDITION)
"""Refusals for a file that the case has, and for a case that is closed or erased."""
_TYPES = {media_type: kind for kind, media_type in MEDIA_TYPES.items()}


async def bring_all(loop: Loop, backends: Backends) -> None:
    """Follow intake's feed, from the acknowledged position, until the stream ends."""
    act = partial(bring, backends)
    await act_on_all(loop, backends.feeds[Source.INTAKE], Source.INTAKE, CONSUMER, KINDS, act)


async def bring(backends: Backends, event: feed_pb2.Event) -> None:
    """Bring what was attached to a report, and to those merged into it, into its case; nothing before it is accepted.

    A case that is not open yet is NOT_FOUND: it is tried again.
    """
    name, stub = f"reports/{number_of(event.case)}", AttachmentServiceStub(backends.channels[0])
    try:
        listed = await stub.ListAttachments(
            attachments_pb2.ListAttachmentsRequest(parent=name), timeout=_TIMEOUT
        )  # fmt: skip
        if not listed.attachments:
            return
        report = await backends.intake.GetReport(intake_pb2.GetReportRequest(name=name), timeout=_TIMEOUT)
        if report.merged_into:
            into = intake_pb2.GetReportRequest(name=report.merged_into)
            report = await backends.intake.GetReport(into, timeout=_TIMEOUT)
    except grpc.aio.AioRpcError as error:
        if error.code() not in _GONE:
            raise
        return
    if report.state != report_pb2.REPORT_STATE_ACCEPTED:
        return
    for each in listed.attachments:
        await _copy(backends, stub, report.case, each.name)


async def _copy(backends: Backends, stub: AttachmentServiceStub, case: str, name: str) -> None:
    """Store an attachment as evidence, once, under its own name as the key."""
    request = attachments_pb2.DownloadAttachmentRequest(name=name)
    try:
        parts = [part async for part in stub.DownloadAttachment(request, timeout=_TIMEOUT)]
    except grpc.aio.AioRpcError as error:
        if error.code() not in _GONE:
            raise
        return
    said = parts[0]
    evidence = evidence_pb2.Evidence(
        title=said.title or said.file_name or name, file_name=said.file_name, **numbers(type=_TYPES[said.media_type])
    )
    header = evidence_pb2.EvidenceHeader(parent=case, evidence=evidence, request_id=f"attached:{name}")
    sent = [evidence_pb2.UploadEvidenceRequest(header=header)]
    sent += [evidence_pb2.UploadEvidenceRequest(chunk=part.chunk) for part in parts]
    try:
        await EvidenceServiceStub(backends.channels[1]).UploadEvidence(iter(sent), timeout=_TIMEOUT)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
            # One file that mediation cannot take must not hold up all others.
            log.error("an attachment was refused", case=case, attachment=name)
        elif error.code() not in _DONE:
            raise
