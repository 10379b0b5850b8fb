"""Supervision letters through their service: separations, drafts of rules, who is shown what, documents, lists."""

from __future__ import annotations

import io
from secrets import randbelow
from typing import Any

import grpc
import pytest
from docx import Document
from pb.escalation.v1 import escalation_pb2
from pb.escalation.v1 import letters_pb2 as pb

from tests.conftest import COUNTY, Clients, request_id
from tests.lettering import DRAFTER, HEAD, OTHER_HEAD, TOWN, Letters, today
from tests.scratch import Scratch
from tests.test_idempotency import Told, refused
from tests.world_letters import letters_of

pytestmark = pytest.mark.usefixtures("no_unforeseen_fault")


@pytest.fixture
def at(clients: Clients) -> Letters:
    """Return letters from the county to a township."""
    return letters_of(clients)


async def reason(call: Any) -> str:
    """Return the reason for which a call is refused."""
    return str((await refused(call))[1].reason)


async def test_a_drafter_does_not_sign_however_high_the_office(at: Letters) -> None:
    name = await at.draft()
    assert await reason(at.do("ApproveLetter", name, "unit_head", DRAFTER, office=1)) == "SAME_PERSON"
    await at.do("EditDraft", name, "unit_head", HEAD, wording=at.wording())
    # Whoever edits it is a drafter as well.
    assert await reason(at.do("ApproveLetter", name, "unit_head", HEAD, office=1)) == "SAME_PERSON"
    assert await reason(at.do("ApproveLetter", name, "supervisor", "l-x", office=1)) == "PERMISSION_DENIED"
    signed = await at.do("ApproveLetter", name, "unit_head", OTHER_HEAD, office=2)
    assert (signed.state, signed.approver, signed.drafter) == (pb.LETTER_STATE_APPROVED, OTHER_HEAD, DRAFTER)


async def test_nothing_is_served_that_nobody_signed(at: Letters, clients: Clients) -> None:
    name = await at.draft()
    assert await reason(at.do("ServeLetter", name, manner=1)) == "WRONG_STATE"
    connection = await Scratch.main(clients.stack).connect()
    try:
        number = name.replace("/", "-", 1)
        for change in ("served_at = now()", "approved_at = now()", f"approved_at = now(), approver = '{DRAFTER}'"):
            with pytest.raises(Exception, match="letters_"):
                await connection.execute(f"UPDATE escalation.letters SET {change} WHERE number = $1", number)
    finally:
        await connection.close()


async def test_each_kind_is_numbered_on_its_own_without_gaps(at: Letters) -> None:
    first = [(await at.sign(await at.draft(kind))).document_number for kind in ("NOTICE", "WARNING", "NOTICE")]
    notices = [int(first[at].split("〕")[1].removesuffix("号")) for at in (0, 2)]
    assert notices[1] == notices[0] + 1
    assert first[0].startswith(f"城关区提〔{today().year}〕")
    assert first[1].startswith(f"城关区警〔{today().year}〕")


async def test_a_unit_is_not_shown_a_draft_nor_who_drafted_nor_what_is_drafted_next(at: Letters) -> None:
    name = await at.draft()
    assert await reason(at.at_unit("GetLetter", name)) == "PERMISSION_DENIED"
    assert await reason(at.at_unit("ConfirmReceipt", name)) == "NOT_FOUND"
    await at.answer_badly(name)
    following = await at.next_of(name)
    seen = await at.at_unit("GetLetter", name)
    assert (seen.drafter, seen.next, seen.approver) == ("", "", HEAD)
    assert (await at.get(name)).next == following
    assert await reason(at.at_unit("ReadLetterText", f"{following}/text")) == "PERMISSION_DENIED"
    listed = await at.stub.ListLetters(pb.ListLettersRequest(page_size=1000), **at.as_("unit_head", TOWN))
    names = {each.name for each in listed.letters}
    assert name in names
    assert following not in names


async def test_nobody_above_answers_in_a_units_name(at: Letters) -> None:
    name = await at.draft()
    await at.serve(name)
    for role in ("unit_head", "handler"):
        for unit in (COUNTY, "6201", "620102002"):
            request = pb.ConfirmReceiptRequest(name=name, request_id=request_id())
            assert await reason(at.stub.ConfirmReceipt(request, **at.as_(role, unit))) == "PERMISSION_DENIED"
    assert (await at.at_unit("ConfirmReceipt", name)).state == pb.LETTER_STATE_RECEIVED


