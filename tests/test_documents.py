"""Every form, filled from a full case, opened again: the facts are there, nothing else is, Chinese comes first."""

from __future__ import annotations

import dataclasses
import inspect
import io
import re
import shutil
import typing
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docx import Document

from accord import documents_templates
from casework.papers import documents, sheets
from casework.papers.documents import DossierSource
from casework.papers.filling import Filling, fill, lacks
from casework.papers.forms import FORMS, NOT_SCANNED, ORDERED, PLACE, TEMPLATED, Form, Made, Need, missing, subjects
from casework.papers.sheets import SHEETS
from services.kit.rules import RulesError, load_rules
from services.kit.rules.documents import DocumentBook, read_documents
from services.kit.rules.folder import RulesFolder
from services.kit.rules.template import faults
from services.kit.storage.models import Model
from services.mediation.documents.render import rendered
from services.mediation.documents.source import case as adapter
from services.mediation.documents.source import course, outcome, store
from tests.dossiers import CASE, NUMBER, at, text_of

RULES = Path(__file__).resolve().parent.parent / "rules"
FILLED = [rule for rule in ORDERED if rule.made is Made.FILLED]
every_form = pytest.mark.parametrize("form", [rule.form for rule in FILLED], ids=lambda form: form.name)
ID_NUMBER = re.compile(r"\d{17}[\dXx]|\d{15}")
BLANK = DossierSource(CASE.number, CASE.body, CASE.unit, CASE.category, CASE.received_at, parties=CASE.parties)


@pytest.fixture(scope="module")
def book() -> DocumentBook:
    folder = RulesFolder(RULES)
    found = read_documents(folder)
    assert found, folder.problems
    return found


def case_for(form: Form) -> DossierSource:
    """Return the example case, its agreement oral for the form of an oral one."""
    if form is Form.ORAL_AGREEMENT and CASE.agreement:
        return replace(CASE, agreement=replace(CASE.agreement, written=False))
    return CASE


def make(book: DocumentBook, form: Form, case: DossierSource, *languages: str, subject: int = 0) -> bytes:
    """Return a form filled from a case."""
    rule = FORMS[form]
    subject = subject or subjects(rule, case)[0]
    assert lacks(rule, case, subject) == ()
    filled = [
        (language, fill(rule, Filling(case, subject, NUMBER, at(11, 24), book.wordings[language])))
        for language in languages or ("zh",)
    ]
    return rendered(book, form, filled)


