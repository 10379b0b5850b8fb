"""RPCs that enter matters in the ledger: registering, grading, assigning, moving."""

from __future__ import annotations

from typing import Any

from pb.escalation.v1 import ledger_pb2 as pb

from casework import names
from casework.door.complaint import must_not_judge_itself
from casework.door.triage import Grade, Scope
from casework.errors import CaseError, Reason, field_error
from casework.supervision.matters import matter as rules_of
from casework.supervision.matters.grade import MatterFacts
from casework.supervision.matters.matter import Given, Impact, MatterLevel, MatterState, Part, Step
from services.escalation.holders import store as holders
from services.escalation.matters.ledger import course, store
from services.escalation.matters.ledger.course import said
from services.escalation.matters.ledger.servicer import LedgerBase
from services.escalation.models import Matter
from services.escalation.raising.levels.store import facts
from services.kit import dates
from services.kit.command import Work, command

_SCOPES, _GRADES = tuple(Scope), tuple(Grade)


class Assigning(LedgerBase):
    """Registers, grades, assigns and moves."""

    @command(pb.Matter)
    async def RegisterMatter(self, request: pb.RegisterMatterRequest, work: Work) -> pb.Matter:
        """Enter a matter in the ledger of its level; its plan is due in five working days."""
        told, level = request.matter, MatterLevel(request.matter.level)
        place = self.known(told.place, "matter.place")
        keeper = rules_of.keeper_of(self.rules.units, place, level, "matter.level")
        work.call.require(keeper)
        rules_of.may_put_forward(self.rules.units, work.call.caller.unit, keeper, "matter.level")
        category = told.category.removeprefix("categories/")
        if category not in self.rules.categories:
            raise field_error("matter.category", Reason.UNKNOWN_CATEGORY, category)
        source = names.number_of(told.source) if told.source else ""
        if source:
            await store.must_be_new(work.connection, source)
        file = await self.opened(work, "matters", keeper)
        content = (await self.seal(work, file)).seal(request.content.SerializeToString())
        due_on = await course.start_plan(work, file.number, 1, keeper)
        row = await store.add(
            work.connection, file.number, state=MatterState.REGISTERED, level=course.column_of(level),
            keeper=keeper, place=place, category=category, source=source, due_on=due_on, sealed=content,
            case_number=source if source[:1].isdigit() else "", registered_at=work.now,
        )  # fmt: skip
        return await self._registered(work, row)

    async def _registered(self, work: Work, row: Matter) -> pb.Matter:
        first = [said(name, "", getattr(row, name)) for name in ("level", "keeper", "category")]
        await store.keep_version(work.connection, row, "MatterRegistered", work.now, work.call, changes=first)
        source = names.file_name(row.source)
        payload = {"level": row.level, "keeper": row.keeper, "category": row.category, "source": source}
        await work.append(course.happened(row, "MatterRegistered", **payload))
        return await self.shown(work, row)

    @command(pb.Matter)
    async def GradeMatter(self, request: pb.GradeMatterRequest, work: Work) -> pb.Matter:
        """Grade a matter by the table; grading it again needs a reason."""
        matter = await self.kept(request, work)
        rules_of.may(matter.state, Step.GRADE)
        if matter.grade and not request.reason:
            raise field_error("reason", Reason.REASON_REQUIRED)
        facts = request.facts
        graded = self.rules.matters.evaluate(
            MatterFacts(
                facts.people_affected, facts.amount_fen, _SCOPES[facts.scope - 1], Impact(facts.impact).name.lower()
            )
        )
        grade = _GRADES.index(graded.grade) + 1
        held = [(number, self.rules.matters.rows[number - 1]) for number in graded.rows]
        await store.grade(
            work.connection, matter.number,
            reasons=[{"row": number, "zh": row.zh, "en": row.en} for number, row in held],
            people_affected=facts.people_affected, amount_fen=facts.amount_fen, scope=facts.scope,
            impact=facts.impact, grade=grade, rule=graded.rule, rule_version=graded.version, reason=request.reason,
            graded_at=work.now, graded_by=work.actor,
        )  # fmt: skip
        columns: dict[str, Any] = {"state": MatterState.GRADED} if matter.state is MatterState.REGISTERED else {}
        told: dict[str, object] = {"grade": graded.grade, "rule": graded.rule, "rule_version": graded.version}
        row = await course.change(
            work, matter, "MatterGraded", reason=request.reason, payload=told, grade=grade, **columns
        )
        return await self.shown(work, row)

    @command(pb.Matter)
    async def AssignMatter(self, request: pb.AssignMatterRequest, work: Work) -> pb.Matter:
        """Assign a part to every unit, with measures and a deadline with its own clock."""
        matter = await self.kept(request, work)
        rules_of.may(matter.state, Step.ASSIGN)
        given = [
            Given(Part(each.part), names.last(each.unit), dates.read(each.due_date, f"assignments[{n}].due_date"))
            for n, each in enumerate(request.assignments)
        ]
        rules_of.check_assignments(self.rules.units, matter.keeper, given, dates.today(work.now))
        known = await facts(work.connection, matter.case_number)
        for each in given:
            must_not_judge_itself(known.about if known else "", each.unit)
        first = await store.next_assignment(work.connection, matter.number)
        for number, (each, told) in enumerate(zip(given, request.assignments, strict=True), start=first):
            await self._give(work, matter, number, each, told)
        responsible = next(each for each in given if each.part is Part.RESPONSIBLE)
        lead = next((each.unit for each in given if each.part is Part.LEAD), responsible.unit)
        turns = await course.start_progress(work, matter, responsible.unit)
        await course.give(work, matter, course.plan_key(matter.entry), lead)
        row = await course.change(
            work, matter, "MatterAssigned", state=MatterState.ASSIGNED, unit=responsible.unit, lead=lead,
            due_on=responsible.due_on, turns=turns,
            also=[said(f"assignments/{n}", "", f"{each.part.name} {each.unit} {each.due_on}")
                  for n, each in enumerate(given, start=first)],
        )  # fmt: skip
        await course.consider_like_matters(work, row)
        return await self.shown(work, row)

    async def _give(self, work: Work, matter: Matter, number: int, given: Given, told: pb.Assignment) -> None:
        texts = pb.AssignmentText(measures=told.measures, office=told.office)
        sealed = await self.sealed(work, matter.number, texts.SerializeToString())
        key = f"unit-{number}"
        await course.start_unit(work, matter.number, number, given.unit, given.due_on, key)
        await store.assign(
            work.connection, matter.number, assignment=number, entry=matter.entry, part=given.part, unit=given.unit,
            due_on=given.due_on, clock=key, sealed=sealed, assigned_at=work.now,
        )  # fmt: skip

    @command(pb.Matter)
    async def ReassignAssignment(self, request: pb.ReassignAssignmentRequest, work: Work) -> pb.Matter:
        """Assign a unit's part to another unit. Its clocks keep their dates."""
        matter = await self.kept(request, work)
        part = await self.part(work, matter, request.name)
        unit = names.last(request.unit)
        rules_of.check_unit(self.rules.units, matter.keeper, part.part, unit, "unit")
        if unit in {each.unit for each in await store.assignments(work.connection, matter)}:
            raise field_error("unit", Reason.ALREADY_EXISTS, unit)
        await store.change_assignment(work.connection, part, unit=unit)
        await holders.release(work.connection, matter.number, course.assignment_name(part), course.HOLDER, work.now)
        await course.give(work, matter, part.clock, unit)
        columns: dict[str, Any] = {}
        if part.part is Part.RESPONSIBLE:
            columns["unit"] = unit
            await course.give(work, matter, "progress-%", unit)
        if part.unit == matter.lead:
            columns["lead"] = unit
            await course.give(work, matter, course.plan_key(matter.entry), unit)
        row = await course.change(
            work, matter, "AssignmentReassigned", reason=request.reason, payload={"assignment": part.assignment},
            also=[said(f"assignments/{part.assignment}/unit", part.unit, unit)], **columns,
        )  # fmt: skip
        return await self.shown(work, row)

    @command(pb.Matter)
    async def ExtendAssignment(self, request: pb.ExtendAssignmentRequest, work: Work) -> pb.Matter:
        """Give a unit a later deadline: its clock ends, and another one runs to that day."""
        matter = await self.kept(request, work)
        part = await self.part(work, matter, request.name)
        due_on = dates.read(request.due_date, "due_date")
        rules_of.may_extend(part.extended, part.due_on, due_on, dates.today(work.now))
        key = f"unit-{part.assignment}-2"
        await work.stop(matter.number, part.clock, met=False)
        await course.start_unit(work, matter.number, part.assignment, part.unit, due_on, key)
        await store.change_assignment(work.connection, part, due_on=due_on, clock=key, extended=True)
        columns: dict[str, Any] = {"due_on": due_on} if part.part is Part.RESPONSIBLE else {}
        row = await course.change(
            work, matter, "AssignmentExtended", reason=request.reason, payload={"assignment": part.assignment},
            also=[said(f"assignments/{part.assignment}/due_date", part.due_on, due_on)], **columns,
        )  # fmt: skip
        return await self.shown(work, row)

    @command(pb.Matter)
    async def NameOfficial(self, request: pb.NameOfficialRequest, work: Work) -> pb.Matter:
        """Record which official of a unit does its part; response and history do not name the official."""
        matter, part = await self.own_part(request, work)
        await holders.assign(
            work.connection, matter.number, course.assignment_name(part), course.HOLDER, unit=part.unit,
            official=request.official, at=work.now,
        )  # fmt: skip
        row = await course.change(work, matter, "OfficialNamed", payload={"assignment": part.assignment})
        return await self.shown(work, row)

    @command(pb.Matter)
    async def MoveLevel(self, request: pb.MoveLevelRequest, work: Work) -> pb.Matter:
        """Move a matter to a higher or lower ledger; the clocks of its keeping unit move with it."""
        matter = await self.kept(request, work)
        rules_of.may(matter.state, Step.MOVE)
        level = MatterLevel(request.level)
        to = names.last(request.keeper) if request.keeper else ""
        keeper = rules_of.moved(self.rules.units, matter.keeper, level, to)
        for part in await store.assignments(work.connection, matter):
            try:
                rules_of.check_unit(self.rules.units, keeper, part.part, part.unit, "keeper")
            except CaseError as error:
                raise field_error("keeper", Reason.INVALID_FIELD, f"{part.unit} works on it: {error.detail}") from None
        await course.give(work, matter, "check-%", keeper)
        if not matter.unit:
            await course.give(work, matter, course.plan_key(matter.entry), keeper)
        row = await course.change(
            work, matter, "MatterMoved", reason=request.reason, payload={"from": matter.keeper, "to": keeper},
            sealed=await self.note(work, matter.number, request.text), level=course.column_of(level), keeper=keeper,
        )  # fmt: skip
        return await self.shown(work, row)
