"""(tools) An assistant reads a report by a tool at 50 clients, beside the same read over REST, which is its ceiling."""

from __future__ import annotations

import statistics

import httpx
import orjson

from accord.embedded.stack import Stack
from bench.measure import Figures, only
from bench.unary import CLIENTS, Http, measure

_CALLS = 500
_ROUNDS = 5
_COUNTY = "620102"
_ACCEPT = "Accept: application/json, text/event-stream\r\n"
_REPORT = {
    "channel": "CHANNEL_COUNTER", "unit": f"units/{_COUNTY}", "category": "categories/neighbour", "text": "楼上漏水。",
}  # fmt: skip


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    settings = {"ACCORD_LIMIT_CALLS_PERSON": str(2 * CLIENTS)}  # one person asks for all of them here
    roster = only("intake", "mediation", "escalation", "gateway")
    with Stack(state=state, port_base=0, roster=roster, settings=settings) as stack:
        name = await _filed(stack)
        bearer = f"Authorization: Bearer {stack.token('duty_officer', _COUNTY)}\r\n"
        ways = {
            "by the tool `report`": Http(stack.ports["gateway"], "/mcp", bearer + _ACCEPT, _call(name)),
            "ceiling: GET /v1/reports/{report}": Http(stack.ports["gateway"], f"/v1/{name}", bearer),
        }
        # The library of the protocol is loaded with the first message.
        told, plain = [orjson.loads(await each.get(0)) for each in ways.values()]
        assert told["result"]["structuredContent"]["answer"] == plain
        rounds: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
        for _ in range(_ROUNDS):
            for way, each in ways.items():
                rounds[way].append(await measure(each.get, _CALLS))
        for each in ways.values():
            each.close()
    values = {way: _said(found) for way, found in rounds.items()}
    ours, ceiling = rounds.values()
    pairs = [one[0] / other[0] for one, other in zip(ours, ceiling, strict=True)]
    values["ratio"] = f"{statistics.median(pairs):.2f}"
    return Figures("tools", f"reads of a report by an assistant at {CLIENTS} concurrent clients, beside REST", values)


async def _filed(stack: Stack) -> str:
    """File a report at the counter; return its name."""
    headers = {"Authorization": f"Bearer {stack.token('clerk', _COUNTY)}", "Idempotency-Key": "bench-tools-report"}
    async with httpx.AsyncClient(base_url=stack.urls["api"], headers=headers) as rest:
        answer = (await rest.post("/v1/reports", json=_REPORT)).raise_for_status()
    return str(answer.json()["name"])


def _call(report: str) -> bytes:
    """Return the message that calls the tool."""
    params = {"name": "report", "arguments": {"report": report}}
    return orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})


def _said(rounds: list[tuple[float, float, float]]) -> str:
    rate, p50, p99 = (statistics.median(column) for column in zip(*rounds, strict=True))
    return f"{rate:,.0f} a second, p50 {p50:.1f} ms, p99 {p99:.1f} ms"


if __name__ == "__main__":
    import asyncio
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(folder)).text())
