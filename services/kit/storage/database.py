"""The database of a service: one pool, short transactions, errors that say whether to retry.

Statements are SQLAlchemy's. Each is compiled once, here, and asyncpg runs it on a pool of its own: SQLAlchemy's engine
costs a call of a few small statements about twice the CPU, its pool alone nearly twice that of a single reading
(figures in `docs/decisions/0005`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar, TypeVarTuple, overload

import asyncpg
from sqlalchemy import BindParameter, ClauseElement, Executable, FromClause, Select, TypeDecorator, inspect
from sqlalchemy.dialects.postgresql.asyncpg import PGCompiler_asyncpg, PGDialect_asyncpg
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import TypedReturnsRows
from sqlalchemy.types import TypeEngine

from casework.errors import CaseError, Reason
from services.kit.serving.loops import Loop
from services.kit.storage.models import Model

_TRANSIENT = {"40001", "40P01", "57P01", "57P02", "57P03", "57P05", "25P03", "25006"}
"""Serialization, deadlock, shutdown, start-up, idle session, failover to a standby: a retry helps."""
_TRANSIENT_CLASSES = {"08", "53", "58"}
"""Lost connection; disk full, out of memory or connections; a failing system: a retry helps."""
_FULL = {"53100", "58030"}
"""The disk is full; nothing was written."""
_FREE_WITHIN = 20.0
"""Seconds within which a connection must become free."""
_WRITES = re.compile(
    r"\b(INSERT|UPDATE|DELETE|TRUNCATE|LOCK|FOR (NO KEY )?(UPDATE|(KEY )?SHARE)|pg_\w*advisory\w*|set_config)\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![:\w]):([a-z_]+)\b")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as PostgreSQL takes it: its parameters in order, how each is written, how rows are read."""

    sql: str
    names: tuple[str, ...]
    writers: tuple[tuple[int, Callable[[Any], Any]], ...] = ()
    record: type[Row] | None = None
    read: Callable[[Row], Any] | None = None
    writes: bool = field(init=False)
    """Whether it changes or locks anything, as far as its text tells."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "writes", bool(_WRITES.search(self.sql)))

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Return the parameters' values in order; KeyError where one is missing."""
        found = [parameters[name] for name in self.names]
        for place, write in self.writers:
            found[place] = write(found[place])
        return found


@lru_cache(maxsize=1024)
def text(sql: str) -> Statement:
    """Return the statement of an SQL text with parameters written `:name`."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    return Statement(_NAME.sub(number, sql), tuple(names))


class _Compiler(PGCompiler_asyncpg):
    """Writes literal values into a statement: PostgreSQL needs them to choose a partial index."""

    def visit_bindparam(self, bindparam: BindParameter[Any], literal_binds: bool = False, **options: Any) -> str:  # type: ignore[override]
        return super().visit_bindparam(bindparam, literal_binds=literal_binds or not bindparam.required, **options)


class _Dialect(PGDialect_asyncpg):
    statement_compiler = _Compiler


_DIALECT = _Dialect()


@lru_cache(maxsize=1024)
def compiled(statement: Executable) -> Statement:
    """Return a statement of SQLAlchemy's expression language as PostgreSQL takes it.

    The cache is keyed by the statement object: create each statement once, as a constant or in a cached function.
    """
    assert isinstance(statement, ClauseElement)
    found = statement.compile(dialect=_DIALECT)
    assert isinstance(found, SQLCompiler)
    assert not found.post_compile_params, "a list is one parameter: `column == any_(...)`"
    names = tuple(found.positiontup or ())
    writers = ((place, _writer(found.binds[name].type)) for place, name in enumerate(names))
    record, read = _reading(statement)
    known = tuple((place, write) for place, write in writers if write is not None)
    return Statement(str(found), names, known, record, read)


# Only our own types are converted here; asyncpg converts all others.
def _writer(kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    return kind.bind_processor(_DIALECT) if isinstance(kind, TypeDecorator) else None


def _reader(kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    return kind.result_processor(_DIALECT, None) if isinstance(kind, TypeDecorator) else None


def _reading(statement: Executable) -> tuple[type[Row] | None, Callable[[Row], Any] | None]:
    """Return the class of a statement's rows and, if it selects columns, what converts them, if needed."""
    if isinstance(statement, UpdateBase):
        # RETURNING says which columns there are, but not whether the whole model was asked for.
        whole = any(isinstance(each, FromClause) for each in statement._returning)
        model = statement.entity_description["entity"] if whole else None
        kinds = [column.type for column in statement.exported_columns]
    else:
        assert isinstance(statement, Select)
        columns = statement.column_descriptions
        model = columns[0]["entity"] if isinstance(columns[0]["type"], type) else None
        kinds = [column["type"] for column in columns]
    if model is not None:
        record = _record(inspect(model).mapper.class_)
        if isinstance(statement, UpdateBase) or len(kinds) == 1:
            return record, None
        assert not any(isinstance(kind, type) for kind in kinds[1:]), "two models have no name each for their columns"
        besides = [_reader(kind) for kind in kinds[1:]]
        return record, lambda row: (row, *_values(besides, row[-len(besides) :]))
    readers = [_reader(kind) for kind in kinds]
    return None, (lambda row: _values(readers, row)) if any(readers) else None


