"""Forms at the beginning: application, register, notice of rights, identity, power of attorney."""

from __future__ import annotations

from accord.documents_templates.layout import Page
from accord.documents_templates.parts import PARTY_WIDTHS, party_lines, party_rows, party_signatures
from casework.papers.rights import RIGHTS

SIGNED = ("（签名、盖章或者按指印）", "signature, seal or fingerprint")


def _application(page: Page) -> None:
    pick = page.pick
    page.title("人民调解申请书", "Application for people's mediation")
    page.number()
    page.table(
        PARTY_WIDTHS,
        [
            *party_rows(page, "applicants"),
            *party_rows(page, "respondents"),
            [(pick("纠纷简要情况", "The dispute in short"), 1, "label"), ("{{ facts }}", 7, "tall")],
            [(pick("当事人申请事项", "What is asked for"), 1, "label"), ("{{ claims }}", 7, "tall")],
            [(pick("证据材料", "Means of proof"), 1, "label"), ("{{ proofs }}", 7)],
        ],
        size=10.5 if pick("zh", "en") == "zh" else 9,
    )
    page.text(
        "人民调解委员会已将申请人民调解的相关规定告知本人，本人自愿申请人民调解。",
        "I have been told the rules of people's mediation and apply for it of my own free will.",
    )
    page.sign(("申请人" + SIGNED[0], "Applicant, " + SIGNED[1]))
    page.seal()
    page.free()


def _register(page: Page) -> None:
    pick = page.pick
    page.title("人民调解受理登记表", "Register of acceptance")
    page.number()
    page.table(
        PARTY_WIDTHS,
        [
            [
                (pick("案件来源", "Source"), 1, "label"), ("{{ channel }}", 3),
                (pick("纠纷类型", "Kind"), 1, "label"), ("{{ category }}", 3),
            ],
            [
                (pick("收到时间", "Received"), 1, "label"), ("{{ received }}", 3),
                (pick("受理时间", "Accepted"), 1, "label"), ("{{ accepted }}", 3),
            ],
            *party_rows(page, "parties"),
            [(pick("发生地点", "Place"), 1, "label"), ("{{ place }}", 7)],
            [(pick("纠纷简要情况", "The dispute in short"), 1, "label"), ("{{ facts }}", 7)],
            [(pick("请求事项", "What is asked for"), 1, "label"), ("{{ claims }}", 7)],
            [(pick("证据材料", "Means of proof"), 1, "label"), ("{{ proofs }}", 7)],
        ],
        size=10.5 if pick("zh", "en") == "zh" else 9,
    )  # fmt: skip
    page.text(
        "当事人向人民调解委员会提出请求的，诉讼时效自提出请求之日起中断。（民事诉讼时效规定第十二条）",
        "The limitation of actions is interrupted from the day the request was made (SPC provisions on limitation "
        "art. 12).",
    )
    party_signatures(page, *SIGNED)
    page.fields(("登记人", "Registrar", "registrar"))
    page.seal()
    page.free()


DUTIES: tuple[tuple[str, str], ...] = (
    ("（一）如实陈述纠纷事实。（第二十四条）", "1. Tell the facts as they are (art. 24)."),
    ("（二）遵守调解现场秩序，尊重人民调解员。（第二十四条）",
     "2. Keep order at the sessions and respect the mediator (art. 24)."),
    ("（三）尊重对方当事人行使权利。（第二十四条）", "3. Respect the other side's rights (art. 24)."),
)  # fmt: skip
EFFECT: tuple[tuple[str, str], ...] = (
    ("（一）调解不成的，调解终止，人民调解委员会会告知您仲裁、行政、司法等其他途径。（第二十六条）",
     "1. Where there is no agreement, mediation ends and you are told the other routes (art. 26)."),
    ("（二）调解协议具有法律约束力，各方应当按照约定履行，人民调解委员会予以监督、督促。（第三十一条）",
     "2. An agreement binds; each performs it, and the committee looks after that (art. 31)."),
    ("（三）协议生效之日起三十日内，双方可以共同向人民法院申请司法确认；确认有效后一方不履行或者未全部履行的，"
     "对方可以申请强制执行。（第三十三条）劳动争议的协议，可以自生效之日起十五日内共同申请仲裁审查。"
     "（劳动人事争议仲裁办案规则第七十四条）",
     "3. Within 30 days both may together ask the court to confirm it; a confirmed agreement can be enforced "
     "(art. 33). A labour agreement may within 15 days be put before the arbitration commission together."),
    ("（四）您提出调解请求，诉讼时效、仲裁时效中断。起诉、申请的期限和撤销权等权利的存续期间不因调解而停止。"
     "（《民法典》第一百九十五条、第一百九十九条）",
     "4. Your request for mediation interrupts limitation. Terms of suit and the time of a right to annul run on "
     "(Civil Code art. 195, 199)."),
)  # fmt: skip


