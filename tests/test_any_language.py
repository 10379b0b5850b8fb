"""Texts in any language: accepted as words, refused when empty, found when the same matter is reported again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import httpx
import pytest
from buf.validate import validate_pb2
from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from pb.intake.v1 import intake_pb2
from pb.mediation.v1 import mediation_pb2

from casework.door.likeness import KeyedSigns
from casework.saying import says_something
from services.kit.serving import validation
from tests.conftest import Clients, request_id
from tests.rpcs import all_rpcs
from tests.test_rest import filed, is_problem

NUMBERS = ["(2026)甘0102民特1号", "兰劳人仲案〔2026〕第17号", "送达回证", "བོད་ཡིག 12", "ھۆججەت 7", "ᠪᠢᠴᠢᠭ", "doc-1"]
NOTHING = [" ", "\u3000\u3000", "\u200b", "……", "---", "\u2060\ufeff", "\u3164", "\u2800", "？！。", "\u0301"]
TEXTS = {
    "Tibetan": "ཁྱིམ་མཚེས་ཀྱིས་མཚན་མོར་སྐད་ཆེན་པོ་རྒྱག་གི་འདུག",
    "Uyghur": "قوشنىمىز كېچىسى بەك ۋاراڭ-چۇرۇڭ قىلىدۇ، ئۇخلىيالمايمىز",
    "Mongolian": "ᠬᠥᠷᠰᠢ ᠠᠶᠢᠯ ᠰᠥᠨᠢ ᠳᠤ ᠶᠡᠬᠡ ᠴᠢᠮᠡᠭᠡ ᠭᠠᠷᠭᠠᠳᠠᠭ",
    "Kazakh": "Көршілер түнде қатты шулайды, ұйықтай алмаймыз",
    "Latin": "Łukasz płaci za późno i głośno krzyczy w nocy",
    "Yi": "ꆈꌠꁱꂷꊿꁨꇖꂱ",
    "Chinese": "楼上邻居夜里吵闹，无法入睡",
}
# What a field with one of these names holds is a code by its nature: a name of the system, a key, a date, a number.
CODES = re.compile(
    r"(request_id|service|rule|cause|date|day|month|period|region|area|language|languages|companion_language|consumer"
    r"|candidate|phone|guardian_phone|email|code|document_kind|type|lease|id_number|birth_date|user|taken_by|subject|mediator_id|sha256|court|source|official|successor|cover|fields"
    r"|field|facts|confirmed_texts|after_hash|clocks|office|consents|indicator|room_id|challenge_solution|destination_code|category|categories|version|hash|client|series|quarter|year|unit|units|opens|closes|letter|queue|queues|officer|step|becomes|grid|account|numbers|types|fault|code_prefix|order_by|rules|signature)"
)


def is_answered(field: FieldDescriptor) -> bool:
    """Tell whether a field is only in answers, or names what is meant: a change says nothing with it."""
    behaviour = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    return bool({field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IMMUTABLE} & set(behaviour))


def fields_of(kind: Descriptor, path: str = "", depth: int = 0) -> Iterator[tuple[str, FieldDescriptor]]:
    """Yield path and descriptor of every text field of a message, at any depth."""
    for field in kind.fields:
        if field.type == field.TYPE_STRING:
            yield f"{path}{field.name}", field
        elif field.message_type is not None and depth < 4 and not _apart(field):
            yield from fields_of(field.message_type, f"{path}{field.name}.", depth + 1)


def _apart(field: FieldDescriptor) -> bool:
    """Return whether what is in a message field is checked elsewhere, or is no message of a contract."""
    rules: Any = field.GetOptions().Extensions[validate_pb2.field]
    return rules.ignore == validate_pb2.IGNORE_ALWAYS or field.message_type.GetOptions().map_entry


def rules_of(field: FieldDescriptor) -> Any:
    rules: Any = field.GetOptions().Extensions[validate_pb2.field]
    return rules.repeated.items if field.is_repeated else rules


def filled(message: Message, path: str, text: str) -> Message:
    """Set the field at a path to a text, in the first item of whatever repeats on the way."""
    at: Any = message
    *way, last = path.split(".")
    for name in way:
        inner = getattr(at, name)
        at = inner if isinstance(inner, Message) else inner.add()
        at.SetInParent()
    if hasattr(getattr(at, last), "append"):
        getattr(at, last).append(text)
    else:
        setattr(at, last, text)
    return message


REQUESTS = {rpc.method.input_type.full_name: rpc.method.input_type for rpc in all_rpcs()}


# --- what says nothing ------------------------------------------------------------------------------------------------


@pytest.mark.fault("D13")
def test_every_field_of_every_request_refuses_a_text_that_says_nothing() -> None:
    walked = 0
    for kind in REQUESTS.values():
        for path, field in fields_of(kind):
            if (
                validation.NO_WORDS & set(path.split("."))
                or is_answered(field)
                or rules_of(field).ignore == validate_pb2.IGNORE_ALWAYS
                or (field.is_repeated and not hasattr(rules_of(field), "string"))
            ):
                continue
            for text in ("\u3000", "……"):
                faults = validation.faults_of(filled(GetMessageClass(kind)(), path, text))
                named = [re.sub(r"\[\d+\]", "", each.field) for each in faults]
                assert path in named, f"{kind.full_name}.{path} takes {text!r}"
            walked += 1
    assert walked > 500


@pytest.mark.fault("D13")
@pytest.mark.parametrize("text", NOTHING)
def test_blanks_and_signs_say_nothing(text: str) -> None:
    assert not says_something(text)


@pytest.mark.parametrize("text", [*NUMBERS, *TEXTS.values(), "7", "…好", "👍", "x"])
def test_any_language_says_something(text: str) -> None:
    assert says_something(text)


@pytest.mark.fault("D13")
@pytest.mark.parametrize("blank", [" ", "\u3000\u3000", "\u200b\u200b", "。。。"])
async def test_a_report_that_says_nothing_is_refused(rest: httpx.AsyncClient, blank: str) -> None:
    answer = await filed(rest, text=blank, reporter={"displayName": blank})
    problem = is_problem(answer, 400, "INVALID_FIELD")
    assert {each["field"] for each in problem["errors"]} == {"text", "reporter.displayName"}


# --- any language where words are meant -------------------------------------------------------------------------------


@pytest.mark.fault("D15")
def test_a_pattern_stands_only_where_a_code_is_meant() -> None:
    for kind in REQUESTS.values():
        for path, field in fields_of(kind):
            pattern = rules_of(field).string.pattern
            resource = "/" in pattern.replace("._:/", "").replace("._@:/", "") or pattern.startswith("^units")
            if pattern and not resource and not all(re.fullmatch(pattern, each) for each in NUMBERS):
                assert CODES.fullmatch(field.name), f"{kind.full_name}.{path} refuses Chinese: {pattern}"


@pytest.mark.fault("D15")
@pytest.mark.parametrize("text", NUMBERS)
async def test_a_decision_and_its_paper_are_named_in_the_words_of_the_office(clients: Clients, text: str) -> None:
    report = await clients.file_report()
    decline = intake_pb2.DeclineReportRequest(
        name=report.name, reason=text, route="ROUTE_COURT", request_id=request_id()
    )
    declined = await clients.intake.DeclineReport(decline, **clients.as_("duty_officer", "62"))
    assert declined.state
    case = await clients.accept(await clients.file_report())
    plan = await clients.mediation.GetPlan(
        mediation_pb2.GetPlanRequest(name=f"{case.name}/plan"), **clients.as_("handler", "62")
    )
    task = plan.tasks[0].name
    await clients.mediation.SignTask(
        mediation_pb2.SignTaskRequest(name=task, request_id=request_id()), **clients.as_("handler", "62")
    )
    told = mediation_pb2.ReportTaskRequest(name=task, evidence=text, request_id=request_id())
    await clients.mediation.ReportTask(told, **clients.as_("handler", "62"))


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "x" * 121, " a"])
async def test_the_name_of_a_paper_is_one_line(clients: Clients, text: str) -> None:
    told = mediation_pb2.ReportTaskRequest(
        name="cases/620102-2026-000001/tasks/1", evidence=text, request_id=request_id()
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await clients.mediation.ReportTask(told, **clients.as_("handler", "62"))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


# --- likeness in any script -------------------------------------------------------------------------------------------


def told_in(keyed: KeyedSigns) -> Callable[[str], set[int]]:
    """Return what gives the signs of a text, without the one that every text has."""
    return lambda text: set(keyed.signs(text, "6201")) - {keyed.every("6201")}


@pytest.mark.fault("D18")
@pytest.mark.parametrize("script", TEXTS)
def test_a_text_of_any_script_has_a_form_that_tells_like_from_unlike(script: str) -> None:
    signs = told_in(KeyedSigns(b"key"))
    form = signs(TEXTS[script])
    assert len(form) >= 4
    half = signs(TEXTS[script][: len(TEXTS[script]) * 2 // 3])
    assert len(half & form) >= len(half) - 2, "a part of it is like it"
    others = {sign for name, text in TEXTS.items() if name != script for sign in signs(text)}
    assert not form & others


@pytest.mark.fault("D18")
def test_forms_of_letters_and_signs_inside_of_words_make_no_difference() -> None:
    signs = told_in(KeyedSigns(b"key"))
    assert signs("Ｌärm ﻗﻮﺷﻨﺎ") == signs("LÄRM قوشنا")
    assert signs("ᠮᠣᠩᠭᠣᠯ\u180b ᠪᠢᠴᠢᠭ") == signs("ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ")
    assert signs("楼上漏水 wide") == signs("楼上漏水, ＷＩＤＥ")
    assert signs("12345 678") == set()


@pytest.mark.fault("D18")
@pytest.mark.parametrize("script", TEXTS)
async def test_what_is_told_again_in_any_script_is_found(clients: Clients, script: str) -> None:
    mark = request_id()[-8:].upper()
    told = f"{TEXTS[script]} {mark}"
    first = await clients.file_report(told)
    again = await clients.file_report(told)
    request = intake_pb2.ListDuplicatesRequest(parent=again.name, page_size=50)
    found = (await clients.intake.ListDuplicates(request, **clients.as_("clerk"))).duplicates
    assert first.name in {each.report for each in found}
    assert next(each for each in found if each.report == first.name).text_similarity == pytest.approx(1)
