"""The four lists and four ledgers in words, as files to print, in the language of who asks."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import httpx
import openpyxl
import pytest
from pb.escalation.v1 import registers_pb2 as pb

from accord.embedded.stack import Stack
from casework.supervision.figures.register_words import TITLES, WORDS
from services.escalation.figures.registers.store import Register
from tests.conftest import Clients
from tests.patience import CALL
from tests.scenario import Desk
from tests.test_clues import TOLD
from tests.world_backlog import case, record, report

HERE = "620121"


@pytest.fixture
async def rest(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the gateway."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as client:
        yield client


async def exported(rest: httpx.AsyncClient, stack: Stack, kind: str, form: str, language: str) -> httpx.Response:
    """Return a list or ledger as the supervisor of the county gets it."""
    headers = {"Authorization": f"Bearer {stack.token('supervisor', HERE, None)}", "Accept-Language": language}
    query = {"kind": f"REGISTER_KIND_{kind}", "form": f"REGISTER_FORM_{form}"}
    answer = await rest.get("/v1/registerEntries:export", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


async def test_a_ledger_is_printed_in_words(rest: httpx.AsyncClient, stack: Stack, clients: Clients) -> None:
    unit = f"units/{HERE}"
    await record(clients, report(f"{HERE}-2024-000001", 9, unit), case(f"{HERE}-2024-000001", 9, unit))
    await Desk(rest, stack, HERE).post("clues", "clerk", **{**TOLD, "unit": unit, "place": unit, "about_unit": ""})
    chinese = (await exported(rest, stack, "LEAD", "CSV", "zh")).content.decode("utf-8-sig")
    assert chinese.splitlines()[0] == "序号,单位,编号,事项,类别,等级,时间,期限,结果,履行"
    assert all(word in chinese for word in ("永登县", "窗口", "邻里", "线索：已登记", "土地"))
    english = (await exported(rest, stack, "LEAD", "CSV", "en")).content.decode("utf-8-sig")
    assert all(word in english for word in ("counter", "Neighbours", "clue: registered"))
    answer = await exported(rest, stack, "TASK", "XLSX", "zh")
    page = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert page["A1"].value.startswith("永登县 任务清单")
    steps = [row[3].value for row in page.iter_rows(min_row=3)]
    assert "线索分办" in steps
    assert page.page_setup.orientation == "landscape"


@pytest.mark.parametrize("kind", [each.name for each in Register])
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_every_list_and_ledger_is_a_file(rest: httpx.AsyncClient, stack: Stack, kind: str, language: str) -> None:
    answer = await exported(rest, stack, kind, "XLSX", language)
    page = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert TITLES[kind.lower()][language == "en"] in page["A1"].value


def test_every_list_has_a_title_and_every_code_two_words() -> None:
    assert {each.name.lower() for each in Register} == set(TITLES)
    assert len(pb.RegisterKind.values()) - 1 == len(TITLES)
    assert all(zh and en for zh, en in WORDS.values())
