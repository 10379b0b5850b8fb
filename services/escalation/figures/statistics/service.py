"""Serves statistics; message and file use the same scope and the same counts."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from pb.escalation.v1 import statistics_pb2 as pb
from pb.escalation.v1 import statistics_pb2_grpc

from casework import names
from casework.errors import Reason, field_error
from casework.supervision.figures import words
from casework.supervision.figures.reporting_period import reporting_period
from casework.supervision.figures.spread import Days, Handling, Rate
from casework.supervision.figures.suppression import Publication
from services.escalation import scope
from services.escalation.figures.statistics import counting
from services.escalation.figures.statistics.store import By
from services.escalation.servicer import Servicer
from services.kit.composition import Parts
from services.kit.serving.access import Context, current_call
from services.kit.spreadsheets import writing

GEOJSON_TYPE = "application/geo+json"
_GROUPED = frozenset({By.CATEGORY, By.DOOR, By.GRADE, By.FIELD, By.UNIT, By.PLACE})
"""Properties by which handling can be grouped: those that do not say how it ended."""
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
        """Return the same counts as a file, in words of the caller's language, with the codes beside them."""
        counted, english = await self._counted(request), current_call().language == "en"
        by = By(counted.by).name.lower()
        name = f"{names.last(counted.unit)}-{counted.period}-{by}"
        rows: list[list[str | int]] = [[words.HEADINGS[by][english], words.CODE[english], words.COUNT[english]]]
        rows += [
            [self._called(by, cell.key, english), cell.key, SUPPRESSED if cell.suppressed else cell.count]
            for cell in counted.cells
        ]
        rows.append([words.TOTAL[english], "total", SUPPRESSED if counted.total_suppressed else counted.total])
        unit = self.rules.units.known(names.last(counted.unit)).name
        title = f"{unit} {counted.period} {words.TITLE[english]}"
        return self._file(request.form, name, rows, counted.period, title, (44, 24, 12), upright=True)

    @staticmethod
    def _file(
        form: int, name: str, rows: Sequence[Sequence[str | int]], sheet: str, title: str, widths: Sequence[int], *,
        upright: bool = False,
    ) -> pb.StatisticsFile:  # fmt: skip
        """Return lines as a file of the requested form."""
        if form == pb.STATISTICS_FORM_XLSX:
            content = writing.as_xlsx(rows, sheet, title=title, widths=widths, ruled=True, upright=upright)
            return pb.StatisticsFile(file_name=f"{name}.xlsx", media_type=writing.XLSX_TYPE, content=content)
        return pb.StatisticsFile(
            file_name=f"{name}.csv", media_type=writing.CSV_TYPE, content=writing.as_csv(rows)
        )  # fmt: skip

    async def GetHandlingStatistics(
        self, request: pb.GetHandlingStatisticsRequest, context: Context
    ) -> pb.HandlingStatistics:
        """Return how long matters were open and three separate rates, as a whole and by a property."""
        unit, period, found = await self._handled(request)
        groups = [pb.HandlingGroup(key=key, figures=_figures(each)) for key, each in found.items()]
        return pb.HandlingStatistics(
            unit=names.unit_name(unit), period=period, by=request.by,
            whole=_figures(sum(found.values(), Handling())), groups=groups if request.by else [],
        )  # fmt: skip

    async def ExportHandlingStatistics(
        self, request: pb.ExportHandlingStatisticsRequest, context: Context
    ) -> pb.StatisticsFile:
        """Return the same days and rates as a file, in words of the caller's language."""
        unit, period, found = await self._handled(request)
        english, by = current_call().language == "en", By(request.by or By.FIELD).name.lower()
        first = [words.HEADINGS[by][english], words.CODE[english]] if request.by else [words.TOTAL[english]]
        rows: list[list[str | int]] = [[*first, *(each[english] for each in words.HANDLING)]]
        if request.by:
            rows += [
                [self._called(by, key, english), key, *words.figures(each, english)] for key, each in found.items()
            ]
        whole = [words.TOTAL[english], "total"][: len(first)]
        rows.append([*whole, *words.figures(sum(found.values(), Handling()), english)])
        called = self.rules.units.known(unit).name
        title = f"{called} {period} {words.HANDLING_TITLE[english]}"
        return self._file(request.form, f"{unit}-{period}-handling", rows, period, title, (20, 14, *[9] * 19))

    async def _handled(
        self, request: pb.GetHandlingStatisticsRequest | pb.ExportHandlingStatisticsRequest
    ) -> tuple[str, str, dict[str, Handling]]:
        """Return unit, period and figures by key, of what the caller may see."""
        unit, period = scope.asked(request.unit), reporting_period(request.period)
        by = By(request.by) if request.by else By.FIELD
        if by not in _GROUPED:
            raise field_error("by", Reason.INVALID_FIELD, by.name)
        end, key = min(period.ends_at, self.time.now()), counting.key_of(by, unit, self.rules)
        async with self.database.read() as connection:
            found = await counting.handling(connection, scope.subtree(unit), period.starts_at, end, by, key)
        return unit, period.name, dict(found)

    async def GetStatisticsMap(self, request: pb.GetStatisticsMapRequest, context: Context) -> pb.StatisticsFile:
        """Return the counts by place as GeoJSON; a suppressed count is null."""
        asked = pb.GetStatisticsRequest(
            unit=request.unit, period=request.period, by=pb.STATISTICS_BY_PLACE, published=request.published
        )
        counted = await self._counted(asked)
        shapes = [self._feature(cell) for cell in counted.cells if cell.key in self.rules.units]
        whole = None if counted.total_suppressed else counted.total
        told = {"type": "FeatureCollection", "features": shapes, "unit": counted.unit, "period": counted.period,
                "total": whole, "published": request.published}  # fmt: skip
        name = f"{names.last(counted.unit)}-{counted.period}-place.geojson"
        return pb.StatisticsFile(file_name=name, media_type=GEOJSON_TYPE, content=orjson.dumps(told))

    def _feature(self, cell: pb.StatisticsCell) -> dict[str, object]:
        unit, point = self.rules.units.known(cell.key), self.rules.points.get(cell.key)
        return {
            "type": "Feature",
            "id": unit.code,
            "geometry": {"type": "Point", "coordinates": list(point)} if point else None,
            "properties": {
                "unit": names.unit_name(unit.code), "name": unit.name, "count": None if cell.suppressed else cell.count,
                "suppressed": cell.suppressed,
            },
        }  # fmt: skip

    def _called(self, by: str, key: str, english: bool) -> str:
        """Return the word for what was counted; a category's own name."""
        if by == "category" and key in self.rules.categories:
            category = self.rules.categories.get(key)
            return category.en if english else category.zh
        field = next((each for each in self.rules.fields.fields if by == "field" and each.key == key), None)
        if field is not None:
            return field.en if english else field.zh
        if by in ("unit", "place") and key in self.rules.units:
            return self.rules.units.known(key).name
        return words.called(by, key, english)

    async def _counted(self, request: pb.GetStatisticsRequest | pb.ExportStatisticsRequest) -> pb.Statistics:
        unit, period, by = scope.asked(request.unit), reporting_period(request.period), By(request.by)
        async with self.database.read() as connection:
            counts = await counting.count(
                connection, scope.subtree(unit), period.starts_at, period.ends_at, by,
                counting.key_of(by, unit, self.rules),
            )  # fmt: skip
        total = sum(counts.values())
        shown: dict[str, int | None] = dict(counts)
        whole: int | None = total
        if request.published:
            every = counting.keys(by, unit, self.rules, period)
            shown = counting.published(counts, unit, period.name, by, every, self._publication)
            whole = self._publication.count(counting.whole(unit, period.name), total)
        answer = pb.Statistics(unit=names.unit_name(unit), period=period.name, by=request.by)
        for key, count in shown.items():
            answer.cells.add(key=key, count=count or 0, suppressed=count is None)
        answer.total, answer.total_suppressed = whole or 0, whole is None
        return answer


def _figures(told: Handling) -> pb.HandlingFigures:
    return pb.HandlingFigures(
        closed=_days(told.closed), open=_days(told.open), agreed=_rate(told.agreed), performed=_rate(told.performed),
        satisfied=_rate(told.satisfied),
    )  # fmt: skip


def _days(told: Days) -> pb.StatisticsDays:
    return pb.StatisticsDays(
        count=told.count, median=told.percentile(50), percentile75=told.percentile(75),
        percentile90=told.percentile(90), longest=told.percentile(100), too_few=told.too_few,
    )  # fmt: skip


def _rate(told: Rate) -> pb.StatisticsRate:
    return pb.StatisticsRate(
        numerator=told.numerator, denominator=told.denominator, share=told.share, too_few=told.too_few
    )
