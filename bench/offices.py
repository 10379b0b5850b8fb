"""(offices) A day in offices: worklists of every role, search in them, merges, a dossier.

10,000 open and 100,000 closed matters of a city with its counties, over REST. There is no worker here: what supervision
copies from intake is copied by SQL, and likely same matters are not counted, which would go on meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import statistics
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
from pb.intake.v1 import intake_pb2
from pb.mediation.v1 import documents_pb2

from accord.embedded.stack import Stack
from accord.generator import GeneratedReport, reports
from accord.rules_place import SHIPPED
from bench.bulk import message, send_rows
from bench.measure import Figures, only, percentile
from casework.papers.dossier import Filed
from casework.papers.filling import Filling, fill, lacks
from casework.papers.forms import TEMPLATED, Form, subjects
from casework.papers.scan import WORD
from services.kit.rules import Rules, load_rules
from services.mediation.documents.dossier import build
from services.mediation.documents.render import rendered
from tests.dossiers import CASE, NUMBER, at

OPEN = int(os.environ.get("BENCH_OPEN", "10000"))
CLOSED = int(os.environ.get("BENCH_CLOSED", "100000"))
ASKED = int(os.environ.get("BENCH_ASKED", "100"))
CHAIN, PAPERS = 50, 40
CITY, COUNTY, TOWN = "6201", "620102", "620102001"
OFFICIAL = "bench-official"
ROLES = ("clerk", "duty_officer", "handler", "mediator", "reviewer", "unit_head", "supervisor")
_OWN = (Form.COVER, Form.INDEX, Form.BACK_COVER)
_FACTS = """
    INSERT INTO escalation.case_facts
        (number, unit, place, door, category, grade, received_at, closed_at, state, stage, report_seq)
    SELECT number, unit, area, 'counter', category, grade, received_at, closed_at,
        CASE WHEN closed_at IS NULL THEN 'RECEIVED' ELSE 'CLOSED' END, '', 1
    FROM intake.reports
"""
_CLOCKS = """
    INSERT INTO escalation.clock_facts
        (service, clock, number, rule, unit, subject, state, started_at, due_at, next_at, stopped_at, seq, taken_by)
    SELECT 'intake', id, number, rule, unit, subject, state, started_at, due_at, next_at, stopped_at, 1,
        CASE WHEN unit = $1 AND hashtext(number) % 20 = 0 THEN $2 ELSE '' END
    FROM intake.clocks
    UNION ALL
    SELECT 'mediation', number || '.close', number, 'close_medium', unit, 'cases/' || number, 2, received_at,
        received_at + interval '30 days', NULL, closed_at, 1, ''
    FROM intake.reports WHERE closed_at IS NOT NULL
"""

_SEARCHED = """
    INSERT INTO intake.search_signs (number) SELECT number FROM intake.reports WHERE closed_at IS NULL
    ON CONFLICT (number) DO UPDATE SET stale = true
