"""Lives of supervision letters whose workflow histories are stored: one for each way in which a letter ends."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import date

from accord.embedded.rebuild import client_settings
from casework.clocks.calendar import LOCAL
from services.kit.serving.businesstime import BusinessTime
from tests.conftest import COUNTY, Clients
from tests.lettering import OTHER_HEAD, Letters
from tests.lives import PERSONAL, STORED

STORED_LETTERS = STORED / "letters"


def letters_of(clients: Clients) -> Letters:
    """Return letters of the county, on the day of the stack's business time."""
    time = BusinessTime.of(client_settings(clients.stack.folder))

    def today() -> date:
        return time.now().astimezone(LOCAL).date()

    return Letters(clients.letters, clients.as_, today, tell_of=clients.tell_of)


async def _drafted(at: Letters, kind: str = "NOTICE") -> str:
    """Return a draft that tells more than it should: none of it may leave the service."""
    name = await at.draft(kind, subject=f"cases/{COUNTY}-2026-{uuid.uuid4().int % 10**6:06}")
    words = at.wording()
    words.words.facts = PERSONAL["text"]
    await at.do("EditDraft", name, wording=words)
    return name


async def closed(at: Letters) -> str:
    """Answered, and the answer good enough."""
    name = await _drafted(at)
    await at.receive(name)
    await at.at_unit("ReplyLetter", name, measures=PERSONAL["address"])
    await at.do("VerifyLetter", name, sufficient=True, finding=PERSONAL["name"])
    return name


async def failed(at: Letters) -> str:
    """Answered, and not well enough: the next one is drafted, and nobody signs that."""
    name = await _drafted(at)
    await at.answer_badly(name)
    following = await at.next_by_workflow(name)
    await at.do("DiscardDraft", following, reason="已另行处理。")
    return name


async def ignored(at: Letters) -> str:
    """Neither signed for nor answered: it counts as received, fails, and the next one is drafted."""
    name = await _drafted(at, "WARNING")
    await at.serve(name)
    following = await at.next_by_workflow(name)
    assert (await at.get(name)).deemed_received
    await at.do("DiscardDraft", following, reason="已另行处理。")
    return name


async def withdrawn(at: Letters) -> str:
    """Withdrawn by the unit that issued it."""
    name = await _drafted(at)
    await at.receive(name)
    await at.do("WithdrawLetter", name, "unit_head", OTHER_HEAD, reason="重复发函。")
    return name


async def annulled(at: Letters) -> str:
    """Objected to, and the objection upheld."""
    name = await _drafted(at)
    await at.receive(name)
    await at.at_unit("ObjectLetter", name, grounds=PERSONAL["text"])
    await at.do("DecideObjection", name, "unit_head", OTHER_HEAD, upheld=True, reason="属实。")
    return name


async def discarded(at: Letters) -> str:
    """A draft that nobody signed."""
    name = await _drafted(at)
    await at.do("DiscardDraft", name, reason="无须发函。")
    return name


LETTER_LIVES: dict[str, Callable[[Letters], Awaitable[str]]] = {
    each.__name__: each for each in (closed, failed, ignored, withdrawn, annulled, discarded)
}


async def played(at: Letters) -> dict[str, str]:
    """Play every life, all at once, and return the letters by kind of life."""
    names = await asyncio.gather(*(life(at) for life in LETTER_LIVES.values()))
    return dict(zip(LETTER_LIVES, names, strict=True))