async def test_a_circular_is_signed_once_the_unit_was_heard_and_shown_to_the_peers_named(at: Letters) -> None:
    name = await at.draft("CIRCULAR", copies=["units/620102002"])
    assert await reason(at.do("ApproveLetter", name, "unit_head", HEAD, office=1)) == "HEARING_MISSING"
    await at.serve(name)
    peer = at.as_("handler", "620102002")
    assert (await at.stub.GetLetter(pb.GetLetterRequest(name=name), **peer)).copies == ["units/620102002"]
    await at.at_unit("ConfirmReceipt", name)
    await at.at_unit("ReplyLetter", name, measures="已整改。")
    read = await at.stub.ReadLetterText(pb.ReadLetterTextRequest(name=f"{name}/text"), **peer)
    assert (read.wording.words.demand, read.measures, read.hearing) == ("请限期办理。", "", "")
    other = at.as_("handler", "620102003")
    assert await reason(at.stub.GetLetter(pb.GetLetterRequest(name=name), **other)) == "PERMISSION_DENIED"


async def test_the_verifier_is_not_the_one_who_answered_and_the_decider_neither_drafter_nor_signer(
    at: Letters,
) -> None:
    name = await at.draft()
    await at.reply(name)
    assert (
        await reason(at.do("VerifyLetter", name, "unit_head", "l-unit", sufficient=True, finding="好")) == "SAME_PERSON"
    )
    await at.at_unit("ObjectLetter", name, grounds="事实不符。")
    assert await reason(at.do("VerifyLetter", name, sufficient=True, finding="好")) == "OBJECTION_OPEN"
    for role, sub in (("supervisor", DRAFTER), ("unit_head", HEAD)):
        assert await reason(at.do("DecideObjection", name, role, sub, upheld=False, reason="无据")) == "SAME_PERSON"
    decided = await at.do("DecideObjection", name, "unit_head", OTHER_HEAD, upheld=True, reason="确有出入。")
    assert (decided.state, decided.objection) == (pb.LETTER_STATE_ANNULLED, pb.LETTER_OBJECTION_UPHELD)
    assert await reason(at.at_unit("ReplyLetter", name, measures="晚了")) == "WRONG_STATE"


async def test_an_annulled_letter_takes_the_draft_that_followed_it_along(at: Letters) -> None:
    name = await at.draft(subject=f"cases/{COUNTY}-2026-000777")
    await at.answer_badly(name)
    following = await at.next_of(name)
    await at.at_unit("ObjectLetter", name, grounds="已办结。")
    await at.take_up(following)
    assert await reason(at.do("ApproveLetter", following, "unit_head", HEAD, office=1)) == "OBJECTION_OPEN"
    await at.do("DecideObjection", name, "unit_head", OTHER_HEAD, upheld=True, reason="属实。")
    assert (await at.get(following)).state == pb.LETTER_STATE_DISCARDED


async def test_a_rule_drafts_once_and_a_person_must_take_it_up(at: Letters, clients: Clients) -> None:
    case = f"cases/{COUNTY}-2026-{randbelow(10**6):06}"
    await clients.tell_of(case, TOWN)
    for _ in range(3):
        raised = escalation_pb2.Escalation(mode=1, from_unit=f"units/{TOWN}", reason="overdue")
        request = escalation_pb2.CreateEscalationRequest(parent=case, escalation=raised, request_id=request_id())
        await clients.escalation.CreateEscalation(request, **clients.as_("supervisor", "62"))
    drafts = await at.stub.ListLetterDrafts(pb.ListLetterDraftsRequest(page_size=1000), **at.as_("supervisor"))
    (found,) = [each for each in drafts.letters if each.subject == case]
    assert (found.kind, found.issuer, found.unit) == (pb.LETTER_KIND_WARNING, f"units/{COUNTY}", f"units/{TOWN}")
    assert (found.rule, found.drafter) == ("rule overdue-warning 2026-11", "")
    said = await at.text(found.name)
    assert case.removeprefix("cases/") in said.wording.words.facts
    assert "cases/" not in said.wording.english.facts
    assert await reason(at.do("ApproveLetter", found.name, "unit_head", HEAD, office=1)) == "DRAFT_NOT_TAKEN_UP"
    await at.take_up(found.name)
    assert (await at.sign(found.name)).state == pb.LETTER_STATE_APPROVED


async def test_numbers_of_persons_are_refused_in_every_text_naming_the_field(at: Letters) -> None:
    words = at.wording()
    words.words.facts = "当事人电话13900001234。"
    name = await at.draft()
    code, info, fields = await refused(at.do("EditDraft", name, wording=words))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PERSONAL_DATA")
    assert fields == ["wording.words.facts"]
    await at.receive(name)
    _, _, fields = await refused(at.at_unit("ReplyLetter", name, measures="身份证620102199001011234"))
    assert fields == ["measures"]


