"""What supervision counts of reports, many at once: codes and times, no personal data and no text."""

from __future__ import annotations

from pb.intake.v1 import facts_pb2 as pb
from pb.intake.v1 import facts_pb2_grpc

from casework import names
from services.intake import store
from services.intake.models import Report
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.servicer import Servicer
from services.kit.serving.access import Context, current_call


class ReportFactsServicer(Servicer, facts_pb2_grpc.ReportFactsServiceServicer):
    """Serves the facts of reports to the projector of supervision."""

    service = "intake"
    heads = "reports"

    async def BatchGetReportFacts(
        self, request: pb.BatchGetReportFactsRequest, context: Context
    ) -> pb.BatchGetReportFactsResponse:
        """Return the facts of those reports that exist; they are from all units, so only the root may read them."""
        current_call().require(names.ROOT_UNIT)
        async with self.database.read() as connection:
            rows = await store.codes_of(connection, [names.number_of(name) for name in request.names])
        return pb.BatchGetReportFactsResponse(facts=[_view(row) for row in rows])


def _view(row: Report) -> pb.ReportFacts:
    return pb.ReportFacts(
        report=names.report_name(row.number),
        sequence=row.seq,
        unit=names.unit_name(row.unit),
        area=row.area,
        category=f"categories/{row.category}",
        receive_time=stamp(row.received_at),
        decide_time=stamp(row.decided_at),
        close_time=stamp(row.closed_at),
        about_unit=names.unit_name(row.about) if row.about else "",
        reachable=row.reachable,
        merged_into=names.report_name(row.merged_into) if row.merged_into else "",
        **numbers(state=row.state, channel=row.channel, grade=row.grade),
    )
