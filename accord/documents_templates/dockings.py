"""Letters between the committee and a court, the police or a petition office."""

from __future__ import annotations

from accord.documents_templates.layout import Page
from accord.documents_templates.opening import SIGNED
from accord.documents_templates.parts import party_lines, party_signatures


def _matter(page: Page) -> None:
    page.fields(
        ("来文编号", "Your reference", "reference"),
        ("纠纷事项", "Matter", "matter"),
        ("当事人", "Parties", "parties_line"),
    )


def _entrustment(page: Page) -> None:
    page.head("{{ organ }}", "{{ reference }}")
    page.title("委托（移送）调解函", "Letter of entrustment")
    page.addressee("body")
    page.text(
        "下列纠纷经征求当事人意愿，依法{{ kind }}，请予调解，并将结果函告我单位。",
        "The following dispute is, the parties having been asked, {{ kind }} to you for mediation. Please let us know "
        "the result.",
    )
    page.fields(("纠纷事项", "Matter", "matter"), ("当事人", "Parties", "parties_line"))
    page.text(
        "人民调解不收取任何费用。当事人不愿调解或者调解不成的，请及时退回，不必说明当事人拒绝的理由。",
        "Mediation is free. Where a party does not wish it, or there is no agreement, please return the matter; why a "
        "party refuses need not be said.",
    )
    page.seal("{{ organ }}", day="{{ sent }}")


def _receipt(page: Page) -> None:
    page.head("{{ body }}")
    page.title("接收回执", "Receipt")
    page.addressee("organ")
    page.text(
        "你单位{{ kind }}的下列纠纷及材料已收到。", "The following dispute, {{ kind }}, and its file have arrived."
    )
    _matter(page)
    page.fields(
        ("签收时间", "Signed for", "signed"), ("签收人", "By", "signed_by"), ("调解期限届满日", "Term ends", "due")
    )
    page.text(
        "调解期限自签收之日起计算；延长期限须经各方当事人同意。",
        "The term runs from the day it was signed for; extending it takes every party's consent.",
    )
    page.text(
        "人民调解不收取任何费用。（《人民调解法》第四条）",
        "People's mediation is free of charge (People's Mediation Law art. 4).",
    )
    page.seal()


def _refusal(page: Page) -> None:
    page.head("{{ body }}")
    page.title("不予调解函", "Letter that mediation does not begin")
    page.addressee("organ")
    page.text("你单位{{ kind }}的下列纠纷，不予调解，现将材料退回。",
              "The following dispute, {{ kind }}, is not taken into mediation; its file is returned.")  # fmt: skip
    _matter(page)
    page.fields(("情况", "Why", "cause"))
    page.text(
        "请依法继续办理。当事人是否同意调解、因何不同意，不作为对其不利的依据。",
        "Please go on with it. Whether and why somebody did not consent is never held against them.",
    )
    page.seal()


def _feedback(page: Page) -> None:
    page.head("{{ body }}")
    page.title("调解结果反馈函", "Letter on the result")
    page.addressee("organ")
    page.text("你单位{{ kind }}的下列纠纷，调解已经结束，现将结果函告如下。",
              "The mediation of the following dispute, {{ kind }}, has ended with this result.")  # fmt: skip
    _matter(page)
    page.fields(
        ("调解结果", "Result", "result"), ("协议编号", "Agreement no.", "agreement"),
        ("履行情况", "Performance", "performed"), ("退回日期", "Returned on", "returned"),
    )  # fmt: skip
    page.text(
        "调解过程中的陈述、让步和方案不随函提供，也不得在其后的程序中作为对其不利的证据。（{{ basis }}）",
        "What was said, offered or conceded in mediation does not come with this letter and may not be used against "
        "anyone later ({{ basis }}).",
    )
    page.seal()


def _consent_inquiry(page: Page) -> None:
    page.title("征求调解意愿书", "Inquiry whether to mediate")
    page.number()
    page.addressee("parties_line")
    page.text(
        "{{ organ }}就下列纠纷征求您是否愿意由{{ body }}调解的意愿。",
        "{{ organ }} asks whether you wish {{ body }} to mediate the following dispute.",
    )
    page.fields(("纠纷事项", "Matter", "matter"), ("对接方式", "How", "kind"))
    page.text(
        "调解自愿、免费。您可以同意，可以不同意，也可以在任何时候要求终止，不需要说明理由，也不影响您起诉、仲裁、"
        "信访的权利和已有的办理期限。沉默不视为同意。",
        "Mediation is voluntary and free. You may consent, refuse, or end it at any time without a reason; your right "
        "to a court, arbitration or a petition, and terms already running, are not touched. Silence is not consent.",
    )
    party_lines(page)
    page.text("我的意愿：□ 同意调解　　□ 不同意调解", "My wish: □ I consent   □ I do not consent", indent=False)
    party_signatures(page, *SIGNED)
    page.day()
    page.free()


WRITERS = {
    "entrustment": _entrustment,
    "docking-receipt": _receipt,
    "docking-refusal": _refusal,
    "result-feedback": _feedback,
    "consent-inquiry": _consent_inquiry,
}
