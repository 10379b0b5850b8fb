"""What a door asks of people without an account: nothing, or the solution of a challenge, which counts once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from typing import Any

import altcha
import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.embedded.stack import Stack
from accord.rules_place import SHIPPED
from bench.measure import only
from casework.door.filing import Work
from casework.errors import CaseError
from services.intake.guards.work import WorkGuard
from services.kit.storage.sealing import Sealer
from tests.conftest import CALL, COUNTY, request_id
from tests.outside import Desk, Reporter

GUARDED, FREE = f"units/{COUNTY}", "units/620321"
HARD = "rounds: 10, tries: 20, minutes: 20"
FIELD = "challengeSolution"
PARTNER = "a key of a partner of Open311"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run a stack whose province asks for work, but for one city."""
    rules = tmp_path_factory.mktemp("rules") / "rules"
    shutil.copytree(SHIPPED, rules)
    file = rules / "filing" / "filing.yaml"
    text = file.read_text("utf-8").replace("rounds: 5000, tries: 1000, minutes: 20", HARD)
    doors = '{unit: "62", guard: work}\n  - {unit: "6203", guard: limits}'
    file.write_text(text.replace('{unit: "62", guard: limits}', doors), "utf-8")
    keys = tmp_path_factory.mktemp("keys") / "open311.json"
    keys.write_text(json.dumps({"keys": {hashlib.sha256(PARTNER.encode()).hexdigest(): "fixmystreet"}}))
    settings = {
        "ACCORD_RULES": str(rules), "ACCORD_LIMIT_RATE_FILING": "1000/hour", "ACCORD_OPEN311_KEYS_FILE": str(keys),
        "ACCORD_LIMIT_RATE_PARTNER": "2/hour",
    }  # fmt: skip
    roster = only("intake", "mediation", "escalation", "gateway")
    with Stack(tmp_path_factory.mktemp("guarded"), 0, roster=roster, settings=settings) as running:
        yield running


