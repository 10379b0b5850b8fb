"""The forms of people's mediation (司法部 2010 set, domain.md §2.3): the list, which are required, in which order.

The numbers of `Form` are those of the contract; the key names its template, `rules/documents/zh/{key}.docx`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from casework.papers.documents import DossierSource
from casework.papers.numbering import Series


class Form(IntEnum):
    """A kind of document in a dossier (卷宗)."""

    COVER = 1
    INDEX = 2
    BACK_COVER = 3
    APPLICATION = 4
    REGISTER = 5
    RIGHTS_NOTICE = 6
    IDENTITY_CHECK = 7
    POWER_OF_ATTORNEY = 8
    INQUIRY = 9
    RECORD = 10
    AGREEMENT = 11
    ORAL_AGREEMENT = 12
    PERFORMANCE = 13
    FOLLOW_UP = 14
    CONFIRMATION_APPLICATION = 15
    CLOSING_REPORT = 16
    DOSSIER_NOTE = 17
    ENTRUSTMENT = 18
    DOCKING_RECEIPT = 19
    DOCKING_REFUSAL = 20
    TERMINATION = 21
    RESULT_FEEDBACK = 22
    CONSENT_INQUIRY = 23
    RECUSAL = 24
    EXTENSION_CONSENT = 25
    INTERPRETATION = 26
    EVIDENCE = 27
    CONFIRMATION_RULING = 28


class Need(StrEnum):
    """Whether a dossier must hold the form."""

    MUST = "must"
    ONE_OF = "one_of"
    IF_ANY = "if_any"
    LOCAL = "local"


class Made(StrEnum):
    """How the document comes about."""

    FILLED = "filled"
    WITH_DOSSIER = "with_dossier"
    SCANNED = "scanned"


class About(StrEnum):
    """What one document of the form is about; the words are the collections of resource names."""

    CASE = "cases"
    REPRESENTATIVE = "companions"
    INQUIRY = "investigations"
    SESSION = "sessions"
    VISIT = "visits"
    DOCKING = "dockings"
    RECUSAL = "recusals"
    EXTENSION = "extensions"
    INTERPRETATION = "interpretations"


@dataclass(frozen=True, slots=True)
class FormRule:
    """A form: its names, whether a dossier must hold it, what one is about, how it is made, its number's series.

    Dossier and agreement share one number, of the series 人调字; letters have their own series.
    """

    form: Form
    key: str
    zh: str
    en: str
    need: Need
    about: About = About.CASE
    made: Made = Made.FILLED
    series: Series = Series.AGREEMENT


_F, _N, _A = Form, Need, About

# In dossier order: the order of the 2010 set, with the docking letters in chronological place.
ORDERED: tuple[FormRule, ...] = (
    FormRule(_F.COVER, "cover", "卷宗封面", "Dossier cover", _N.MUST, made=Made.WITH_DOSSIER),
    FormRule(_F.INDEX, "index", "卷内目录", "Index of the dossier", _N.MUST, made=Made.WITH_DOSSIER),
    FormRule(_F.ENTRUSTMENT, "entrustment", "委托（移送）调解函", "Letter of entrustment", _N.IF_ANY, _A.DOCKING),
    FormRule(_F.CONSENT_INQUIRY, "consent-inquiry", "征求调解意愿书", "Inquiry whether to mediate", _N.IF_ANY,
             _A.DOCKING),
    FormRule(_F.DOCKING_RECEIPT, "docking-receipt", "接收回执", "Receipt of a docked matter", _N.IF_ANY, _A.DOCKING,
             series=Series.LETTER),
    FormRule(_F.DOCKING_REFUSAL, "docking-refusal", "不予调解函", "Letter that mediation does not begin", _N.IF_ANY,
             _A.DOCKING, series=Series.LETTER),
    FormRule(_F.APPLICATION, "application", "人民调解申请书", "Application for people's mediation", _N.ONE_OF),
    FormRule(_F.REGISTER, "register", "人民调解受理登记表", "Register of acceptance", _N.ONE_OF),
    FormRule(_F.RIGHTS_NOTICE, "rights-notice", "当事人权利义务告知书", "Notice of rights and duties", _N.MUST),
    FormRule(_F.IDENTITY_CHECK, "identity-check", "当事人身份核验记录", "Record of identity checks", _N.MUST),
    FormRule(_F.POWER_OF_ATTORNEY, "power-of-attorney", "授权委托书", "Power of attorney", _N.IF_ANY,
             _A.REPRESENTATIVE),
    FormRule(_F.RECUSAL, "recusal", "回避申请与决定", "Request to replace a mediator, and decision", _N.IF_ANY,
             _A.RECUSAL),
    FormRule(_F.INQUIRY, "inquiry", "调查记录", "Record of investigation", _N.IF_ANY, _A.INQUIRY),
    FormRule(_F.EVIDENCE, "evidence", "证据材料", "Evidence", _N.IF_ANY, made=Made.SCANNED),
    FormRule(_F.INTERPRETATION, "interpretation", "语言翻译记录", "Record of interpretation", _N.IF_ANY,
             _A.INTERPRETATION),
    FormRule(_F.RECORD, "record", "人民调解记录", "Record of mediation", _N.MUST, _A.SESSION),
    FormRule(_F.EXTENSION_CONSENT, "extension-consent", "延期调解同意书", "Consent to a longer term", _N.IF_ANY,
             _A.EXTENSION),
    FormRule(_F.AGREEMENT, "agreement", "人民调解协议书", "People's mediation agreement", _N.ONE_OF),
    FormRule(_F.ORAL_AGREEMENT, "oral-agreement", "人民调解口头协议登记表", "Register of an oral agreement",
             _N.ONE_OF),
    FormRule(_F.TERMINATION, "termination", "终止调解通知书", "Notice that mediation ended", _N.IF_ANY),
    FormRule(_F.PERFORMANCE, "performance", "履行凭证记录", "Record of performance", _N.IF_ANY),
    FormRule(_F.FOLLOW_UP, "follow-up", "回访记录", "Record of a follow-up visit", _N.IF_ANY, _A.VISIT),
    FormRule(_F.CONFIRMATION_APPLICATION, "confirmation-application", "司法确认申请书",
             "Application for judicial confirmation", _N.IF_ANY),
    FormRule(_F.CONFIRMATION_RULING, "confirmation-ruling", "司法确认裁定书", "Ruling on judicial confirmation",
             _N.IF_ANY, made=Made.SCANNED),
    FormRule(_F.RESULT_FEEDBACK, "result-feedback", "调解结果反馈函", "Letter on the result", _N.IF_ANY, _A.DOCKING,
             series=Series.LETTER),
    FormRule(_F.CLOSING_REPORT, "closing-report", "结案报告表", "Closing report", _N.LOCAL),
    FormRule(_F.DOSSIER_NOTE, "dossier-note", "卷宗情况说明", "Note on the dossier", _N.IF_ANY),
    FormRule(_F.BACK_COVER, "back-cover", "卷宗封底", "Back cover", _N.MUST, made=Made.WITH_DOSSIER),
)  # fmt: skip

FORMS: dict[Form, FormRule] = {rule.form: rule for rule in ORDERED}
PLACE: dict[Form, int] = {rule.form: place for place, rule in enumerate(ORDERED)}
TEMPLATED: tuple[FormRule, ...] = tuple(rule for rule in ORDERED if rule.made is not Made.SCANNED)
NOT_SCANNED = frozenset({Form.COVER, Form.INDEX, Form.BACK_COVER, Form.IDENTITY_CHECK})
"""Forms that accept no scan: the dossier's own pages, and identity, of which no image is kept (个保法 art. 6)."""


