"""Sends findings of screening campaigns to intake: each becomes one report, however often this runs."""

from __future__ import annotations

import grpc
from pb.escalation.v1 import campaigns_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from temporalio import activity
from temporalio.exceptions import ApplicationError

from workflows.backends import Backends
from workflows.messages import workflow_id

_PAGE = 100


class Findings:
    """Sends findings. Sealed content goes from one service to the other inside one activity."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends

    @activity.defn(name="hand_over_findings")
    async def hand_over_findings(self, number: str) -> int:
        """Send every finding of a campaign that has not arrived, and return how many were sent."""
        assert self._backends.campaigns is not None, "the worker's own stubs have it"
        carried, token, refused = 0, "", ""
        while True:
            request = campaigns_pb2.ListFindingsRequest(
                parent=workflow_id(number), pending=True, page_size=_PAGE, page_token=token
            )
            try:
                found = await self._backends.campaigns.ListFindings(request)
            except grpc.aio.AioRpcError as error:
                raise ApplicationError(f"service answered {error.code().name}", type="Unavailable") from None
            for finding in found.findings:
                try:
                    await self._carry(finding.name)
                    carried += 1
                except grpc.aio.AioRpcError as error:
                    # One refusal does not block the others.
                    refused = error.code().name
            token = found.next_page_token
            if not token:
                break
        if refused:
            # The code alone: details of a refusal could quote what was sent.
            raise ApplicationError(f"service answered {refused}", type="Unavailable")
        return carried

    async def _carry(self, name: str) -> None:
        """Send one finding. Its name is the key: a crash at any point leaves one report and one number."""
        campaigns, intake = self._backends.campaigns, self._backends.intake
        assert campaigns is not None
        content = await campaigns.GetFindingContent(campaigns_pb2.GetFindingContentRequest(name=f"{name}/content"))
        found = content.finding
        report = report_pb2.Report(
            channel=report_pb2.CHANNEL_GRID,
            unit=content.unit,
            category=found.category,
            place=report_pb2.Place(area=found.place.removeprefix("units/").partition("-")[0]),
            text=content.text,
            people_affected=found.people_affected,
            danger=found.danger,
        )
        filed = await intake.CreateReport(intake_pb2.CreateReportRequest(report=report, request_id=name))
        try:
            await campaigns.ConfirmFinding(
                campaigns_pb2.ConfirmFindingRequest(name=name, report=filed.name, request_id=f"{name}/confirm")
            )
        except grpc.aio.AioRpcError as error:
            # Confirmed by another try, or manually.
            if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
                raise
