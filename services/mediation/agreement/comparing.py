"""Two drafts side by side, as the contract shows them."""

from __future__ import annotations

from pb.mediation.v1 import agreement_pb2 as pb

from casework import names
from casework.mediation.drafts import Pair, Worded, compare, pieces
from services.kit.numbers import numbers
from services.mediation.agreement import view
from services.mediation.agreement.store import Loaded

Read = tuple[Loaded, pb.AgreementText]
"""A draft with its text."""


def compared(base: Read, later: Read) -> pb.AgreementComparison:
    """Return two drafts side by side."""
    (old, old_text), (new, new_text) = base, later
    before, after = old_text.statement, new_text.statement
    pairs = compare(_worded(base), _worded(later))
    return pb.AgreementComparison(
        name=names.agreement_name(new.row.number, new.row.agreement),
        base=names.agreement_name(old.row.number, old.row.agreement),
        clauses=[_clause(pair, base, later) for pair in pairs],
        facts=_passages(before.facts, after.facts),
        disputed_points=_passages(before.disputed_points, after.disputed_points),
        responsibility=_passages(before.responsibility, after.responsibility),
        **numbers(extent=new.row.extent, base_extent=old.row.extent),
    )


def _worded(read: Read) -> list[Worded]:
    loaded, text = read
    return [Worded(clause, words) for clause, words in zip(loaded.duties, text.clauses, strict=True)]


def _clause(pair: Pair, base: Read, later: Read) -> pb.ClauseComparison:
    return pb.ClauseComparison(
        clause=_shown(later, pair.after),
        base_clause=_shown(base, pair.before),
        fields=pair.fields,
        content=_passages(_text(base, pair.before), _text(later, pair.after)),
        **numbers(change=pair.change),
    )


def _shown(read: Read, index: int | None) -> pb.Clause | None:
    return None if index is None else view.clause(read[0].clauses[index], read[0].parts)


def _text(read: Read, index: int | None) -> str:
    return "" if index is None else read[1].clauses[index]


def _passages(before: str, after: str) -> list[pb.TextPassage]:
    return [pb.TextPassage(text=text, **numbers(change=passage)) for passage, text in pieces(before, after)]
