"""What rights.md protects holds whatever people try: random lives of cases against the running services.

`make rights` runs it for ten minutes (`RIGHTS_SECONDS`), `make test` in its short form. `RIGHTS_SEED` repeats a run; a
failure prints the whole life.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import re
import traceback
from collections import Counter
from collections.abc import Iterator
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message_factory import GetMessageClass
from pb.intake.v1 import intake_pb2
from pb.mediation.v1 import mediators_pb2, people_pb2

from accord.embedded.stack import Stack
from tests.conftest import CALL, Clients, request_id
from tests.patience import PATIENCE
from tests.rights_agents import learn as learn_of_agents
from tests.rights_door import DoorLife
from tests.rights_facts import Facts, Reader
from tests.rights_invariants import INVARIANTS, STANDING, Happened, broken
from tests.rights_invited import SIGN_IN, learn
from tests.rights_moves import forward, tried
from tests.rights_scene import Move, Scene
from tests.rpcs import BY_NAME, Answer, all_rpcs, call, check
from tests.scratch import Scratch
from tests.world_people import mediator

SECONDS = float(os.environ.get("RIGHTS_SECONDS") or 20)
COUNTIES = ("620111", "620121", "620122", "620123")
"""Each life at a time has a county of its own: whoever is asked to mediate is asked for this case."""
STEPS = 90
LIVES = 60
"""How many lives of a county are lived at most until everything was reached, however slow the machine is."""
REACHED = {
    "MEDIATING", "WITHDRAWN", "session held", "closed", "AGREED", "by an invitation done",
    "by an agent done", "by an agent PERMISSION_DENIED",
    "by an invitation PERMISSION_DENIED", f"{SIGN_IN} done", f"{SIGN_IN} SECOND_FACTOR_WRONG", f"{SIGN_IN} NOT_FOUND",
}  # fmt: skip
"""What a run must have reached to have tried anything."""


PASSED_ON = {"RequestErasure": 2, "EraseCaseData": 3}
"""What other services follow, and how many say so."""
DOOR = "620104"
TRIED_AT_THE_DOOR = {
    "SignInByReceipt by office done", "SignInByReceipt by office SECOND_FACTOR_WRONG",
    "SignInByReceipt by office NOT_FOUND", "ReissueReceipt by office done", "WithdrawReport by code done",
    "AddToReport by code done", "AddToReport by code PERMISSION_DENIED", "EraseReport by office SAME_PERSON",
    "EraseReport by office done", "AddPhoto by code done", "ExportNotices by code done",
    "RequestReview by code done",
}  # fmt: skip
"""What must have been done, and refused, by receipts."""


class Broken(AssertionError):
    """An invariant that does not hold, with the life that led there."""


class Life:
    """One case, and what happens to it."""

    def __init__(self, clients: Clients, reader: Reader, unit: str, key: str) -> None:
        self._clients = clients
        self._reader = reader
        self._unit = unit
        self._key = key
        self._dice = random.Random(key)
        self._tokens: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.told: list[str] = []
        self.seen: Counter[str] = Counter()

    async def begin(self) -> Scene:
        """Open a case of medium grade, so that its term may be extended, and enter three mediators."""
        report = await self._clients.file_report(
            "拖欠工资三个月。", unit=f"units/{self._unit}", category="categories/labour", people_affected=8
        )
        case = await self._clients.accept(report)
        facts = await self._reader.facts(case.name.split("/")[1])
        tail = case.name[-6:]
        people = {kind: [f"{kind}{at}-{self._unit}-{tail}" for at in (1, 2, 3)] for kind in ("s", "m", "c")}
        for each in people["m"]:
            entry = mediator(each, f"units/{self._unit}", specialities=["categories/labour"])
            request = mediators_pb2.CreateMediatorRequest(mediator_id=each, mediator=entry, request_id=request_id())
            await self._clients.mediators.CreateMediator(request, **self._clients.as_("unit_head", "62"))
        return Scene(case.name, self._unit, self._dice, facts, people["s"], people["m"], people["c"])

    async def live(self, steps: int, until: float) -> None:
        """Try things with a case, checking everything after each."""
        scene = await self.begin()
        for _ in range(steps):
            if asyncio.get_running_loop().time() > until:
                break
            move = forward(scene) if self._dice.random() < 0.5 else tried(scene)
            # Of two codes made at once nobody knows which one holds.
            beside = tried(scene)
            if self._dice.random() < 0.06 and not {move.rpc, beside.rpc} & {
                "InviteParty",
                "InviteAgent",
                SIGN_IN,
                *PASSED_ON,
            }:
                await self.race(scene, move, beside)
            else:
                await self.step(scene, move)
        for each in scene.mediators:  # who looked after this case is not asked about the next one
            entry = mediator(each, f"units/{self._unit}", name=f"mediators/{each}", active=False)
            request = mediators_pb2.UpdateMediatorRequest(mediator=entry, request_id=request_id())
            request.update_mask.paths.append("active")
            await self._clients.mediators.UpdateMediator(request, **self._clients.as_("unit_head", "62"))

    async def step(self, scene: Scene, move: Move) -> None:
        """Make a move, check that nothing impossible happened, and now and then press the button again."""
        answer = await self._send(move)
        self.told.append(f"{move} → {answer.code.name} {answer.reason} {answer.text[:90] if answer.reason else ''}")
        before, scene.facts = scene.facts, await self._reader.facts(scene.number)
        if wrong := broken(Happened(move, answer, before, scene.facts)):
            raise Broken("\n".join([f"seed {self._key}", *self.told, *wrong]))
        self._see(scene, answer, move)
        if (
            answer.code is grpc.StatusCode.OK
            and move.rpc in PASSED_ON
            and not getattr(move.request, "validate_only", False)
        ):
            await self._passed_on(scene, len(before.events("ErasureReached")) + PASSED_ON[move.rpc])
        if answer.code is grpc.StatusCode.OK and answer.messages:
            learn(scene, move, answer.messages[0])
            learn_of_agents(scene, move, answer.messages[0])
        if answer.code is grpc.StatusCode.OK and not move.reads and self._dice.random() < 0.05:
            again = await self._send(move)
            kind = GetMessageClass(BY_NAME[f"mediation.{move.rpc}"].method.output_type)
            first, second = ([kind.FromString(each) for each in told.messages] for told in (answer, again))
            assert first == second, (move, again)
            assert await self._reader.facts(scene.number) == scene.facts, move

    async def _passed_on(self, scene: Scene, told: int) -> None:
        """Wait until all services have said what an erasure reaches in them: it is no part of what the call does."""
        async with asyncio.timeout(PATIENCE):
            while len(scene.facts.events("ErasureReached")) < told:
                await asyncio.sleep(0.1)
                scene.facts = await self._reader.facts(scene.number)

    async def race(self, scene: Scene, *moves: Move) -> None:
        """Make moves at once: whatever comes first, how things stand afterwards is possible."""
        answers = await asyncio.gather(*(self._send(move) for move in moves))
        before, scene.facts = scene.facts, await self._reader.facts(scene.number)
        for move, answer in zip(moves, answers, strict=True):
            check(answer)
            self.told.append(f"at once: {move} → {answer.code.name} {answer.reason}")
            if wrong := broken(Happened(move, answer, before, scene.facts), STANDING):
                raise Broken("\n".join([f"seed {self._key}", *self.told, *wrong]))
            self._see(scene, answer, move)

    async def _send(self, move: Move) -> Answer:
        who = (move.role, move.unit, move.sub)
        access = self._tokens.setdefault(who, self._clients.as_(*who)) if not move.token else {
            "metadata": (("authorization", f"Bearer {move.token}"), ("accept-language", "en")), "timeout": CALL,
        }  # fmt: skip
        server = "mediation"
        rpc = BY_NAME[f"{server}.{move.rpc}"]
        return await call(self._clients.channels[server], rpc.path, move.request.SerializePartialToString(), **access)

    def _see(self, scene: Scene, answer: Answer, move: Move) -> None:
        done = "done" if answer.code is grpc.StatusCode.OK else answer.reason
        self.seen[f"{move.rpc} {done}"] += 1
        states = ("", "PROPOSED", "CONSENTED", "MEDIATING", "AGREED", "NOT_AGREED", "WITHDRAWN")
        self.seen[states[scene.facts.state]] += 1
        self.seen.update(["session held"] if scene.facts.rows("sessions", state=3) else [])
        self.seen.update([f"by an {'agent' if move.role == 'agent' else 'invitation'} {done}"] if move.token else [])
        self.seen.update(["closed"] if scene.facts.case["stage"] == 4 else [])


async def lives(clients: Clients, url: str, unit: str, seed: str, until: float, seen: Counter[str]) -> None:
    """Live one case after the other in a county until the time is up and everything was reached that must be tried."""
    connection, at, now = await asyncpg.connect(url), 0, asyncio.get_running_loop().time
    try:
        reader = await Reader.of(connection)
        while now() < until or not (seen.keys() >= REACHED or at >= LIVES):
            life = Life(clients, reader, unit, f"{seed}/{unit}/{at}")
            await life.live(STEPS, until if now() < until else math.inf)
            seen.update(life.seen)
            at += 1
        seen["lives"] += at
    finally:
        await connection.close()


async def doors(clients: Clients, url: str, unit: str, seed: str, until: float, seen: Counter[str]) -> None:
    """Live the lives of reports at the door, one after the other, until the time is up and all of it was tried."""
    connection, at, now = await asyncpg.connect(url), 0, asyncio.get_running_loop().time
    try:
        while now() < until or not (seen.keys() >= TRIED_AT_THE_DOOR or at >= LIVES):
            life = DoorLife(clients, connection, unit, f"{seed}/{unit}/{at}")
            stop = until if now() < until else math.inf
            if broken := await life.live(STEPS, lambda stop=stop: now() > stop):  # type: ignore[misc]
                raise Broken("\n".join(broken))
            seen.update(life.seen)
            at += 1
        seen["doors"] += at
    finally:
        await connection.close()


@pytest.mark.usefixtures("no_unforeseen_fault")
async def test_what_must_be_impossible_stays_so_whatever_is_tried(clients: Clients, stack: Stack) -> None:
    # In `make test` every run draws the same lives; how many of them fit in depends on the machine.
    seed = os.environ.get("RIGHTS_SEED") or (
        str(random.randrange(10**6)) if "RIGHTS_SECONDS" in os.environ else "82229"
    )
    print(f"\nRIGHTS_SEED={seed}")
    until = asyncio.get_running_loop().time() + SECONDS
    url = Scratch.main(stack).url
    seen: Counter[str] = Counter()
    found = await asyncio.gather(
        *(lives(clients, url, unit, seed, until, seen) for unit in COUNTIES),
        doors(clients, url, DOOR, seed, until, seen),
        return_exceptions=True,
    )
    failed = [each for each in found if isinstance(each, BaseException)]
    told = ["".join(traceback.format_exception(each))[-20000:] for each in failed]
    assert not failed, f"RIGHTS_SEED={seed}\n" + "\n\n".join(told)
    print(f"{seen['lives']} lives; " + ", ".join(f"{name} {count}" for name, count in sorted(seen.items())))
    assert seen.keys() >= REACHED | TRIED_AT_THE_DOOR, (REACHED | TRIED_AT_THE_DOOR) - seen.keys()
    assert len(INVARIANTS) >= 15


REFUSED = re.compile(
    r"(^|_)(fees?|charges?|prices?|scores?|points?|ranks?|tags?|flags?|labels?|risks?|blacklist|watch_?lists?|tracks?"
    r"|locations?|faces?|photos?|clock_ins?|online_time|religion|political|credit|past_cases|past_petitions)(_|$)"
)
MEANT_OTHERWISE = {"points", "disputed_points", "score", "location", "photo", "photos", "photo_id", "partner_photos"}
"""Points in dispute; how alike two reports are; the place of a matter; what a reporter chooses to show of it.