def _rights_notice(page: Page) -> None:
    page.title("人民调解当事人权利义务告知书", "Notice of rights and duties")
    page.number()
    page.addressee("parties_line")
    page.text(
        "根据《中华人民共和国人民调解法》，现将您在人民调解中的权利、义务和调解的效力告知如下：",
        "Under the People's Mediation Law, these are your rights and duties, and what mediation leads to.",
    )
    for heading, items in (
        (("一、您的权利", "Your rights"), RIGHTS),
        (("二、您的义务", "Your duties"), DUTIES),
        (("三、调解的结果与效力", "What mediation leads to"), EFFECT),
    ):
        page.label(*heading)
        for item in items:
            page.text(*item)
    page.text(
        "以上内容我已阅读（或者已向我宣读），我已知晓。", "I have read this, or it was read to me, and I know it."
    )
    party_signatures(page, *SIGNED)
    page.fields(("告知人（人民调解员）", "Told by (mediator)", "mediator"))
    page.seal()
    page.free()


def _identity_check(page: Page) -> None:
    pick = page.pick
    page.title("当事人身份核验记录", "Record of identity checks")
    page.number()
    page.table(
        (13, 17, 17, 20, 13, 16, 12),
        [
            [
                (pick("身份", "Role"), 1, "label"), (pick("姓名或名称", "Name"), 1, "label"),
                (pick("核验证件", "Document"), 1, "label"), (pick("证件号码（隐去）", "Number (masked)"), 1, "label"),
                (pick("核验结果", "Result"), 1, "label"), (pick("核验日期", "Date"), 1, "label"),
                (pick("核验人", "By"), 1, "label"),
            ],
            "{%tr for check in checks %}",
            [
                ("{{ check.role }}", 1), ("{{ check.name }}", 1), ("{{ check.document }}", 1),
                ("{{ check.number_masked }}", 1), ("{{ check.result }}", 1), ("{{ check.checked }}", 1),
                ("{{ check.checked_by }}", 1),
            ],
            "{%tr endfor %}",
        ],
        size=10.5,
    )  # fmt: skip
    page.text(
        "本记录只载明核验结果，不留存证件复印件或者影像。（《个人信息保护法》第六条：最小必要）",
        "Only the result is recorded; no copy or image of a document is kept (Personal Information Protection Law "
        "art. 6).",
    )
    page.seal()


def _power_of_attorney(page: Page) -> None:
    page.title("授权委托书", "Power of attorney")
    page.number()
    page.label("委托人", "Principals")
    party_lines(page, "principals")
    page.label("受委托人", "Representative")
    page.fields(
        ("姓名", "Name", "representative"), ("与委托人关系", "Relation", "relation"), ("联系电话", "Phone", "phone")
    )
    page.text(
        "委托人就{{ category }}纠纷，委托上列受委托人代为参加人民调解。",
        "The principals have the representative take part for them in the mediation of: {{ category }}.",
    )
    page.fields(("授权类型", "Authority", "kind"), ("授权范围", "Scope", "scope"))
    page.text(
        "委托期限：{{ since }}{% if since or until %}至{% endif %}{{ until }}。",
        "From {{ since }} to {{ until }}.",
        indent=False,
    )
    page.text(
        "承认、放弃、变更请求，达成调解协议，须有委托人的特别授权；委托人可以随时撤回委托。",
        "To admit, give up or change a claim, or to agree, the representative needs special authority. The principals "
        "may take the power back at any time.",
    )
    page.sign(("委托人" + SIGNED[0], "Principals, " + SIGNED[1]), ("受委托人（签名）", "Representative, signature"))
    page.day()
    page.free()


WRITERS = {
    "application": _application,
    "register": _register,
    "rights-notice": _rights_notice,
    "identity-check": _identity_check,
    "power-of-attorney": _power_of_attorney,
}
