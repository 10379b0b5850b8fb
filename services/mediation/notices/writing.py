"""From an event to the notices it requires, and from a notice to its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pb.mediation.v1 import notices_pb2 as pb

from casework import names
from casework.case import Step
from casework.door.routes import OpenRoute
from casework.mediation.notice import (
    LANGUAGES,
    OF_A_CLAUSE,
    Audience,
    NoticeBook,
    NoticeRule,
    Text,
    worded_date,
    worded_time,
)
from services.kit import dates
from services.kit.clocks.clockwork import Clockwork
from services.kit.instants import instant
from services.kit.rules import Rules
from services.kit.rules.notices import DISCREET
from services.kit.storage.database import Connection
from services.kit.storage.sealing import Sealer
from services.mediation.agreement import store as agreements
from services.mediation.consents import routes
from services.mediation.models.cases import Case
from services.mediation.models.notices import Notice
from services.mediation.notices import contacts, store
from services.mediation.people import store as people
from services.mediation.sessions import store as sessions

REPORTER = 0
"""The number of the reporter among the recipients."""


async def write(
    connection: Connection, rules: Rules, clockwork: Clockwork, sealer: Sealer, event: pb.HeardEvent,
    case: Case | None, now: datetime,
) -> int:  # fmt: skip
    """Write the notices that an event requires, and return how many are new. Old events require none."""
    at = instant(event.time)
    if at < now - rules.notices.heard_within:
        return 0
    number, said, written = names.number_of(event.case), dict(event.fields), 0
    unit = case.unit if case else names.last(event.unit) or names.area_of_number(number)
    category = case.category if case else event.category.removeprefix("categories/")
    for rule in rules.notices.on(event.service, event.type):
        if not rule.applies(said):
            continue
        due = rule.due(now, clockwork.calendars.of(unit))
        needed = {name: said[name] for name in rule.needed if name in said}
        for party in await _recipients(connection, rule, sealer, case, said, reachable=event.reachable):
            written += await store.write(
                connection, source=event.service, number=number, seq=event.sequence, rule=rule.name, party=party,
                unit=unit, category=category, said=needed, occurred_at=at, due_at=due, updated_at=now,
            )  # fmt: skip
    return written


async def _recipients(
    connection: Connection, rule: NoticeRule, sealer: Sealer, case: Case | None, said: Mapping[str, str], *,
    reachable: bool,
) -> Sequence[int]:  # fmt: skip
    """Return the recipients of a notice: numbers of parties, or the reporter if there is a contact."""
    if rule.audience is Audience.reporter:
        return [REPORTER] if reachable else []
    if case is None:
        return []
    number = case.number
    if rule.audience is Audience.invited:
        session = said.get("session", "")
        return (await sessions.get(connection, number, int(session))).parties if session.isdigit() else []
    if rule.audience is Audience.asker:
        return [int(said["party"])] if said.get("party", "").isdigit() else []
    if rule.audience in OF_A_CLAUSE:
        return await _bound(connection, rule.audience, number, said)
    standing = await people.standing(connection, number)
    if rule.audience is Audience.parties:
        return [each.party for each in standing.people]
    missing = standing.missing(Step.MEDIATION)
    if rule.audience is Audience.taking_part:
        return sorted(standing.present - missing - {await contacts.reporting_party(connection, sealer, number)})
    return sorted(missing if rule.audience is Audience.undecided else standing.present)


async def _bound(connection: Connection, audience: Audience, number: str, said: Mapping[str, str]) -> Sequence[int]:
    """Return who owes, or is owed, what a clause says: the one of the event, or of the instalment it is about."""
    subject = said.get("subject", "")
    told = int(said.get("agreement", 0)), int(said.get("clause", 0))
    agreement, number_of_clause = names.ids_of(subject)[:2] if "/clauses/" in subject else told
    clause = await agreements.clause(connection, number, agreement, number_of_clause)
    if clause is None:
        return []
    owes, owed = clause.performer, clause.beneficiary
    return {Audience.performer: [owes], Audience.beneficiary: [owed]}.get(audience, [owes, owed])


class Wording:
    """Writes the texts of notices, in both languages, complete except for the name of the person."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    @property
    def book(self) -> NoticeBook:
        """The rules of notices."""
        return self._rules.notices

    async def texts(
        self, connection: Connection, row: Notice, case: Case | None, *, discreet: bool = False
    ) -> dict[str, Text]:
        """Return the texts of a notice by language; MissingField where the template has a field without a value."""
        rule = self.book.find(row.rule)
        assert rule is not None, "whoever asks has looked"
        template = DISCREET if discreet else rule.template
        told, day = {"number": row.number, "unit": self._name(row.unit)}, dates.today(row.occurred_at)
        open_routes: list[OpenRoute] = []
        if self.book.uses(template, "routes"):
            known = await routes.open_in(connection, self._rules, case) if case else None
            open_routes = self._rules.routes.open(row.category, ()) if known is None else known
        return {
            language: self.book.text(
                template, rule, language, row.said,
                {**told, "date": worded_date(day, language), "routes": _listed(open_routes, language)}, self._name,
                self._cause,
            )
            for language in LANGUAGES
        }  # fmt: skip

    def _name(self, unit: str) -> str:
        return self._rules.units.known(names.last(unit)).name

    def _cause(self, limit: str, cause: str, language: str) -> str:
        """Return the cause of a pause in words, as the limit has it; the code of one it no longer has."""
        known = self._rules.clocks.get(limit).pause(cause) if limit in self._rules.clocks.names() else None
        return cause if known is None else known.en if language == "en" else known.zh


def _listed(open_routes: Sequence[OpenRoute], language: str) -> str:
    """Return routes as lines: what, within which time, and until when if a clock of the case says so."""
    lines = []
    for each in open_routes:
        english = language == "en"
        words, term = (each.route.en, each.route.term_en) if english else (each.route.zh, each.route.term_zh)
        until = worded_time(each.due_at, language) if each.due_at else ""
        bound = (f"until {until}" if english else f"截止{until}") if until else term
        lines.append(f"- {words}" + (f" ({bound})" if bound and english else f"（{bound}）" if bound else ""))
    return "\n".join(lines)
