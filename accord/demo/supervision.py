"""The level above: acknowledges what is escalated to it, and sees that it is dealt with."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from datetime import datetime, timedelta
from random import Random
from typing import Any

from pb.escalation.v1 import escalation_pb2 as pb

from accord.demo.cast import Person, Refused
from accord.demo.scene import Scene


class Supervision:
    """The heads of all units, each of whom attends to what the units below neglect."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._settled: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._attending: set[asyncio.Task[None]] = set()
        self._subjects: dict[str, set[str]] = defaultdict(set)
        self._over: set[str] = set()
        scene.board.listen("EscalationRaised", self._raised)
        scene.board.listen("ReasonAdded", self._added)

    async def settled(self, subject: str, bound: timedelta) -> None:
        """Wait until an escalation about this task, case or report was raised and resolved; at most so long."""
        scene = self._scene
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(scene.time.real_delay(scene.now() + bound, scene.now()).total_seconds()):
                await self._settled[subject].wait()

    async def finish(self) -> None:
        """Wait until everything raised so far is attended to."""
        while self._attending:
            await asyncio.wait(self._attending)

    def _raised(self, case: str, payload: dict[str, Any]) -> None:
        name = f"{case}/escalations/{int(payload['escalation'])}"
        self._subjects[name].add(payload["subject"])
        task = asyncio.create_task(self._attend(name, payload["to"].removeprefix("units/")))
        self._attending.add(task)
        task.add_done_callback(self._attending.discard)

    def _added(self, case: str, payload: dict[str, Any]) -> None:
        """Take note of what else was neglected: a matter has one escalation a level."""
        name = f"{case}/escalations/{int(payload['escalation'])}"
        self._subjects[name].add(payload["subject"])
        if name in self._over:
            self._settled[payload["subject"]].set()

    async def _attend(self, name: str, unit: str) -> None:
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
            # What has climbed, or was settled or withdrawn meanwhile, is nothing to deal with any more.
            if "WRONG_STATE" not in str(error):
                scene.trouble.append(f"{name}: {error}")
        finally:
            self._over.add(name)
            for subject in self._subjects[name]:
                self._settled[subject].set()


def _soon(at: datetime) -> datetime:
    return at + timedelta(hours=12)
