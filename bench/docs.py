"""(docs) The page of the API in a browser: the first page and every group, in both languages, until all is drawn."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import httpx
import orjson

from accord.embedded.stack import Stack
from bench.measure import Figures, LeftOut, only, percentile
from tests.browser import LANGUAGES, NONE, chromium, launched, reader

if TYPE_CHECKING:
    from playwright.async_api import Browser, Route

_LEAST = {"openapi": "3.1.0", "info": {"title": "Accord", "version": "1"}, "components": {"securitySchemes": {}},
          "paths": {"/v1/account": {"get": {"tags": ["Account"], "responses": {}}}}}  # fmt: skip
_ROUNDS = 10


async def run(state: str) -> Figures:
    """Measure and return the figures."""
    program = chromium()
    if program is None:
        raise LeftOut(NONE)
    roster = only("intake", "mediation", "escalation", "gateway")
    with Stack(state=state, port_base=0, roster=roster) as stack:
        url = stack.urls["api"]
        async with httpx.AsyncClient(base_url=url) as rest, launched(program) as browser:
            whole = (await rest.get("/openapi.json")).json()
            calls = {tag["name"]: 0 for tag in whole["tags"]}
            for methods in whole["paths"].values():
                for call in methods.values():
                    calls[call["tags"][0]] += 1
            first = [
                await _opened(browser, url, "/docs", "details", len(calls), language)
                for language in LANGUAGES for _ in range(_ROUNDS)
            ]  # fmt: skip
            groups = {
                (name, language): await _opened(browser, url, f"/docs/{name}", ".opblock", count, language)
                for name, count in calls.items() for language in LANGUAGES
            }  # fmt: skip
            least = [await _opened(browser, url, "/docs/Account", ".opblock", 1, "", _LEAST) for _ in range(_ROUNDS)]
    taken, (slowest, _) = list(groups.values()), max(groups, key=lambda each: groups[each])
    most = max(calls, key=lambda each: calls[each])
    return Figures(
        "docs",
        "the page of the API in Chromium, nothing cached, until every call is drawn",
        {
            f"first page, {len(calls)} groups, {sum(calls.values())} calls": f"{_said(first)} (at most 2)",
            f"each of the {len(calls)} groups, in Chinese and in English": f"{_said(taken)} (at most 2)",
            "the slowest group": f"{slowest}, {calls[slowest]} calls",
            "the group with most calls": f"{most}, {calls[most]}, {_said([groups[most, each] for each in LANGUAGES])}",
            "ceiling: Swagger UI with one call and no description of it": _said(least),
            "ratio of the medians": f"{statistics.median(taken) / statistics.median(least):.2f}",
        },
    )  # fmt: skip


async def _opened(
    browser: Browser, url: str, path: str, drawn: str, count: int, language: str, document: object = None
) -> float:
    """Open a page; return the seconds until as many elements are drawn as there must be."""
    async with reader(browser, url, language or LANGUAGES[0]) as me:
        if document is not None:

            async def answer(route: Route) -> None:
                await route.fulfill(body=orjson.dumps(document), content_type="application/json")

            await me.page.route("**/openapi/*.json", answer)
        began = time.perf_counter()
        await me.page.goto(path)
        await me.page.locator(drawn).nth(count - 1).wait_for()
        taken = time.perf_counter() - began
        if me.errors or me.elsewhere:
            raise RuntimeError(f"{path}: {me.errors} {me.elsewhere}")
    return taken


def _said(seconds: list[float]) -> str:
    return (
        f"median {statistics.median(seconds):.2f} s, p95 {percentile(seconds, 0.95):.2f} s, worst {max(seconds):.2f} s"
    )


if __name__ == "__main__":
    import asyncio
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(folder)).text())