async def challenge(me: Reporter, unit: str = GUARDED) -> dict[str, Any]:
    """Return what is asked for at a door."""
    answer = await me.look_at(f"reports:challenge?unit={unit}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
    asked: dict[str, Any] = answer.json()
    return asked


def solved(asked: dict[str, Any]) -> str:
    """Solve a challenge as the library's own clients do, from the JSON of the answer alone."""
    given = altcha.Challenge.from_dict(asked)
    found = altcha.solve_challenge(given)
    assert found is not None
    return altcha.Payload(given, found).to_base64()


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_whoever_did_the_work_files_and_whoever_did_not_is_told_what_to_do(guarded: Stack, language: str) -> None:
    async with Reporter(guarded, language, "127.0.2.1") as me:
        refused = await me.file()
        assert (refused.status_code, refused.json()["code"]) == (400, "CHALLENGE_MISSING")
        assert refused.json()["errors"][0]["field"] == FIELD
        assert ("automatic check" if language == "en" else "自动验证") in refused.json()["detail"]
        asked = await challenge(me)
        assert asked["guard"] == "DOOR_GUARD_WORK"
        assert (await me.file(challengeSolution=solved(asked))).status_code == 200
        assert (await me.receipt())["report"] == me.report


async def test_a_solution_counts_once_however_many_send_it_at_once(guarded: Stack) -> None:
    async with Reporter(guarded, "en", "127.0.2.2") as me:
        solution = solved(await challenge(me))
        answers = await asyncio.gather(*(me.file(challengeSolution=solution) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
        codes = {answer.json()["code"] for answer in answers if answer.status_code == 400}
        assert codes == {"CHALLENGE_USED"}
        assert all(answer.json()["errors"][0]["field"] == FIELD for answer in answers if answer.status_code == 400)


async def test_a_repeat_is_answered_though_its_solution_is_spent_missing_or_another_one(guarded: Stack) -> None:
    key = request_id()
    async with Reporter(guarded, "zh", "127.0.2.3") as me:
        solution = solved(await challenge(me))
        first = (await me.file(key=key, challengeSolution=solution)).json()["report"]
        for shown in ({"challengeSolution": solution}, {}, {"challengeSolution": solved(await challenge(me))}):
            again = (await me.file(key=key, **shown)).json()["report"]
            assert (again["name"], again["receiptCode"]) == (first["name"], first["receiptCode"])
        # The last one was not needed, and is still good for another report.
        assert (await me.file("另一件事。", **shown)).status_code == 200


async def test_what_is_refused_for_another_reason_spends_nothing(guarded: Stack) -> None:
    async with Reporter(guarded, "en", "127.0.2.4") as me:
        solution = solved(await challenge(me))
        assert (await me.file(challengeSolution=solution, category="categories/nothing")).status_code == 400
        assert (await me.file(challengeSolution=solution)).status_code == 200


@pytest.mark.parametrize("wrong", ["rubbish", "eyJhIjoxfQ==", "eyJ" + "A" * 5000, "changed", "expired", "forged"])
async def test_what_is_no_solution_is_refused_by_its_field(guarded: Stack, wrong: str) -> None:
    async with Reporter(guarded, "en", "127.0.2.5") as me:
        shown, code = wrong, "CHALLENGE_WRONG"
        if wrong == "changed":
            asked = await challenge(me)
            asked["parameters"]["expiresAt"] += 3600
            shown = solved(asked)
        elif wrong == "expired":
            shown, code = solved(_made(guarded, int(time.time()) - 1)), "CHALLENGE_EXPIRED"
        elif wrong == "forged":
            shown = solved(altcha.create_challenge("PBKDF2/SHA-256", 1, counter=1, hmac_secret="mine").to_dict())
        elif wrong == "rubbish" or len(wrong) > 4000:
            code = "INVALID_FIELD"
        refused = await me.file(challengeSolution=shown)
        assert (refused.status_code, refused.json()["code"]) == (400, code), refused.text
        assert refused.json()["errors"][0]["field"] == FIELD


async def test_the_nearest_entry_decides_and_an_account_shows_nothing(guarded: Stack) -> None:
    async with Reporter(guarded, "zh", "127.0.2.6") as me, Desk(guarded, "citizen", "11") as account:
        assert await challenge(me, FREE) == {"guard": "DOOR_GUARD_LIMITS", "signature": ""}
        assert (await me.file(unit=FREE)).status_code == 200
        closed = await me.look_at("reports:challenge?unit=units/110101")
        assert (closed.status_code, closed.json()["code"]) == (409, "DOOR_CLOSED")
        report = {"channel": "CHANNEL_APP", "unit": GUARDED, "category": "categories/neighbour", "text": "楼上漏水。"}
        assert (await account.tries("reports", "file", **report)).status_code == 200


async def test_what_is_over_is_forgotten(guarded: Stack) -> None:
    raw = await asyncpg.connect(guarded.database_url)
    try:
        await raw.execute(
            "INSERT INTO intake.requests (caller, request_id, body_hash) VALUES ('challenges of filing', $1, '')",
            f"{int(time.time()) - 1:012d}-over",
        )
        async with Reporter(guarded, "zh", "127.0.2.7") as me:
            assert (await me.file(challengeSolution=solved(await challenge(me)))).status_code == 200
        kept = await raw.fetch("SELECT request_id FROM intake.requests WHERE caller = 'challenges of filing'")
        assert kept
        assert not [row for row in kept if row[0].endswith("-over")]
    finally:
        await raw.close()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = ("algorithm", "cost", "keyLength", "keyPrefix", "nonce", "salt", "expiresAt", "keySignature", "data")
DRAWN = st.fixed_dictionaries(
    {
        "challenge": JSON | st.fixed_dictionaries(
            {"parameters": JSON | st.fixed_dictionaries(dict.fromkeys(NAMES, JSON)), "signature": JSON}
        ),
        "solution": JSON | st.fixed_dictionaries({"counter": JSON, "derivedKey": JSON}),
    }
)  # fmt: skip


@given(drawn=DRAWN | JSON)
def test_a_drawn_solution_is_refused_and_breaks_nothing(drawn: Any) -> None:
    guard = WorkGuard(Work(1, 1, 1), str.encode)
    with pytest.raises(CaseError, match="CHALLENGE"):
        guard.examine(base64.b64encode(json.dumps(drawn).encode()).decode())


def _made(stack: Stack, until: int) -> dict[str, Any]:
    """Return a challenge signed with the key of the stack, good until then."""
    derive = Sealer.from_file(stack.keys.master).derive
    made = altcha.create_challenge(
        "PBKDF2/SHA-256", 10, counter=3, expires_at=until, hmac_secret=derive("challenges of filing"),
        hmac_key_secret=derive("solutions of challenges of filing"),
    )  # fmt: skip
    return made.to_dict()


async def test_a_program_of_open311_files_at_such_a_door_with_an_account_and_elsewhere_with_a_key(
    guarded: Stack,
) -> None:
    light = {"service_code": "municipal_street-lights", "attribute[extent]": "one", "address_string": "桥头"}

    async def files(unit: str, text: str, **fields: str) -> httpx.Response:
        form = {**light, "jurisdiction_id": unit.removeprefix("units/"), "description": text, **fields}
        return await client.post("/open311/en/v2/requests.json", data=form)

    async with httpx.AsyncClient(base_url=guarded.urls["api"], timeout=CALL) as client:
        for fields in ({}, {"api_key": PARTNER}):
            refused = await files(GUARDED, "灯不亮。", **fields)
            assert (refused.status_code, refused.json()[0]["description"].partition(":")[0]) == (403, "api_key")
        taken = await files(GUARDED, "灯不亮。", api_key=guarded.token("citizen", COUNTY))
        assert taken.status_code == 200, taken.text
        # A partner's key has a limit of its own; one of the two was used above.
        statuses = [(await files(FREE, f"第 {n} 盏灯。", api_key=PARTNER)).status_code for n in range(2)]
        assert statuses == [200, 429]
        assert (await files(FREE, "第三盏灯。")).status_code == 200
