"""Nobody has to know a code by heart: units, categories, reasons, forms, roles, limits and enums in both languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor

from accord.embedded.keys import CODE_ROLES, ROLES
from casework.errors import Reason
from casework.unit_finder import UnitFinder
from casework.units import Department, Level, Unit, UnitTree
from services.gateway.rest.wording import REASONS
from services.gateway.settings import GatewaySettings
from services.gateway.visitors import LIST, guards_of
from services.intake.lookups import view
from services.kit.serving.access import Part
from services.kit.serving.grants import grants_of
from tests.conftest import COUNTY
from tests.gateway_fakes import CONTRACT
from tests.rpcs import all_rpcs, granted
from tests.still import shipped_rules
from tests.test_rest import is_problem

pytestmark = pytest.mark.fault("E6")
SHIPPED = Path(__file__).resolve().parent.parent / "rules"
RULES = shipped_rules(SHIPPED)
CHINESE = re.compile(r"[\u4e00-\u9fff]|Excel|MP|CSV")


def enums(message: Descriptor, seen: set[str]) -> set[EnumDescriptor]:
    """Return every enum in a message, at any depth."""
    if message.full_name in seen:
        return set()
    seen.add(message.full_name)
    found = {field.enum_type for field in message.fields if field.enum_type is not None}
    for field in message.fields:
        if field.message_type is not None:
            found |= enums(field.message_type, seen)
    return {each for each in found if each.full_name.startswith("accord.")}


def test_every_code_of_the_contracts_has_words_in_both_languages() -> None:
    seen: set[str] = set()
    used = {enum for rpc in all_rpcs() for end in (rpc.method.input_type, rpc.method.output_type)
            for enum in enums(end, seen)}  # fmt: skip
    lists = {each.schema: each for each in view.code_lists(RULES.words)}
    assert {each.full_name for each in used} - set(lists) == set(), "give the enum words in rules/words/codes.yaml"
    for enum in used:
        found = lists[enum.full_name]
        assert [each.code for each in found.codes] == [each.name for each in enum.values[1:]]
        for each in (found, *found.codes):
            assert CHINESE.search(each.zh), each
            assert each.en, each


def test_every_role_and_every_part_has_words_and_its_permissions() -> None:
    assert set(RULES.words.roles) == {*ROLES, *CODE_ROLES, "gateway"}
    assert set(RULES.words.parts) == set(Part)
    grants = tuple(grants_of(SHIPPED / "access"))
    roles = {code: view.role(code, called, grants) for code, called in RULES.words.roles.items()}
    for permission, holders in granted().items():
        for role in holders:
            assert permission in roles[role].permissions, (role, permission)
    assert {part for each in grants for part in each.parts} <= set(RULES.words.parts)
    assert "tasks.get" in view.part("co_unit", RULES.words.parts["co_unit"], grants).permissions_by_part


def test_every_permission_names_the_calls_that_need_it() -> None:
    found = {each.code: each for each in view.permissions(set(granted()))}
    assert set(found) == set(granted())
    for rpc in all_rpcs():
        path = rpc.path.lstrip("/")
        assert path in {each.method for each in found[rpc.permission].calls}


SMALL = UnitTree(
    [
        Unit("cn", "国", Level.nation, None),
        Unit("11", "北京市", Level.province, "cn"),
        Unit("1101", "市辖区", Level.city, "11"),
        Unit("110101", "东城区", Level.county, "1101"),
        Unit("110101-zoo", "东城区动物园", Level.department, "110101"),
        Unit("62", "甘肃省", Level.province, "cn"),
        Unit("6201", "兰州市", Level.city, "62"),
        Unit("620102", "城关区", Level.county, "6201"),
        Unit("620102001", "酒泉路街道", Level.township, "620102"),
    ],
    [Department("court", "法院", "People's Court", frozenset({Level.county}))],
)


@pytest.mark.parametrize(
    ("words", "begins", "found"),
    [
        ("城关", "", ["620102"]),
        ("兰州市城关区", "", ["620102"]),
        ("北京市东城区", "", ["110101"]),
        ("城关 街道", "", ["620102001"]),
        ("城关区法院", "", ["620102-court"]),
        ("court", "", ["110101-court", "620102-court"]),
        ("甘肃 people's", "", ["620102-court"]),
        ("动物园", "", ["110101-zoo"]),
        ("", "110101-", ["110101-court", "110101-zoo"]),
        ("", "6201", ["6201", "620102", "620102-court", "620102001"]),
        ("court", "62", ["620102-court"]),
        ("上海", "", []),
    ],
)
def test_a_unit_is_found_by_words_or_by_the_beginning_of_its_code(words: str, begins: str, found: list[str]) -> None:
    finder, asked = UnitFinder(SMALL), words.split()
    assert list(finder.find(asked, begins)) == found
    pages = [next(finder.find(asked, begins, after), None) for after in ["", *found]]
    assert pages == [*found, None], "page by page the same"


def test_a_lookup_without_an_account_is_counted_by_address_like_a_list_of_public_matters() -> None:
    guards = guards_of(GatewaySettings.model_construct())
    lookups = [rpc.full_name for rpc in CONTRACT.rpcs if rpc.service == "accord.lookup.v1.LookupService"]
    assert [guards.get(each) for each in lookups] == [guards[LIST]] * 10


async def listed(rest: httpx.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    rest.headers.pop("Authorization", None)
    answer = await rest.get(path, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_client_finds_its_way_from_words_to_codes_without_an_account(rest: httpx.AsyncClient) -> None:
    provinces = (await listed(rest, "/v1/units"))["units"]
    assert {each["level"] for each in provinces} == {"UNIT_LEVEL_PROVINCE"}
    (county,) = (await listed(rest, "/v1/units", query="兰州 城关区", levels="UNIT_LEVEL_COUNTY"))["units"]
    assert (county["name"], county["fullName"]) == (f"units/{COUNTY}", "兰州市城关区")
    assert (await listed(rest, f"/v1/units/{COUNTY}")) | {"etag": ""} == county
    first = await listed(rest, "/v1/units", parent=county["name"], pageSize=3)
    again = await listed(rest, "/v1/units", parent=county["name"], pageSize=3, pageToken=first["nextPageToken"])
    names = [each["name"] for page in (first, again) for each in page["units"]]
    assert len(set(names)) == 6
    assert all(name.startswith(f"units/{COUNTY}") for name in names)
    categories = {each["name"]: each for each in (await listed(rest, "/v1/categories"))["categories"]}
    assert categories["categories/labour"]["zh"]
    forms = (await listed(rest, "/v1/documentForms"))["forms"]
    assert (forms[0]["code"], forms[0]["zh"]) == ("DOCUMENT_FORM_COVER", "卷宗封面")
    reasons = {each["code"]: each for each in (await listed(rest, "/v1/refusalReasons"))["reasons"]}
    assert (reasons["UNKNOWN_UNIT"]["grpcCode"], reasons["UNKNOWN_UNIT"]["httpStatus"]) == ("INVALID_ARGUMENT", 400)
    assert (reasons["ETAG_MISMATCH"]["httpStatus"], reasons["BODY_TOO_LARGE"]["httpStatus"]) == (412, 413)
    assert list(reasons) == sorted({*Reason, *REASONS})
    limits = {each["code"]: each for each in (await listed(rest, "/v1/timeLimits", unit=county["name"]))["limits"]}
    assert {each["code"] for each in limits["civil_limitation"]["restartCauses"]} >= {"demand", "suit"}
    channel = await listed(rest, "/v1/codeLists/intake.Channel")
    assert {"code": "CHANNEL_COUNTER", "zh": "窗口", "en": "A person at the counter (窗口)."} in channel["codes"]
    assert channel | {"etag": ""} in (await listed(rest, "/v1/codeLists"))["codeLists"]
    for wrong, code in (("/v1/units/999999", "UNKNOWN_UNIT"), ("/v1/codeLists/intake.Colour", "NOT_FOUND")):
        is_problem(await rest.get(wrong), 404 if code == "NOT_FOUND" else 400, code)


@pytest.mark.parametrize(
    "path", ["units", "units/62", "categories", "refusalReasons", "documentForms", "roles", "permissions", "timeLimits",
             "codeLists", "codeLists/intake.Grade"],
)  # fmt: skip
async def test_a_lookup_is_read_once_and_then_only_if_it_changed(rest: httpx.AsyncClient, path: str) -> None:
    del rest.headers["Authorization"]
    answer = await rest.get(f"/v1/{path}")
    assert answer.status_code == 200, answer.text
    known = {"If-None-Match": answer.headers["etag"]}
    assert (await rest.get(f"/v1/{path}", headers=known)).status_code == 304
