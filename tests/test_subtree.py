"""A county sees its own subtree and no other: in lists, counts, statistics and exports alike.

A table: each line asks one RPC of supervision for everything the caller may see, and says which units the answer shows.
A new question is one more line; a test says so where one is missing. Lists without figures: test_siblings.py.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import grpc
import openpyxl
import pytest
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from pb.escalation.v1 import (
    assessments_pb2,
    digests_pb2,
    escalation_pb2,
    indicators_pb2,
    registers_pb2,
    statistics_pb2,
    worklists_pb2,
)

from accord.commands.rules_command import SHIPPED
from accord.embedded.stack import Stack
from bench.supervised import Supervised, insert, some_units, supervised
from services.gateway.settings import SERVED_BY
from tests.conftest import request_id
from tests.rpcs import call
from tests.still import Still, shipped_rules, standing_still

PERIOD, ALL = "2026-Q4", 1000
OURS, OTHER = "620102", "620103"


@dataclass(frozen=True)
class Line:
    """One way to ask: the request, the units that each row of an answer shows, and which of them are the own ones."""

    rpc: str
    request: Callable[[], Any]
    shown: Callable[[Any], Iterable[tuple[str, ...]]]
    unit_field: str = "unit"
    """The field by which a unit is asked for; empty where there is none."""
    own: Callable[[str, str], bool] = lambda caller, unit: unit.startswith(caller)


def rows(field: str, *units: str) -> Callable[[Any], Iterable[tuple[str, ...]]]:
    """Return what takes the units of each row of a list: one of those of a row must be the caller's."""
    return lambda answer: (tuple(getattr(row, unit) for unit in units) for row in getattr(answer, field))


def page(request: type[Message], **fields: Any) -> Callable[[], Any]:
    """Return what makes a request for a page as large as it may be."""
    size = 100 if request is digests_pb2.ListDigestsRequest else ALL
    paged = {"page_size": size} if "page_size" in request.DESCRIPTOR.fields_by_name else {}
    return lambda: request(**paged, **fields)


def itself(answer: Any) -> Iterable[tuple[str, ...]]:
    """Return the one unit an answer is about."""
    return [(answer.unit,)]


LINES = {
    "escalations": Line("EscalationService/ListEscalations",
                        page(escalation_pb2.ListEscalationsRequest, parent="cases/-"),
                        rows("escalations", "from_unit", "to_unit")),
    "worklist": Line("WorklistService/GetWorklist", page(worklists_pb2.GetWorklistRequest), rows("items", "unit")),
    "waiting": Line("WorklistService/GetWorklist", page(worklists_pb2.GetWorklistRequest, filter=4),
                    rows("items", "matter_unit")),
    "digest": Line("DigestService/GetDigest", page(digests_pb2.GetDigestRequest), itself),
    "digests": Line("DigestService/ListDigests", page(digests_pb2.ListDigestsRequest), rows("digests", "unit")),
    "indicators": Line("IndicatorService/GetIndicators", page(indicators_pb2.GetIndicatorsRequest, period=PERIOD),
                       itself),
    "assessments": Line("AssessmentService/ListAssessments", page(assessments_pb2.ListAssessmentsRequest),
                        rows("assessments", "unit"), own=lambda caller, unit: unit.startswith(caller) or
                        caller.startswith(unit)),
    "statistics": Line("StatisticsService/GetStatistics",
                       page(statistics_pb2.GetStatisticsRequest, period=PERIOD, by=1), itself),
    "handling": Line("StatisticsService/GetHandlingStatistics",
                     page(statistics_pb2.GetHandlingStatisticsRequest, period=PERIOD), itself),
    **{
        f"register {kind}": Line("RegisterService/ListRegisterEntries",
                                 page(registers_pb2.ListRegisterEntriesRequest, kind=kind), rows("entries", "unit"))
        for kind in registers_pb2.RegisterKind.values()[1:]
    },
}  # fmt: skip
NOT_OF_UNITS = {
    "ListIndicators": "rules, the same for all",
    "GetWorkloads": "of several units, those of others left out; tests/test_suggestions.py",
    "GetEscalation": "one thing; tests/test_access.py",
    "GetAssessment": "one thing; tests/test_assessments.py",
    "GetAssessmentObjectionText": "one thing; tests/test_assessments.py",
    "GetRuleFix": "one thing; tests/test_access.py",
    "GetRuleFixText": "one thing; tests/test_access.py",
    "ExportStatistics": "a file; below",
    "ExportRegister": "a file; tests/test_register_files.py",
    "ExportHandlingStatistics": "a file; tests/test_statistics.py",
    "GetStatisticsMap": "a file; tests/test_statistics.py",
    "GetDeadlines": "of one account; tests/test_own_calendar.py",
}
"""Questions of supervision that are not in the table, and why."""


