"""Reads rules/backlog: from which age a matter is backlog, and the bands of age."""

from __future__ import annotations

from itertools import pairwise

from casework.supervision.matters.backlog import BacklogRule
from services.kit.rules.folder import RulesFolder
from services.kit.rules.supervision.models import BacklogFile

FILE = "backlog/backlog.yaml"


def read_backlog(folder: RulesFolder) -> BacklogRule | None:
    """Return the rule, or None with problems."""
    document = folder.document(FILE)
    content = document.validate(BacklogFile, folder.problems) if document else None
    if content is None:
        return None
    starts = (content.over_days, *content.bands)
    if any(later <= earlier for earlier, later in pairwise(starts)):
        assert document is not None
        folder.problems.append(document.problem(("bands",), "each band must begin later than the one before"))
        return None
    return BacklogRule(content.version, content.basis, content.over_days, tuple(content.bands))
