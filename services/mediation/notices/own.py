"""The notices that somebody was sent, as that person may have them: what was said, and the proof of delivery."""

from __future__ import annotations

from collections.abc import Sequence

from pb.privacy.v1 import case_file_pb2 as pb

from casework.mediation.notice import MissingField, NoticeState
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.personal import Paper
from services.kit.saying import moment
from services.kit.storage.database import Connection
from services.mediation.models.cases import Case
from services.mediation.models.notices import Delivery, Notice
from services.mediation.notices import store
from services.mediation.notices.writing import REPORTER, Wording

_STATES = {
    NoticeState.DUE: ("待发", "waits to be sent"), NoticeState.AT_DESK: ("待寄送或者领取", "waits at the counter"),
    NoticeState.SENT: ("已发出", "sent"), NoticeState.DELIVERED: ("已送达", "delivered"),
    NoticeState.READ: ("已阅", "read"), NoticeState.SERVED: ("当面送达", "handed over"),
    NoticeState.DEEMED: ("视为送达", "deemed served"), NoticeState.FAILED: ("未能送达", "could not be delivered"),
    NoticeState.CANCELLED: ("不再发送", "given up"),
}  # fmt: skip
_CHANNELS = (
    ("", "客户端", "短信", "电子邮件", "信函", "窗口"),
    ("", "app", "text message", "e-mail", "letter", "counter"),
)


async def found(
    connection: Connection, wording: Wording, number: str, party: int, case: Case | None, language: str, name: str = ""
) -> list[pb.SentNotice]:  # fmt: skip
    """Return the notices of a party, or of the reporter (`REPORTER`), oldest first."""
    rows = await store.of_person(connection, number, party)
    proofs: dict[int, list[Delivery]] = {}
    for each in await store.deliveries_of(connection, [row.id for row in rows]):
        proofs.setdefault(each.notice, []).append(each)
    called = name or ("you" if language == "en" else "您")
    return [
        await _shown(connection, wording, row, case, language, called, proofs.get(row.id, ())) for row in rows
    ]  # fmt: skip


async def _shown(
    connection: Connection, wording: Wording, row: Notice, case: Case | None, language: str, called: str,
    proofs: Sequence[Delivery],
) -> pb.SentNotice:  # fmt: skip
    rule, subject, text = wording.book.find(row.rule), row.rule, ""
    if rule is not None:
        try:
            told = (await wording.texts(connection, row, case))[language]
            subject, text = told.subject, told.text.replace("{name}", called)
        except MissingField:
            subject = wording.book.subject(rule, language)
    return pb.SentNotice(
        name=store.name_of(row.id), rule=row.rule, subject=subject, text=text,
        event_time=stamp(row.occurred_at), serve_time=stamp(row.served_at),
        deliveries=[
            pb.SentNoticeDelivery(
                time=stamp(each.at), evidence=each.evidence, **numbers(state=each.state, channel=each.channel)
            )
            for each in proofs
        ],
        **numbers(state=row.state),
    )  # fmt: skip


def write(paper: Paper, notices: Sequence[pb.SentNotice], language: str) -> None:
    """Write notices into a paper, each with the proof of its delivery."""
    lines = []
    for each in notices:
        lines.append(f"{moment(each.event_time, language)} {each.text or each.subject}")
        lines += [
            f"— {moment(proof.time, language)} {_CHANNELS[language == 'en'][proof.channel]} "
            f"{_STATES[NoticeState(proof.state)][language == 'en']} {proof.evidence}".rstrip()
            for proof in each.deliveries
        ]
        if not each.deliveries:
            lines.append(f"— {_STATES[NoticeState(each.state)][language == 'en']}")
    paper.lines("收到的通知及送达证明", "Notices you were sent, with the proof of delivery", lines)


__all__ = ["REPORTER", "found", "write"]