async def test_a_word_file_holds_what_every_letter_must(at: Letters) -> None:
    name = await at.draft("INSPECTION")
    draft = await at.do("RenderLetter", f"{name}/document")
    assert "草稿，未经签发" in _lines(draft.content)
    served = await at.serve(name)
    written = await at.do("RenderLetter", f"{name}/document", companion=True)
    text = "\n".join(_lines(written.content))
    for wanted in (
        "督查函", served.document_number, "督办工作制度第三条。", "事项逾期未办。", "请限期办理。", "抄送", "兰州市",
        "五个工作日内书面提出", "10个工作日内书面回复", "Letter of inspection", "Deal with it.",
    ):  # fmt: skip
        assert wanted in text, wanted
    assert HEAD not in text  # A letter goes out under the seal, and no paper names an account.
    assert written.file_name == f"{served.document_number}.docx"


async def test_reading_is_on_record_and_the_unit_is_not_shown_the_issuers_own_notes(at: Letters) -> None:
    name = await at.draft("CIRCULAR")
    await at.serve(name)
    ours, theirs = await at.text(name), await at.at_unit("ReadLetterText", f"{name}/text")
    assert (ours.hearing, theirs.hearing) == ("该单位称人手不足。", "")
    assert theirs.wording.words.demand == "请限期办理。"


async def test_a_list_shows_the_own_subtree_oldest_first_page_by_page(at: Letters) -> None:
    for _ in range(3):
        await at.draft()
    found, token = [], ""
    while True:
        request = pb.ListLettersRequest(page_size=2, page_token=token, states=[1])
        page = await at.stub.ListLetters(request, **at.as_("supervisor"))
        found += page.letters
        token = page.next_page_token
        if not token:
            break
    assert [each.draft_time.ToDatetime() for each in found] == sorted(each.draft_time.ToDatetime() for each in found)
    assert len({each.name for each in found}) == len(found) >= 3
    foreign = await at.stub.ListLetters(pb.ListLettersRequest(), **at.as_("supervisor", "620103"))
    assert not foreign.letters


async def test_a_repeat_gets_the_first_answer_and_changes_nothing(at: Letters) -> None:
    told, supervisor = Told(), at.as_("supervisor", COUNTY, DRAFTER)
    head, theirs = at.as_("unit_head", COUNTY, HEAD), at.as_("unit_head", TOWN, "l-unit")
    letter = pb.Letter(kind=1, issuer=f"units/{COUNTY}", unit=f"units/{TOWN}", subject=f"cases/{COUNTY}-2026-000001")
    drafted = pb.DraftLetterRequest(letter=letter, wording=at.wording())
    assert at.tell_of is not None
    await at.tell_of(letter.subject)
    name = (await told.say(at.stub.DraftLetter, drafted, supervisor)).name
    await told.say(at.stub.EditDraft, pb.EditDraftRequest(name=name, wording=at.wording()), supervisor)
    await told.say(at.stub.ApproveLetter, pb.ApproveLetterRequest(name=name, office=1), head)
    await told.say(at.stub.ServeLetter, pb.ServeLetterRequest(name=name, manner=1), supervisor)
    await told.say(at.stub.ConfirmReceipt, pb.ConfirmReceiptRequest(name=name), theirs)
    await told.say(at.stub.ReplyLetter, pb.ReplyLetterRequest(name=name, measures="已办。"), theirs)
    await told.say(
        at.stub.VerifyLetter, pb.VerifyLetterRequest(name=name, sufficient=False, finding="未办。"), supervisor
    )
    await at.next_by_workflow(name)
    before = await at.get(name)
    assert await told.repeat_all() == 7
    assert await at.get(name) == before


async def test_a_failed_inspection_is_handed_on_by_a_person_with_reasons_and_by_nothing_else(at: Letters) -> None:
    name = await at.draft("INSPECTION")
    await at.answer_badly(name)
    assert await at.next_of(name) == ""
    assert await reason(at.do("RecordTransfer", name, body="units/6201", reason="x")) == "PERMISSION_DENIED"
    handed = await at.do("RecordTransfer", name, "unit_head", HEAD, body="units/6201", reason="屡督不改。")
    assert handed.transferred
    assert (await at.text(name)).transfer == "屡督不改。"
    assert not (await at.at_unit("ReadLetterText", f"{name}/text")).transfer


def _lines(content: bytes) -> list[str]:
    return [paragraph.text for paragraph in Document(io.BytesIO(content)).paragraphs]
