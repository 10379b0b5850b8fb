"""A real browser for the tests of pages: the Chromium of this machine, started once a session, driven by Playwright.

A test takes `browser` and opens pages by `reader`, which notes what nobody would see: errors in the console, and
requests to any other host.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.patience import CALL

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

LANGUAGES = ("zh-CN", "en-US")
NONE = "no browser: install Chromium, on Debian with `apt-get install chromium`"


def chromium() -> str | None:
    """Return the program of the browser; None if there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@asynccontextmanager
async def launched(program: str) -> AsyncIterator[Browser]:
    """Run the browser."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        # Chromium refuses its sandbox to root.
        found = await playwright.chromium.launch(executable_path=program, chromium_sandbox=os.getuid() != 0)
        yield found
        await found.close()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Run one browser for the whole session, or skip the test saying how to get one."""
    program = chromium()
    if program is None:
        pytest.skip(NONE)
    async with launched(program) as found:
        yield found


@dataclass
class Reader:
    """An open page, and what went wrong on it."""

    page: Page
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


@asynccontextmanager
async def reader(browser: Browser, url: str, language: str) -> AsyncIterator[Reader]:
    """Give somebody who prefers this language an empty page, nothing cached; addresses are below `url`."""
    context = await browser.new_context(base_url=url, locale=language)
    context.set_default_timeout(CALL * 1000)
    found, hosts = Reader(await context.new_page()), ("", urlsplit(url).netloc)
    found.page.on("console", lambda told: found.errors.append(told.text) if told.type == "error" else None)
    found.page.on("pageerror", lambda error: found.errors.append(str(error)))
    found.page.on(
        "request", lambda sent: None if urlsplit(sent.url).netloc in hosts else found.elsewhere.append(sent.url)
    )
    yield found
    await context.close()