def _values(readers: Sequence[Callable[[Any], Any] | None], row: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(value if read is None else read(value) for read, value in zip(readers, row, strict=True))


@lru_cache(maxsize=256)
def _record(model: type[Model]) -> type[Row]:
    """Return the class of rows that read like a model: the record from PostgreSQL, each column converted when read."""
    return type(
        model.__name__, (Row,), {each.name: _attribute(each.name, each.type) for each in model.__table__.columns}
    )


def _attribute(name: str, kind: TypeEngine[Any]) -> property:
    taken, read = itemgetter(name), _reader(kind)
    return property(taken if read is None else lambda row: read(taken(row)))


class Row(asyncpg.Record):
    """A row whose columns are attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


T = TypeVar("T")
M = TypeVar("M", bound=Model)
Ts = TypeVarTuple("Ts")


class Rows(list[T]):
    """The rows of a statement."""

    def all(self) -> list[T]:
        """Return all rows."""
        return self

    def first(self) -> T | None:
        """Return the first row, None where there is none."""
        return self[0] if self else None

    def one(self) -> T:
        """Return the only row; LookupError where there is none or more than one."""
        if len(self) != 1:
            raise LookupError(f"{len(self)} rows where there must be one")
        return self[0]


class Result(Rows[Row]):
    """The rows of an SQL text."""


Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Connection:
    """A connection inside a transaction, or one that only reads."""

    def __init__(self, raw: asyncpg.Connection, *, reads: bool = False) -> None:
        self.raw = raw
        self.reads = reads

    async def plan_anew(self) -> None:
        """Have all later statements of this transaction planned for their parameters, each time anew.

        For those that find a county's rows one by one and read a province's in one go.
        """
        await self.raw.execute("SET LOCAL plan_cache_mode = force_custom_plan")

    @overload  # A model is no type of a column.
    async def execute(  # type: ignore[overload-overlap]
        self, statement: TypedReturnsRows[M], parameters: Parameters = ()
    ) -> Rows[M]: ...
    @overload
    async def execute(self, statement: TypedReturnsRows[*Ts], parameters: Parameters = ()) -> Rows[tuple[*Ts]]: ...
    @overload
    async def execute(self, statement: Statement | UpdateBase, parameters: Parameters = ()) -> Result: ...
    async def execute(self, statement: Statement | Executable, parameters: Parameters = ()) -> Rows[Any]:
        """Run a statement and return its rows; with a list of parameters, once for each, and no rows.

        A row of a model reads like the model; a row of columns is a tuple of them, the first may be a model.
        """
        known = self._prepared(statement)
        if parameters and not isinstance(parameters, Mapping):
            await self.raw.executemany(known.sql, [known.values(each) for each in parameters])
            return Result()
        values = known.values(parameters) if isinstance(parameters, Mapping) else []
        rows = await self.raw.fetch(known.sql, *values, record_class=known.record)
        return Result(rows if known.read is None else map(known.read, rows))

    @overload
    async def scalar(self, statement: TypedReturnsRows[T], parameters: Mapping[str, Any] | None = None) -> T | None: ...
    @overload
    async def scalar(self, statement: Statement, parameters: Mapping[str, Any] | None = None) -> Any: ...
    async def scalar(self, statement: Statement | Executable, parameters: Mapping[str, Any] | None = None) -> object:
        """Run a statement and return the first column of its first row, None where there is none."""
        known = self._prepared(statement)
        row = await self.raw.fetchrow(known.sql, *known.values(parameters or {}))
        return None if row is None else (row if known.read is None else known.read(row))[0]

    def _prepared(self, statement: Statement | Executable) -> Statement:
        known = prepared(statement)
        if self.reads and known.writes:
            raise RuntimeError(f"writes outside a transaction: {known.sql[:80]}")
        return known


def prepared(statement: str | Statement | Executable) -> Statement:
    """Return a statement as PostgreSQL takes it."""
    if isinstance(statement, str):
        return text(statement)
    return statement if isinstance(statement, Statement) else compiled(statement)


class Database:
    """A pool of connections for one service's role."""

    def __init__(self, url: str, pool: int, schema: str = "") -> None:
        """`schema` is for a role without a schema of its own: an administrator reading a service's."""
        self._url = url
        self._server_settings = {"jit": "off", **({"search_path": f"{schema}, public"} if schema else {})}
        self._size = pool
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()
        self.full = asyncio.Event()
        """Set when a write found the disk full; `keep_room` clears it."""

    @asynccontextmanager
    async def begin(self, *, snapshot: bool = False) -> AsyncIterator[Connection]:
        """Open a transaction; commit at the end, roll back on any error. A lost database is SERVICE_UNAVAILABLE.

        With `snapshot`, all its statements see the same state, and none may change it.
        """
        kind: dict[str, Any] = {"isolation": "repeatable_read", "readonly": True} if snapshot else {}
        try:
            pool, raw = await self._take()
            try:
                async with raw.transaction(**kind):
                    yield Connection(raw)
            finally:
                await pool.release(raw)
        except Exception as error:
            if isinstance(error, asyncpg.PostgresError) and error.sqlstate in _FULL:
                self.full.set()
            if is_transient(error):
                raise CaseError(Reason.SERVICE_UNAVAILABLE) from error
            raise

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """Take a connection to read only: each statement sees what is committed when it runs, as in `begin()`.

        It saves the two round trips that open and end a transaction. A statement that writes or locks is refused.
        """
        try:
            pool, raw = await self._take()
            try:
                yield Connection(raw, reads=True)
            finally:
                await pool.release(raw)
        except Exception as error:
            if is_transient(error):
                raise CaseError(Reason.SERVICE_UNAVAILABLE) from error
            raise

    async def _take(self) -> tuple[asyncpg.Pool, asyncpg.Connection]:
        """Return the pool and a connection of it, which the caller gives back; TimeoutError if none becomes free."""
        pool = self._pool or await self._open()
        # The pool's own timeout makes a task of each call.
        async with asyncio.timeout(_FREE_WITHIN):
            return pool, await pool.acquire()

    async def _open(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=1,
                    max_size=self._size,
                    timeout=10,
                    command_timeout=60,
                    server_settings=self._server_settings,
                    record_class=Row,
                    # Settings and locks are only taken for a transaction: there is nothing to reset afterwards.
                    reset=_nothing,
                )
            return self._pool

    async def close(self) -> None:
        """Close the pool."""
        if self._pool:
            await self._pool.close()


_FILL = text("""
    CREATE TEMPORARY TABLE room ON COMMIT DROP AS SELECT repeat(md5(n::text), 20) FROM generate_series(1, 2000) AS n
""")
"""About 1.5 MB: a single row would fit into space that PostgreSQL has reserved even when the disk is full."""


async def keep_room(loop: Loop, database: Database) -> None:
    """After a write found the disk full, check until there is room again; until then the process is not ready."""
    while True:
        loop.begin()
        if database.full.is_set():
            async with database.begin() as connection:
                await connection.execute(_FILL)
            database.full.clear()
        loop.turned()
        await database.full.wait()


async def _nothing(connection: asyncpg.Connection) -> None:
    """Reset nothing."""


def is_transient(error: BaseException) -> bool:
    """Return whether the database is likely to answer a retry."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state in _TRANSIENT or state[:2] in _TRANSIENT_CLASSES
    # A connection that broke, was refused or closed; not a value that does not fit its column.
    # A server that stops reports it on idle connections; asyncpg then raises an internal error at their next use.
    broken = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
    return isinstance(error, broken) and not isinstance(error, ValueError)


def is_unique_violation(error: BaseException) -> bool:
    """Return whether a row with the same key exists already."""
    return isinstance(error, asyncpg.UniqueViolationError)
