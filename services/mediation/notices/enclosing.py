"""What goes with a letter: the filed documents that its rule names."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

from docx import Document
from pb.mediation.v1 import documents_pb2

from casework import names
from casework.mediation.agreement import AgreementState
from casework.mediation.notice import NoticeRule
from casework.papers.forms import ORDERED
from casework.papers.scan import WORD
from services.kit.storage.database import Connection
from services.kit.storage.sealing import Sealer
from services.kit.word import joined, saved
from services.mediation import keys
from services.mediation.agreement import store as agreements
from services.mediation.documents import store as documents
from services.mediation.models.cases import Case

_ALL = 10_000
_FORMS = {rule.key.replace("-", "_"): rule for rule in ORDERED}


class Enclosed(NamedTuple):
    """The documents of a letter: their names, those that are Word files, and what was not filed yet."""

    names: Sequence[str] = ()
    words: Sequence[bytes] = ()
    missing: Sequence[str] = ()


async def enclosed(
    connection: Connection, sealer: Sealer, rule: NoticeRule, case: Case | None, language: str
) -> Enclosed:
    """Return what goes with a letter by this rule: of each form that it names what was filed, in its newest version.

    What was filed before the agreement that binds was drafted says something else, and is not enclosed.
    """
    if not rule.encloses or case is None or case.erased_at is not None:
        return Enclosed()
    forms = {_FORMS[key].form: _FORMS[key] for key in rule.encloses}
    drafted = [
        each.row.drafted_at
        for each in await agreements.loaded_all(connection, case.number)
        if each.row.state is AgreementState.EFFECTIVE
    ]
    filed_at = {row.document: row.updated_at for row in await documents.listed(connection, case.number, 0, _ALL)}
    found = [
        each
        for each in await documents.newest(connection, case.number)
        if each[0].form in forms and all(filed_at[each[0].document] >= at for at in drafted)
    ]
    if not found:
        first = next(iter(forms.values()))
        return Enclosed(missing=[first.en if language == "en" else first.zh])
    under = keys.reading(sealer, case)
    contents = [documents_pb2.DocumentContent.FromString(under.open(sealed)) for _, sealed, _ in found]
    return Enclosed(
        [names.document_name(case.number, filed.document) for filed, _, _ in found],
        [each.content for each in contents if each.media_type == WORD],
    )


def behind(letter: bytes, with_it: Enclosed) -> bytes:
    """Return a letter with its enclosures after it, each on a new page."""
    whole = Document(io.BytesIO(letter))
    for content in with_it.words:
        whole = joined(whole, Document(io.BytesIO(content)))
    return saved(whole) if with_it.words else letter
