"""(portable) Cases taken out as portable case files and taken in elsewhere, over REST, beside a check of the same."""

from __future__ import annotations

import asyncio
import io
import os
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import httpx

from accord.embedded.stack import Stack
from bench.counter import Counter
from bench.measure import Figures
from casework.papers.portable.checking import check
from services.kit.signatures import judge, public_keys

_CASES = 20
_SIZE = 1024 * 1024
_TOLD = {"evidence.type": "FILE_TYPE_PDF", "evidence.title": "合同"}
_OUT = {"ground": "TAKE_OUT_GROUND_DEMAND", "reason": "法院调取全案"}
_IN = {"unit": "units/620103", "category": "categories/labour"}
T = TypeVar("T")
Q = TypeVar("Q")


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    stack = Stack(state=Path(state), port_base=0)
    await asyncio.to_thread(stack.start)
    people = Counter(stack)
    try:
        async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=120) as rest:
            cases = [await _case(people, stack, rest) for _ in range(_CASES)]
            return await _measured(stack, rest, cases)
    finally:
        await people.close()
        await asyncio.to_thread(stack.stop)


async def _case(people: Counter, stack: Stack, rest: httpx.AsyncClient) -> str:
    """Return a case with a file of evidence of 1 MiB."""
    report = await people.file()
    await people.accept(report)
    told, file = {"parent": report.case, **_TOLD}, ("合同.pdf", b"%PDF-1.7\n" + os.urandom(_SIZE))
    headers = {**_as(stack, "mediator", "620102"), "Idempotency-Key": uuid.uuid4().hex}
    answer = await rest.post("/v1/evidence:upload", data=told, files={"file": file}, headers=headers)
    assert answer.status_code == 200, answer.text
    return report.case


async def _measured(stack: Stack, rest: httpx.AsyncClient, cases: list[str]) -> Figures:
    head, clerk = _as(stack, "unit_head", "620102"), _as(stack, "clerk", "620103")

    async def out(case: str) -> bytes:
        answer = await rest.post(f"/v1/{case}:takeOut", json=_OUT, headers=head)
        assert answer.status_code == 200, answer.text
        return answer.content

    async def into(file: bytes) -> None:
        answer = await rest.post("/v1/reports:importPortableCase", data=_IN, files={"file": file}, headers=clerk)
        assert answer.status_code == 200, answer.text

    files, leaving = await _timed(out, cases)
    _, coming = await _timed(into, files)
    keys = public_keys([(await rest.get("/v1/portableCaseKeys")).text])

    async def checked(file: bytes) -> None:
        found = check(io.BytesIO(file), judge(keys))
        assert found.sound
        assert set(found.about["histories"]) == {"intake", "escalation"}

    _, checking = await _timed(checked, files)
    size = statistics.mean(map(len, files)) / 2**20
    return Figures(
        "portable",
        f"portable case files of {size:.1f} MiB, one after the other",
        {
            "taken out: gathered, opened, signed, with the histories of three services": _said(leaving),
            "taken in: received, checked, sealed, filed as a report": _said(coming),
            "ceiling: the check of the same file alone": _said(checking),
            "ratio of taking in": f"{statistics.median(checking) / statistics.median(coming):.2f}",
            "ratio of taking out": f"{statistics.median(checking) / statistics.median(leaving):.2f}",
        },
    )


def _as(stack: Stack, role: str, unit: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.token(role, unit)}"}


async def _timed(call: Callable[[Q], Awaitable[T]], each: list[Q]) -> tuple[list[T], list[float]]:
    """Return what came of each call, and its seconds."""
    found, seconds = [], []
    for one in each:
        started = time.perf_counter()
        found.append(await call(one))
        seconds.append(time.perf_counter() - started)
    return found, seconds


def _said(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f} ms (median of {len(seconds)})"
