"""(files) Files of evidence up as forms and down, over REST, beside a bare route that stores and sends them."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import uvicorn

from accord.embedded.stack import Stack
from bench.counter import Counter
from bench.measure import Figures
from bench.unary import until_up

_SIZE = 3 * 1024 * 1024
_FILES = 40
_PEOPLE = 4
_ROUNDS = 3
_TOLD = {"evidence.type": "FILE_TYPE_PDF", "evidence.title": "合同"}
_MEDIATES = """
    INSERT INTO mediation.mediations (number, mediator, mediator_unit) VALUES ($1, $2, '620102')
    ON CONFLICT (number) DO UPDATE SET mediator = $2, mediator_unit = '620102'
"""
Call = Callable[[int], Awaitable[Any]]


def bare(port: int, folder: str) -> None:
    """Serve a bare route: POST stores its body on the disk, GET sends what is there."""
    file = Path(folder) / "bare"

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        if scope["method"] == "POST":
            parts, more = [], True
            while more:
                part = await receive()
                parts.append(part["body"])
                more = part.get("more_body", False)
            await asyncio.to_thread(_store, file, b"".join(parts))
        elif file.exists():
            body = await asyncio.to_thread(file.read_bytes)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    uvicorn.run(answer, host="127.0.0.1", port=port, log_level="error", loop="uvloop", http="httptools", lifespan="off")


def _store(file: Path, content: bytes) -> None:
    """Store a file so that it is there after the power fails, as ours are."""
    part = file.with_name(uuid.uuid4().hex)
    with part.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    part.rename(file)


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    stack = Stack(state=Path(state), port_base=0)
    await asyncio.to_thread(stack.start)
    port = stack.ports["gateway"] + 301
    server = multiprocessing.get_context("spawn").Process(target=bare, args=(port, state), daemon=True)
    server.start()
    people = Counter(stack)
    try:
        report = await people.file()
        await people.accept(report)
        await _given(stack, report.case.removeprefix("cases/"))
        return await _measured(stack, report.case, port)
    finally:
        await people.close()
        server.terminate()
        server.join()
        await asyncio.to_thread(stack.stop)


async def _given(stack: Stack, number: str) -> None:
    """Make who puts files into a case its mediator of record, who alone reads them."""
    connection = await asyncpg.connect(stack.database_url)
    await connection.execute(_MEDIATES, number, "demo-mediator-620102")
    await connection.close()


async def _measured(stack: Stack, case: str, port: int) -> Figures:
    token = {"Authorization": f"Bearer {stack.token('mediator', '620102')}"}
    stored: list[str] = []
    content = b"%PDF-1.7\n" + os.urandom(_SIZE)
    async with (
        httpx.AsyncClient(base_url=stack.urls["api"], headers=token, timeout=120) as ours,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as theirs,
    ):

        async def up(_: int) -> None:
            told, file = {"parent": case, **_TOLD}, ("合同.pdf", content + uuid.uuid4().bytes)
            key = {"Idempotency-Key": uuid.uuid4().hex}
            answer = await ours.post("/v1/evidence:upload", data=told, files={"file": file}, headers=key)
            assert answer.status_code == 200, answer.text
            stored.append(answer.json()["name"])

        async def down(index: int) -> None:
            answer = await ours.get(f"/v1/{stored[index % len(stored)]}:download")
            assert answer.status_code == 200, answer.text
            assert len(answer.content) == len(content) + 16

        async def bare_up(_: int) -> None:
            (await theirs.post("/", files=[("file", ("合同.pdf", content))])).raise_for_status()

        async def bare_down(_: int) -> None:
            assert len((await theirs.get("/")).content) > len(content)

        async def connects(_: int) -> None:
            (await asyncio.open_connection("127.0.0.1", port))[1].close()

        await until_up(connects)
        await bare_up(0)
        rates = [await _rate(call) for call in (up, bare_up, down, bare_down)]
    megabytes = [f"{rate:.0f} a second, {rate * _SIZE / 2**20:.0f} MiB/s" for rate in rates]
    return Figures(
        "files",
        f"files of 3 MiB, over REST, {_PEOPLE} people at a time",
        {
            "up, as forms: checked, sealed, stored, on record": megabytes[0],
            "ceiling: a bare route that stores a body": megabytes[1],
            "ratio up": f"{rates[0] / rates[1]:.2f}",
            "down, opened, on record": megabytes[2],
            "ceiling: a bare route that sends a file": megabytes[3],
            "ratio down": f"{rates[2] / rates[3]:.2f}",
        },
    )


async def _rate(call: Call) -> float:
    """Return calls a second of some people who call one after the other, the median of some rounds."""
    found = []
    for _ in range(_ROUNDS):
        left = iter(range(_FILES))

        async def person(left: Any = left) -> None:
            for index in left:
                await call(index)

        started = time.perf_counter()
        await asyncio.gather(*(person() for _ in range(_PEOPLE)))
        found.append(_FILES / (time.perf_counter() - started))
    return statistics.median(found)
