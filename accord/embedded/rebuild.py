"""`accord rebuild`: starts the missing workflows of a stack again, from the facts of its services."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from accord.embedded import certificates
from accord.embedded.folder import StackError, StateFolder, read_json
from accord.embedded.keys import Keys
from services.kit.serving.businesstime import BusinessTime
from services.kit.serving.settings import ClientSettings
from workflows.backends import Backends
from workflows.engine.runtime import connect
from workflows.nets import rebuild as workflows

_SECONDS = 600


def rebuild(state: Path) -> tuple[int, int]:
    """Start what is missing in the stack of this folder; return open matters and workflows started."""
    folder = StateFolder.at(state)
    settings = client_settings(folder)

    async def run() -> tuple[int, int]:
        client, backends = await connect(settings), Backends.of(settings)
        try:
            return await workflows.rebuild(client, backends, BusinessTime.of(settings), lost=True)
        finally:
            await backends.close()

    try:
        return asyncio.run(asyncio.wait_for(run(), _SECONDS))
    except TimeoutError:
        raise StackError(f"rebuild did not end within {_SECONDS} s; it can be repeated safely") from None


def client_settings(folder: StateFolder, client: str = "cli") -> ClientSettings:
    """Return the settings with which the command line calls the stack of this folder, as one of its machine clients."""
    facts = read_json(folder.stack)
    if not facts:
        raise StackError(f"no stack has run in {folder.root}")
    addresses, keys = facts["addresses"], Keys(folder.keys)
    pace = read_json(folder.root / "pace.json") or {}
    return ClientSettings(
        trust_file=keys.trust,
        intake_address=addresses["intake"],
        mediation_address=addresses["mediation"],
        escalation_address=addresses["escalation"],
        temporal_address=os.environ.get("ACCORD_TEMPORAL_ADDRESS") or addresses["temporal"],
        client_name=client,
        client_key_file=keys.client(client),
        time_speed=pace.get("speed", 1.0),
        time_epoch=pace.get("epoch"),
        **certificates.settings(),
    )
