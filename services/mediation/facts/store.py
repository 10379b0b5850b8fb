"""SQL of the facts that supervision counts: two statements, however many cases are asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from casework.case import DONE, Stage
from casework.mediation.agreement import AgreementState
from casework.mediation.closing import ReopenReason, Satisfaction
from services.kit.storage.database import Connection, text
from services.mediation.grants.models import GrantScope

_EFFECTIVE = int(AgreementState.EFFECTIVE)
_FACTS = text("""
    SELECT c.number, c.seq, c.stage, c.unit, c.category, c.grade, c.received_at, c.opened_at, c.closed_at, c.outcome,
        m.number IS NOT NULL AS mediated, m.ended_at, n.notices, n.served, a.extents, v.visits, v.recurred,
        s.answers, s.satisfied, r.reopenings, r.came_again,
        (SELECT max(closings.closed_at) FROM closings WHERE closings.number = c.number) AS last_closed_at
    FROM cases c
    LEFT JOIN mediations m ON m.number = c.number
    CROSS JOIN LATERAL (SELECT count(*) AS notices, count(served_at) AS served
                        FROM rights_notices WHERE rights_notices.number = c.number) AS n
    CROSS JOIN LATERAL (SELECT array_agg(extent) AS extents
                        FROM agreements WHERE agreements.number = c.number AND state = :effective) AS a
    CROSS JOIN LATERAL (SELECT count(visited_at) AS visits, coalesce(bool_or(recurred), false) AS recurred
                        FROM visits WHERE visits.number = c.number) AS v
    CROSS JOIN LATERAL (SELECT count(*) AS answers, count(*) FILTER (WHERE last.satisfaction = :yes) AS satisfied
                        FROM (SELECT DISTINCT ON (party) satisfaction FROM visit_answers
                              WHERE visit_answers.number = c.number ORDER BY party, days DESC) AS last
                        WHERE last.satisfaction <> :silent) AS s
    CROSS JOIN LATERAL (SELECT count(*) AS reopenings, coalesce(bool_or(reason = :recurrence), false) AS came_again
                        FROM reopenings WHERE reopenings.number = c.number) AS r
    WHERE c.number = ANY(CAST(:numbers AS text[])) ORDER BY c.number
""")
_STANDINGS = text("""
    SELECT c.number, c.seq, c.unit, c.about, m.mediator, c.stage = :closed AS closed,
        (SELECT array_agg(DISTINCT t.unit ORDER BY t.unit) FROM tasks t
         WHERE t.number = c.number AND t.state <> ALL(:done)) AS co_units,
        (SELECT array_agg(DISTINCT g.holder ORDER BY g.holder) FROM grants g
         WHERE g.number = c.number AND g.scope = :excluded AND g.ended_at IS NULL) AS excluded
    FROM cases c LEFT JOIN mediations m ON m.number = c.number
    WHERE c.number = ANY(CAST(:numbers AS text[])) ORDER BY c.number
""")
_GRANTS = text("""
    SELECT number, holder, max(expires_at) AS until FROM grants
    WHERE number = ANY(CAST(:numbers AS text[])) AND ended_at IS NULL AND scope < :excluded GROUP BY number, holder
""")
_PARTS = text("""
    SELECT i.*, c.kind FROM instalments i JOIN clauses c USING (number, agreement, clause)
    JOIN agreements a USING (number, agreement)
    WHERE i.number = ANY(CAST(:numbers AS text[])) AND a.state = :effective AND i.due_on IS NOT NULL
""")


async def facts(connection: Connection, numbers: Sequence[str]) -> Sequence[Any]:
    """Return a row of facts for each of the cases that exist, in order of number."""
    codes = {
        "yes": int(Satisfaction.SATISFIED), "silent": int(Satisfaction.NO_ANSWER),
        "recurrence": int(ReopenReason.RECURRENCE), "effective": _EFFECTIVE,
    }  # fmt: skip
    return (await connection.execute(_FACTS, {"numbers": list(numbers), **codes})).all()


async def standings(connection: Connection, numbers: Sequence[str]) -> Sequence[Any]:
    """Return of each of the cases that exist whose it is and whether it is closed."""
    done = [int(state) for state in DONE]
    asked = {"numbers": list(numbers), "done": done, "closed": int(Stage.CLOSED), "excluded": GrantScope.EXCLUDED}
    return (await connection.execute(_STANDINGS, asked)).all()


async def grants(connection: Connection, numbers: Sequence[str]) -> Mapping[str, list[tuple[str, datetime]]]:
    """Return by case who was granted access and until when, of grants that were not revoked."""
    found: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    for row in await connection.execute(_GRANTS, {"numbers": list(numbers), "excluded": GrantScope.EXCLUDED}):
        found[row.number].append((row.holder, row.until))
    return found


async def parts(connection: Connection, numbers: Sequence[str]) -> Mapping[str, list[Any]]:
    """Return by case the parts of its effective agreements that have a day."""
    found: dict[str, list[Any]] = defaultdict(list)
    for row in await connection.execute(_PARTS, {"numbers": list(numbers), "effective": _EFFECTIVE}):
        found[row.number].append(row)
    return found
