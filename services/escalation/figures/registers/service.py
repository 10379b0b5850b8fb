"""Serves the four lists and four ledgers, and the fixes of rules that follow from problems."""

from __future__ import annotations

import asyncio

from pb.escalation.v1 import registers_pb2 as pb
from pb.escalation.v1 import registers_pb2_grpc

from casework import names
from casework.errors import Reason, field_error
from casework.supervision.figures import assessment as rules_of
from casework.supervision.figures.assessment import RuleFixState
from casework.supervision.figures.register_words import Language
from services.escalation import scope
from services.escalation.figures.models import RuleFix
from services.escalation.figures.registers import sheet, store
from services.escalation.figures.registers.store import Entry, Register
from services.escalation.servicer import Servicer
from services.kit import dates
from services.kit.command import Work, check_etag, command
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.spreadsheets import writing
from services.kit.storage import paging
from services.kit.storage.events import NewEvent

_MOST = 20_000
"""Entries in one file."""


class RegisterServicer(Servicer, registers_pb2_grpc.RegisterServiceServicer):
    """Serves lists, ledgers and fixes of rules."""

    async def ListRegisterEntries(
        self, request: pb.ListRegisterEntriesRequest, context: Context
    ) -> pb.ListRegisterEntriesResponse:
        """Return a page of a list or ledger of the caller's units."""
        unit, size = scope.asked(request.unit), request.page_size or 50
        register = Register(request.kind)
        kind = f"register-{int(register)}"
        behind = paging.read(request.page_token, kind, paging.instant, paging.key)
        async with self.database.read() as connection:
            rows = await store.listed(
                connection, register, scope.subtree(unit), behind, self.time.now(), size + 1
            )  # fmt: skip
        reply = pb.ListRegisterEntriesResponse(entries=[_entry(row) for row in rows[:size]])
        reply.next_page_token = paging.following(rows, size, kind, lambda end: (end.at, end.key))
        return reply

    async def ExportRegister(self, request: pb.ExportRegisterRequest, context: Context) -> pb.RegisterFile:
        """Return a list or ledger of the caller's units in words, in their language."""
        unit, register, now = scope.asked(request.unit), Register(request.kind), self.time.now()
        language: Language = "en" if current_call().language == "en" else "zh"
        async with self.database.read() as connection:
            rows = await store.listed(connection, register, scope.subtree(unit), None, now, _MOST + 1)
        if len(rows) > _MOST:
            raise field_error("unit", Reason.INVALID_FIELD, f"more than {_MOST} entries: ask for fewer")
        lines, name = list(sheet.table(rows, self.rules, language)), sheet.title(register, language)
        day = f"{dates.today(now):%Y-%m-%d}"
        file_name = f"{register.name.lower()}-{unit}-{day}"
        if request.form == pb.REGISTER_FORM_CSV:
            content = await asyncio.to_thread(writing.as_csv, lines)
            return pb.RegisterFile(file_name=f"{file_name}.csv", media_type=writing.CSV_TYPE, content=content)
        heading = f"{self.rules.units.known(unit).name} {name} ({day})"
        content = await asyncio.to_thread(
            writing.as_xlsx, lines, name[:31], title=heading, widths=sheet.WIDTHS, ruled=True
        )
        return pb.RegisterFile(file_name=f"{file_name}.xlsx", media_type=writing.XLSX_TYPE, content=content)

    @command(pb.RuleFix)
    async def ProposeRuleFix(self, request: pb.ProposeRuleFixRequest, work: Work) -> pb.RuleFix:
        """Propose to change a rule because of a problem; the text of the proposal is sealed."""
        unit = self.known(request.unit, "unit")
        work.call.require(unit)
        file = await self.opened(work, "fixes", unit)
        sealed = (await self.seal(work, file)).seal(request.text.encode())
        row = await store.propose(
            work.connection, file.number, state=RuleFixState.PROPOSED, unit=unit, problem=request.problem,
            rule=request.rule, sealed=sealed, proposed_at=work.now, proposed_by=work.actor,
        )  # fmt: skip
        payload = {"problem": request.problem, "rule": request.rule}
        await work.append(NewEvent(file.number, "RuleFixProposed", unit, payload))
        return _fix(row)

    async def GetRuleFix(self, request: pb.GetRuleFixRequest, context: Context) -> pb.RuleFix:
        """Return a fix without its text."""
        async with self.database.read() as connection:
            row = await store.fix(connection, names.number_of(request.name))
        current_call().require(row.unit)
        return _fix(row)

    async def GetRuleFixText(self, request: pb.GetRuleFixTextRequest, context: Context) -> pb.RuleFixText:
        """Return the text of a fix, and log the access."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            row = await store.fix(connection, number)
            call.require(row.unit)
            text = (await self.opener(connection, number)).open(row.sealed).decode()
            await self.log_reading(connection, number, row.unit, "RuleFixRead")
        self.pulse.beat()
        return pb.RuleFixText(name=request.name, text=text)

    @command(pb.RuleFix)
    async def DecideRuleFix(self, request: pb.DecideRuleFixRequest, work: Work) -> pb.RuleFix:
        """Adopt a fix or drop it; never by the person who proposed it."""
        file = await self.locked(request.name, work)
        row = await store.fix(work.connection, file.number)
        work.call.require(row.unit)
        check_etag(row.version, request.etag)
        rules_of.must_be(row.state, RuleFixState.PROPOSED)
        rules_of.must_be_others(work.actor, row.proposed_by)
        state = RuleFixState.ADOPTED if request.adopted else RuleFixState.DROPPED
        changed = await store.decide(
            work.connection, row.number, state=state, decided_at=work.now, decided_by=work.actor,
            reason=request.reason,
        )  # fmt: skip
        payload = {"state": state.name, "reason": request.reason}
        await work.append(NewEvent(row.number, "RuleFixDecided", row.unit, payload))
        return _fix(changed)


def _entry(row: Entry) -> pb.RegisterEntry:
    return pb.RegisterEntry(
        unit=names.unit_name(row.unit),
        file=names.file_name(row.number),
        subject=row.subject,
        what=row.what,
        time=stamp(row.at),
        due_time=stamp(row.due_at),
        category=f"categories/{row.category}" if row.category else "",
        outcome=row.outcome,
        performance=row.performance,
        **numbers(grade=row.grade),
    )


def _fix(row: RuleFix) -> pb.RuleFix:
    return pb.RuleFix(
        name=names.file_name(row.number),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        problem=row.problem,
        rule=row.rule,
        propose_time=stamp(row.proposed_at),
        decide_time=stamp(row.decided_at),
        reason=row.reason,
        **numbers(state=row.state),
    )
