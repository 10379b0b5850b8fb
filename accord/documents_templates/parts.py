"""What several forms have in common: the parties as a table or as lines, the clauses."""

from __future__ import annotations

from collections.abc import Sequence

from accord.documents_templates.layout import Cell, Page

PARTY_WIDTHS = (15, 20, 10, 8, 13, 13, 9, 10)


def party_rows(page: Page, over: str) -> list[list[Cell] | str]:
    """Return the rows of a table that show each party of a list."""
    pick = page.pick
    return [
        f"{{%tr for party in {over} %}}",
        [
            ("{{ party.role }}", 1, "label"), ("{{ party.name }}", 1),
            (pick("性别", "Gender"), 1, "label"), ("{{ party.gender }}", 1),
            (pick("民族", "Ethnic group"), 1, "label"), ("{{ party.ethnic_group }}", 1),
            (pick("年龄", "Age"), 1, "label"), ("{{ party.age }}", 1),
        ],
        [
            (pick("职业", "Occupation"), 1, "label"), ("{{ party.occupation }}", 1),
            (pick("联系方式", "Contact"), 2, "label"), ("{{ party.phone }}", 4),
        ],
        [
            (pick("单位或住址", "Employer or address"), 1, "label"),
            ("{{ party.employer }}{% if party.employer and party.address %} {% endif %}{{ party.address }}", 7),
        ],
        "{%tr if party.legal_representative or party.helper %}",
        [
            (pick("代表或协助", "Acting or helping"), 1, "label"),
            (
                "{% if party.legal_representative %}"
                + pick("法定代表人：", "legal representative: ")
                + "{{ party.legal_representative }} {% endif %}{{ party.helper }}",
                7,
            ),
        ],
        "{%tr endif %}",
        "{%tr endfor %}",
    ]  # fmt: skip


def party_lines(page: Page, over: str = "parties") -> None:
    """Write one paragraph a party: role, name and what is known."""
    page.control(f"{{%p for party in {over} %}}")
    page.text(
        "{{ party.role }}：{{ party.name }}{% if party.gender %}，{{ party.gender }}{% endif %}"
        "{% if party.age %}，{{ party.age }}岁{% endif %}{% if party.occupation %}，{{ party.occupation }}{% endif %}"
        "{% if party.legal_representative %}，法定代表人：{{ party.legal_representative }}{% endif %}"
        "{% if party.employer %}，单位：{{ party.employer }}{% endif %}"
        "{% if party.address %}，住址：{{ party.address }}{% endif %}"
        "{% if party.phone %}，联系电话：{{ party.phone }}{% endif %}"
        "{% if party.helper %}，{{ party.helper }}{% endif %}。",
        "{{ party.role }}: {{ party.name }}{% if party.gender %}, {{ party.gender }}{% endif %}"
        "{% if party.age %}, {{ party.age }}{% endif %}{% if party.occupation %}, {{ party.occupation }}{% endif %}"
        "{% if party.legal_representative %}, legal representative {{ party.legal_representative }}{% endif %}"
        "{% if party.employer %}, employer: {{ party.employer }}{% endif %}"
        "{% if party.address %}, address: {{ party.address }}{% endif %}"
        "{% if party.phone %}, phone: {{ party.phone }}{% endif %}"
        "{% if party.helper %}, {{ party.helper }}{% endif %}.",
        indent=False,
    )
    page.control("{%p endfor %}")


def clause_lines(page: Page) -> None:
    """Write one paragraph a clause: who does what, how much, by when, how."""
    page.control("{%p for clause in clauses %}")
    page.text(
        "{{ clause.index }}．{% if clause.performer %}{{ clause.performer }}：{% endif %}{{ clause.content }}"
        "{% if clause.amount %}；金额：{{ clause.amount }}{% endif %}"
        "{% if clause.due %}；履行期限：{{ clause.due }}（含当日）前{% endif %}"
        "{% if clause.manner %}；履行方式：{{ clause.manner }}{% endif %}。",
        "{{ clause.index }}. {% if clause.performer %}{{ clause.performer }}: {% endif %}{{ clause.content }}"
        "{% if clause.amount %}; amount: {{ clause.amount }}{% endif %}"
        "{% if clause.due %}; by {{ clause.due }}, that day included{% endif %}"
        "{% if clause.manner %}; how: {{ clause.manner }}{% endif %}.",
    )
    page.control("{%p endfor %}")


def party_signatures(page: Page, zh: str, en: str) -> None:
    """Write a line for the signature of each party."""
    page.control("{%p for party in parties %}")
    page.sign(
        (f"{{{{ party.role }}}}（{{{{ party.name }}}}）{zh}", f"{{{{ party.role }}}} ({{{{ party.name }}}}), {en}")
    )
    page.control("{%p endfor %}")


def mediator_signature(page: Page, variable: str = "mediator") -> None:
    """Write a line for the mediator's signature, with the name where it is known."""
    name = f"{{% if {variable} %}}（{{{{ {variable} }}}}）{{% endif %}}"
    known = f"{{% if {variable} %}} ({{{{ {variable} }}}}){{% endif %}}"
    page.sign((f"人民调解员{name}（签名）", f"Mediator{known}, signature"))


def labelled(page: Page, rows: Sequence[tuple[str, str, str]]) -> list[list[Cell]]:
    """Return rows of a table of two columns: a label in both languages, and what is filled in beside it."""
    return [[(page.pick(zh, en), 1, "label"), (f"{{{{ {name} }}}}", 1)] for zh, en, name in rows]