EXPECTED: dict[Form, tuple[str, ...]] = {
    Form.APPLICATION: ("王建国", "东乡族", "46", "木工", "泡坏天花板 <两处> & 墙面。", "请求修复并赔偿。",
                       "1．转账截图（图片，王建国提交）"),
    Form.REGISTER: ("人民法院（诉调对接）", "2026年11月1日9时05分", "甲巷", "受理员甲", "东乡族",
                    "2．现场录像（视听资料，调查收集）", "3．物业合同（书面材料，兰州某物业有限公司提交）"),
    Form.RIGHTS_NOTICE: (
        "第三条", "第四条", "第二十三条", "第二十四条", "第二十六条", "第三十一条", "第三十三条", "孙调解"),
    Form.IDENTITY_CHECK: ("居民身份证", "**************3614", "核验一致", "2026年11月2日"),
    Form.POWER_OF_ATTORNEY: ("周代理", "一般授权", "参加调解、代收文书", "2026年12月31日", "兰州某物业有限公司"),
    Form.INQUIRY: ("楼长", "现场见水渍两处。", "孙调解、钱记录", "已向当事人宣读"),
    Form.RECORD: ("一号调解室", "双方陈述了各自的看法。", "同意继续调解。", "不公开进行", "已向当事人宣读",
                  "人民调解员（孙调解）（签名）"),
    Form.AGREEMENT: (
        "王建国，男，46岁，木工", "楼上漏水致损。", "赔偿数额。", "楼上承担主要责任。", "支付第一期赔偿款",
        "人民币12,000.00元（大写：壹万贰仟元整）", "2026年12月1日", "修复防水层", "达成全部协议",
        "2026年11月24日", "4份", "人民调解员（孙调解）（签名）"),
    Form.ORAL_AGREEMENT: ("支付第一期赔偿款", "壹万贰仟元整", "第三十条", "人民调解员（孙调解）（签名）"),
    Form.PERFORMANCE: ("第1项", "2026年12月1日", "壹万贰仟元整", "已全部履行", "转账回单"),
    Form.FOLLOW_UP: ("电话", "协议履行回访", "已全部履行", "满意", "否", "已修好。"),
    Form.CONFIRMATION_APPLICATION: ("兰州市城关区人民法院", "2026年12月24日（含当日）", "房屋所有权证", "修复防水层"),
    Form.CLOSING_REPORT: ("调解成功，达成协议", "已全部履行", "满意", "2次", "审核员丙", "协议已全部履行。"),
    Form.DOSSIER_NOTE: ("现场照片因雨未拍。",),
    Form.ENTRUSTMENT: ("(2026)甘0102委调5号", "委托调解", "相邻关系纠纷", "2026年11月1日"),
    Form.DOCKING_RECEIPT: ("2026年11月2日9时05分", "2026年11月17日", "受理员甲"),
    Form.DOCKING_REFUSAL: ("未取得各方当事人一致的调解意愿",),
    Form.TERMINATION: (
        "各方意见分歧较大", "第二十六条", "提起诉讼", "申请仲裁", "期限：三年", "2026年12月24日（含当日）",
        "第一百九十九条"),
    Form.RESULT_FEEDBACK: ("已达成调解协议", NUMBER, "未履行", "2026年11月25日"),
    Form.CONSENT_INQUIRY: ("同意调解", "不同意调解", "沉默不视为同意"),
    Form.RECUSAL: ("李桂英", "吴调解", "曾是邻居", "同意更换调解员", "负责人乙"),
    Form.EXTENSION_CONSENT: ("2026年11月17日", "2026年12月17日", "王建国", "2026年11月16日"),
    Form.INTERPRETATION: ("东乡语", "马翻译", "王建国", "第一次调解", "口头"),
}  # fmt: skip
FREE = {rule.form for rule in FILLED} - {
    Form.IDENTITY_CHECK, Form.INQUIRY, Form.CLOSING_REPORT, Form.DOSSIER_NOTE, Form.DOCKING_REFUSAL,
    Form.RESULT_FEEDBACK,
}  # fmt: skip
"""Forms that parties or other bodies read say that mediation is free; records and answers need not."""


def test_every_form_that_is_filled_has_facts_to_be_found_here() -> None:
    assert set(EXPECTED) == {rule.form for rule in FILLED}


@every_form
def test_a_form_holds_the_facts_of_the_case(form: Form, book: DocumentBook) -> None:
    text = text_of(make(book, form, case_for(form)))
    for expected in EXPECTED[form]:
        assert expected in text
    assert FORMS[form].zh.replace("（移送）", "")[-4:] in text.replace("（移送）", "")
    assert ("不收取任何费用" in text) == (form in FREE)


@every_form
def test_nothing_of_the_template_is_left_in_a_form(form: Form, book: DocumentBook) -> None:
    content = make(book, form, case_for(form), "zh", "en")
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        for name in package.namelist():
            assert not re.search(rb"\{\{|\}\}|\{%|%\}", package.read(name)), name


@every_form
def test_chinese_comes_before_its_companion(form: Form, book: DocumentBook) -> None:
    text = text_of(make(book, form, case_for(form), "zh", "en"))
    zh, en = text.index(FORMS[form].zh[-4:]), text.index("English companion")
    assert zh < en
    chinese, english = text[:en], text[en:]
    # The Chinese part is the whole document, not an extract of it.
    for expected in EXPECTED[form]:
        assert expected in chinese
    assert english.count("\n") > 3


