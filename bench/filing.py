"""(filing) Somebody without an account files with two photos of 3 MB over REST: how long until all is received."""

from __future__ import annotations

import asyncio
import base64
import io
import statistics
import sys
import time
import uuid

import httpx
import orjson
from PIL import Image

from accord.embedded.stack import Stack
from bench.measure import Figures, only, percentile

PEOPLE = (1, 2, 4)
FILED = 60
PHOTOS = 2
_GOAL = 1.5
_SIZE, _BYTES = (4000, 3000), 3_000_000
_REPORT = {
    "channel": "CHANNEL_APP", "unit": "units/620102", "category": "categories/neighbour",
    "text": "楼上漏水，天花板泡坏了，对方不赔。照片两张。",
}  # fmt: skip


async def run(state: str, filed: int = FILED) -> Figures:
    """Measure and return the figures."""
    settings = {"ACCORD_LIMIT_RATE_FILING": "1000000/hour"}  # one address files all of them here
    body = orjson.dumps({"content": base64.b64encode(photo()).decode()})
    values = {}
    with Stack(
        state=state, port_base=0, roster=only("intake", "mediation", "escalation", "gateway"), settings=settings
    ) as stack:
        async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=120) as client:
            await _file(client, body)
            for people in PEOPLE:
                values[_named(people)] = _shown(await _rounds(client, body, people, filed))
    return Figures("filing", f"filing with {PHOTOS} photos of 3 MB each, {_SIZE[0]} x {_SIZE[1]}, over REST", values)


def photo() -> bytes:
    """Return a photo as a telephone takes it: 12 megapixels, as much noise as makes it nearly 3 MB."""
    picture = Image.merge("RGB", [Image.effect_noise(_SIZE, 12)] * 3)
    for quality in range(95, 5, -3):
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality)
        if out.tell() <= _BYTES:
            break
    return out.getvalue()


async def _rounds(client: httpx.AsyncClient, body: bytes, people: int, filed: int) -> list[float]:
    """Return the seconds of each filing, by so many people who file one after the other."""
    seconds: list[float] = []
    left = iter(range(filed))

    async def person() -> None:
        for _ in left:
            seconds.append(await _file(client, body))

    await asyncio.gather(*(person() for _ in range(people)))
    return seconds


async def _file(client: httpx.AsyncClient, body: bytes) -> float:
    """File a report, then add its photos at once; return the seconds until the last one was received."""
    started = time.perf_counter()
    answer = await client.post("/v1/reports:file", json=_REPORT, headers={"Idempotency-Key": uuid.uuid4().hex})
    told = answer.raise_for_status().json()

    async def add() -> None:
        headers = {
            "Authorization": f"Bearer {told['accessToken']}", "Content-Type": "application/json",
            "Idempotency-Key": uuid.uuid4().hex,
        }  # fmt: skip
        (await client.post(f"/v1/{told['report']['name']}/photos", content=body, headers=headers)).raise_for_status()

    await asyncio.gather(*(add() for _ in range(PHOTOS)))
    return time.perf_counter() - started


def _named(people: int) -> str:
    who = "one person after the other" if people == 1 else f"{people} people at once"
    return f"{who}, p95 at most {_GOAL} s" if people == 2 else who


def _shown(seconds: list[float]) -> str:
    return f"median {statistics.median(seconds):.2f} s, p95 {percentile(seconds, 0.95):.2f} s, {len(seconds)} reports"


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(folder, int(sys.argv[1]) if len(sys.argv) > 1 else FILED)).text())
