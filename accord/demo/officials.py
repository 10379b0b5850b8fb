"""The officials of the demonstration: each head enters who works in the unit, so that papers have their names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date, timedelta
from random import Random

from pb.mediation.v1 import officials_pb2 as pb

from accord.demo.cast import Person, Refused
from accord.demo.scene import Scene
from accord.embedded.keys import demo_account
from accord.generator import GeneratedReport, person_name
from casework.names import unit_name
from services.kit import dates

POSTS = {
    "unit_head": "主任", "clerk": "窗口工作人员", "duty_officer": "值班员", "handler": "经办人", "reviewer": "审核员",
    "mediator": "人民调解员",
}  # fmt: skip
"""The posts of those who act on papers, by role."""
_HEAD = "unit_head"


async def enter(scene: Scene, told: Iterable[GeneratedReport], first: date) -> None:
    """Enter the officials of every unit that gets a report, as of the day before."""
    units = sorted({each.unit for each in told})
    units += sorted({code for unit in units if (code := f"{unit[:6]}-justice") in scene.units})
    people = [(role, unit) for unit in units for role in POSTS]
    await asyncio.gather(*(_enter(scene, role, unit, first - timedelta(days=1)) for role, unit in people))


async def _enter(scene: Scene, role: str, unit: str, first: date) -> None:
    random = Random(f"{scene.seed}/{role}/{unit}/official")
    entry = pb.Official(
        unit=unit_name(unit), account=demo_account(role, unit), signs=role == _HEAD, first_date=dates.shown(first),
        person=pb.OfficialPerson(display_name=person_name(random), post=POSTS[role]),
    )  # fmt: skip
    request = pb.CreateOfficialRequest(official=entry, request_id=scene.cast.key("officials", role, unit))
    unhurried = scene.now() + timedelta(days=1)
    try:
        await scene.cast.ask(Person(_HEAD, unit), scene.cast.officials.CreateOfficial, request, unhurried)
    except Refused as error:
        scene.trouble.append(f"official {role} of {unit}: {error}")