Photos are a call of their own (`AddPhoto`, for partners `AttachPhotos`), never part of what must be sent.
"""


def _names(message: Descriptor, seen: set[str]) -> Iterator[str]:
    if message.full_name in seen or message.full_name.startswith("google."):
        return
    seen.add(message.full_name)
    for field in message.fields:
        yield field.name
        if field.message_type:
            yield from _names(field.message_type, seen)


async def test_there_is_no_place_for_a_fee_a_score_a_list_or_a_track_of_a_person(stack: Stack) -> None:
    seen: set[str] = set()
    fields = {name for rpc in all_rpcs() for each in (rpc.method.input_type, rpc.method.output_type)
              for name in _names(each, seen)}  # fmt: skip
    connection = await asyncpg.connect(Scratch.main(stack).url)
    try:
        rows = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema IN ('intake', 'mediation', 'escalation')"
        )
    finally:
        await connection.close()
    known = fields | {name for row in rows for name in row}
    assert len(known) > 300
    assert {name for name in known if REFUSED.search(name)} - MEANT_OTHERWISE == set()
    with_photos = {rpc.method.name for rpc in all_rpcs() if "photo" in " ".join(_names(rpc.method.input_type, set()))}
    assert with_photos == {"AttachPhotos"}, "nobody has to send a photo with anything else"


def test_a_matter_is_graded_on_facts_of_the_matter_alone() -> None:
    fields = {field.name for field in intake_pb2.TriageReportRequest.DESCRIPTOR.fields}
    assert fields - {"name", "etag", "request_id"} <= {"people_affected", "amount_fen", "scope", "urgency", "danger"}


def _facts(**tables: list[dict[str, Any]]) -> Facts:
    """Return the facts of a case in mediation in which everything is as it must be, but for these tables."""
    party = {"withdrawn_at": None, "needs_guardian": False, "minor_until": None, "subject": ""}
    said = {"step": 1, "round": 1, "given": True, "given_by": 0, "assisted_by": 0}
    found: dict[str, list[dict[str, Any]]] = {
        "cases": [{"number": "n", "stage": 1, "seq": 1, "head": ""}],
        "mediations": [{"number": "n", "state": 3, "round": 1, "mediator": "m", "joint_barred": False}],
        "parties": [{"party": side, "side": side, **party} for side in (1, 2)],
        "consents": [{"consent": side, "party": side, **said} for side in (1, 2)],
        "asks": [{"subject": "m", "state": 2}],
        "roles_barred": [{"subject": "m", "role": 2}],
        "sessions": [{"session": 1, "state": 2, "kind": 1}],
        "events": [],
    }
    return Facts({**found, **tables})


def _happened(facts: Facts) -> Happened:
    request = people_pb2.ListPartiesRequest()
    move = Move("ListParties", request, "clerk", "s1", "620111", reads=True)
    return Happened(move, Answer(grpc.StatusCode.OK, "", [], {}), facts, facts)


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("nobody_is_in_mediation_without_every_consent", {"consents": []}),
        ("nobody_is_in_mediation_without_every_consent",
         {"mediations": [{"number": "n", "state": 3, "round": 2, "mediator": "m", "joint_barred": False}]}),
        ("sessions_are_held_with_every_consent_or_not_at_all",
         {"mediations": [{"number": "n", "state": 2, "round": 1, "mediator": "", "joint_barred": False}]}),
        ("who_mediated_has_no_other_role",
         {"companions": [{"subject": "m", "ended_at": None, "role": 4, "parties": [1]}]}),
        ("who_reviews_is_not_who_handled",
         {"events": [{"seq": seq, "kind": kind, "actor": "s", "payload": {}}
                     for seq, kind in enumerate(("ClosingRequested", "CaseClosed"))]}),
        ("a_group_has_at_most_five_representatives",
         {"companions": [{"subject": "", "ended_at": None, "role": 3, "parties": [1]}] * 6}),
        ("a_case_is_not_closed_over_a_mediation_that_goes_on",
         {"cases": [{"number": "n", "stage": 4, "seq": 1, "head": ""}]}),
    ],
)  # fmt: skip
def test_what_must_not_be_is_noticed(name: str, tables: dict[str, Any]) -> None:
    assert broken(_happened(_facts())) == []
    assert name in {wrong.partition(":")[0] for wrong in broken(_happened(_facts(**tables)))}
