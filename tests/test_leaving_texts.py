"""Outgoing texts: each is checked for personal data in every service, and no event subject is a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from buf.validate import validate_pb2
from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from pb.access.v1 import permission_pb2
from pb.escalation.v1 import escalation_pb2, ledger_pb2, letters_pb2

from casework.errors import CaseError, Reason
from casework.supervision.raising.subject import must_be_matter
from services.kit.serving.request import leaving
from tests.case_people import refused
from tests.conftest import COUNTY, Clients, request_id
from tests.rpcs import all_rpcs

FOUND = ("620102199001011234", "13900001234", "6222021234567890123")
STAYS = {
    "Expert.display_name": "the register of experts",
    "Handover.notes": "from an official to the one who follows, read by these two",
    "LeadNote.text": "what the lead official heard, read by the keeper of the matter",
    "HandOverLeadRequest.text": "from a lead official to the next",
    "AppealText.reasons": "the party's own words, read by the reviewing unit",
    "ReplyText.facts": "to the party itself",
    "ReplyText.conclusion": "to the party itself",
    "RegisterClueRequest.description": "a clue in the words of who gave it, read by those who decide and verify",
    "RegisterClueRequest.reporter_name": "who gave a clue, read for a purpose by those who decide",
    "RegisterClueRequest.reporter_contact": "how to reach them, read with the name",
    "AssignClueRequest.instruction": "read by those who verify a clue",
    "ReportClueVerificationRequest.text": "what was found, read by those who decide on a clue",
    "RecordFindingRequest.text": "becomes a report, sealed in intake",
    "GetWorklistRequest.query": "searched for, not kept",
}
"""Free texts of supervision that are sealed and read by those they are for."""


def requests() -> Iterator[Descriptor]:
    """Yield the request of every RPC of every service."""
    yield from (rpc.method.input_type for rpc in all_rpcs())


def texts(message: Descriptor, seen: frozenset[str] = frozenset()) -> Iterator[FieldDescriptor]:
    """Yield every free text that a client may send: bounded by a length alone."""
    for field in message.fields:
        behaviour = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
        if field_behavior_pb2.OUTPUT_ONLY in behaviour:
            continue
        inner = field.message_type
        if inner is not None and inner.full_name.startswith("accord.") and inner.full_name not in seen:
            yield from texts(inner, seen | {inner.full_name})
        elif field.type == FieldDescriptor.TYPE_STRING:
            rules = field.GetOptions().Extensions[validate_pb2.field]
            told = rules.repeated.items.string if field.is_repeated else rules.string
            if told.max_len and not told.pattern and field.name != "page_token":
                yield field


@pytest.mark.fault("C6")
def test_every_free_text_of_supervision_is_looked_through_or_is_known_to_stay() -> None:
    known = set()
    for request in requests():
        if not request.full_name.startswith("accord.escalation."):
            continue
        for field in texts(request):
            name = f"{field.containing_type.name}.{field.name}"
            known.add(name)
            leaves = field.GetOptions().Extensions[permission_pb2.leaves]
            assert leaves is not (name in STAYS), f"{request.name}: {name}: say whether it leaves"
    assert set(STAYS) <= known


@pytest.mark.fault("C6")
def test_whoever_sends_a_text_that_leaves_can_say_that_it_names_nobody() -> None:
    found = [request for request in requests() if leaving.reaches(request)]
    assert len(found) > 40
    for request in found:
        assert leaving.CONFIRMED in request.fields_by_name, request.name


@pytest.mark.fault("C6")
def test_in_every_text_that_leaves_every_sort_of_number_is_found_and_can_be_confirmed_to_be_none() -> None:
    walked = 0
    for request in (request for request in requests() if leaving.reaches(request)):
        for number in FOUND:
            message = GetMessageClass(request)()
            paths = list(filled(message, f"联系{number}。"))
            walked += len(paths)
            with pytest.raises(CaseError) as caught:
                leaving.check(message)
            assert caught.value.reason is Reason.PERSONAL_DATA
            assert {fault.field for fault in caught.value.fields} == set(paths)
            assert number not in str(caught.value)
            message.confirmed_texts.extend(paths[1:])
            with pytest.raises(CaseError) as caught:
                leaving.check(message)
            assert [fault.field for fault in caught.value.fields] == paths[:1]
            message.confirmed_texts.append(paths[0])
            leaving.check(message)
    assert walked > 150


def filled(message: Message, text: str, prefix: str = "") -> Iterator[str]:
    """Write a text into every field of a message that leaves and yield their paths."""
    for field in message.DESCRIPTOR.fields:
        if field.GetOptions().Extensions[permission_pb2.leaves]:
            if field.is_repeated:
                getattr(message, field.name).append(text)
                yield f"{prefix}{field.name}[0]"
            else:
                setattr(message, field.name, text)
                yield f"{prefix}{field.name}"
        elif field.message_type is not None and leaving.reaches(field.message_type):
            inner = getattr(message, field.name)
            if field.is_repeated:
                yield from filled(inner.add(), text, f"{prefix}{field.name}[0].")
            else:
                yield from filled(inner, text, f"{prefix}{field.name}.")


@pytest.mark.fault("C6")
def test_a_subject_is_a_matter_or_a_part_of_it_and_never_a_person() -> None:
    number = f"{COUNTY}-2026-000001"
    for good in (f"cases/{number}", f"cases/{number}/tasks/2", f"reports/{number}", f"cases/{number}/alerts/1"):
        must_be_matter("subject", good, number)
    for person in ("parties/1", "companions/1", "caucuses/applicant", "accessLog"):
        with pytest.raises(CaseError, match="never a person"):
            must_be_matter("subject", f"cases/{number}/{person}", number)
    with pytest.raises(CaseError, match="INVALID_FIELD"):
        must_be_matter("subject", f"cases/{COUNTY}-2026-000002", number)


@pytest.mark.fault("C6")
async def test_the_services_refuse_what_names_a_person(clients: Clients, rest: Any) -> None:
    case = (await clients.accept(await clients.file_report())).name

    def raised(subject: str) -> Any:
        asked = escalation_pb2.Escalation(from_unit=f"units/{COUNTY}", reason="overdue", subject=subject)
        request = escalation_pb2.CreateEscalationRequest(parent=case, escalation=asked, request_id=request_id())
        return clients.escalation.CreateEscalation(request, **clients.as_("duty_officer"))

    await refused(raised(f"{case}/parties/1"), "INVALID_FIELD", "escalation.subject")
    letter = letters_pb2.Letter(
        kind=1, issuer="units/6201", unit=f"units/{COUNTY}", subject=f"{case}/parties/1"
    )  # fmt: skip
    words = letters_pb2.LetterWords(basis="依据", facts="事实", demand="要求")
    wording = letters_pb2.LetterWording(words=words)
    wording.due_date.year, wording.due_date.month, wording.due_date.day = 2199, 1, 1
    draft = letters_pb2.DraftLetterRequest(letter=letter, wording=wording, request_id=request_id())
    await refused(
        clients.letters.DraftLetter(draft, **clients.as_("supervisor", "6201")), "INVALID_FIELD", "letter.subject"
    )

    matter = ledger_pb2.Matter(level=1, place=f"units/{COUNTY}", category="categories/neighbour")
    content = ledger_pb2.MatterContent(title="李四 身份证620102199001011234 电话13900001234", facts="多次反映。")
    request = ledger_pb2.RegisterMatterRequest(matter=matter, content=content, request_id=request_id())
    with pytest.raises(grpc.aio.AioRpcError, match="PERSONAL_DATA"):
        await clients.ledger.RegisterMatter(request, **clients.as_("duty_officer"))