@pytest.fixture(scope="module")
async def world(stack: Stack) -> AsyncIterator[tuple[Still, Supervised]]:
    """Return escalation standing still over matters of many counties, with everything the table asks for."""
    async with standing_still(stack) as still:
        now = still.to("2026-11-24T10:30")
        made = supervised(some_units(shipped_rules(SHIPPED).units), now, 3_000, 1_000)
        async with still.database.begin() as connection:
            await insert(connection.raw, made)
        machine = still.as_service()
        await ask(still, "DigestService/CompileDigests", digests_pb2.CompileDigestsRequest(), **machine)
        for unit in (OURS, OTHER):
            head, above = still.as_("unit_head", unit), still.as_("supervisor", unit[:4], "draws-up")
            raised = escalation_pb2.Escalation(mode=1, from_unit=f"units/{unit}", reason="stuck")
            request = escalation_pb2.CreateEscalationRequest(parent=f"cases/{unit}-2026-000001", escalation=raised)
            await ask(still, "EscalationService/CreateEscalation", request, **head)
            fix = registers_pb2.ProposeRuleFixRequest(unit=f"units/{unit}", rule="accept", text="改值班表。")
            await ask(still, "RegisterService/ProposeRuleFix", fix, **head)
            drawn = assessments_pb2.CreateAssessmentRequest(
                unit=f"units/{unit[:4]}", period="2026-09", units=[f"units/{unit}"]
            )
            name = (await ask(still, "AssessmentService/CreateAssessment", drawn, **above)).name
            publish = assessments_pb2.PublishAssessmentRequest(name=name)
            other = still.as_("supervisor", unit[:4], "publishes")
            await ask(still, "AssessmentService/PublishAssessment", publish, **other)
        yield still, made


async def ask(still: Still, rpc: str, request: Any, **access: Any) -> Any:
    """Return the answer to a call that must succeed."""
    if "request_id" in request.DESCRIPTOR.fields_by_name:
        request.request_id = request_id()
    service, method = rpc.split("/")
    answer = await call(still.channel, f"/accord.escalation.v1.{rpc}", request.SerializeToString(), **access)
    assert answer.code is grpc.StatusCode.OK, (rpc, answer)
    found = Default().FindServiceByName(f"accord.escalation.v1.{service}").methods_by_name[method]
    return GetMessageClass(found.output_type).FromString(answer.messages[0])


async def everything(still: Still, line: Line, **access: Any) -> list[tuple[str, ...]]:
    """Return the units of every row, page by page."""
    request, found = line.request(), []
    while True:
        answer = await ask(still, line.rpc, request, **access)
        found += [tuple(unit.removeprefix("units/") for unit in units) for units in line.shown(answer)]
        if not getattr(answer, "next_page_token", ""):
            return found
        request.page_token = answer.next_page_token


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("unit", [OURS, OTHER, "6202"])
async def test_what_is_shown_is_of_the_own_subtree(unit: str, name: str, world: tuple[Still, Supervised]) -> None:
    still, _ = world
    line = LINES[name]
    shown = await everything(still, line, **still.as_("supervisor", unit))
    assert shown or unit == "6202", "there is something to be shown"
    for units in shown:
        assert any(line.own(unit, each) for each in units), (name, units)


