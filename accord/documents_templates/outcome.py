"""Forms at the end: agreement, termination, performance, visits, judicial confirmation, closing."""

from __future__ import annotations

from accord.documents_templates.layout import Page
from accord.documents_templates.opening import SIGNED
from accord.documents_templates.parts import (
    PARTY_WIDTHS,
    clause_lines,
    labelled,
    mediator_signature,
    party_lines,
    party_rows,
    party_signatures,
)


def _agreement(page: Page) -> None:
    page.title("人民调解协议书", "People's mediation agreement")
    page.number()
    party_lines(page)
    page.label("一、纠纷主要事实", "1. Main facts")
    page.text("{{ facts }}", "{{ facts }}")
    page.label("二、争议事项", "2. Disputed points")
    page.text("{{ points }}", "{{ points }}")
    page.label("三、各方责任", "3. Responsibility")
    page.text("{{ responsibility }}", "{{ responsibility }}")
    page.label("四、协议内容（履行的内容、方式和期限）", "4. What is agreed: content, manner and date of performance")
    page.text("经调解，各方当事人自愿{{ extent }}：", "The parties of their own free will reach {{ extent }}:")
    clause_lines(page)
    page.label("五、效力", "5. Effect")
    page.text(
        "本协议自各方当事人签名、盖章或者按指印，人民调解员签名并加盖人民调解委员会印章之日起生效，具有法律约束力，"
        "各方应当按照约定履行。（《人民调解法》第二十九条、第三十一条）"
        "{% if effective %}本协议于{{ effective }}生效。{% endif %}",
        "The agreement takes effect when all parties have signed, sealed or fingerprinted it, the mediator has signed "
        "and the committee's seal is set; it binds (People's Mediation Law art. 29, 31)."
        "{% if effective %} It took effect on {{ effective }}.{% endif %}",
    )
    page.text(
        "各方可以自本协议生效之日起三十日内，共同向人民法院申请司法确认。（《人民调解法》第三十三条）"
        "就履行或者协议内容发生争议的，可以向人民法院提起诉讼。（第三十二条）劳动争议的协议，还可以自生效之日起十五日内共同向"
        "劳动人事争议仲裁委员会申请仲裁审查（办案规则第七十四条）；司法确认限于给付义务（劳动争议解释（一）第五十二条）。",
        "Within 30 days the parties may together apply to the court for confirmation (art. 33); a dispute about the "
        "agreement may be taken to the court (art. 32). A labour agreement may within 15 days be put before the "
        "arbitration commission together; a court confirms obligations to pay alone.",
    )
    page.text("本协议一式{{ copies }}，当事人各执一份，人民调解委员会留存一份。",
              "Made in {{ copies }} copies: one for each party and one for the committee.")  # fmt: skip
    party_signatures(page, *SIGNED)
    mediator_signature(page)
    page.sign(("记录人（签名）", "Recorder, signature"))
    page.seal(day="{{ made }}")
    page.free()


def _oral_agreement(page: Page) -> None:
    pick = page.pick
    page.title("人民调解口头协议登记表", "Register of an oral agreement")
    page.number()
    page.table(
        PARTY_WIDTHS,
        [
            *party_rows(page, "parties"),
            [(pick("纠纷主要事实", "Main facts"), 1, "label"), ("{{ facts }}", 7, "tall")],
            [(pick("争议事项", "Disputed points"), 1, "label"), ("{{ points }}", 7)],
            [(pick("协议类型", "Extent"), 1, "label"), ("{{ extent }}", 7)],
            "{%tr for clause in clauses %}",
            [
                (pick("协议内容 {{ clause.index }}", "Clause {{ clause.index }}"), 1, "label"),
                (
                    "{{ clause.performer }}：{{ clause.content }}"
                    "{% if clause.amount %}；{{ clause.amount }}{% endif %}"
                    "{% if clause.due %}；{{ clause.due }}{% endif %}"
                    "{% if clause.manner %}；{{ clause.manner }}{% endif %}",
                    7,
                ),
            ],
            "{%tr endfor %}",
            [(pick("达成日期", "Agreed on"), 1, "label"), ("{{ made }}", 3),
             (pick("调解员", "Mediator"), 1, "label"), ("{{ mediator }}", 3)],
        ],
        size=10.5 if pick("zh", "en") == "zh" else 9,
    )  # fmt: skip
    page.text(
        "口头协议自各方当事人达成协议之日起生效，具有法律约束力。（《人民调解法》第三十条、第三十一条）",
        "An oral agreement takes effect on the day it is reached, and binds (People's Mediation Law art. 30, 31).",
    )
    mediator_signature(page)
    page.sign(("记录人（签名）", "Recorder, signature"))
    page.seal()
    page.free()


