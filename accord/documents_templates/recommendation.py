"""The letter of a recommendation to a department: problems and advice, one to one."""

from __future__ import annotations

from pathlib import Path

from accord.documents_templates.layout import Page
from accord.places import RULES

FILE = RULES / "recommendations" / "letter.docx"


def template() -> bytes:
    """Return the template; the letter is written in Chinese."""
    page = Page("zh", "recommendation", letter=True)
    page.head("{{ body }}")
    page.title("{{ title }}", "{{ title }}")
    page.addressee("addressee")
    page.text("在办理相关事项中发现以下问题，现逐项提出建议。", "")
    page.control("{%p for pair in pairs %}")
    page.label("问题{{ pair.nth }}", "")
    page.text("{{ pair.problem }}", "")
    page.label("建议{{ pair.nth }}", "")
    page.text("{{ pair.advice }}", "")
    page.control("{%p endfor %}")
    page.text(
        "请{{ until }}书面回复，逐项说明采纳、部分采纳或者不采纳；部分采纳和不采纳的，请说明理由。"
        "对本函有异议的，可以提出，由未参与拟制和审批的人员复核。",
        "",
    )
    page.seal()
    return page.save()


def write(file: Path = FILE) -> None:
    """Write the template into the rules."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(template())