@every_form
def test_a_form_of_a_case_of_which_little_is_known_is_filled_or_says_what_it_lacks(
    form: Form, book: DocumentBook
) -> None:
    rule = FORMS[form]
    found = subjects(rule, BLANK)
    if found and not lacks(rule, BLANK, found[0]):
        text = text_of(make(book, form, BLANK))
        assert "None" not in text
    else:
        assert lacks(rule, BLANK, 1)


def test_a_translated_clause_stands_in_the_companion_and_the_original_in_the_chinese(book: DocumentBook) -> None:
    text = text_of(make(book, Form.AGREEMENT, CASE, "zh", "en"))
    chinese, _, english = text.partition("English companion")
    assert "支付第一期赔偿款" in chinese
    assert "pay the first instalment" in english
    assert "pay the first instalment" not in chinese
    assert "CNY 12,000.00" in english
    assert "修复防水层" in english  # nobody translated it


def test_what_people_say_is_text_and_never_a_template(book: DocumentBook) -> None:
    said = "{{ number }} {% for x in y %} </w:t><w:t> & \x07\x0c{_{ \u202e"
    text = text_of(make(book, Form.APPLICATION, replace(CASE, facts=said)))
    assert "{{ number }} {% for x in y %} </w:t><w:t> &" in text


# --- what is not in a document ----------------------------------------------------------------------------------------


@every_form
def test_a_hidden_address_is_in_no_form(form: Form, book: DocumentBook) -> None:
    assert "不可外泄的地址" not in text_of(make(book, form, case_for(form), "zh", "en"))


@every_form
def test_an_ethnic_group_is_where_the_paper_form_has_a_place_for_it_and_only_if_it_was_given(
    form: Form, book: DocumentBook
) -> None:
    text = text_of(make(book, form, case_for(form), "zh", "en"))
    assert ("东乡族" in text) == (form in (Form.APPLICATION, Form.REGISTER))


@every_form
def test_an_id_number_is_in_no_form_and_masked_in_one(form: Form, book: DocumentBook) -> None:
    text = text_of(make(book, form, case_for(form), "zh", "en"))
    assert not ID_NUMBER.search(text.replace(NUMBER, ""))
    assert ("3614" in text) == (form is Form.IDENTITY_CHECK)


def test_a_letter_on_the_result_says_nothing_of_why(book: DocumentBook) -> None:
    fields = {field.name for field in dataclasses.fields(SHEETS[Form.RESULT_FEEDBACK])}
    assert not fields & {"ground", "reason", "cause", "facts", "record", "claims"}
    docking = replace(CASE.dockings[0], agreed=False, performed=None)
    text = text_of(make(book, Form.RESULT_FEEDBACK, replace(CASE, dockings=(docking,))))
    assert "未达成调解协议" in text
    for said in ("分歧", "双方陈述", "逐项核对", NUMBER + "生效"):
        assert said not in text


def reachable(kind: Any, seen: dict[str, Any]) -> dict[str, Any]:
    """Return every data class that a type leads to, with the names of its fields."""
    for inner in typing.get_args(kind):
        reachable(inner, seen)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and kind.__name__ not in seen:
        hints = typing.get_type_hints(kind)
        seen[kind.__name__] = set(hints)
        for hint in hints.values():
            reachable(hint, seen)
    return seen


def test_there_is_no_path_from_private_talks_into_a_document() -> None:
    """Rights: caucus notes, offers and concessions live in a compartment without an export path."""
    private = re.compile(r"caucus|offer|concession|private|separate|compromise|bottom_line|note", re.I)
    trees = reachable(DossierSource, {})
    assert "JointSession" in trees
    for sheet in {*SHEETS.values()}:
        reachable(sheet, trees)
    names = {name for kind, fields in trees.items() for name in (kind, *fields)} - {"RightsNotice", "DossierNote"}
    assert [name for name in names if private.search(name)] == []
    # The modules that read tables for documents name none of the compartment.
    readers = (adapter, course, outcome, store)
    read = {
        each.__tablename__
        for module in readers
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Model)
    }
    assert {"parties", "consents"} <= read <= {
        "parties", "panel", "record_refusals", "companions", "screenings", "access_log", "consents", "mediations",
        "mediators", "asks", "cases",
        "sessions", "session_records", "attendances", "record_signatures", "rooms", "investigations", "events",
        "agreements", "clauses", "performances", "instalments", "identity_checks", "evidence"}  # fmt: skip
    assert not any(re.search(r"import .*caucus|caucus_", inspect.getsource(module)) for module in readers)
    for module in (documents, sheets):
        assert not re.search(r"caucus", inspect.getsource(module).lower())


