"""A full example case for the documents: two neighbours and a third party, agreed, performed, visited."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal

from docx import Document

from casework.case import Ground, Side, Step
from casework.door.routes import OpenRoute, Route, RouteKind
from casework.papers.documents import (
    AgreementFacts,
    Clause,
    ClosingFacts,
    ConfirmationFacts,
    ConsentFacts,
    Docking,
    DockingFacts,
    DossierSource,
    Extension,
    Identity,
    Inquiry,
    Interpretation,
    JointSession,
    MediatorFacts,
    PartyFacts,
    PerformanceFacts,
    Proof,
    Recusal,
    Representative,
    Term,
    TerminationFacts,
    Visit,
)

NUMBER = "(2026)城关区人调字第17号"


def at(month: int, day: int, hour: int = 1, minute: int = 5) -> datetime:
    """Return an instant of 2026; 1:05 in UTC is 9:05 in China."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


PARTIES = (
    PartyFacts(
        1, Side.APPLICANT, "王建国", gender="男", ethnic_group="东乡族", age="46", occupation="木工",
        phone="13900001111", address="城关区甲巷1号", language="en",
        identity=Identity("id_card", "**************3614", True, at(11, 2), "受理员甲"),
    ),
    PartyFacts(2, Side.RESPONDENT, "李桂英", gender="女", phone="13900002222", address="不可外泄的地址",
               address_hidden=True, guardian="李大明"),
    PartyFacts(3, Side.THIRD, "兰州某物业有限公司", organisation=True, legal_representative="赵经理",
               address="城关区乙路2号"),
)  # fmt: skip

CASE = DossierSource(
    number="620102-2026-000017",
    body="城关区人民调解委员会",
    unit="城关区",
    category=Term("邻里", "Neighbours"),
    received_at=at(11, 1),
    accepted_at=at(11, 2),
    channel="court",
    place="甲巷",
    facts="楼上卫生间漏水，\n泡坏天花板 <两处> & 墙面。",
    claims="请求修复并赔偿。",
    language="en",
    dossier_number=NUMBER,
    parties=PARTIES,
    representatives=(
        Representative(1, "周代理", (1, 3), "同事", "参加调解、代收文书", False, "13900003333", date(2026, 11, 3),
                       date(2026, 12, 31)),
    ),
    consents=tuple(ConsentFacts(each, Step.MEDIATION, True, at(11, 3)) for each in (1, 2, 3)),
    mediator=MediatorFacts("孙调解", "城关区", True, at(11, 4)),
    sessions=(
        JointSession(1, at(11, 10), at(11, 10, 3), "一号调解室", mediators=("孙调解",), recorder="钱记录",
                     attendance=("王建国", "李桂英"), record="双方陈述了各自的看法。", result="同意继续调解。",
                     read_back=True),
        JointSession(2, at(11, 24), at(11, 24, 2), remote=True, record="逐项核对。", result="达成协议。"),
    ),
    inquiries=(Inquiry(1, at(11, 6), "甲巷1号", ("孙调解", "钱记录"), "楼长", "现场见水渍两处。", True),),
    proofs=(Proof(1, "转账截图", "picture", 1), Proof(2, "现场录像", "recording"), Proof(3, "物业合同", "document", 3)),
    agreement=AgreementFacts(
        True, False, "楼上漏水致损。", "赔偿数额。", "楼上承担主要责任。",
        (
            Clause(1, "李桂英", "支付第一期赔偿款", Decimal("12000"), date(2026, 12, 1), "转账",
                   "pay the first instalment"),
            Clause(2, "兰州某物业有限公司", "修复防水层", None, date(2026, 12, 20)),
        ),
        date(2026, 11, 24), at(11, 24, 2), "The flat above leaked.", "The amount.", "The flat above answers mainly.",
    ),
    performances=(PerformanceFacts(1, 1, at(12, 1), Decimal("12000"), False, "转账回单", "王建国", "钱记录"),),
    visits=(Visit(1, at(12, 8), "钱记录", "王建国", "phone", "协议履行回访", "done", "satisfied", False, "已修好。"),),
    confirmation=ConfirmationFacts("兰州市城关区人民法院", date(2026, 12, 24), None, "房屋所有权证"),
    termination=TerminationFacts(Ground.GAP_TOO_WIDE, at(11, 24)),
    routes=(
        OpenRoute(
            Route("court", RouteKind.court, "提起诉讼。", "Sue.", "民法典 188", "三年", "three years"),
            at(12, 24),
        ),
        OpenRoute(Route("arbitration", RouteKind.arbitration, "申请仲裁。", "Go to arbitration.", "仲裁法 5")),
    ),
    dockings=(
        DockingFacts(1, Docking.COURT, "兰州市城关区人民法院", "(2026)甘0102委调5号", True, "相邻关系纠纷", at(11, 1),
                     at(11, 2), "受理员甲", date(2026, 11, 17), out_of_scope=False, returned_at=at(11, 25),
                     agreed=True, performed=False),
    ),
    recusals=(Recusal(1, 2, "吴调解", at(11, 3), "曾是邻居", True, at(11, 4), "负责人乙"),),
    extensions=(Extension(1, date(2026, 11, 17), date(2026, 12, 17), ((1, at(11, 16)), (2, at(11, 16)))),),
    interpretations=(Interpretation(1, "东乡语", "马翻译", "第一次调解", at(11, 10), 1, "oral", True),),
    closing=ClosingFacts("agreed", "done", "satisfied", "钱记录", "审核员丙", at(12, 9), "协议已全部履行。"),
    remarks="现场照片因雨未拍。",
    retention="short",
    registrar="受理员甲",
    filed_by="钱记录",
    filed_at=at(12, 10),
)  # fmt: skip


def text_of(content: bytes) -> str:
    """Return all text of a Word file, its header and footer too, in reading order."""
    document = Document(io.BytesIO(content))
    lines: list[str] = []
    for block in document.iter_inner_content():
        if hasattr(block, "rows"):
            for row in block.rows:
                seen: list[object] = []
                for cell in row.cells:
                    if cell._tc not in seen:
                        seen.append(cell._tc)
                        lines.append(cell.text)
        else:
            lines.append(block.text)
    for section in document.sections:
        lines += [each.text for each in (*section.header.paragraphs, *section.footer.paragraphs)]
    return "\n".join(lines)
