"""Files that come in parts. A slow sender blocks nobody: only received bytes are counted, and they are bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from casework.errors import Reason, field_error
from services.kit.serving.limits import too_many

_AT_ONCE = 4
"""Files checked and sealed at a time; more wait."""
_IN_MEMORY = 256 * 1024 * 1024
"""Bytes of uploads in progress; more are refused."""


class Uploads:
    """The uploads of one kind that are in progress."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._in_memory = 0

    @asynccontextmanager
    async def received(self, first: bytes, parts: AsyncIterator[Any]) -> AsyncIterator[bytes]:
        """Give the whole file, with a turn to work on it; INVALID_FIELD naming `chunk` if it is empty or too large."""
        content, held = bytearray(), 0
        try:
            held = self._hold(held, len(first))
            content += first
            async for part in parts:
                if part.HasField("header"):
                    raise field_error("header", Reason.INVALID_FIELD, "in the first part alone")
                held = self._hold(held, held + len(part.chunk))
                content += part.chunk
                if len(content) > self._largest:
                    raise field_error("chunk", Reason.INVALID_FIELD, f"more than {self._largest // 1024**2} MiB")
            if not content:
                raise field_error("chunk", Reason.INVALID_FIELD, "empty")
            async with self._turns:
                yield bytes(content)
        finally:
            self._in_memory -= held

    def _hold(self, before: int, now: int) -> int:
        """Count the bytes of an upload among those held in memory, and return how many they are now."""
        if now > before and self._in_memory + now - before > _IN_MEMORY:
            raise too_many(1)
        self._in_memory += now - before
        return now
