"""What a workflow reads within its task: services that are slow are no fault of the worker."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from workflows.chains import Chains
from workflows.messages import Asked, Source


async def test_a_history_that_is_read_too_slowly_is_left_to_an_activity_without_a_fault_in_the_log() -> None:
    asked = 0

    async def silent(_: Any) -> None:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()

    feeds = {source: SimpleNamespace(ListEvents=silent) for source in Source}
    chains, within = Chains(SimpleNamespace(feeds=feeds)), ActivityEnvironment()  # type: ignore[arg-type]
    within.info = replace(within.info, is_local=True)
    for _ in range(2):
        with pytest.raises(ApplicationError) as refused:
            await within.run(chains.read_chains, Asked("620102-2026-000001", {str(Source.MEDIATION): 0}))
        assert (refused.value.type, refused.value.category) == ("slow", ApplicationErrorCategory.BENIGN)
    assert asked == 1, "after one that was slow none is tried for a while"
