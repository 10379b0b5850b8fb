"""The page of the API in a real browser: in the order of the journey, with examples, and nothing from elsewhere.

`make bench ARGS=docs` opens every group, in both languages; here are three kinds of them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from accord.embedded.stack import Stack
from services.gateway.rest.described import JOURNEY, STAGES
from tests.browser import LANGUAGES, reader
from tests.conftest import COUNTY

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page

pytestmark = pytest.mark.fault("E5")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_first_page_shows_every_group_in_the_order_of_the_journey(
    language: str, stack: Stack, browser: Browser
) -> None:
    from axe_playwright_python.async_playwright import Axe

    async with reader(browser, stack.urls["api"], language) as me:
        await me.page.goto("/docs")
        headings = await me.page.get_by_role("heading", level=2).all_inner_texts()
        assert headings == [f"{zh} {en}" for zh, en, _ in STAGES]
        groups = await me.page.locator("summary b").all_inner_texts()
        assert groups == [name for name in JOURNEY if name in groups]
        assert set(groups) == {tag["name"] for tag in await described(stack)}
        first = me.page.locator("summary").first
        await first.focus()
        await first.press("Enter")
        assert await me.page.get_by_role("link", name=f"Try {groups[0]}").is_visible(), "by the keyboard alone"
        found = await Axe().run(me.page)
        assert found.violations_count == 0, found.generate_report()
        assert (me.errors, me.elsewhere) == ([], [])


async def described(stack: Stack, path: str = "/openapi.json") -> list[dict[str, Any]]:
    """Return the groups of the description."""
    async with httpx.AsyncClient(base_url=stack.urls["api"]) as rest:
        tags: list[dict[str, Any]] = (await rest.get(path)).json()["tags"]
        return tags


@pytest.mark.parametrize(("group", "language"), [("Intake", "zh-CN"), ("Evidence", "en-US"), ("Account", "zh-CN")])
async def test_a_group_shows_all_its_calls_and_fills_in_what_they_need(
    group: str, language: str, stack: Stack, browser: Browser
) -> None:
    async with httpx.AsyncClient(base_url=stack.urls["api"]) as rest:
        paths = (await rest.get(f"/openapi/{group}.json")).json()["paths"]
    calls = [(f"{method.upper()} {path}", call) for path, methods in paths.items() for method, call in methods.items()]
    async with reader(browser, stack.urls["api"], language) as me:
        await me.page.goto(f"/docs/{group}")
        await me.page.locator(".opblock").nth(len(calls) - 1).wait_for()
        methods = await me.page.locator(".opblock-summary-method").all_inner_texts()
        paths = await me.page.locator(".opblock-summary-path").all_inner_texts()
        shown = [f"{method} {path}".replace("\u200b", "") for method, path in zip(methods, paths, strict=True)]
        assert sorted(shown) == sorted(name for name, _ in calls)
        # One call of each kind: nothing is sent, JSON, lines, a form.
        kinds = {tuple(call.get("requestBody", {}).get("content", ())): call for _, call in calls}
        for call in kinds.values():
            await fills_in(me.page.locator(f"#operations-{group}-{call['operationId']}"), call)
        assert (me.errors, me.elsewhere) == ([], [])


async def fills_in(block: Locator, call: dict[str, Any]) -> None:
    """Check what somebody sees who opens a call: the example of what is sent, or else of what is answered."""
    await block.locator(".opblock-summary-control").click()
    kind, content = next(iter(call.get("requestBody", {}).get("content", {}).items()), ("", {}))
    if kind:
        sent = await block.locator("textarea.body-param__text").input_value()
        assert json.loads(sent) == content["example"]
    for parameter in call.get("parameters", ()):
        if "example" in parameter and parameter["in"] in ("path", "header"):
            row = block.locator(f"tr[data-param-name='{parameter['name']}'] input")
            assert await row.input_value() == str(parameter["example"])
    assert await block.locator(".responses-wrapper .highlight-code").first.inner_text()


async def test_a_call_is_made_with_its_example_again_and_again_and_lines_are_sent_as_lines(
    stack: Stack, browser: Browser
) -> None:
    async with reader(browser, stack.urls["api"], LANGUAGES[0]) as me:
        await me.page.goto("/docs/Intake")
        await me.page.locator(".opblock").first.wait_for()
        await me.page.evaluate("token => ui.preauthorizeApiKey('bearer', token)", stack.token("clerk", COUNTY))
        answers = [await tried(me.page, call) for call in ("createReport", "createReport", "importReports")]
        first, second, lines = [json.loads(each.splitlines()[0]) for each in answers]
        assert first["name"] != second["name"], "each try has a key of its own"
        assert [each["reason"] for each in lines["results"]] == [""]
        assert (me.errors, me.elsewhere) == ([], [])


async def tried(page: Page, call: str) -> str:
    """Open a call if it is closed, press its button, and return what was answered."""
    block = page.locator(f"#operations-Intake-{call}")
    press = block.get_by_role("button", name="Execute")
    if not await press.is_visible():
        await block.locator(".opblock-summary-control").click()
    async with page.expect_response(lambda answer: "/v1/" in answer.url) as waiting:
        await press.click()
    answer = await waiting.value
    told: str = await answer.text()
    assert answer.ok, told
    return told
