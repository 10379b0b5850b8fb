"""Forms along the way: replacing a mediator, investigation, interpretation, the record, a longer term."""

from __future__ import annotations

from accord.documents_templates.layout import Page
from accord.documents_templates.opening import SIGNED
from accord.documents_templates.parts import mediator_signature, party_signatures


def _recusal(page: Page) -> None:
    pick = page.pick
    page.title("回避申请与决定", "Request to replace a mediator, and decision")
    page.number()
    page.table(
        (26, 74),
        [
            [(pick("申请人", "Asked by"), 1, "label"), ("{{ asked_by }}", 1)],
            [(pick("申请更换的调解员", "Mediator"), 1, "label"), ("{{ against }}", 1)],
            [(pick("申请理由（可不填）", "Reason (not needed)"), 1, "label"), ("{{ reason }}", 1, "tall")],
            [(pick("申请日期", "Asked on"), 1, "label"), ("{{ asked }}", 1)],
            [(pick("决定", "Decision"), 1, "label"), ("{{ decision }}", 1)],
            [(pick("决定人", "Decided by"), 1, "label"), ("{{ decided_by }}", 1)],
            [(pick("决定日期", "Decided on"), 1, "label"), ("{{ decided }}", 1)],
        ],
    )
    page.text(
        "当事人有权选择或者接受人民调解员。（《人民调解法》第二十三条）被更换的调解员不得在同一纠纷中担任其他角色。",
        "Parties choose or accept their mediator (People's Mediation Law art. 23). A mediator who was replaced takes "
        "no other role in the same dispute.",
    )
    page.sign(("申请人" + SIGNED[0], "Asked by, " + SIGNED[1]))
    page.seal()
    page.free()


def _inquiry(page: Page) -> None:
    page.title("人民调解调查记录", "Record of investigation")
    page.number()
    page.fields(
        ("时间", "Time", "at"), ("地点", "Place", "place"), ("调查人", "By", "by"),
        ("被调查人", "Of whom", "of_whom"), ("事由", "About", "category"),
    )  # fmt: skip
    page.label("调查内容", "What was found")
    page.text("{{ content }}", "{{ content }}")
    page.text("{{ read_back }}", "{{ read_back }}")
    page.sign(
        ("被调查人" + SIGNED[0], "Asked person, " + SIGNED[1]), ("调查人（签名）", "Investigator, signature"),
        ("记录人（签名）", "Recorder, signature"),
    )  # fmt: skip
    page.day()


def _interpretation(page: Page) -> None:
    page.title("语言翻译记录", "Record of interpretation")
    page.number()
    page.fields(
        ("时间", "Time", "at"), ("场合", "Occasion", "occasion"), ("语种", "Language", "language"),
        ("被翻译的当事人", "For whom", "of_whom"), ("翻译人员", "Interpreter", "interpreter"),
        ("翻译方式", "How", "medium"), ("宣读情况", "Read back", "read_back"),
    )  # fmt: skip
    page.text(
        "翻译人员承诺如实翻译，对调解中知悉的内容保密，不在同一纠纷中担任其他角色。需要使用少数民族语言文字文书的，"
        "同时制作国家通用语言文字文本，并将后者置于显著位置。（民族团结进步促进法第十五条）",
        "The interpreter undertakes to interpret truly, to keep what is heard confidential, and to take no other role. "
        "A document in a minority language goes with one in the national language, which stands first.",
    )
    page.sign(("当事人" + SIGNED[0], "Party, " + SIGNED[1]), ("翻译人员（签名）", "Interpreter, signature"))
    page.day()
    page.free()


def _record(page: Page) -> None:
    page.title("人民调解记录", "Record of mediation")
    page.number()
    page.fields(
        ("时间", "From", "began"), ("至", "To", "ended"), ("地点", "Place", "place"), ("方式", "How", "mode"),
        ("是否公开", "Open or closed", "openness"), ("人民调解员", "Mediators", "mediators"),
        ("记录人", "Recorder", "recorder"), ("参加人", "Present", "attendance"), ("事由", "About", "category"),
    )  # fmt: skip
    page.text(
        "调解员已告知当事人权利义务：调解自愿、免费，可以拒绝或者随时终止，不影响仲裁、行政、司法途径。",
        "The parties were told: mediation is voluntary and free, may be refused or ended at any time, and bars no "
        "other route.",
    )
    page.label("调解记录", "What was said")
    page.text("{{ record }}", "{{ record }}")
    page.label("调解结果", "Result")
    page.text("{{ result }}", "{{ result }}")
    page.text("{{ read_back }}", "{{ read_back }}")
    party_signatures(page, *SIGNED)
    mediator_signature(page, "mediators")
    page.sign(("记录人（签名）", "Recorder, signature"))
    page.day()
    page.free()


def _extension(page: Page) -> None:
    pick = page.pick
    page.title("延期调解同意书", "Consent to a longer term")
    page.number()
    page.text(
        "{{ parties_line }}的{{ category }}纠纷，调解期限至{{ due }}届满。各方当事人同意延长至{{ until }}。"
        "有一方不同意的，期限不延长。",
        "The term for mediating {{ category }} of {{ parties_line }} ends on {{ due }}. All parties consent to extend "
        "it to {{ until }}. If one of them does not, it is not extended.",
    )
    page.table(
        (20, 30, 22, 28),
        [
            [
                (pick("身份", "Role"), 1, "label"), (pick("姓名或名称", "Name"), 1, "label"),
                (pick("同意日期", "Consented on"), 1, "label"), (pick("签名或指印", "Signature"), 1, "label"),
            ],
            "{%tr for consent in consents %}",
            [("{{ consent.role }}", 1), ("{{ consent.name }}", 1), ("{{ consent.at }}", 1), ("", 1)],
            "{%tr endfor %}",
        ],
    )  # fmt: skip
    page.text(
        "延长期限不影响当事人随时要求终止调解，也不影响起诉、申请仲裁。",
        "A longer term keeps nobody from ending mediation at any time, or from a court or arbitration.",
    )
    page.seal()
    page.free()


WRITERS = {
    "recusal": _recusal,
    "inquiry": _inquiry,
    "interpretation": _interpretation,
    "record": _record,
    "extension-consent": _extension,
}
