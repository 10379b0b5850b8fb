"""What a party said and did in its case, in words: whom it chose, what it asked for, signed, refused and answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple

from pb.mediation.v1 import people_pb2
from pb.privacy.v1 import case_file_pb2 as pb

from casework.mediation.closing import Satisfaction, View
from casework.mediation.notice import Channel
from services.kit.instants import stamp
from services.kit.saying import moment
from services.kit.storage.database import Connection
from services.kit.storage.sealing import CaseSealer, SealedBytes
from services.mediation.case_file import store
from services.mediation.models.people import Party


class _Act(NamedTuple):
    at: datetime
    zh: str
    en: str
    sealed: SealedBytes | None = None


_CONTENT = {
    Satisfaction.SATISFIED: ("满意", "satisfied"), Satisfaction.PARTLY: ("基本满意", "partly satisfied"),
    Satisfaction.NOT_SATISFIED: ("不满意", "not satisfied"), Satisfaction.NO_ANSWER: ("未答", "no answer"),
}  # fmt: skip
_SAID = {
    View.AGREES: ("同意结案", "agreed to the closing"), View.OBJECTS: ("对结案有异议", "objected to the closing"),
    View.NO_STATEMENT: ("对结案未表态", "said nothing to the closing"),
}  # fmt: skip
_DOCUMENTS: dict[int, tuple[str, str]] = {
    people_pb2.IDENTITY_DOCUMENT_ID_CARD: ("居民身份证", "resident identity card"),
    people_pb2.IDENTITY_DOCUMENT_PASSPORT: ("护照", "passport"),
    people_pb2.IDENTITY_DOCUMENT_RESIDENCE_PERMIT: ("港澳台居民居住证", "residence permit"),
    people_pb2.IDENTITY_DOCUMENT_BUSINESS_LICENCE: ("营业执照", "business licence"),
    people_pb2.IDENTITY_DOCUMENT_HOUSEHOLD: ("户口簿", "household register"),
    people_pb2.IDENTITY_DOCUMENT_OTHER: ("其他证件", "another document"),
}  # fmt: skip
_CHANNELS = {
    Channel.APP: ("应用", "the app"), Channel.SMS: ("短信", "text message"), Channel.EMAIL: ("电子邮件", "e-mail"),
    Channel.PAPER: ("纸质", "paper"), Channel.COUNTER: ("窗口", "the counter"),
}  # fmt: skip


async def of(connection: Connection, row: Party, opener: CaseSealer, language: str) -> list[pb.PersonalAct]:
    """Return what a party said and did, oldest first."""
    english = language == "en"
    found = sorted([each async for each in _acts(connection, row)], key=lambda each: each.at)
    return [
        pb.PersonalAct(
            time=stamp(each.at), what=each.en if english else each.zh,
            text=opener.open(each.sealed).decode() if each.sealed else "",
        )
        for each in found
    ]  # fmt: skip


def _moments(times: Sequence[datetime], language: str) -> list[str]:
    return [moment(told, language) for told in map(stamp, times) if told is not None]


async def _acts(connection: Connection, row: Party) -> AsyncIterator[_Act]:
    of = connection, row.number, row.party
    for at, name in await store.choices(*of):
        yield _Act(at, f"选择调解员{name}", f"chose the mediator {name}")
    for at, times in await store.times(*of):
        zh, en = (_moments(times, language) for language in ("zh", "en"))
        yield _Act(at, f"请求改期：{'、'.join(zh)}", f"asked for another time: {', '.join(en)}")
    for at, session, read_back in await store.signed(*of):
        done, did = ("核对笔录无误", "heard the record read back") if read_back else ("签署笔录", "signed the record")
        yield _Act(at, f"{done}（第{session}次）", f"{did} of session {session}")
    for at, session, sealed in await store.refused(*of):
        yield _Act(at, f"拒绝签署笔录（第{session}次）", f"refused to sign the record of session {session}", sealed)
    for at, amount in await store.claims(*of):
        yield _Act(at, f"声明已履行 {amount / 100:.2f} 元", f"claimed to have performed, CNY {amount / 100:.2f}")
    for at, channel in await store.service(*of):
        how, way = _CHANNELS[channel]
        yield _Act(at, f"请求送达（{how}）", f"asked to be served by {way}")
    for (at,) in await store.exclusions(*of):
        yield _Act(at, "申请回避", "asked that somebody is excluded from the case")
    for at, view, sealed in await store.views(*of):
        yield _Act(at, *_SAID[view], sealed)
    for visited_at, satisfaction in await store.answers(*of):
        if visited_at is not None:
            said, word = _CONTENT[satisfaction]
            yield _Act(visited_at, f"回访：{said}", f"in a follow-up: {word}")
    for at, document, matches in await store.checks(*of):
        if document == people_pb2.IDENTITY_DOCUMENT_UNSPECIFIED:
            yield _Act(
                at,
                "姓名或号码已更正，此前的身份核验作废",
                "name or number corrected: checked before, void",
            )
            continue
        paper, by = _DOCUMENTS[document]
        result, came = ("一致", "the same person") if matches else ("不一致", "not the same person")
        yield _Act(at, f"身份核验（{paper}）：{result}", f"identity checked by {by}: {came}")