def route_lines(page: Page) -> None:
    """Write one paragraph a route: whom to turn to, within which time, until when, on what it rests."""
    page.control("{%p for route in routes %}")
    page.text(
        "{{ route.index }}．{{ route.text }}{% if route.term %}期限：{{ route.term }}。{% endif %}"
        "{% if route.due %}本案截至{{ route.due }}（含当日）。{% endif %}（{{ route.basis }}）",
        "{{ route.index }}. {{ route.text }}{% if route.term %} Within: {{ route.term }}.{% endif %}"
        "{% if route.due %} Here until {{ route.due }}, that day included.{% endif %} ({{ route.basis }})",
    )
    page.control("{%p endfor %}")


def _termination(page: Page) -> None:
    page.title("终止调解通知书", "Notice that mediation ended")
    page.number()
    page.addressee("parties_line")
    page.text(
        "{{ category }}纠纷的调解已于{{ ended }}终止。终止情形：{{ ground }}。（《人民调解法》第二十六条）",
        "The mediation of {{ category }} ended on {{ ended }}. Ground: {{ ground }} (People's Mediation Law art. 26).",
    )
    page.text("您可以依法通过下列途径维护自己的权利：", "You may protect your rights by:")
    route_lines(page)
    page.text(
        "终止调解不影响您起诉、申请仲裁等权利。但是起诉、申请的期限和撤销权等权利的存续期间不因终止调解而停止，"
        "请注意上列各项的期限。（《民法典》第一百九十九条）",
        "The end of mediation does not take from you the right to sue or to go to arbitration. But the terms for that "
        "run on, and so does the time of a right to annul; mind the terms above (Civil Code art. 199).",
    )
    page.text(
        "您向人民调解委员会提出请求的，诉讼时效、仲裁时效自提出之日起中断，重新计算。各方以后愿意的，可以再次申请调解。"
        "（《民法典》第一百九十五条、诉讼时效规定第十二条、《劳动争议调解仲裁法》第二十七条）",
        "Your request to the committee interrupted the limitation, which runs anew. You may come back at any time if "
        "all wish it (Civil Code art. 195; Labour Mediation and Arbitration Law art. 27).",
    )
    page.seal()
    page.label("送达回证", "Served on")
    party_signatures(page, *SIGNED)
    page.free()


def _performance(page: Page) -> None:
    pick = page.pick
    page.title("履行凭证记录", "Record of performance")
    page.number()
    page.fields(("当事人", "Parties", "parties_line"))
    page.table(
        (11, 18, 27, 14, 16, 13, 13),
        [
            [
                (pick("协议条款", "Clause"), 1, "label"), (pick("履行日期", "Date"), 1, "label"),
                (pick("金额", "Amount"), 1, "label"), (pick("履行程度", "Extent"), 1, "label"),
                (pick("凭证", "Evidence"), 1, "label"), (pick("接收人", "Received by"), 1, "label"),
                (pick("登记人", "Recorded by"), 1, "label"),
            ],
            "{%tr for act in acts %}",
            [
                ("{{ act.clause }}", 1), ("{{ act.at }}", 1), ("{{ act.amount }}", 1), ("{{ act.extent }}", 1),
                ("{{ act.evidence }}", 1), ("{{ act.received_by }}", 1), ("{{ act.recorded_by }}", 1),
            ],
            "{%tr endfor %}",
        ],
        size=10.5,
    )  # fmt: skip
    page.sign(("履行方（签名）", "Performed by, signature"), ("接收方（签名）", "Received by, signature"))
    page.seal()
    page.free()


def _follow_up(page: Page) -> None:
    pick = page.pick
    page.title("回访记录", "Record of a follow-up visit")
    page.number()
    rows = [
        ("当事人", "Parties", "parties_line"), ("回访时间", "Time", "at"), ("回访人", "Visitor", "by"),
        ("回访对象", "Spoke with", "of_whom"), ("回访方式", "How", "medium"), ("回访事由", "Reason", "reason"),
        ("协议履行情况", "Performance", "performance"), ("当事人满意情况", "Satisfaction", "satisfaction"),
        ("是否再次发生纠纷", "Happened again", "recurrence"),
    ]  # fmt: skip
    page.table(
        (28, 72),
        [
            *labelled(page, rows),
            [(pick("回访情况", "What was said"), 1, "label"), ("{{ remarks }}", 1, "tall")],
        ],
    )
    page.sign(("回访人（签名）", "Visitor, signature"), ("回访对象（签名）", "Spoken with, signature"))
    page.day()
    page.free()