def test_no_scan_is_taken_of_identity_or_of_the_dossiers_own_pages() -> None:
    assert {Form.IDENTITY_CHECK, Form.COVER, Form.INDEX, Form.BACK_COVER} == NOT_SCANNED


# --- what a dossier needs ---------------------------------------------------------------------------------------------


def test_the_forms_are_those_of_the_set_each_once_cover_first_and_back_cover_last() -> None:
    assert [rule.form for rule in ORDERED] == list(dict.fromkeys(rule.form for rule in ORDERED))
    assert {rule.form for rule in ORDERED} == set(Form)
    assert (ORDERED[0].form, ORDERED[1].form, ORDERED[-1].form) == (Form.COVER, Form.INDEX, Form.BACK_COVER)
    assert {rule.form for rule in ORDERED if rule.need is Need.MUST} == {
        Form.COVER, Form.INDEX, Form.BACK_COVER, Form.RIGHTS_NOTICE, Form.IDENTITY_CHECK, Form.RECORD}  # fmt: skip
    assert set(SHEETS) == {rule.form for rule in TEMPLATED}


def test_what_the_court_decided_comes_right_after_what_it_was_asked_and_is_only_scanned() -> None:
    asked, decided = Form.CONFIRMATION_APPLICATION, Form.CONFIRMATION_RULING
    assert PLACE[decided] == PLACE[asked] + 1
    assert FORMS[decided].made is Made.SCANNED
    assert decided not in SHEETS


def test_a_dossier_lacks_what_the_case_has_come_to() -> None:
    agreed = replace(CASE, termination=None)
    assert missing([], agreed) == (
        Form.REGISTER, Form.RIGHTS_NOTICE, Form.IDENTITY_CHECK, Form.RECORD, Form.AGREEMENT)  # fmt: skip
    held = [Form.APPLICATION, Form.RIGHTS_NOTICE, Form.IDENTITY_CHECK, Form.RECORD]
    assert missing(held, agreed) == (Form.AGREEMENT,)
    assert missing(held, replace(CASE, agreement=None)) == (Form.TERMINATION,)
    assert missing([*held, Form.AGREEMENT], agreed) == ()
    # Who refused before the first session has no record of one.
    assert Form.RECORD not in missing([], replace(CASE, sessions=()))


# --- the templates ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", documents_templates.LANGUAGES)
def test_the_templates_are_those_that_the_script_writes(language: str) -> None:
    for key in documents_templates.WRITERS:
        shipped = (RULES / "documents" / language / f"{key}.docx").read_bytes()
        made = documents_templates.template(key, language)
        with zipfile.ZipFile(io.BytesIO(shipped)) as old, zipfile.ZipFile(io.BytesIO(made)) as new:
            assert old.namelist() == new.namelist()
            for name in new.namelist():
                assert old.read(name) == new.read(name), f"{language}/{key}: run `make documents`"


def test_a_template_is_a4_in_the_fonts_of_official_documents() -> None:
    content = (RULES / "documents" / "zh" / "agreement.docx").read_bytes()
    document = Document(io.BytesIO(content))
    section = document.sections[0]
    assert section.page_width is not None
    assert section.top_margin is not None
    assert (round(section.page_width.mm), round(section.top_margin.mm)) == (210, 22)
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        text = package.read("word/document.xml").decode()
    for font in ("宋体", "黑体", "仿宋"):
        assert f'w:eastAsia="{font}"' in text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RULES / "documents", tmp_path / "rules" / "documents")).parent


