"""The level above: acknowledges what is escalated to it, and sees that it is dealt with."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import datetime, timedelta
from random import Random
from typing import Any

from pb.escalation.v1 import escalation_pb2 as pb

from accord.demo.cast import Person, Refused
from accord.demo.scene import Scene


class Supervision:
    """The heads of all units, each of whom attends to what the units below let lie."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._settled: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._attending: set[asyncio.Task[None]] = set()
        scene.board.listen("EscalationRaised", self._raised)

    async def settled(self, subject: str) -> None:
        """Wait until an escalation about this task, case or report was raised and resolved."""
        await self._settled[subject].wait()

    async def finish(self) -> None:
        """Wait until everything raised so far is attended to."""
        while self._attending:
            await asyncio.wait(self._attending)

    def _raised(self, case: str, payload: dict[str, Any]) -> None:
        name = f"{case}/escalations/{int(payload['escalation'])}"
        task = asyncio.create_task(self._attend(name, payload["to"].removeprefix("units/"), payload["subject"]))
        self._attending.add(task)
        task.add_done_callback(self._attending.discard)

    async def _attend(self, name: str, unit: str, subject: str) -> None:
        """Acknowledge within hours, resolve within days: the head has seen to it that the unit below acts."""
        scene, random = self._scene, Random(f"{self._scene.seed}/{name}")
        head, key = Person("unit_head", unit), scene.cast.key(name)
        escalation = scene.cast.escalation
        try:
            at = await scene.after(random, scene.now(), (0.5, 4))
            seen = pb.AcknowledgeEscalationRequest(name=name, request_id=f"{key}/ack")
            await scene.cast.ask(head, escalation.AcknowledgeEscalation, seen, _soon(at))
            at = await scene.after(random, at, (6, 60))
            dealt = pb.ResolveEscalationRequest(name=name, request_id=f"{key}/res")
            await scene.cast.ask(head, escalation.ResolveEscalation, dealt, _soon(at))
        except Refused as error:
            # What the end of its case has settled meanwhile is nothing to deal with any more.
            if "WRONG_STATE: RESOLVED" not in str(error):
                scene.trouble.append(f"{name}: {error}")
        finally:
            self._settled[subject].set()


def _soon(at: datetime) -> datetime:
    return at + timedelta(hours=12)
