"""RPCs of migrations: proposed, previewed, approved by somebody else, run in batches, reported case by case."""

from __future__ import annotations

from pb.mediation.v1 import plan_migrations_pb2 as pb
from pb.mediation.v1 import plan_migrations_pb2_grpc

from casework import names
from casework.case import someone_else
from casework.door.complaint import lies_within
from casework.errors import CaseError, Reason
from casework.mediation.plans import moving as rules_of
from casework.mediation.plans.moving import MigrationState, MoveKind
from services.kit.command import Work, check_etag, command
from services.kit.serving.access import Call, Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.mediation import store as cases
from services.mediation.course.plans.migrating import Route, move
from services.mediation.models.cases import Case
from services.mediation.plan_migrations import store, view
from services.mediation.plan_migrations.models import PlanMigration, PlanMigrationRow
from services.mediation.plan_types import keeping as types
from services.mediation.plan_types import store as type_names
from services.mediation.servicer import Servicer

_MAY_RUN = (MigrationState.APPROVED, MigrationState.DONE)


class PlanMigrationServicer(Servicer, plan_migrations_pb2_grpc.PlanMigrationServiceServicer):
    """Serves migrations."""

    @command(pb.PlanMigration)
    async def CreatePlanMigration(self, request: pb.CreatePlanMigrationRequest, work: Work) -> pb.PlanMigration:
        """Propose a migration, with a mapping that says what becomes of every step."""
        told = request.migration
        unit = self.known(told.unit, "migration.unit")
        work.call.require(unit)
        old = await types.find(work.connection, self.rules.plans, told.from_type)
        new = await types.find(work.connection, self.rules.plans, told.to_type)
        mapping = rules_of.whole(old, new, [(each.step, each.becomes) for each in told.mappings])
        (from_type, from_version), (to_type, to_version) = map(type_names.key_of, (told.from_type, told.to_type))
        row = await store.add(
            work.connection, state=MigrationState.PROPOSED, unit=unit, from_type=from_type, from_version=from_version,
            to_type=to_type, to_version=to_version, mapping=mapping, reason=told.reason, proposed_by=work.actor,
            proposed_at=work.now,
        )  # fmt: skip
        return await _told(work.connection, row)

    async def PreviewPlanMigration(
        self, request: pb.PreviewPlanMigrationRequest, context: Context
    ) -> pb.PreviewPlanMigrationResponse:
        """Return what would happen now to the cases that are left."""
        call, size = current_call(), request.page_size or 50
        behind = paging.read(request.page_token, "preview", paging.key) or ""
        async with self.database.begin() as connection:
            row = await self._seen(connection, request.name)
            route = await self._route(connection, row)
            found = await store.left(connection, row, paging.subtree(row.unit), behind, size + 1)
            shown = [await _preview(connection, route, each, call) for each in found[:size] if _is_ours(call, each)]
            left = await store.how_many_left(connection, row, paging.subtree(row.unit))
        reply = pb.PreviewPlanMigrationResponse(cases=shown, left=left)
        reply.next_page_token = paging.following(found, size, "preview", lambda end: end.number)
        return reply

    @command(pb.PlanMigration)
    async def DecidePlanMigration(self, request: pb.DecidePlanMigrationRequest, work: Work) -> pb.PlanMigration:
        """Approve a proposed migration, or refuse it."""
        row = await self._locked(request.name, work)
        check_etag(row.version, request.etag)
        if row.state is not MigrationState.PROPOSED:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        someone_else(work.actor, row.proposed_by)
        state = MigrationState.APPROVED if request.approved else MigrationState.REFUSED
        changed = await store.change(work.connection, row, state=state, decided_by=work.actor, decided_at=work.now)
        return await _told(work.connection, changed)

    @command(pb.RunPlanMigrationResponse)
    async def RunPlanMigration(self, request: pb.RunPlanMigrationRequest, work: Work) -> pb.RunPlanMigrationResponse:
        """Move the next cases, in the order of their numbers."""
        row, size = await self._locked(request.name, work), request.max_cases or 20
        if row.state not in _MAY_RUN:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        route, units = await self._route(work.connection, row), paging.subtree(row.unit)
        rules_of.must_be_published(route.new)
        found = await store.left(work.connection, row, units, row.tried, size)
        asked = [
            await _try(work, route, each.number)
            for each in found
            if _is_ours(work.call, each) and each.number not in work.call.kept_from
        ]
        tried = [each for each in asked if each is not None]
        more = len(found) == size
        left = await store.how_many_left(work.connection, row, units)
        row = await store.change(
            work.connection, row, state=MigrationState.APPROVED if left else MigrationState.DONE,
            moved=row.moved + sum(each.plan_version > 0 for each in tried), tried=found[-1].number if more else "",
        )  # fmt: skip
        rows = [view.row(each, work.call.language) for each in tried]
        return pb.RunPlanMigrationResponse(migration=view.migration(row, left), rows=rows, more=more)

    async def GetPlanMigration(self, request: pb.GetPlanMigrationRequest, context: Context) -> pb.PlanMigration:
        """Return a migration."""
        async with self.database.read() as connection:
            return await _told(connection, await self._seen(connection, request.name))

    async def ListPlanMigrations(
        self, request: pb.ListPlanMigrationsRequest, context: Context
    ) -> pb.ListPlanMigrationsResponse:
        """Return migrations of the caller's units, newest first."""
        size, scope = request.page_size or 50, current_call().scope(names.last(request.unit))
        behind = paging.read(request.page_token, "planMigrations", paging.number)
        async with self.database.read() as connection:
            found = await store.listed(connection, paging.subtree(scope), behind, size + 1)
            shown = [await _told(connection, each) for each in found[:size]]
        reply = pb.ListPlanMigrationsResponse(migrations=shown)
        reply.next_page_token = paging.following(found, size, "planMigrations", lambda end: end.migration)
        return reply

    async def ListPlanMigrationRows(
        self, request: pb.ListPlanMigrationRowsRequest, context: Context
    ) -> pb.ListPlanMigrationRowsResponse:
        """Return the report, a row for each case that was tried."""
        call, size = current_call(), request.page_size or 50
        behind = paging.read(request.page_token, "rows", paging.key) or ""
        async with self.database.read() as connection:
            row = await self._seen(connection, request.parent)
            found = await store.report(connection, row.migration, request.obstacles, behind, size + 1)
        reply = pb.ListPlanMigrationRowsResponse(rows=[view.row(each, call.language) for each in found[:size]])
        reply.next_page_token = paging.following(found, size, "rows", lambda end: end.number)
        return reply

    async def _locked(self, name: str, work: Work) -> PlanMigration:
        row = await store.lock(work.connection, int(names.last(name)))
        work.call.require(row.unit)
        return row

    async def _seen(self, connection: Connection, name: str) -> PlanMigration:
        row = await store.get(connection, int(names.last(name)))
        current_call().require(row.unit)
        return row

    async def _route(self, connection: Connection, row: PlanMigration) -> Route:
        old, new = [
            await types.find(connection, self.rules.plans, f"planTypes/{name}/versions/{version}")
            for name, version in ((row.from_type, row.from_version), (row.to_type, row.to_version))
        ]
        return Route(row, old, new, self.rules.units)