def _confirmation(page: Page) -> None:
    page.title("司法确认申请书", "Application for judicial confirmation")
    page.number()
    party_lines(page)
    page.label("请求事项", "Request")
    page.text(
        "申请人共同请求确认{{ body }}主持达成的调解协议（编号：{{ number }}，{{ effective }}生效）有效。",
        "The applicants together ask the court to confirm the agreement made before {{ body }} (no. {{ number }}, in "
        "effect since {{ effective }}).",
    )
    page.label("协议内容", "What was agreed")
    clause_lines(page)
    page.control("{%p if property_facts %}")
    page.text("财产权利证明情况：{{ property_facts }}", "Proof of property: {{ property_facts }}")
    page.control("{%p endif %}")
    page.label("承诺", "Undertaking")
    page.text(
        "申请人承诺：协议出于自愿，没有恶意串通、规避法律，没有损害国家利益、社会公共利益、他人合法权益；"
        "因此造成损害的，承担责任。",
        "The applicants undertake that they agreed freely, without collusion or evasion of the law, and to nobody's "
        "harm, and answer for it.",
    )
    page.text(
        "申请期限：自协议生效之日起三十日内{% if last_day %}，至{{ last_day }}（含当日）止{% endif %}。"
        "（《人民调解法》第三十三条、《民事诉讼法》第二百零五条）",
        "To be filed within 30 days{% if last_day %}, by {{ last_day }}, that day included{% endif %} (People's "
        "Mediation Law art. 33; Civil Procedure Law art. 205).",
    )
    page.text(
        "附：调解协议书；人民调解委员会主持调解的证明；申请人身份核验材料；与协议有关的财产权利证明；申请人联系方式。",
        "Enclosed: the agreement; proof that the committee mediated; proof of identity; proof of property; contacts.",
    )
    page.text("此致", "To", indent=True)
    page.text("{{ court }}", "{{ court }}", indent=False)
    party_signatures(page, *SIGNED)
    page.day()
    page.free()


def _closing_report(page: Page) -> None:
    pick = page.pick
    page.title("结案报告表", "Closing report")
    page.number()
    rows = [
        ("案件编号", "Case no.", "case"), ("当事人", "Parties", "parties_line"), ("纠纷类型", "Kind", "category"),
        ("人民调解员", "Mediator", "mediator"), ("收到时间", "Received", "received"),
        ("受理日期", "Accepted", "accepted"),
        ("调解次数", "Sessions", "sessions"), ("协议情况", "Agreement", "agreement"),
        ("调解结果", "Outcome", "outcome"),
        ("履行情况", "Performance", "performance"), ("满意情况", "Satisfaction", "satisfaction"),
        ("结案日期", "Closed", "closed"),
    ]  # fmt: skip
    page.table(
        (28, 72),
        [
            *labelled(page, rows),
            [(pick("办理情况", "Summary"), 1, "label"), ("{{ summary }}", 1, "tall")],
            [(pick("申请结案人", "Asked by"), 1, "label"), ("{{ requested_by }}", 1)],
            [(pick("审核人", "Reviewed by"), 1, "label"), ("{{ reviewed_by }}", 1)],
        ],
    )
    page.text(
        "调解结果、履行情况、满意情况分别填写，不合并计算；审核人与申请结案人不得为同一人。",
        "Outcome, performance and satisfaction are three results. The reviewer is never the one who asked.",
    )
    page.seal()


def _note(page: Page) -> None:
    page.title("卷宗情况说明", "Note on the dossier")
    page.number()
    page.text("{{ remarks }}", "{{ remarks }}")
    page.sign(("说明人（签名）", "By, signature"))
    page.seal()


WRITERS = {
    "agreement": _agreement,
    "oral-agreement": _oral_agreement,
    "termination": _termination,
    "performance": _performance,
    "follow-up": _follow_up,
    "confirmation-application": _confirmation,
    "closing-report": _closing_report,
    "dossier-note": _note,
}
