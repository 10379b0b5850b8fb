"""The documents for the court as Word files: two forms, and two lists of what is recorded."""

from __future__ import annotations

from datetime import datetime

from casework.case import Step
from casework.papers.documents import DossierSource
from casework.papers.filling import Filling, fill
from casework.papers.forms import FORMS, Form
from casework.papers.wording import CHINESE
from services.kit.rules.documents import DocumentBook
from services.mediation.documents.render import listing, rendered

_STEPS = {
    Step.MEDIATION: "接受调解", Step.SESSION: "参加会议", Step.EXTENSION: "延长期限",
    Step.SETTLEMENT: "接受协议内容", Step.JUDICIAL_CONFIRMATION: "申请司法确认", Step.PUBLICATION: "公开",
    Step.DATA_TRANSFER: "移送资料", Step.REPRESENTATION: "委托代表",
}  # fmt: skip


class WordRenderer:
    """Renders the bundle of one case, dated by the application, so that it is always the same."""

    suffix = "docx"

    def __init__(self, book: DocumentBook, source: DossierSource, at: datetime) -> None:
        self._book = book
        self._source = source
        self._at = at

    def render(self, form: str) -> bytes:
        """Return the file of a form."""
        source = self._source
        if form == "confirmation_application":
            return self._form(Form.CONFIRMATION_APPLICATION)
        if form == "agreement":
            written = source.agreement is not None and source.agreement.written
            return self._form(Form.AGREEMENT if written else Form.ORAL_AGREEMENT)
        if form == "proof_of_mediation":
            return listing("调解组织主持调解的证明", self._proof())
        return listing("当事人同意记录", self._consents())

    def _form(self, form: Form) -> bytes:
        words = self._book.wordings[CHINESE]
        sheet = fill(FORMS[form], Filling(self._source, 0, self._source.dossier_number, self._at, words))
        return rendered(self._book, form, [(CHINESE, sheet)])

    def _proof(self) -> list[str]:
        source, words = self._source, self._book.wordings[CHINESE]
        lines = [f"调解组织：{source.body}", f"案号：{source.number}", f"文号：{source.dossier_number}"]
        if source.mediator:
            lines.append(f"调解员：{source.mediator.name}")
        lines += [f"第{each.session}次调解：{words.moment(each.began_at)} {each.place}" for each in source.sessions]
        if source.agreement and source.agreement.effective_at:
            lines.append(f"协议生效：{words.day(source.agreement.effective_at)}")
        return lines

    def _consents(self) -> list[str]:
        source, words = self._source, self._book.wordings[CHINESE]
        return [
            f"{source.name_of(each.party)}：{_STEPS[each.step]}，{'同意' if each.given else '不同意'}，"
            f"{words.moment(each.at)}{'，已宣读' if each.read_back else ''}"
            for each in source.consents
        ]