async def _told(connection: Connection, row: PlanMigration) -> pb.PlanMigration:
    return view.migration(row, await store.how_many_left(connection, row, paging.subtree(row.unit)))


def _is_ours(call: Call, case: Case) -> bool:
    """Return whether the caller may touch a case at all: a unit that is complained of has no part in it."""
    return not lies_within(case.about, call.caller.unit)


async def _preview(connection: Connection, route: Route, case: Case, call: Call) -> pb.PlanMigrationPreview:
    try:
        found, tasks = await route.look(connection, case)
    except CaseError as error:
        return view.obstacle(case, error, call.language)
    added = [each.then for each in found if each.kind is MoveKind.ADDED and each.then is not None]
    return view.preview(case, found, tasks, {each.key: route.doer(case, each) for each in added}, call.language)


async def _try(work: Work, route: Route, number: str) -> PlanMigrationRow | None:
    """Move a case, or store why it cannot move; None if it has left the old version meanwhile."""
    case, migration = await cases.lock(work.connection, number), route.row.migration
    if not route.is_of(case):
        return None
    try:
        found, tasks = await route.look(work.connection, case)
    except CaseError as error:
        return await store.keep_row(work.connection, migration, number, error.reason.value, 0, work.now)
    version = await move(work, route, case, found, tasks)
    return await store.keep_row(work.connection, migration, number, "", version, work.now)
