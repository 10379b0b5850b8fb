"""The workflow of a letter: stored histories replay, one that was lost goes on, the next rung is drafted once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pb.escalation.v1 import letters_pb2 as pb
from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError
from temporalio.worker import Replayer

from accord.embedded.rebuild import client_settings
from services.kit.serving.businesstime import BusinessTime
from tests.conftest import COUNTY, Clients
from tests.letter_lives import LETTER_LIVES, STORED_LETTERS, letters_of
from tests.lettering import Letters
from tests.lives import told_of_people
from tests.patience import PATIENCE
from tests.scratch import Scratch
from workflows.backends import Backends
from workflows.letters.workflow import LetterWorkflow
from workflows.messages import HEAR, Heard, LetterStage, Source
from workflows.nets.rebuild import rebuild
from workflows.worker import sandbox

HISTORIES = sorted(STORED_LETTERS.glob("*.json"))


@pytest.fixture(scope="module")
async def temporal(clients: Clients) -> Client:
    """Return a client of the session's Temporal."""
    return await Client.connect(f"127.0.0.1:{clients.stack.ports['temporal']}")


@pytest.fixture
def at(clients: Clients) -> Letters:
    """Return letters from the county to a township."""
    return letters_of(clients)


@pytest.mark.parametrize("path", HISTORIES, ids=[path.stem for path in HISTORIES])
async def test_a_stored_history_of_a_letter_replays(path: Path) -> None:
    stored = WorkflowHistory.from_json(f"letters/{path.stem}", path.read_text("utf-8"))
    await Replayer(workflows=[LetterWorkflow], workflow_runner=sandbox()).replay_workflow(stored)


def test_histories_of_every_end_of_a_letter_are_stored_and_tell_nothing_of_people() -> None:
    assert {path.stem.split(".")[0] for path in HISTORIES} == set(LETTER_LIVES)
    for path in HISTORIES:
        assert not told_of_people(path.read_text("utf-8")), path.name


async def until_standing(temporal: Client, name: str, stage: LetterStage) -> None:
    """Wait until a letter's workflow is there and stands so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                found: dict[str, str] = await temporal.get_workflow_handle(name).query("standing")
            except RPCError:
                found = {}
            if found.get("stage") == stage:
                return
            await asyncio.sleep(0.05)


async def test_the_workflow_of_a_letter_follows_it_through_its_turns(at: Letters, temporal: Client) -> None:
    name = await at.draft()
    await until_standing(temporal, name, LetterStage.DRAFTED)
    await at.receive(name)
    await until_standing(temporal, name, LetterStage.RECEIVED)


async def test_a_letter_whose_workflow_was_lost_goes_on_where_the_facts_say_it_stands(
    at: Letters, clients: Clients, temporal: Client
) -> None:
    name = await at.draft(subject=f"cases/{COUNTY}-2026-000888")
    await at.receive(name)
    await until_standing(temporal, name, LetterStage.RECEIVED)
    await temporal.get_workflow_handle(name).terminate("lost by this test")
    settings = client_settings(clients.stack.folder)
    backends = Backends.of(settings)
    try:
        await rebuild(temporal, backends, BusinessTime.of(settings))
    finally:
        await backends.close()
    await until_standing(temporal, name, LetterStage.RECEIVED)
    await at.at_unit("ReplyLetter", name, measures="正在研究。")
    await at.do("VerifyLetter", name, sufficient=False, finding="没有措施。")
    following = await at.next_by_workflow(name)
    assert (await at.get(following)).state == pb.LETTER_STATE_DRAFTED


async def test_a_failure_heard_again_and_again_drafts_the_next_letter_once(
    at: Letters, clients: Clients, temporal: Client
) -> None:
    name = await at.draft(subject=f"cases/{COUNTY}-2026-000889")
    await at.answer_badly(name)
    following = await at.next_by_workflow(name)
    handle = temporal.get_workflow_handle(name)
    for late in (100, 200):
        told = [Heard(Source.ESCALATION, late, "LetterReplied"), Heard(Source.ESCALATION, late + 1, "LetterFailed")]
        await handle.signal(HEAR, told)
    await until_standing(temporal, name, LetterStage.FAILED)
    connection = await Scratch.main(clients.stack).connect()
    try:
        query = "SELECT count(*) FROM escalation.letters WHERE subject = $1"
        assert await connection.fetchval(query, f"cases/{COUNTY}-2026-000889") == 2
    finally:
        await connection.close()
    assert (await at.get(name)).next == following
