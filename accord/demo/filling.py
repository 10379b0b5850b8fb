"""A county full of matters, for whoever tries a program: at every step, by the people of the demonstration, at once."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from pb.intake.v1 import report_pb2
from pb.mediation.v1 import mediation_pb2 as pb

from accord.demo import officials
from accord.demo.arrival import Arrivals, arrive, receive
from accord.demo.board import Board
from accord.demo.cast import Cast, Person, Refused
from accord.demo.handling import Handling
from accord.demo.play import Bill, reports_of
from accord.demo.scene import Scene
from accord.demo.supervision import Supervision
from accord.embedded.keys import Keys
from accord.generator import GeneratedReport
from casework.names import last
from casework.units import UnitTree
from services.kit.serving.businesstime import BusinessTime

STEPS = ("waiting", "accepted", "begun", "closed")
"""How far the matters are: in turn, one waits for a decision, one is accepted, one signed for, one closed."""
_UNHURRIED = 1e7
"""Business time of the people, who would take days: what they wait for has passed. That of the stack is its own."""


async def fill(
    facts: dict[str, Any], keys: Keys, units: UnitTree, bill: Bill
) -> tuple[dict[str, list[str]], list[str]]:
    """Return the matters by how far they are, what was declined or merged left out, and what did not go as meant."""
    cast = Cast(facts, keys, f"sandbox-{uuid.uuid4().hex[:8]}")
    began = datetime.now(UTC)
    scene = Scene(cast, Board(cast), BusinessTime(_UNHURRIED, began), units, bill.seed)
    told = reports_of(bill, began.date() - timedelta(days=2), units)
    arrivals, supervision = Arrivals.of(told), Supervision(scene)
    try:
        await scene.board.begin()
        following = asyncio.create_task(scene.board.follow())
        try:
            await officials.enter(scene, told, began.date())
            found = await asyncio.gather(*(_live(scene, supervision, arrivals, each) for each in told))
        finally:
            following.cancel()
    finally:
        await cast.close()
    matters: dict[str, list[str]] = defaultdict(list)
    for step, name in found:
        matters[step].append(name)
    return {step: matters[step] for step in STEPS}, scene.trouble


async def _live(scene: Scene, supervision: Supervision, arrivals: Arrivals, told: GeneratedReport) -> tuple[str, str]:
    """Carry a matter as far as its number says; return how far, and its name."""
    step, random = STEPS[told.number % len(STEPS)], Random(f"{scene.seed}/{told.number}/life")
    try:
        if step == "waiting":
            return step, (await receive(scene, arrivals, told)).name
        accepted = await arrive(scene, arrivals, told, random)
        if accepted is None:
            return "", ""
        if step == "begun":
            await _begin(scene, accepted)
        elif step == "closed":
            await Handling(scene, supervision, told, random).carry(accepted)
        else:
            await scene.board.told("CaseOpened", accepted.case)
        return step, accepted.case
    except Refused as error:
        scene.trouble.append(f"report {told.number} ({told.outcome}): {error}")
        return "", ""


async def _begin(scene: Scene, report: report_pb2.Report) -> None:
    """Have the units sign for the tasks of a case, and do no more."""
    await scene.board.told("CaseOpened", report.case)
    handler, mediation = Person("handler", last(report.unit)), scene.cast.mediation
    plan = await scene.cast.ask(handler, mediation.GetPlan, pb.GetPlanRequest(name=f"{report.case}/plan"), scene.now())
    for task in plan.tasks:
        signed = pb.SignTaskRequest(name=task.name, request_id=scene.cast.key(task.name, "sign"))
        await scene.cast.ask(Person("handler", last(task.unit)), mediation.SignTask, signed, scene.now())
