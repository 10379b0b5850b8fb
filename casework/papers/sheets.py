"""What each form's template may use: one data class per form, containing only text and lists of text.

Loading the rules checks every template against its class, so that a template can name only fields that are filled.
Empty text leaves an empty place on the page, to be filled in by hand.
"""

from __future__ import annotations

from dataclasses import dataclass

from casework.papers.forms import Form

Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartyLine:
    """A party as shown on forms."""

    role: str
    name: str
    organisation: bool
    gender: str
    ethnic_group: str
    age: str
    occupation: str
    phone: str
    address: str
    employer: str
    legal_representative: str
    helper: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What every form has: the committee, the number, the date, the parties' names in one line."""

    body: str
    number: str
    case: str
    day: str
    parties_line: str
    category: str
    mediator: str


@dataclass(frozen=True, slots=True)
class Cover(Sheet):
    """卷宗封面."""

    title: str
    mediated: str
    outcome: str
    filed_by: str
    filed_day: str
    retention: str
    documents: str


@dataclass(frozen=True, slots=True)
class IndexLine:
    """A line of the index."""

    index: str
    title: str
    number: str
    day: str
    pages: str
    remark: str


@dataclass(frozen=True, slots=True)
class Index(Sheet):
    """卷内目录."""

    lines: tuple[IndexLine, ...]


@dataclass(frozen=True, slots=True)
class BackCover(Sheet):
    """卷宗封底."""

    documents: str
    pages: str
    filed_by: str
    filed_day: str
    lacking: Lines


@dataclass(frozen=True, slots=True)
class Application(Sheet):
    """人民调解申请书."""

    applicants: tuple[PartyLine, ...]
    respondents: tuple[PartyLine, ...]
    facts: str
    claims: str
    proofs: str


@dataclass(frozen=True, slots=True)
class Register(Sheet):
    """人民调解受理登记表."""

    parties: tuple[PartyLine, ...]
    channel: str
    received: str
    accepted: str
    place: str
    facts: str
    claims: str
    proofs: str
    registrar: str


@dataclass(frozen=True, slots=True)
class RightsNotice(Sheet):
    """当事人权利义务告知书."""

    parties: tuple[PartyLine, ...]


@dataclass(frozen=True, slots=True)
class IdentityLine:
    """One identity check; no image, the number masked."""

    role: str
    name: str
    document: str
    number_masked: str
    result: str
    checked: str
    checked_by: str


@dataclass(frozen=True, slots=True)
class IdentityCheck(Sheet):
    """当事人身份核验记录."""

    checks: tuple[IdentityLine, ...]


@dataclass(frozen=True, slots=True)
class PowerOfAttorney(Sheet):
    """授权委托书."""

    principals: tuple[PartyLine, ...]
    representative: str
    phone: str
    relation: str
    kind: str
    scope: str
    since: str
    until: str


@dataclass(frozen=True, slots=True)
class InquiryRecord(Sheet):
    """调查记录."""

    at: str
    place: str
    by: str
    of_whom: str
    content: str
    read_back: str


@dataclass(frozen=True, slots=True)
class SessionRecord(Sheet):
    """人民调解记录."""

    began: str
    ended: str
    place: str
    mode: str
    openness: str
    mediators: str
    recorder: str
    attendance: str
    record: str
    result: str
    read_back: str
    parties: tuple[PartyLine, ...]


@dataclass(frozen=True, slots=True)
class ClauseLine:
    """A clause as the agreement states it."""

    index: str
    performer: str
    content: str
    amount: str
    due: str
    manner: str


@dataclass(frozen=True, slots=True)
class Agreement(Sheet):
    """人民调解协议书, and 口头协议登记表."""

    parties: tuple[PartyLine, ...]
    extent: str
    facts: str
    points: str
    responsibility: str
    clauses: tuple[ClauseLine, ...]
    made: str
    effective: str
    copies: str


@dataclass(frozen=True, slots=True)
class PerformanceLine:
    """One act of performance."""

    clause: str
    at: str
    amount: str
    extent: str
    evidence: str
    received_by: str
    recorded_by: str


@dataclass(frozen=True, slots=True)
class Performance(Sheet):
    """履行凭证记录."""

    acts: tuple[PerformanceLine, ...]


