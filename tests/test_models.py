"""Models and migrations agree, and rows read like their models."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Index, Integer, MetaData, bindparam, literal_column, select, text, update
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.orm import load_only
from sqlalchemy.sql.base import Executable

import services
from accord.embedded.stack import Stack
from casework.door.report import ReportState
from casework.names import number_of
from services.escalation.models import EscalationModel
from services.intake.models import IntakeModel, Report
from services.kit.clocks.models import LIVE, Clock, ClockState
from services.kit.storage.database import Database, compiled
from services.kit.storage.models import POSTGRESQL_TYPES
from services.kit.storage.tables.clock_tables import CLOCK_TABLES
from services.kit.storage.tables.ledger_tables import SEALED_TABLES
from services.mediation.models.base import MediationModel
from tests.conftest import COUNTY, Clients

for _each in pkgutil.walk_packages(services.__path__, "services."):
    if re.search(r"\.models(\.|$)", _each.name):
        importlib.import_module(_each.name)

LACKS = {
    "intake": {"number_series", "grid_terms"}, "mediation": {"case_standings"},
    "escalation": {"access_log"},
}  # fmt: skip
"""Tables of the kit that a service has no use for."""


def _shared(service: str) -> MetaData:
    """Return the kit's tables as a service has them: without those it lacks, with what it has on top."""
    found = MetaData()
    for table in Clock.metadata.sorted_tables:
        if table.name not in LACKS[service]:
            table.to_metadata(found)
    if service == "mediation":
        unit = found.tables["number_series"].c.unit
        unit.comment = "Code of the unit: two units of one name have series of their own."
    if service == "escalation":
        clocks = found.tables["clocks"].c
        Index("clocks_work", clocks.unit, clocks.due_at, postgresql_where=clocks.state.in_(LIVE))
        Index("clocks_rule", clocks.rule, clocks.due_at)
        ended = clocks.state.in_((ClockState.MET, ClockState.CANCELLED)) & (clocks.taken_by != "")
        Index("clocks_own", clocks.taken_by, clocks.stopped_at, postgresql_where=ended)
        Index("clocks_taken", clocks.stopped_at, clocks.id, postgresql_where=clocks.state == ClockState.MET)
    return found


METADATA = {
    "intake": [_shared("intake"), IntakeModel.metadata],
    "mediation": [_shared("mediation"), MediationModel.metadata],
    "escalation": [_shared("escalation"), EscalationModel.metadata],
}
"""The tables of each service that have models."""

NEVER_CHANGES = {
    service: (*SEALED_TABLES, *CLOCK_TABLES, *tables.split())
    for service, tables in {
        "intake": "access_log predecessor_parts predecessors",
        "mediation": """
            access_log caucus_notes caucus_offers caucus_reads consents default_steps docking_letters document_versions
            evidence fact_signatures identity_checks investigations joint_wishes notice_deliveries panel_signatures
            performances plan_types plan_versions record_refusals record_signatures reopenings session_records
            sides_kept signatures take_outs task_reports
        """,
        "escalation": """
            assessment_corrections digest_days digests ladders matter_evidence matter_gradings matter_progress
            matter_readings matter_versions
        """,
    }.items()
}
"""Tables that nothing may change or delete from."""
FOLLOW_A_CLOCK = {
    "intake": "forwards_answer_until forwards_decide_until reports_due_at",
    "mediation": """
        agreements_confirm_due_at cases_due_at dockings_due_at instalments_due_at objections_decide_until
        offers_answer_until plan_changes_decide_until tasks_due_at visits_due_at
    """,
    "escalation": """
        assessment_objections_due_at assessments_objection_due_at campaigns_due_at letters_object_due_at
        letters_reply_due_at matters_due_on meeting_decisions_due_at meetings_minutes_due_at monitorings_due_at
        recommendations_due_at review_appeals_due_at reviews_due_at warnings_due_at clues_due_at backlog_targets_due_at
    """,
}
"""Columns that show the date of a clock."""
TRIGGERS = {
    service: {*(f"{table}_never_changes" for table in tables), *FOLLOW_A_CLOCK[service].split()}
    for service, tables in NEVER_CHANGES.items()
}
FUNCTIONS = {"refuse_change", "follow_clock"}
"""What only migrations know; no model can say it."""

BUILDS_STATEMENTS = re.compile(
    r"^\s*(import sqlalchemy|from sqlalchemy|from services\.kit\.storage import .*\brows\b"
    r"|from services\.kit\.storage\.database import .*\btext\b)",
    re.MULTILINE,
)
STORE = re.compile(
    r"(^|/)(store|models)\.py$|/models/|/migrations/|^kit/storage/|^kit/clocks/(clocks|ledger|moves)\.py$"
)
"""Models and migrations as well; the kit's storage, and its three stores of clocks, are named by what they store."""


@pytest.fixture(params=sorted(METADATA))
async def migrated(request: pytest.FixtureRequest, stack: Stack) -> AsyncIterator[tuple[str, AsyncConnection]]:
    """Return a service and a connection to its migrated schema; nothing that is done there stays."""
    url = stack.database_url.replace("postgresql://", "postgresql+asyncpg://")
    service: str = request.param
    engine = create_async_engine(url, connect_args={"server_settings": {"search_path": f"{service}, public"}})
    async with engine.connect() as connection:
        yield service, connection
        await connection.rollback()
    await engine.dispose()


async def test_a_migrated_database_is_what_the_models_say(migrated: tuple[str, AsyncConnection]) -> None:
    service, connection = migrated
    assert await connection.run_sync(_differences, METADATA[service]) == []


def _differences(connection: Connection, metadata: list[MetaData]) -> Any:
    ischema_names.update(POSTGRESQL_TYPES)
    options = {"compare_type": True, "compare_server_default": True, "include_object": _is_ours}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)  # type: ignore[arg-type]