def subjects(rule: FormRule, source: DossierSource) -> tuple[int, ...]:
    """Return the numbers of the items that documents of the form can be about; (0,) if it is about the whole case."""
    found: dict[About, Iterable[int]] = {
        About.CASE: (0,),
        About.REPRESENTATIVE: (each.representative for each in source.representatives),
        About.INQUIRY: (each.inquiry for each in source.inquiries),
        About.SESSION: (each.session for each in source.sessions),
        About.VISIT: (each.visit for each in source.visits),
        About.DOCKING: (each.docking for each in source.dockings),
        About.RECUSAL: (each.recusal for each in source.recusals),
        About.EXTENSION: (each.extension for each in source.extensions),
        About.INTERPRETATION: (each.interpretation for each in source.interpretations),
    }
    return tuple(found[rule.about])


def missing(held: Collection[Form], source: DossierSource) -> tuple[Form, ...]:
    """Return the forms that the dossier must hold and does not, in its order.

    Always application or register; an agreement, or the notice that mediation ended, once there is one.
    """
    lacking = {rule.form for rule in ORDERED if rule.need is Need.MUST and rule.made is Made.FILLED} - set(held)
    if not source.sessions:
        lacking.discard(Form.RECORD)  # mediation that ended before the first session has none
    if not {Form.APPLICATION, Form.REGISTER} & set(held):
        lacking.add(Form.REGISTER)
    if source.agreement is not None and not {Form.AGREEMENT, Form.ORAL_AGREEMENT} & set(held):
        lacking.add(Form.AGREEMENT if source.agreement.written else Form.ORAL_AGREEMENT)
    if source.termination is not None and Form.TERMINATION not in held:
        lacking.add(Form.TERMINATION)
    return tuple(sorted(lacking, key=PLACE.__getitem__))