@dataclass(frozen=True, slots=True)
class FollowUp(Sheet):
    """回访记录."""

    at: str
    by: str
    of_whom: str
    medium: str
    reason: str
    performance: str
    satisfaction: str
    recurrence: str
    remarks: str


@dataclass(frozen=True, slots=True)
class ConfirmationApplication(Sheet):
    """司法确认申请书."""

    court: str
    parties: tuple[PartyLine, ...]
    clauses: tuple[ClauseLine, ...]
    effective: str
    last_day: str
    property_facts: str


@dataclass(frozen=True, slots=True)
class ClosingReport(Sheet):
    """结案报告表."""

    received: str
    accepted: str
    closed: str
    sessions: str
    outcome: str
    performance: str
    satisfaction: str
    agreement: str
    summary: str
    requested_by: str
    reviewed_by: str


@dataclass(frozen=True, slots=True)
class DossierNote(Sheet):
    """卷宗情况说明."""

    remarks: str


@dataclass(frozen=True, slots=True)
class DockingSheet(Sheet):
    """The fields of docking letters; never why a party refused."""

    organ: str
    reference: str
    kind: str
    matter: str
    sent: str


@dataclass(frozen=True, slots=True)
class DockingReceipt(DockingSheet):
    """接收回执."""

    signed: str
    signed_by: str
    due: str


@dataclass(frozen=True, slots=True)
class DockingRefusal(DockingSheet):
    """不予调解函."""

    cause: str


@dataclass(frozen=True, slots=True)
class ResultFeedback(DockingSheet):
    """调解结果反馈函: agreed or not, performed or not, never why."""

    result: str
    performed: str
    agreement: str
    returned: str
    basis: str


@dataclass(frozen=True, slots=True)
class ConsentInquiry(DockingSheet):
    """征求调解意愿书."""

    parties: tuple[PartyLine, ...]


@dataclass(frozen=True, slots=True)
class RouteLine:
    """Another open route, as printed in the notice."""

    index: str
    text: str
    term: str
    due: str
    basis: str


@dataclass(frozen=True, slots=True)
class Termination(Sheet):
    """终止调解通知书."""

    parties: tuple[PartyLine, ...]
    ground: str
    ended: str
    routes: tuple[RouteLine, ...]


@dataclass(frozen=True, slots=True)
class RecusalSheet(Sheet):
    """回避申请与决定."""

    asked_by: str
    against: str
    reason: str
    asked: str
    decision: str
    decided: str
    decided_by: str


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """That one party consents."""

    role: str
    name: str
    at: str


@dataclass(frozen=True, slots=True)
class ExtensionConsent(Sheet):
    """延期调解同意书."""

    due: str
    until: str
    consents: tuple[ConsentLine, ...]


@dataclass(frozen=True, slots=True)
class InterpretationRecord(Sheet):
    """语言翻译记录."""

    at: str
    language: str
    interpreter: str
    occasion: str
    of_whom: str
    medium: str
    read_back: str


SHEETS: dict[Form, type[Sheet]] = {
    Form.COVER: Cover,
    Form.INDEX: Index,
    Form.BACK_COVER: BackCover,
    Form.APPLICATION: Application,
    Form.REGISTER: Register,
    Form.RIGHTS_NOTICE: RightsNotice,
    Form.IDENTITY_CHECK: IdentityCheck,
    Form.POWER_OF_ATTORNEY: PowerOfAttorney,
    Form.INQUIRY: InquiryRecord,
    Form.RECORD: SessionRecord,
    Form.AGREEMENT: Agreement,
    Form.ORAL_AGREEMENT: Agreement,
    Form.PERFORMANCE: Performance,
    Form.FOLLOW_UP: FollowUp,
    Form.CONFIRMATION_APPLICATION: ConfirmationApplication,
    Form.CLOSING_REPORT: ClosingReport,
    Form.DOSSIER_NOTE: DossierNote,
    Form.ENTRUSTMENT: DockingSheet,
    Form.DOCKING_RECEIPT: DockingReceipt,
    Form.DOCKING_REFUSAL: DockingRefusal,
    Form.TERMINATION: Termination,
    Form.RESULT_FEEDBACK: ResultFeedback,
    Form.CONSENT_INQUIRY: ConsentInquiry,
    Form.RECUSAL: RecusalSheet,
    Form.EXTENSION_CONSENT: ExtensionConsent,
    Form.INTERPRETATION: InterpretationRecord,
}
"""The data class of every form that has a template."""