def _is_ours(_object: Any, name: str, kind: str, *_: Any) -> bool:
    """Return whether it is ours to say: the table of versions is Alembic's."""
    return not (kind == "table" and name == "alembic_version")


UNSEEN_BY_ALEMBIC = {
    "collations": """
        SELECT c.relname, a.attname, n.collname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_collation n ON n.oid = a.attcollation
        WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace = CAST(:schema AS regnamespace)
        AND c.relname <> 'alembic_version'
    """,
    "conditions, order and operators of indexes": """
        SELECT tablename, indexname, replace(indexdef, schemaname || '.', '') FROM pg_indexes
        WHERE schemaname = :schema AND tablename <> 'alembic_version'
    """,
    "checks and keys": """
        SELECT c.relname, conname, replace(pg_get_constraintdef(p.oid), :schema || '.', '')
        FROM pg_constraint p JOIN pg_class c ON c.oid = p.conrelid
        WHERE connamespace = CAST(:schema AS regnamespace) AND contype <> 'n' AND conname NOT LIKE 'alembic%'
    """,
}


@pytest.mark.parametrize("what", UNSEEN_BY_ALEMBIC)
async def test_so_is_what_alembic_does_not_compare(what: str, migrated: tuple[str, AsyncConnection]) -> None:
    service, connection = migrated
    query = text(UNSEEN_BY_ALEMBIC[what])
    there = set(map(tuple, await connection.execute(query, {"schema": service})))
    await connection.execute(text("CREATE SCHEMA of_models"))
    await connection.execute(text("SET LOCAL search_path = of_models, public"))
    for metadata in METADATA[service]:
        await connection.run_sync(metadata.create_all)
    assert set(map(tuple, await connection.execute(query, {"schema": "of_models"}))) == there


async def test_what_only_migrations_know_is_named_here(migrated: tuple[str, AsyncConnection]) -> None:
    service, connection = migrated
    of_schema = {"schema": service}
    triggers = await connection.scalars(
        text("""SELECT tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                WHERE NOT tgisinternal AND c.relnamespace = CAST(:schema AS regnamespace)"""),
        of_schema,
    )
    functions = await connection.scalars(
        text("SELECT proname FROM pg_proc WHERE pronamespace = CAST(:schema AS regnamespace)"), of_schema
    )
    assert (set(triggers), set(functions)) == (TRIGGERS[service], FUNCTIONS)


def test_statements_stand_in_stores_alone() -> None:
    folder = Path(services.__file__).parent
    elsewhere = {
        path
        for each in folder.rglob("*.py")
        if BUILDS_STATEMENTS.search(each.read_text()) and not STORE.search(path := str(each.relative_to(folder)))
    }
    assert elsewhere == set()


def test_no_store_hands_out_a_statement() -> None:
    handed_out = {
        f"{each.name}.{name}"
        for each in pkgutil.walk_packages(services.__path__, "services.")
        if re.search(r"[._]store$", each.name)
        for name, value in vars(importlib.import_module(each.name)).items()
        if isinstance(value, Executable) and not name.startswith("_") and name != "NOW"
    }
    assert handed_out == set()


def test_what_stands_in_a_statement_is_no_parameter_so_that_partial_indexes_are_found() -> None:
    found = compiled(select(Report.number).where(Report.merged_into != "", Report.state == ReportState.MERGED))
    assert found.names == ()
    assert "reports.merged_into != '' AND reports.state = 6" in found.sql


def test_a_statement_is_compiled_once() -> None:
    statement = update(Report).where(Report.number == bindparam("number")).values(state=bindparam("state"))
    assert compiled(statement) is compiled(statement)
    assert compiled(statement).values({"number": "1", "state": ReportState.MERGED}) == [6, "1"]


async def test_what_only_reads_can_neither_write_nor_lock(stack: Stack) -> None:
    database = Database(stack.database_url, 1, "intake")
    everything = select(Report.number)
    async with database.read() as connection:
        await connection.execute(everything)
        for statement in (everything.with_for_update(), update(Report).values(version=2), "SELECT pg_advisory_lock(1)"):
            with pytest.raises(RuntimeError, match="outside a transaction"):
                await connection.execute(statement)  # type: ignore[call-overload]
    await database.close()


async def test_a_row_reads_like_its_model(clients: Clients) -> None:
    number = number_of((await clients.file_report()).name)
    database = Database(clients.stack.database_url, 1, "intake")
    of_report = {"number": number}
    async with database.read() as connection:
        row = (await connection.execute(select(Report).where(Report.number == bindparam("number")), of_report)).one()
        columns = select(Report.state, Report.triage, Report.decided_at).where(Report.number == bindparam("number"))
        state, triage, decided_at = (await connection.execute(columns, of_report)).one()
        part = select(Report).options(load_only(Report.unit)).where(Report.number == bindparam("number"))
        with pytest.raises(KeyError, match="sealed"):
            _ = (await connection.execute(part, of_report)).one().sealed
        beside = select(Report, literal_column("1 + 1", Integer)).where(Report.number == bindparam("number"))
        same, two = (await connection.execute(beside, of_report)).one()
    await database.close()
    assert (row.state, row.unit, row.version, row.merged_into) == (ReportState.RECEIVED, COUNTY, 1, "")
    assert isinstance(row.state, ReportState)
    assert row.received_at.utcoffset() == timedelta(0)
    assert row.triage["acceptance"]["limit"] == triage["acceptance"]["limit"]
    assert (state, decided_at) == (ReportState.RECEIVED, None)
    assert (same.state, same.version, two) == (ReportState.RECEIVED, 1, 2)
