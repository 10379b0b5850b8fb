"""(likeness) Search for likely same matters: what it finds of matters that were told twice, and how long it takes."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from pb.intake.v1 import intake_pb2, report_pb2
from pb.intake.v1.intake_pb2_grpc import IntakeServiceStub

from accord.embedded.stack import Stack
from accord.generator import GeneratedReport, reports
from bench.bulk import message
from bench.measure import Figures, only, percentile

TEXTS = int(os.environ.get("BENCH_TEXTS", "100000"))
"""Reports that are there."""
_ASKED = 500
_BATCH = 500
_REGION = "6201"
_CITY = "6204"
"""Two cities: only reports of one are compared with each other."""
_QUESTIONS = Path(__file__).parents[2] / "shared/data/cn_legal_consult/questions.jsonl.gz"


@dataclass
class _Told:
    """A report that was told again, and what a search for it showed."""

    again: GeneratedReport
    first: str


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    with Stack(state=state, port_base=0, roster=only("intake")) as stack:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{stack.ports['intake']}") as channel:
            intake = IntakeServiceStub(channel)
            clerk = (("authorization", f"Bearer {stack.token('clerk', '62')}"),)
            told, seconds = await _filled(intake, clerk)
            waited = await _counted(stack.database_url)
            asked = random.Random(1).sample(told, min(_ASKED, len(told)))
            first, took = 0, list[float]()
            for each in asked:
                begun = time.perf_counter()
                shown = await _shown(intake, clerk, each.again)
                took.append((time.perf_counter() - begun) * 1000)
                first += shown[:1] == [each.first]
            real = await _real(intake, clerk, stack.database_url)
    return Figures(
        "likeness",
        "search for likely same matters in one city: generated texts of few phrases, and real questions told again",
        {
            "reports received": f"{TEXTS:,}, {TEXTS / seconds:,.0f} a second; all signs counted {waited:.0f} s later",
            "a search with ten suggestions": f"p50 {statistics.median(took):.0f} ms, "
            f"p95 {percentile(took, 0.95):.0f} ms, p99 {percentile(took, 0.99):.0f} ms",
            "generated matters told again of which the first stands first": f"{first / len(asked):.2f} of {len(asked)}",
            **real,
        },
    )


async def _real(intake: IntakeServiceStub, clerk: tuple[tuple[str, str], ...], url: str) -> dict[str, str]:
    """Measure what is found among real questions of a line or two, in a city of their own."""
    if not _QUESTIONS.exists():
        return {"real questions": f"skipped: no {_QUESTIONS.name}"}
    with gzip.open(_QUESTIONS, "rt", encoding="utf-8") as lines:
        texts = [text for line in lines if len(text := json.loads(line)["question"]) >= 16]
    dice = random.Random("questions")
    dice.shuffle(texts)
    known, strangers = texts[:-_ASKED], texts[-_ASKED:]
    names = await _imported(intake, clerk, known)
    await _counted(url)
    hits = useless = 0
    for at in range(_ASKED):
        shown = await _shown_for(intake, clerk, _retold(known[at], dice), _CITY)
        hits += names[at] in shown
        useless += len([each for each in shown if each != names[at]])
    alien = [len(await _shown_for(intake, clerk, text, _CITY)) for text in strangers]
    return {
        f"{len(known):,} real questions, {_ASKED} told again in other order and words": f"found {hits / _ASKED:.2f}; "
        f"{useless / _ASKED:.2f} others shown; precision {hits / max(hits + useless, 1):.2f}",
        f"{len(strangers)} real questions that are new": f"{statistics.mean(alien):.2f} shown",
    }


def _retold(text: str, dice: random.Random) -> str:
    """Return a text in another order of its parts, one sign in twelve left out or mistyped, with other words around."""
    parts = text.replace("，", "。").replace("？", "。").strip("。").split("。")
    dice.shuffle(parts)
    signs = list("，".join(parts))
    for _ in range(len(signs) // 12):
        at = dice.randrange(len(signs))
        signs[at] = dice.choice(["", "的", "了", "在"])
    return dice.choice(["请问，", "你好，想问一下，", ""]) + "".join(signs) + dice.choice(["，怎么办？", "！！", ""])


async def _imported(intake: IntakeServiceStub, clerk: tuple[tuple[str, str], ...], texts: Sequence[str]) -> list[str]:
    key, at = uuid.uuid4().hex[:12], Timestamp(seconds=int(time.time()) - 86_400)

    async def batches() -> AsyncIterator[intake_pb2.ImportReportsRequest]:
        for start in range(0, len(texts), _BATCH):
            rows = [
                intake_pb2.ImportRow(
                    row=place, request_id=f"bench-{key}-{place}",
                    report=report_pb2.Report(
                        channel="CHANNEL_COUNTER", unit=f"units/{_CITY}", category="categories/other", text=text,
                        receive_time=at, history=report_pb2.History(close_time=at),
                    ),
                )
                for place, text in enumerate(texts[start : start + _BATCH], start)
            ]  # fmt: skip
            yield intake_pb2.ImportReportsRequest(rows=rows)

    return [
        result.report
        async for answer in intake.ImportReports(batches(), metadata=clerk)
        for result in answer.results
    ]  # fmt: skip


async def _filled(intake: IntakeServiceStub, clerk: tuple[tuple[str, str], ...]) -> tuple[list[_Told], float]:
    """Import all reports that tell a matter for the first time; return those that tell one again."""
    key, names, again = uuid.uuid4().hex[:12], dict[int, str](), list[GeneratedReport]()
    past = datetime.now(UTC) - timedelta(days=1)
    at = Timestamp(seconds=int(past.timestamp()))

    async def batches() -> AsyncIterator[intake_pb2.ImportReportsRequest]:
        rows = list[intake_pb2.ImportRow]()
        for each in reports(7, TEXTS, past.date(), _REGION):
            if each.duplicate_of is not None:
                again.append(each)
                continue
            report = message(each)
            report.receive_time.CopyFrom(at)
            report.history.close_time.CopyFrom(at)
            rows.append(intake_pb2.ImportRow(row=each.number, report=report, request_id=f"bench-{key}-{each.number}"))
            if len(rows) == _BATCH:
                yield intake_pb2.ImportReportsRequest(rows=rows)
                rows = []
        yield intake_pb2.ImportReportsRequest(rows=rows)

    begun = time.perf_counter()
    async for answer in intake.ImportReports(batches(), metadata=clerk):
        names.update((result.row, result.report) for result in answer.results)
    took = time.perf_counter() - begun
    return [_Told(each, names[each.duplicate_of]) for each in again if each.duplicate_of in names], took


async def _counted(url: str) -> float:
    """Wait until the signs of all reports are counted; return the seconds it took."""
    connection, begun = await asyncpg.connect(url), time.perf_counter()
    try:
        while await connection.fetchval("SELECT EXISTS (SELECT FROM intake.counted_texts WHERE NOT counted)"):
            await asyncio.sleep(1)
        return time.perf_counter() - begun
    finally:
        await connection.execute("ANALYZE intake.likenesses, intake.sign_counts, intake.reports")
        await connection.close()


async def _shown(intake: IntakeServiceStub, clerk: tuple[tuple[str, str], ...], told: GeneratedReport) -> list[str]:
    return await _shown_for(intake, clerk, told.text, told.unit, told.category, told.place_code)


async def _shown_for(
    intake: IntakeServiceStub, clerk: tuple[tuple[str, str], ...], text: str, unit: str, category: str = "other",
    area: str = "",
) -> list[str]:  # fmt: skip
    """Return the reports that are suggested for a text."""
    request = intake_pb2.FindDuplicatesRequest(
        text=text, unit=f"units/{unit}", category=f"categories/{category}", place=report_pb2.Place(area=area)
    )
    answer = await intake.FindDuplicates(request, metadata=clerk)
    return [each.report for each in answer.duplicates]
