"""Serves statistics; message and file use the same scope and the same counts."""

from __future__ import annotations

from pb.escalation.v1 import statistics_pb2 as pb
from pb.escalation.v1 import statistics_pb2_grpc

from casework import names
from casework.supervision.figures.reporting_period import reporting_period
from casework.supervision.figures.suppression import Publication
from services.escalation import scope
from services.escalation.figures.statistics import counting
from services.escalation.figures.statistics.store import By
from services.escalation.servicer import Servicer
from services.kit.composition import Parts
from services.kit.serving.access import Context
from services.kit.spreadsheets import writing

SUPPRESSED = "*"
"""Stands for a suppressed count in a file, zero or not."""


class StatisticsServicer(Servicer, statistics_pb2_grpc.StatisticsServiceServicer):
    """Serves statistics."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._publication = Publication(parts.sealer.derive("published statistics"))

    async def GetStatistics(self, request: pb.GetStatisticsRequest, context: Context) -> pb.Statistics:
        """Return counts of matters received in a period."""
        return await self._counted(request)

    async def ExportStatistics(self, request: pb.ExportStatisticsRequest, context: Context) -> pb.StatisticsFile:
        """Return the same counts as a file."""
        counted = await self._counted(request)
        name = f"{names.last(counted.unit)}-{counted.period}-{By(counted.by).name.lower()}"
        rows: list[list[str | int]] = [[By(counted.by).name.lower(), "count"]]
        rows += [[cell.key, SUPPRESSED if cell.suppressed else cell.count] for cell in counted.cells]
        rows.append(["total", SUPPRESSED if counted.total_suppressed else counted.total])
        if request.form == pb.STATISTICS_FORM_XLSX:
            content, kind, suffix = writing.as_xlsx(rows, counted.period), writing.XLSX_TYPE, "xlsx"
        else:
            content, kind, suffix = writing.as_csv(rows), writing.CSV_TYPE, "csv"
        return pb.StatisticsFile(file_name=f"{name}.{suffix}", media_type=kind, content=content)

    async def _counted(self, request: pb.GetStatisticsRequest | pb.ExportStatisticsRequest) -> pb.Statistics:
        unit, period, by = scope.asked(request.unit), reporting_period(request.period), By(request.by)
        async with self.database.read() as connection:
            counts = await counting.count(connection, scope.subtree(unit), period.starts_at, period.ends_at, by)
        total = sum(counts.values())
        shown: dict[str, int | None] = dict(counts)
        whole: int | None = total
        if request.published:
            every = counting.keys(by, self.rules.categories, period)
            shown = counting.published(counts, unit, period.name, by, every, self._publication)
            whole = self._publication.count(counting.whole(unit, period.name), total)
        answer = pb.Statistics(unit=names.unit_name(unit), period=period.name, by=request.by)
        for key, count in shown.items():
            answer.cells.add(key=key, count=count or 0, suppressed=count is None)
        answer.total, answer.total_suppressed = whole or 0, whole is None
        return answer
