"""`make histories`: plays lives of cases on a real stack and stores their workflows' histories for the replay test.

Run it after a change of the workflow that ships with a patch, or before a first release; the stored histories then say
what a worker of that version must still be able to replay.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from accord.embedded.folder import StateFolder
from accord.embedded.pace import pace_settings
from accord.embedded.stack import Stack
from tests.conftest import Clients
from tests.letter_lives import STORED_LETTERS, letters_of, played
from tests.lives import LIVES, STORED, history, told_of_people
from tests.people import People

SPEED = 40_000.0
"""A day in about two seconds: deadlines pass while one waits, and no life that is carried on misses one."""


async def capture(stack: Stack) -> None:
    """Play every life and store its history."""
    STORED.mkdir(exist_ok=True)
    clients = Clients.of(stack)
    try:
        for kind, life in LIVES.items():
            text = (await history(stack, await life(People(clients)))).to_json()
            if found := told_of_people(text):
                raise SystemExit(f"the history of {kind} holds personal data: {', '.join(found)}")
            (STORED / f"{kind}.json").write_text(text + "\n", "utf-8")
            print(f"{kind}.json: {len(text) // 1024} KiB")
    finally:
        await clients.close()


async def capture_letters(stack: Stack) -> None:
    """Play every life of a letter and store its history."""
    STORED_LETTERS.mkdir(parents=True, exist_ok=True)
    clients = Clients.of(stack)
    try:
        for kind, name in (await played(letters_of(clients))).items():
            text = (await history(stack, name)).to_json()
            if found := told_of_people(text):
                raise SystemExit(f"the history of a letter {kind} holds personal data: {', '.join(found)}")
            (STORED_LETTERS / f"{kind}.json").write_text(text + "\n", "utf-8")
            print(f"letters/{kind}.json: {len(text) // 1024} KiB")
    finally:
        await clients.close()


CAPTURES = {"cases": capture, "letters": capture_letters}


def main() -> None:
    """Capture the histories of cases and of letters anew, or of those named."""
    wanted = sys.argv[1:] or list(CAPTURES)
    with tempfile.TemporaryDirectory(prefix="accord-") as folder:
        settings = pace_settings(StateFolder.at(folder), SPEED)
        with Stack(state=Path(folder), port_base=0, settings=settings) as stack:
            for name in wanted:
                asyncio.run(CAPTURES[name](stack))


if __name__ == "__main__":
    main()
