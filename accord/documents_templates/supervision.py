"""The supervision letter: one template for all five, in Chinese and as an English companion."""

from __future__ import annotations

from pathlib import Path

from accord.documents_templates.layout import Page
from accord.places import RULES

FOLDER = RULES / "letters"


def _letter(page: Page) -> None:
    page.head("{{ issuer }}", "{% if number %}{{ number }}{% else %}{{ draft }}{% endif %}")
    page.title("{{ title }}", "{{ title }}")
    page.addressee("unit")
    for zh, en, name in (("一、依据", "1. Basis", "basis"), ("二、事实", "2. Facts", "facts"),
                         ("三、要求", "3. What is demanded", "demand")):  # fmt: skip
        page.label(zh, en)
        page.text(f"{{{{ {name} }}}}", f"{{{{ {name} }}}}")
    page.control("{%p if due %}")
    page.text("完成时间：{{ due }}（含当日）前。", "To be done by {{ due }}, that day included.")
    page.control("{%p endif %}")
    page.control("{%p if interview %}")
    page.text("约谈日期：{{ interview }}。", "Day of the interview: {{ interview }}.")
    page.control("{%p endif %}")
    page.label("四、回复", "4. Answer")
    page.text("{{ reply }}。", "{{ reply }}.")
    page.label("五、异议", "5. Objection")
    page.text(
        "对本函有异议的，可以自签收之日起五个工作日内书面提出，由拟稿人、签发人以外的人决定；异议期间，回复期限停止计算。",
        "You may object in writing within five working days of receipt; somebody who neither drafted nor signed this "
        "letter decides. While an objection is open, the time to answer does not run.",
    )
    page.seal("{{ issuer }}", day="{{ signed }}")
    page.control("{%p if contact %}")
    page.note("{{ contact }}", "{{ contact }}")
    page.control("{%p endif %}")
    page.control("{%p if copies %}")
    page.copies("{{ copies }}")
    page.control("{%p endif %}")


def template(language: str) -> bytes:
    """Return the template of a letter in a language."""
    page = Page(language, "supervision-letter", letter=True)
    _letter(page)
    return page.save()


def write(folder: Path = FOLDER) -> None:
    """Write the template into the folder, a folder a language."""
    for language in ("zh", "en"):
        (folder / language).mkdir(parents=True, exist_ok=True)
        (folder / language / "letter.docx").write_bytes(template(language))
