"""The certificate of an erasure as a document: what was erased where, when, on which ground, by which two posts."""

from __future__ import annotations

import hashlib

from pb.mediation.v1 import erasure_pb2 as pb

from casework.papers.scan import WORD
from services.kit.saying import moment
from services.kit.word import Section, paper

_SERVICES = {
    "intake": ("受理（报告、查重）", "intake (reports, search for duplicates)"),
    "mediation": ("调解（案件、文书、证据文件）", "mediation (case, documents, evidence files)"),
    "escalation": ("督办（升级、复查、台账）", "supervision (escalations, reviews, ledger)"),
}
_GROUNDS = {
    pb.ERASURE_GROUND_RETENTION_OVER: ("保管期限届满", "the retention period had expired"),
    pb.ERASURE_GROUND_PARTY_REQUEST: (
        "当事人请求，保管期限已届满", "requested by a party, the retention period had expired",
    ),
    pb.ERASURE_GROUND_ORDER: ("司法机关或者主管机关决定", "ordered by a court or an authority"),
}  # fmt: skip
_KINDS = {
    "reports": ("报告", "reports"), "search_forms": ("查重索引", "search forms"), "parties": ("当事人", "parties"),
    "companions": ("陪同和代理人员", "companions"), "screenings": ("安全询问", "screenings"),
    "session_records": ("调解记录", "session records"), "evidence": ("证据文件", "evidence files"),
    "agreements": ("协议", "agreements"), "documents": ("文书", "documents"), "notices": ("通知", "notices"),
    "cases": ("督办卷", "files of cases"), "matters": ("台账事项", "matters of the ledger"),
    "reviews": ("复查", "reviews"), "clues": ("线索", "clues"),
}  # fmt: skip


def written(found: pb.ErasureCertificate, language: str) -> pb.ErasureCertificate:
    """Return the certificate with its Word file in a language."""
    english = language == "en"

    def say(zh: str, en: str) -> str:
        return en if english else zh

    def counted(counts: dict[str, int]) -> str:
        told = [f"{_KINDS.get(kind, (kind, kind))[english]} {count}" for kind, count in sorted(counts.items())]
        return say("；", "; ").join(told) or say("无", "nothing")

    facts = [
        (say("事项编号", "Number of the matter"), found.number),
        (say("销毁依据", "Ground"), f"{_GROUNDS[found.ground][english]} ({found.evidence})"),
        (say("申请销毁", "Requested"), f"{found.requested_by}, {moment(found.request_time, language)}"),
        (say("决定并销毁", "Decided and erased"), f"{found.decided_by}, {moment(found.erase_time, language)}"),
    ]
    reached = [(say("系统", "Service"), say("已销毁", "Erased"), say("时间", "When"))]
    reached += [
        (_SERVICES[each.service][english], counted(dict(each.counts)), moment(each.erase_time, language))
        for each in found.reach
    ]
    remains = say(
        f"销毁的内容不可恢复。事件记录（不含个人信息）保留，共{found.chain_length}条，其校验值：{found.chain_head}",
        "What was erased cannot be restored. The history, which holds no personal data, remains: "
        f"{found.chain_length} events, the last with the hash {found.chain_head}",
    )
    law = say("依据《中华人民共和国个人信息保护法》第四十七条。", "Personal Information Protection Law, article 47.")
    title = say("个人信息销毁证明", "Certificate of erasure of personal data")
    content = paper(title, [Section("", facts), Section("", reached), Section("", [(remains,), (law,)])])
    found.content, found.media_type, found.sha256 = content, WORD, hashlib.sha256(content).hexdigest()
    found.file_name = f"{found.number}-{say('销毁证明', 'erasure-certificate')}.docx"
    return found
