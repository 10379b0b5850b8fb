"""Every paper that the system writes, from one example each: what the tests read, and `make papers` draws.

.venv/bin/python -m tests.papers FOLDER   # writes them; with LibreOffice and poppler-utils, as PDF and PNG too
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from pb.escalation.v1 import recommendations_pb2 as recommendations_pb
from pb.mediation.v1 import documents_pb2 as pb

from casework.mediation.notice import Text
from casework.papers.documents import DossierSource
from casework.papers.dossier import Filed
from casework.papers.filling import Filling, fill
from casework.papers.forms import FORMS, ORDERED, PLACE, Form, Made, subjects
from casework.papers.scan import WORD
from casework.supervision.letters.letter import LetterKind
from casework.supervision.letters.sheet import LetterFacts, sheet
from casework.supervision.letters.trigger import Words
from casework.supervision.meetings.review import ReplyKind, Result, ReviewState
from casework.supervision.prevention.recommendation import RecommendationKind
from services.escalation.letters.word import written
from services.escalation.matters.ledger import sheet as sheet_of_ledger
from services.escalation.meetings.reviews import notice
from services.escalation.prevention.recommendations import letter as recommendation
from services.escalation.prevention.recommendations.models import Recommendation
from services.kit import word
from services.kit.rules import Rules
from services.kit.spreadsheets.writing import as_xlsx
from services.mediation.documents import dossier
from services.mediation.documents.render import rendered
from services.mediation.notices import letter as notices
from tests.dossiers import CASE, NUMBER, at
from tests.still import shipped_rules

RULES = Path(__file__).resolve().parent.parent / "rules"
LANGUAGES = ("zh", "en")
COUNTY, TOWN = "620102", "620102001"


def case_for(form: Form) -> DossierSource:
    """Return the example case, its agreement oral for the form of an oral one."""
    if form is Form.ORAL_AGREEMENT and CASE.agreement:
        return replace(CASE, agreement=replace(CASE.agreement, written=False))
    return CASE


def form(rules: Rules, which: Form, *languages: str, case: DossierSource | None = None) -> bytes:
    """Return a form filled from the example case, or from another."""
    rule, book = FORMS[which], rules.documents
    case = case or case_for(which)
    subject = subjects(rule, case)[0]
    sheets = [(each, fill(rule, Filling(case, subject, NUMBER, at(11, 24), book.wordings[each]))) for each in languages]
    return rendered(book, which, sheets)


def letter(rules: Rules, kind: LetterKind) -> bytes:
    """Return a supervision letter of a kind, signed, with its companion."""
    units = rules.units
    facts = LetterFacts(
        kind=kind, number="城关区督〔2026〕3号", unit=units.paper(TOWN).addressee, issuer=units.paper(COUNTY).full,
        copies=(units.paper("6201").addressee,), subject="cases/620102-2026-000117", due_on=date(2026, 12, 10),
        reply_days=10, interview_on=date(2026, 12, 3) if kind is LetterKind.INTERVIEW else None, signer="", office=1,
        signed_on=date(2026, 11, 24), phone=units.phone(COUNTY),
    )  # fmt: skip
    trigger = next(each for each in rules.letters.book if each.kind is kind)
    sheets = [(each, sheet(facts, _of(getattr(trigger, each)), each)) for each in LANGUAGES]
    return written(rules.letters, sheets)


def _of(words: Words) -> Words:
    told = {"subject": "620102-2026-000117", "times": 3, "days": 6}
    return Words(*(each.format(**told) for each in (words.basis, words.facts, words.demand)))


def recommended(rules: Rules, kind: RecommendationKind) -> bytes:
    """Return the letter of a recommendation."""
    row = Recommendation(
        kind=kind, unit=f"{COUNTY}-court", addressee=f"{COUNTY}-labour", letter_number="城关法建〔2026〕3号",
        approved_at=at(11, 24), due_at=None, served_at=None, replied_at=None,
    )  # fmt: skip
    text = recommendations_pb.RecommendationText()
    text.pairs.add(
        problem="辖区多家企业以口头方式约定工资，发生争议后无据可查。", advice="对用工企业开展书面合同专项检查。"
    )
    text.pairs.add(problem="欠薪线索移送后未告知当事人结果。", advice="建立线索办结告知制度。")
    template = (RULES / "recommendations" / "letter.docx").read_bytes()
    return word.saved(word.filled_with(template, recommendation.fields(row, text, rules.units)))


def reply(rules: Rules, kind: ReplyKind) -> bytes:
    """Return a reply of a review."""
    leads = {ReplyKind.ANSWER: ReviewState.ANSWERED, ReplyKind.REVIEW: ReviewState.REVIEWED}
    return notice.written(
        notice.Notice(
            number="城关区信复〔2026〕3号", case="620102-2026-000117", unit=rules.units.paper(COUNTY).full,
            above=rules.units.paper("6201").full, kind=kind, result=None if kind is ReplyKind.ANSWER else Result.UPHELD,
            leads_to=leads.get(kind, ReviewState.ENDED), facts="反映人所述道路破损情况属实，已于十月修复。",
            conclusion="对反映的道路修复问题予以支持；对赔偿请求不予支持。", served_at=at(11, 24),
        )
    )  # fmt: skip


def bound(rules: Rules, count: int = 0) -> bytes:
    """Return the dossier of the example case: one of each form and a scan, or this many papers."""
    made = [rule.form for rule in ORDERED if rule.made is Made.FILLED]
    forms = made if not count else [made[n % len(made)] for n in range(count)]
    contents = {each: form(rules, each, *LANGUAGES) for each in dict.fromkeys(forms)}
    documents = [_filed(number, each, contents[each], WORD) for number, each in enumerate(forms, start=1)]
    scan = _filed(len(forms) + 1, Form.EVIDENCE, b"%PDF-1.7 example", "application/pdf", pages=3)
    return dossier.build(rules.documents, CASE, list(LANGUAGES), [*documents, scan]).content


def _filed(number: int, which: Form, content: bytes, kind: str, pages: int = 0) -> tuple[Filed, pb.DocumentContent]:
    told = pb.DocumentContent(content=content, media_type=kind, sha256=hashlib.sha256(content).hexdigest())
    return Filed(number, which, "" if pages else NUMBER, at(11, 24), bool(pages), pages), told


def every(rules: Rules) -> Iterator[tuple[str, bytes]]:
    """Yield every paper by the name of its file."""
    for rule in ORDERED:
        if rule.made is Made.FILLED:
            yield f"{PLACE[rule.form]:02}-{rule.key}.docx", form(rules, rule.form, *LANGUAGES)
    for kind in LetterKind:
        yield f"40-letter-{kind.name.lower()}.docx", letter(rules, kind)
    for which in RecommendationKind:
        yield f"50-recommendation-{which.name.lower()}.docx", recommended(rules, which)
    for answer in ReplyKind:
        yield f"60-reply-{answer.name.lower()}.docx", reply(rules, answer)
    text = Text("受理通知", "王建国：\n您反映的事项已受理。\n我们将在2026年12月1日前答复您。", "")
    unit = rules.units.paper(COUNTY).full
    yield "70-notice.docx", notices.printed(text, "王建国", "城关区甲巷1号", unit, date(2026, 11, 24), "zh")
    facts = word.Section("事项", [("编号", "620102-2026-000117"), ("登记单位", unit)])
    lines = word.Section("经过", [("2026年11月1日收到。",), ("2026年11月2日受理。",)])
    yield "80-own-file.docx", word.paper("本人材料", [facts, lines])


def lists() -> Iterator[tuple[str, bytes]]:
    """Yield the lists by the names of their files."""
    line: sheet_of_ledger.Row = (
        1, "620102-2026-000117", "某小区物业费纠纷", "物业", "房地产", "县级", "高", "城关区司法局", "城关区住建局",
        "城关区人社局", "组织双方协商，逐户核对账目。" * 4, "李主任", "2026-12-10", "已核对四十户。",
        "办理中（已逾期）", "",
    )  # fmt: skip
    yield "95-ledger.xlsx", sheet_of_ledger.file("兰州市城关区", date(2026, 11, 24), [line] * 30).content
    rows = [
        ["来源渠道", "代码", "件数"],
        *([f"窗口{n}", f"counter-{n}", n] for n in range(60)),
        ["合计", "total", 1770],
    ]
    content = as_xlsx(rows, "2026-11", title="兰州市 2026-11 统计表", widths=(44, 24, 12), ruled=True, upright=True)
    yield "96-statistics.xlsx", content


def draw(folder: Path) -> None:
    """Write every paper into a folder, and draw it as PDF and PNG."""
    rules = shipped_rules(RULES)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (*every(rules), *lists()):
        (folder / name).write_bytes(content)
    with tempfile.TemporaryDirectory() as scratch:
        package = Path(scratch, "dossier.zip")
        package.write_bytes(bound(rules))
        shutil.unpack_archive(package, scratch)
        shutil.copy(Path(scratch, "卷宗.docx"), folder / "90-dossier.docx")
    as_pdf([*sorted(folder.glob("*.docx")), *sorted(folder.glob("*.xlsx"))], folder)
    for each in sorted(folder.glob("*.pdf")):
        subprocess.run(["pdftoppm", "-r", "60", "-png", each, each.with_suffix("")], check=True)


def as_pdf(files: list[Path], folder: Path) -> None:
    """Have LibreOffice draw files as PDF."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            "soffice",
            f"-env:UserInstallation=file://{profile}",
            "--headless",
            "--convert-to",
            "pdf",
            "--outdir",
        ]
        subprocess.run([*command, str(folder), *map(str, files)], check=True, capture_output=True)


def drawn() -> bool:
    """Tell whether what draws papers is installed."""
    return all(map(shutil.which, ("soffice", "pdftoppm", "pdfinfo")))


if __name__ == "__main__":
    assert drawn(), "needs LibreOffice (writer, calc) and poppler-utils"
    print(f"{datetime.now(UTC):%H:%M} drawing")
    draw(Path(sys.argv[1]))
