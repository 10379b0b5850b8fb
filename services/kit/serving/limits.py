"""Limits per caller: calls a minute, concurrent calls, bytes, headers, seconds. All limits are here.

Rates are counted separately for each process. Concurrent calls beyond the limit wait their turn and hold neither a
database connection nor a thread meanwhile.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

import limits
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from casework.errors import CaseError, Reason
from services.kit.serving.tokens import Caller

MAX_MESSAGE = 4 * 1024 * 1024
"""Bytes of a gRPC message."""
MAX_METADATA = 64 * 1024
"""Bytes of a call's metadata, both ways."""
LARGE = 64 * 1024
"""Bytes above which a message is not decoded on the event loop, nor searched for its error."""


class LimitSettings(BaseSettings):
    """Limits of one caller, for each process; machine clients have separate limits."""

    model_config = SettingsConfigDict(env_prefix="ACCORD_", frozen=True, extra="ignore")

    limit_rate_person: str = Field("60000/minute", description="calls of one person or client address")
    limit_rate_machine: str = Field("600000/minute", description="calls of one machine client")
    limit_calls_person: int = Field(5, ge=1, description="concurrent calls of one person; more wait")
    limit_calls_machine: int = Field(8, ge=1, description="concurrent calls of one machine client; more wait")
    limit_waiting: int = Field(1_000, ge=0, description="waiting calls of one caller; more are refused")
    limit_uploads: int = Field(8, ge=1, description="open client streams of one caller; more are refused")
    limit_watches: int = Field(200, ge=1, description="feeds that one caller watches; more are refused")
    limit_idle: float = Field(60.0, gt=0, description="seconds for which a sender or reader may be silent")

    @field_validator(
        "limit_rate_person",
        "limit_rate_machine",
        "limit_rate_code",
        "limit_rate_guess",
        "limit_rate_filing",
        "limit_rate_challenge",
        "limit_rate_similar",
        "limit_rate_draw",
        "limit_rate_partner",
        "limit_rate_public",
        check_fields=False,
    )
    @classmethod
    def _is_a_rate(cls, value: str) -> str:
        limits.parse(value)
        return value


class HttpLimitSettings(LimitSettings):
    """Additional limits for public HTTP."""

    limit_calls_person: int = Field(32, ge=1, description="concurrent calls of one person; more wait")
    limit_calls_machine: int = Field(128, ge=1, description="concurrent calls of one machine client")
    limit_rate_code: str = Field("60/minute", description="looks at one receipt or calendar, by whomever")
    limit_rate_guess: str = Field("1200/minute", description="looks at receipts and calendars from one address")
    limit_rate_filing: str = Field("20/hour", description="reports filed from one client address without an account")
    limit_rate_challenge: str = Field("60/hour", description="challenges of filing asked for from one client address")
    limit_rate_similar: str = Field("60/hour", description="questions for likely same matters from one client address")
    limit_rate_draw: str = Field("30/hour", description="tickets drawn from one client address without an account")
    limit_rate_partner: str = Field("2000/hour", description="reports filed with one key of Open311")
    limit_rate_public: str = Field(
        "1200/minute", description="lists of public matters, lookups and keys read from one address"
    )
    limit_headers: int = Field(100, ge=10, description="headers of a request")
    limit_header_bytes: int = Field(32_768, ge=1024, description="bytes of a request's line and headers")
    limit_header_seconds: float = Field(10.0, gt=0, description="seconds within which they must arrive")
    limit_body_seconds: float = Field(120.0, gt=0, description="seconds within which a body must arrive")
    limit_connections: int = Field(900, ge=10, description="open connections")
    # A file of 3 MiB in base64, and its metadata.
    body_limit: int = Field(4_500_000, ge=1024, description="bytes of a body with a file, or of one NDJSON line")
    text_limit: int = Field(524_288, ge=1024, description="bytes of a body without a file")


class Use(StrEnum):
    """What a call uses while it runs."""

    CALL = "call"
    UPLOAD = "upload"
    WATCH = "watch"
    TOOL = "tool"
    """A message to the door for assistants; the reading that a tool makes is a call of its own."""


@dataclass(slots=True)
class _Turns:
    free: asyncio.Semaphore
    there: int = 0


class Rate:
    """Counts by key: the calls of a caller, looks at one receipt, what comes from one address.

    A window slides over two periods: all of the current one counts, and of the one before the part not over yet.
    Nothing older is kept, and counting costs the same however many keys there are.
    """

    def __init__(self, text: str) -> None:
        rate = limits.parse(text)
        self._most, self._seconds = rate.amount, rate.get_expiry()
        self._period = 0
        self._counts: dict[str, int] = {}
        self._before: dict[str, int] = {}

    async def count(self, key: str) -> None:
        """Count one; raise TOO_MANY_REQUESTS with the time to retry."""
        period, passed = divmod(time.time(), self._seconds)
        if period != self._period:
            self._before = self._counts if period == self._period + 1 else {}
            self._counts, self._period = {}, int(period)
        before, count, left = self._before.get(key, 0), self._counts.get(key, 0), self._seconds - passed
        if math.floor(before * left / self._seconds) + count >= self._most:
            # Sooner than the end of the period, one of those before it slides out of the window.
            raise too_many(left % (self._seconds / before) if before else left)
        self._counts[key] = count + 1


class Quota:
    """Counts each caller's use, and makes calls beyond the limit wait or refuses them."""

    def __init__(self, settings: LimitSettings) -> None:
        self._rates = {False: Rate(settings.limit_rate_person), True: Rate(settings.limit_rate_machine)}
        self._calls = {False: settings.limit_calls_person, True: settings.limit_calls_machine}
        self._streams = {Use.UPLOAD: settings.limit_uploads, Use.WATCH: settings.limit_watches}
        self._waiting = settings.limit_waiting
        self._turns: dict[tuple[Use, str], _Turns] = {}

    async def count(self, caller: Caller) -> None:
        """Count a call of this caller; raise TOO_MANY_REQUESTS with the time to retry."""
        await self._rates[caller.machine].count(caller.subject)

    @asynccontextmanager
    async def turn(self, caller: Caller, use: Use) -> AsyncIterator[None]:
        """Wait for one of the caller's slots and hold it; raise TOO_MANY_REQUESTS if too many calls already wait."""
        key = (use, caller.subject)
        most = self._streams.get(use) or self._calls[caller.machine]
        turns = self._turns.get(key)
        if turns is None:
            turns = self._turns[key] = _Turns(asyncio.Semaphore(most))
        if turns.there >= most + (self._waiting if use is Use.CALL else 0):
            raise too_many(1)
        turns.there += 1
        try:
            async with turns.free:
                yield
        finally:
            turns.there -= 1
            if not turns.there:
                del self._turns[key]


def too_many(seconds: float) -> CaseError:
    """Return the error for too many requests; retry after `seconds`."""
    error = CaseError(Reason.TOO_MANY_REQUESTS)
    error.retry_after = max(1, math.ceil(seconds))
    return error
