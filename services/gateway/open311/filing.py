"""From a form of Open311 to a report: fields by their names in the contract, answers into facts or into the text.

Nothing is decided here: kinds of matter and questions come from intake, which checks the report like any other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from google.type.latlng_pb2 import LatLng
from pb.intake.v1 import public_pb2, report_pb2

from casework.door.category import YES, Kind, fault_of, instant_of
from services.gateway.open311.forms import Form
from services.gateway.rest.problem import Fault, Problem, refuse
from services.kit.instants import stamp

_MISSING = ("必填。", "Is required.")
_FACT = public_pb2.AnswerFact
NAMES = {
    "report.unit": "jurisdiction_id",
    "unit": "jurisdiction_id",
    "report.category": "service_code",
    "report.text": "description",
    "text": "description",
    "report.place.area": "address_id",
    "report.place.address": "address_string",
    "report.place.location": "lat, long",
    "report.reporter.display_name": "first_name, last_name",
    "report.reporter.phone": "phone",
    "report.reporter.email": "email",
    "start_time": "start_date",
    "end_time": "end_date",
    "content": "media",
    "name": "service_request_id",
    "request_id": "Idempotency-Key",
}
"""What fields of the contract are called in Open311."""


def code_of(category: str) -> str:
    """Return the code of a service: `municipal_roads` for `categories/municipal/roads`; no category has underscores."""
    return category.removeprefix("categories/").replace("/", "_")


def category_of(code: str) -> str:
    """Return the category of a service's code."""
    return f"categories/{code.replace('_', '/')}"


def unknown(name: str, value: str) -> Problem:
    """Return the 404 for something that is not there, named as the program wrote it."""
    zh, en = f"没有 {value[:80]}。", f"There is no {value[:80]}."
    return Problem(404, "NOT_FOUND", zh, en, (Fault(name, zh, en),))


def service_of(form: Form, services: Sequence[public_pb2.PublicService]) -> public_pb2.PublicService:
    """Return the service that a form names; raise Problem."""
    code = form.one("service_code")
    if not code:
        raise refuse("INVALID_FIELD", Fault("service_code", *_MISSING))
    for each in services:
        if code_of(each.category) == code:
            return each
    raise unknown("service_code", code)


def report_of(form: Form, unit: str, service: public_pb2.PublicService, language: str) -> report_pb2.Report:
    """Return the report that a form is; raise a Problem that names every wrong field."""
    report = report_pb2.Report(channel=report_pb2.CHANNEL_APP, unit=unit, category=service.category)
    wrong_place = _place(form, unit, report)
    lines, wrong_answers = _answers(form, service, report, language)
    if faults := wrong_place + wrong_answers:
        raise refuse("INVALID_FIELD", *faults)
    _reporter(form, report)
    media = [f"media_url: {each}" for each in form.fields.get("media_url", ())]
    told = [part for part in (form.one("description"), "\n".join([*lines, *media])) if part]
    report.text = "\n\n".join(told) or service.display_name
    return report


def _place(form: Form, unit: str, report: report_pb2.Report) -> list[Fault]:
    """Fill in where it is; return what is wrong with it."""
    jurisdiction, area = unit.removeprefix("units/"), form.one("address_id")
    lat, long, address = form.one("lat"), form.one("long"), form.one("address_string")
    if not (area or lat or long or address):
        missing = ("必填：lat 和 long，或 address_string，或 address_id。",
                   "Is required: lat and long, or address_string, or address_id.")  # fmt: skip
        return [Fault("location", *missing)]
    faults = []
    if area and not (re.fullmatch(r"[0-9]{2,12}", area) and area.startswith(jurisdiction)):
        within = f"应为 {jurisdiction} 内的行政区划代码。", f"Must be an administrative code within {jurisdiction}."
        faults.append(Fault("address_id", *within))
    for name, value, most in (("lat", lat, 90), ("long", long, 180)):
        if not value and (lat or long):
            faults.append(Fault(name, *_MISSING))
        elif value and _degrees(value, most) is None:
            faults.append(Fault(name, f"应为 -{most} 到 {most} 的度数。", f"Must be degrees from -{most} to {most}."))
    if not faults:
        report.place.area, report.place.address = area or jurisdiction, address
        if lat:
            report.place.location.CopyFrom(LatLng(latitude=float(lat), longitude=float(long)))
    return faults


def _degrees(text: str, most: int) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) and abs(found) <= most and len(text) < 40 else None


def _answers(
    form: Form, service: public_pb2.PublicService, report: report_pb2.Report, language: str
) -> tuple[list[str], list[Fault]]:
    """Fill in what was answered; return the lines for the text, and what is wrong."""
    given, lines, faults = form.answers(), list[str](), list[Fault]()
    for asked in service.questions:
        name, answers = f"attribute[{asked.code}]", given.pop(asked.code, [])
        choices = {each.key: each.display_name for each in asked.choices}
        wrong = fault_of(Kind(asked.kind), frozenset(choices), answers) if answers else None
        if wrong or (asked.required and not answers):
            faults.append(Fault(name, *(wrong or _MISSING)))
        elif not answers:
            continue
        elif asked.fact == _FACT.ANSWER_FACT_PEOPLE_AFFECTED:
            report.people_affected = int(answers[0])
        elif asked.fact == _FACT.ANSWER_FACT_DANGER:
            report.danger = YES in answers
        elif asked.fact == _FACT.ANSWER_FACT_HAPPEN_TIME:
            happened = stamp(instant_of(answers[0]))
            assert happened is not None, "checked above"
            report.happen_time.CopyFrom(happened)
        else:
            colon, comma = ("：", "、") if language == "zh" else (": ", ", ")
            lines.append(f"{asked.question}{colon}{comma.join(choices.get(each, each) for each in answers)}")
    faults += [Fault(f"attribute[{code}]", "没有这个问题。", "There is no such attribute.") for code in given]
    return lines, faults


def names_of(service: public_pb2.PublicService) -> dict[str, str]:
    """Return what fields of the contract are called in a form of this service."""
    facts = {
        _FACT.ANSWER_FACT_PEOPLE_AFFECTED: "report.people_affected",
        _FACT.ANSWER_FACT_HAPPEN_TIME: "report.happen_time",
    }
    asked = {facts[each.fact]: f"attribute[{each.code}]" for each in service.questions if each.fact in facts}
    return {**NAMES, **asked}


def _reporter(form: Form, report: report_pb2.Report) -> None:
    """Fill in who reports, as far as it was said; a device or an account elsewhere is nothing that Accord keeps."""
    first, last = form.one("first_name"), form.one("last_name")
    name = f"{first} {last}".strip() if (first + last).isascii() else f"{last}{first}"
    phone = re.sub(r"[\s().-]", "", form.one("phone"))
    for field, value in (("display_name", name), ("phone", phone), ("email", form.one("email"))):
        if value:
            setattr(report.reporter, field, value)


def notice(filed: report_pb2.Report, language: str, *, words: bool) -> str:
    """Return what whoever filed is told: whom to call in danger, and the receipt."""
    zh = language == "zh"
    call = "、".join(f"{each.number} {each.title}" for each in filed.call_now)
    said = [f"紧急情况请立即拨打：{call}。" if zh else f"In danger call at once: {call}."] if call else []
    said.append(f"回执码：{filed.receipt_code}。" if zh else f"Receipt: {filed.receipt_code}.")
    if words and filed.receipt_words:
        said.append(f"口令：{filed.receipt_words}。" if zh else f"Words: {filed.receipt_words}.")
    said.append("凭回执码查询进度。" if zh else "It shows how far the matter is.")
    return ("" if zh else " ").join(said)