"""


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    values: dict[str, str] = {}
    with Stack(state=state, port_base=0, roster=only("intake", "mediation", "escalation", "gateway")) as stack:
        told = await _fill(stack)
        async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=60) as rest:
            for role in ROLES:
                values[f"worklist of a {role.replace('_', ' ')}, a page of 50 and the counts"] = await _worklists(
                    stack, rest, role
                )
            for what, query in _queries(told).items():
                values[f"search by {what}"] = await _searches(stack, rest, query)
            values |= await _merges(stack, rest)
    values[f"a dossier of {PAPERS} papers"] = f"{_dossier(load_rules(SHIPPED)):.2f} s (at most 3)"
    return Figures(
        "offices",
        f"a day in offices: {OPEN:,} open and {CLOSED:,} closed matters of a city with its counties, over REST",
        values,
    )


async def _fill(stack: Stack) -> list[GeneratedReport]:
    """Have all matters there, with the facts that supervision has of them; return the open ones."""
    now, key = datetime.now(UTC), uuid.uuid4().hex[:8]
    found = list(reports(1, OPEN + CLOSED, now.date(), CITY))
    rows = []
    for index, each in enumerate(found):
        report = message(each)
        if index >= OPEN:
            received = now - timedelta(days=40 + index % 300)
            report.receive_time.FromDatetime(received)
            report.history.close_time.FromDatetime(received + timedelta(days=20))
        rows.append(intake_pb2.ImportRow(row=index, report=report, request_id=f"offices-{key}-{index}"))
    await send_rows(stack, rows)
    connection = await asyncpg.connect(stack.database_url)
    try:
        await connection.execute(_FACTS)
        await connection.execute(_CLOCKS, COUNTY, OFFICIAL)
        await connection.execute("UPDATE intake.counted_texts SET counted = true")
        await connection.execute(_SEARCHED)
        while await connection.fetchval("SELECT EXISTS (SELECT FROM intake.search_signs WHERE stale)"):
            await asyncio.sleep(1)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return found[:OPEN]


def _queries(told: list[GeneratedReport]) -> dict[str, str]:
    """Return what is searched for, by what it is: of a matter of the county."""
    one = next(each for each in told if each.unit.startswith(COUNTY) and each.respondent)
    return {
        "a name of a person, by which nobody is found": one.respondent,
        "two words of a text": f"{one.text[:4]} {one.text[-5:-1]}",
        "a common word of texts": "协商",
        "a number": "000117",
        "a category": "noise",
        "a street": "张掖路",
        "a word that nobody said": "鼋鼍龟鳖",
    }


async def _worklists(stack: Stack, rest: httpx.AsyncClient, role: str) -> str:
    """Return how long pages of the list of a role take: of its unit with all below, of the unit, and its own."""
    unit = CITY if role == "supervisor" else COUNTY
    headers = {"Authorization": f"Bearer {stack.token(role, unit, OFFICIAL)}"}
    took = []
    scopes = itertools.cycle(("WORK_SCOPE_SUBTREE", "WORK_SCOPE_UNIT", "WORK_SCOPE_MINE"))
    for scope in itertools.islice(scopes, ASKED):
        took.append(await _milliseconds(rest, f"/v1/worklist?scope={scope}", headers))
    return f"{_shown(took)} (at most 100)"


async def _searches(stack: Stack, rest: httpx.AsyncClient, query: str) -> str:
    """Return how long a search takes for a duty officer of a county and one of the city."""
    said = []
    for where, unit in (("a county", COUNTY), ("the city", CITY)):
        headers = {"Authorization": f"Bearer {stack.token('duty_officer', unit)}"}
        first = await rest.post("/v1/worklist:search", json={"query": query}, headers=headers)
        found = f"{first.json()['total']:,} found" if first.status_code == 200 else "finds too much"
        took = [
            await _milliseconds(rest, "/v1/worklist:search", headers, {"query": query}, refused=first.status_code)
            for _ in range(ASKED)
        ]
        said.append(f"{where} {_shown(took)}, {found}")
    return "; ".join(said) + " (p95 at most 300)"


async def _milliseconds(
    rest: httpx.AsyncClient, path: str, headers: dict[str, str], body: dict[str, str] | None = None, refused: int = 200
) -> float:
    """Return how long a call took."""
    begun = time.perf_counter()
    answer = await (rest.get(path, headers=headers) if body is None else rest.post(path, json=body, headers=headers))
    took = 1000 * (time.perf_counter() - begun)
    assert answer.status_code == refused, answer.text
    return took


def _shown(took: list[float]) -> str:
    return f"p50 {statistics.median(took):.0f} ms, p95 {percentile(took, 0.95):.0f} ms"


async def _merges(stack: Stack, rest: httpx.AsyncClient) -> dict[str, str]:
    """Merge reports into a chain and take every merge back, the last one first."""
    headers = {"Authorization": f"Bearer {stack.token('duty_officer', COUNTY)}"}

    async def post(path: str, **body: object) -> str:
        key = {"Idempotency-Key": uuid.uuid4().hex}
        answer = await rest.post(f"/v1/{path}", json=body, headers=headers | key)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["name"])

    filed = [
        await post("reports", channel="CHANNEL_COUNTER", unit=f"units/{COUNTY}", category="categories/neighbour",
                   text=f"楼上漏水，第{index}次来反映。")
        for index in range(CHAIN + 1)
    ]  # fmt: skip
    begun = time.perf_counter()
    for one, other in itertools.pairwise(filed):
        await post(f"{one}:merge", target=other, reason="same-place")
    merged = time.perf_counter()
    for one in reversed(filed[:-1]):
        await post(f"{one}:unmerge", reason="another-matter")
    undone = time.perf_counter()
    return {
        f"a chain of {CHAIN} merges": f"{merged - begun:.2f} s (at most 2)",
        f"all {CHAIN} of them undone": f"{undone - merged:.2f} s (at most 2)",
    }


def _dossier(rules: Rules) -> float:
    """Return the seconds in which a dossier is made of papers in two languages, bound, with its page numbers."""
    made = list(itertools.islice(itertools.cycle(_papers(rules)), PAPERS))
    filed = [
        (
            Filed(number, form, NUMBER, at(11, 1 + number % 28)),
            documents_pb2.DocumentContent(
                content=content, media_type=WORD, sha256=hashlib.sha256(content).hexdigest()
            ),
        )
        for number, (form, content) in enumerate(made, start=1)
    ]  # fmt: skip
    begun = time.perf_counter()
    built = build(rules.documents, CASE, ["zh", "en"], filed)
    took = time.perf_counter() - begun
    assert len(built.entries) == PAPERS
    return took


def _papers(rules: Rules) -> Iterator[tuple[Form, bytes]]:
    """Yield every paper of the example case."""
    for rule in TEMPLATED:
        for subject in subjects(rule, CASE) if rule.form not in _OWN else ():
            if not lacks(rule, CASE, subject):
                sheets = [
                    (each, fill(rule, Filling(CASE, subject, NUMBER, at(11, 1), rules.documents.wordings[each])))
                    for each in ("zh", "en")
                ]
                yield rule.form, rendered(rules.documents, rule.form, sheets)