def problems(folder: Path) -> list[str]:
    source = RulesFolder(folder)
    assert read_documents(source) is None
    return [str(problem) for problem in source.problems]


def test_a_missing_template_and_a_file_nobody_reads_are_refused(folder: Path) -> None:
    (folder / "documents" / "zh" / "agreement.docx").unlink()
    assert problems(folder) == ["rules/documents/zh/agreement.docx:1: there is no such file"]


def test_a_language_is_whole_or_not_at_all(folder: Path) -> None:
    (folder / "documents" / "bo").mkdir()
    shutil.copy(folder / "documents" / "en" / "cover.docx", folder / "documents" / "bo" / "cover.docx")
    found = problems(folder)
    assert "rules/documents/bo/agreement.docx:1: there is no such file" in found
    assert any("words.yaml" in each and "is missing in the language 'bo'" in each for each in found)


def test_a_template_that_names_what_its_form_does_not_have_is_refused_with_its_file(folder: Path) -> None:
    path = folder / "documents" / "zh" / "dossier-note.docx"
    document = Document(str(path))
    document.add_paragraph("{{ offers }}")
    document.save(str(path))
    (problem,) = problems(folder)
    assert problem.startswith("rules/documents/zh/dossier-note.docx:")
    assert problem.endswith("names offers, which this form does not have")


def test_a_template_that_reaches_outside_or_holds_what_a_dossier_loses_is_refused(folder: Path) -> None:
    path = folder / "documents" / "zh" / "dossier-note.docx"
    document = Document(str(path))
    document.part.relate_to("https://example.invalid/x", "http://x/hyperlink", is_external=True)
    document.save(str(path))
    assert any("refers to something outside it" in each for each in problems(folder))


def test_what_is_no_word_file_is_refused(folder: Path) -> None:
    (folder / "documents" / "zh" / "cover.docx").write_bytes(b"not a zip")
    (problem,) = problems(folder)
    assert "is not a Word document" in problem


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ nothing }}", "names nothing"),
        ("{% for p in parties %}{{ p.pin }}{% endfor %}", "names p.pin"),
        ("{{ number.__class__ }}", "names number.__class__"),
        ("{{ parties }}", "which is not text"),
        ("{% for p in number %}{% endfor %}", "which is not a list"),
        ("{{ number|upper }}", "uses filter"),
        ("{{ range(9) }}", "uses call"),
        ("{% set x = 1 %}", "uses assign"),
        ("{% include 'x' %}", "uses include"),
        ("{% if number %}", "is not a template"),
        ("{{ p.name }}{% for p in parties %}{% endfor %}", "names p"),
    ],
)
def test_a_template_shows_chooses_and_repeats_and_does_nothing_else(text: str, told: str) -> None:
    found = [message for _, message in faults(text, sheets.RightsNotice)]
    assert any(told in message for message in found), found


def test_a_template_may_show_choose_and_repeat() -> None:
    text = "{{ number }}\n{%tr for p in parties %}{% if p.name and not loop.last %}{{ p.name }}{% endif %}"
    text += "{%tr endfor %}"
    assert list(faults(text, sheets.RightsNotice)) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{year}年", "{century}年", "{century} is not filled"),
        ("{year}年{month}月", "{year年", "cannot be filled"),
        ("scanned:", "skanned:", "is not a word that any form"),
    ],
)
def test_a_word_that_cannot_be_filled_is_refused_with_its_line(old: str, new: str, told: str, folder: Path) -> None:
    path = folder / "documents" / "words.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    found = problems(folder)
    assert any(told in each and re.match(r"rules/documents/words\.yaml:\d+: ", each) for each in found), found


def test_wrong_documents_keep_the_rules_from_loading(tmp_path: Path) -> None:
    whole = Path(shutil.copytree(RULES, tmp_path / "rules"))
    (whole / "documents" / "zh" / "cover.docx").unlink()
    with pytest.raises(RulesError, match=r"documents/zh/cover\.docx"):
        load_rules(whole)