@pytest.mark.parametrize("name", LINES)
async def test_another_county_is_not_shown_when_it_is_asked_for(name: str, world: tuple[Still, Supervised]) -> None:
    still, _ = world
    line = LINES[name]
    for asked in (OTHER, "6201", "62", "cn"):
        request = line.request()
        setattr(request, line.unit_field, f"units/{asked}")
        path = f"/accord.escalation.v1.{line.rpc}"
        answer = await call(still.channel, path, request.SerializeToString(), **still.as_("supervisor", OURS))
        assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"), asked


async def test_counts_are_of_the_own_subtree(world: tuple[Still, Supervised]) -> None:
    still, made = world
    for unit in (OURS, OTHER, "6201", "62"):
        access = still.as_("supervisor", unit)
        work = await ask(still, "WorklistService/GetWorklist", worklists_pb2.GetWorklistRequest(), **access)
        running = [row for row in (*made.clock_facts, *made.clocks) if row["state"] == 1]
        assert work.total >= sum(row["unit"].startswith(unit) for row in running) > 0
        counted = await ask(still, "StatisticsService/GetStatistics",
                            statistics_pb2.GetStatisticsRequest(period="2026", by=2), **access)  # fmt: skip
        assert counted.total == sum(row["unit"].startswith(unit) for row in made.case_facts)
        digest = await ask(still, "DigestService/GetDigest", digests_pb2.GetDigestRequest(), **access)
        overdue = sum(row["unit"].startswith(unit) and row["due_at"] < still.time.now() for row in running)
        assert sum(each.overdue for each in digest.counts) == overdue


@pytest.mark.parametrize("form", [statistics_pb2.STATISTICS_FORM_CSV, statistics_pb2.STATISTICS_FORM_XLSX])
async def test_an_export_has_the_counts_of_the_screen_and_no_others(form: Any, world: tuple[Still, Supervised]) -> None:
    still, _ = world
    for unit in (OURS, OTHER):
        for public in (False, True):
            access, asked = still.as_("unit_head", unit), {"period": "2026-11", "by": 1, "published": public}
            screen = await ask(
                still, "StatisticsService/GetStatistics", statistics_pb2.GetStatisticsRequest(**asked), **access
            )
            request = statistics_pb2.ExportStatisticsRequest(**asked, form=form)
            file = await ask(still, "StatisticsService/ExportStatistics", request, **access)
            expected = [(each.key, "*" if each.suppressed else str(each.count)) for each in screen.cells]
            expected.append(("total", "*" if screen.total_suppressed else str(screen.total)))
            assert table(file)[1:] == expected
            assert file.file_name.startswith(f"{unit}-2026-11-category.")
    request.unit = f"units/{OURS}"
    path = "/accord.escalation.v1.StatisticsService/ExportStatistics"
    answer = await call(still.channel, path, request.SerializeToString(), **still.as_("unit_head", OTHER))
    assert answer.code is grpc.StatusCode.PERMISSION_DENIED


def table(file: Any) -> list[tuple[str, str]]:
    """Return the rows of a file as texts."""
    if file.file_name.endswith(".csv"):
        return [(key, count) for _, key, count in csv.reader(io.StringIO(file.content.decode("utf-8-sig")))]
    sheet = openpyxl.load_workbook(io.BytesIO(file.content)).active
    return [(str(key), str(count)) for _, key, count in sheet.iter_rows(min_row=2, values_only=True)]


def test_every_question_that_has_figures_is_in_the_table() -> None:
    asked = {line.rpc.split("/")[1] for line in LINES.values()} | set(NOT_OF_UNITS)
    for service in SERVED_BY:
        if service.rsplit(".", 1)[1].removesuffix("Service") in (
            "Escalation", "Worklist", "Digest", "Indicator", "Assessment", "Statistics", "Register",
        ):  # fmt: skip
            methods = [method.name for method in Default().FindServiceByName(service).methods]
            assert {name for name in methods if name.startswith(("Get", "List", "Export"))} <= asked
