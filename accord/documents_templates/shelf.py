"""The dossier's own pages: cover, index, back cover."""

from __future__ import annotations

from accord.documents_templates.layout import Page


def _cover(page: Page) -> None:
    pick = page.pick
    page.title("{{ body }}", "{{ body }}", spaced=False)
    page.title("人民调解卷宗", "Dossier of people's mediation")
    page.table(
        (26, 74),
        [
            [(pick("卷名", "Title"), 1, "label"), ("{{ title }}", 1)],
            [(pick("卷号", "Dossier no."), 1, "label"), ("{{ number }}", 1)],
            [(pick("案件编号", "Case no."), 1, "label"), ("{{ case }}", 1)],
            [(pick("纠纷类型", "Kind of dispute"), 1, "label"), ("{{ category }}", 1)],
            [(pick("人民调解员", "Mediator"), 1, "label"), ("{{ mediator }}", 1)],
            [(pick("调解日期", "Mediated"), 1, "label"), ("{{ mediated }}", 1)],
            [(pick("调解结果", "Outcome"), 1, "label"), ("{{ outcome }}", 1)],
            [(pick("卷内文件", "Documents"), 1, "label"), ("{{ documents }}", 1)],
            [(pick("立卷人", "Filed by"), 1, "label"), ("{{ filed_by }}", 1)],
            [(pick("立卷日期", "Filed on"), 1, "label"), ("{{ filed_day }}", 1)],
            [(pick("保管期限", "Kept for"), 1, "label"), ("{{ retention }}", 1)],
            [(pick("备注", "Remarks"), 1, "label"), ("", 1, "tall")],
        ],
        size=14 if pick("zh", "en") == "zh" else 11,
    )


def _index(page: Page) -> None:
    pick = page.pick
    page.title("卷内目录", "Index of the dossier")
    page.fields(("卷号", "Dossier no.", "number"))
    page.table(
        (7, 30, 30, 13, 10, 10),
        [
            [
                (pick("序号", "No."), 1, "label"), (pick("文件名称", "Document"), 1, "label"),
                (pick("文号", "Number"), 1, "label"), (pick("日期", "Date"), 1, "label"),
                (pick("页号", "Pages"), 1, "label"), (pick("备注", "Remark"), 1, "label"),
            ],
            "{%tr for line in lines %}",
            [
                ("{{ line.index }}", 1), ("{{ line.title }}", 1), ("{{ line.number }}", 1), ("{{ line.day }}", 1),
                ("{{ line.pages }}", 1), ("{{ line.remark }}", 1),
            ],
            "{%tr endfor %}",
        ],
        size=10.5 if pick("zh", "en") == "zh" else 9,
        heading=True,
    )  # fmt: skip


def _back_cover(page: Page) -> None:
    page.title("卷宗封底", "Back cover")
    page.text(
        "本卷共有文件 {{ documents }}{% if pages %}，计 {{ pages }}{% endif %}，已按卷内目录顺序排列、核对无误。",
        "This dossier holds {{ documents }} documents{% if pages %}, {{ pages }} pages{% endif %}, in the order of "
        "its index.",
    )
    page.control("{%p if lacking %}")
    page.text(
        "立卷时尚缺：{% for each in lacking %}{{ each }}{% if not loop.last %}、{% endif %}{% endfor %}。",
        "Not yet in it: {% for each in lacking %}{{ each }}{% if not loop.last %}, {% endif %}{% endfor %}.",
    )
    page.control("{%p endif %}")
    page.fields(("立卷人", "Filed by", "filed_by"), ("立卷日期", "Filed on", "filed_day"))
    page.sign(("检查人（签名）", "Checked by (signature)"))
    page.seal(day="{{ filed_day }}")


WRITERS = {"cover": _cover, "index": _index, "back-cover": _back_cover}
