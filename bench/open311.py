"""(open311) A program files and reads over Open311 at 50 clients, beside the same over REST, which is its ceiling."""

from __future__ import annotations

import statistics
import uuid
from urllib.parse import urlencode

import httpx

from accord.embedded.stack import Stack
from bench.measure import Figures, only
from bench.unary import CLIENTS, Http, measure

FILED, READ, ROUNDS = 400, 2_000, 5
COUNTY = "620102"
_TEXT = "小区门口的路灯坏了三天，晚上看不见路。"
_FORM = {
    "jurisdiction_id": COUNTY, "service_code": "municipal_street-lights", "attribute[extent]": "one", "lat": "36.06",
    "long": "103.83", "description": _TEXT,
}  # fmt: skip
_REPORT = {
    "channel": "CHANNEL_APP", "unit": f"units/{COUNTY}", "category": "categories/municipal/street-lights",
    "text": _TEXT, "place": {"area": COUNTY, "location": {"latitude": 36.06, "longitude": 103.83}},
}  # fmt: skip


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    # One address files and reads all of them here.
    settings = {"ACCORD_LIMIT_RATE_FILING": "10000000/hour", "ACCORD_LIMIT_RATE_PUBLIC": "10000000/hour"}
    roster = only("intake", "mediation", "escalation", "gateway")
    with Stack(state=state, port_base=0, roster=roster, settings=settings) as stack:
        limits = httpx.Limits(max_connections=CLIENTS)
        async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=120, limits=limits) as client:
            doors = {"Open311": lambda _: _by_open311(client), "REST": lambda _: _by_rest(client)}
            filed: dict[str, list[tuple[float, float, float]]] = {name: [] for name in doors}
            for _ in range(ROUNDS):
                for name, file in doors.items():
                    filed[name].append(await measure(file, FILED))
            number = (await _by_open311(client)).json()[0]["service_request_id"]
        read = await _reads(stack, number)
    values = {f"files over {name}": _said(rounds) for name, rounds in filed.items()}
    values["ratio"] = _ratio(filed["Open311"], filed["REST"])
    values |= {f"reads one matter over {name}": _said(rounds) for name, rounds in read.items()}
    values["ratio of readings"] = _ratio(read["Open311"], read["REST"])
    return Figures("open311", f"files and reads over Open311 at {CLIENTS} concurrent clients, beside REST", values)


async def _by_open311(client: httpx.AsyncClient) -> httpx.Response:
    headers = {"Idempotency-Key": uuid.uuid4().hex, "Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.post("/open311/zh/v2/requests.json", content=urlencode(_FORM), headers=headers)
    return answer.raise_for_status()


async def _by_rest(client: httpx.AsyncClient) -> httpx.Response:
    answer = await client.post("/v1/reports:file", json=_REPORT, headers={"Idempotency-Key": uuid.uuid4().hex})
    return answer.raise_for_status()


async def _reads(stack: Stack, number: str) -> dict[str, list[tuple[float, float, float]]]:
    """Return the figures of reading one matter through the door, and the same public matter over REST."""
    port, named = stack.ports["gateway"], f"unit=units/{COUNTY}&numbers={number}"
    paths = {
        "Open311": f"/open311/zh/v2/requests/{number}.json?jurisdiction_id={COUNTY}",
        "REST": f"/v1/publicReports?{named}",
    }
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in paths}
    for _ in range(ROUNDS):
        for name, path in paths.items():
            each = Http(port, path)
            found[name].append(await measure(each.get, READ))
            each.close()
    return found


def _said(rounds: list[tuple[float, float, float]]) -> str:
    rate, p50, p99 = (statistics.median(column) for column in zip(*rounds, strict=True))
    return f"{rate:,.0f} a second, p50 {p50:.1f} ms, p99 {p99:.1f} ms"


def _ratio(ours: list[tuple[float, float, float]], ceiling: list[tuple[float, float, float]]) -> str:
    pairs = [one[0] / other[0] for one, other in zip(ours, ceiling, strict=True)]
    return f"{statistics.median(pairs):.2f}"


if __name__ == "__main__":
    import asyncio
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(folder)).text())
