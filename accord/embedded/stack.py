"""One Accord stack in one state folder: engines, services, worker, relay, gateway, under one supervisor."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeVar

from accord.embedded import ports as port_choice
from accord.embedded.engines.database import admin_url, ensure_database, is_sealed
from accord.embedded.engines.postgres import EmbeddedPostgres
from accord.embedded.engines.temporal import EmbeddedTemporal, check_temporal, own_namespace
from accord.embedded.folder import StackError, StateFolder, write_json
from accord.embedded.forks import FORKS, HAS_FORKS
from accord.embedded.keys import ROOT_UNIT, Keys, demo_token, ensure_keys, ensure_master
from accord.embedded.lock import StateLock
from accord.embedded.process import ProcessSpec, born
from accord.embedded.remains import end_remains
from accord.embedded.roster import MODULES, Surroundings, bare, processes
from accord.embedded.secret import ADMIN, SERVICES, database_passwords
from accord.embedded.supervisor import Interrupted, Standing, Supervisor, log_line

__all__ = ["Interrupted", "Observer", "Stack", "StackError"]

Result = TypeVar("Result")


class Observer(Protocol):
    """Whoever wants to be told how a stack fares; called from several threads, must not call back into the stack."""

    def note(self, line: str) -> None:
        """One line worth telling."""

    def changed(self, standings: list[Standing]) -> None:
        """How every process stands now."""


class Silent:
    """An observer that keeps everything to itself."""

    def note(self, line: str) -> None:
        """Do nothing."""

    def changed(self, standings: list[Standing]) -> None:
        """Do nothing."""


def migrate_services(url: str, passwords: Mapping[str, str]) -> None:
    """Bring every service's schema to its newest version."""
    from services.kit.storage.migration import MigrationError, migrate

    try:
        migrate(url, dict(passwords))
    except MigrationError as error:
        raise StackError(str(error)) from None


def rebuild_workflows(folder: StateFolder) -> None:
    """Start the workflows again that Temporal lost."""
    from accord.embedded.rebuild import rebuild

    rebuild(folder.root)


@contextmanager
def _unshaken() -> Iterator[None]:
    """Go on although nobody can be told: a full disk or a closed terminal must not end the thread that supervises.

    SystemExit too, which is what rich makes of a closed pipe.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        with suppress(OSError, ValueError):
            print(f"accord: {error}", file=sys.stderr)


class Stack:
    """A whole stack: `with Stack(state=folder, port_base=0) as stack:` starts it, waits until it serves, and stops it.

    `given_ports` and `port_base` as in `accord.embedded.ports.choose`. `settings` are further ACCORD_ variables for
    every process. `roster` answers what to run besides the engines, `migrate` prepares the database for it and
    `rebuild` refills an empty Temporal; all three have the real thing as default. `engines=False` starts no database at
    all. One object is good for one start and one stop.
    """

    def __init__(
        self,
        state: Path | str,
        port_base: int | None = None,
        given_ports: Mapping[str, int | None] | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        observer: Observer | None = None,
        roster: Callable[[Surroundings], list[ProcessSpec]] = processes,
        migrate: Callable[[str, Mapping[str, str]], None] = migrate_services,
        rebuild: Callable[[StateFolder], None] = rebuild_workflows,
        engines: bool = True,
        rebuild_now: bool = False,
        ready_seconds: float = 90.0,
    ) -> None:
        self.folder = StateFolder.at(state)
        self.ports: dict[str, int] = {}
        self._port_base = port_base
        self._given_ports = given_ports
        self._settings = settings or {}
        self._observer: Observer = observer or Silent()
        self._roster = roster
        self._migrate = migrate
        self._rebuild = rebuild
        self._engines = engines
        self._rebuild_now = rebuild_now
        self._ready_seconds = ready_seconds
        self._lock: StateLock | None = None
        self._ready = False
        self._started_at = datetime.now(UTC)
        self._supervisor = Supervisor(self.folder, note=self._note, changed=self._changed)
        self._around: Surroundings | None = None

    def __enter__(self) -> Stack:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Stack:
        """Start everything and wait until it serves. Whatever goes wrong, nothing is left running.

        Raises StackError with the reason, Interrupted after `interrupt`.
        """
        self.folder.create()
        self._lock = StateLock.take(self.folder)
        try:
            self._clear_remains()
            self._supervisor.open()
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop everything in reverse order and give the folder back; harmless when nothing runs."""
        if self._lock is None:
            return
        self._ready = False
        self._supervisor.stopping.set()
        self._supervisor.close()
        for path in (self.folder.stack, self.folder.processes):
            path.unlink(missing_ok=True)
        if self._supervisor.standings():
            self._note("stopped")
        self._lock.release()
        self._lock = None

    def interrupt(self) -> None:
        """Ask a starting stack to give up; asked again, a stopping one hurries. Safe in a signal handler."""
        if self._supervisor.stopping.is_set():
            self._supervisor.hurry.set()
        self._supervisor.stopping.set()

    def await_interrupt(self) -> None:
        """Wait until `interrupt` is called."""
        while not self._supervisor.stopping.wait(1.0):
            pass  # in short waits, so that signal handlers run in between on every platform

    def standings(self) -> list[Standing]:
        """How every process stands."""
        return self._supervisor.standings()

    def pid(self, name: str) -> int | None:
        """The pid a process has now; None while it is down."""
        return next((each.pid for each in self.standings() if each.name == name), None)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Signal a process as a fault would; the supervisor starts it again. Answers the pid that was hit."""
        return self._supervisor.kill(name, number)

    def await_ready(self, *names: str, seconds: float | None = None) -> None:
        """Wait until these processes (all, if none is named) are ready; use `await_restart` after `kill`."""
        wanted = names or tuple(each.name for each in self.standings())
        self._supervisor.await_ready(wanted, seconds or self._ready_seconds)

    def await_restart(self, name: str, old_pid: int, seconds: float = 60.0) -> int:
        """Wait until a process that had `old_pid` is ready under another pid, and answer that."""
        return self._supervisor.await_restart(name, old_pid, seconds)

    @property
    def keys(self) -> Keys:
        """The key files of the stack."""
        return Keys(self.folder.keys)

    @property
    def database_url(self) -> str:
        """URL of the database's administrator. Raises StackError before the start."""
        if self._around is None:
            raise StackError("the stack was not started")
        return self._around.database_url

    def token(self, role: str, unit: str = ROOT_UNIT, sub: str | None = None) -> str:
        """A bearer token of the embedded issuer for a demo user with this role in this unit."""
        return demo_token(self.keys, role, unit, sub)

    @property
    def urls(self) -> dict[str, str]:
        """Where people find the stack, by name."""
        gateway = f"http://127.0.0.1:{self.ports['gateway']}"
        urls = {"api": gateway, "docs": f"{gateway}/docs"}
        if "temporal" in {each.name for each in self.standings()}:
            urls["temporal_ui"] = f"http://127.0.0.1:{self.ports['temporal_ui']}"
        return urls

    def _clear_remains(self) -> None:
        assert self._lock is not None
        if self._lock.stale:
            stale = self._lock.stale.pid
            self._note(f"stale lock: the last supervisor (pid {stale}) died without stopping; taking over its folder")
        for line in end_remains(self.folder):
            self._note(line)
        self.folder.stack.unlink(missing_ok=True)

    def _start(self) -> None:
        self.ports = port_choice.choose(self.folder, self._port_base, self._given_ports)
        database = os.environ.get("ACCORD_DATABASE_URL") if self._engines else None
        temporal = os.environ.get("ACCORD_TEMPORAL_ADDRESS") if self._engines else None
        port_choice.check_free(self.ports, self._own_ports(database, temporal))
        if self._engines and HAS_FORKS:
            FORKS.warm(bare(), MODULES)
        keys = ensure_keys(self.folder.keys)
        passwords = database_passwords(self.folder)
        url, address = self._start_engines(database, temporal, passwords)
        roles = {name: passwords[name] for name in SERVICES}
        self._around = Surroundings(self.folder, self.ports, keys, url, roles, address, self._settings)
        if self._engines:
            self._in_thread(lambda: ensure_database(url))
            ensure_master(keys, self._in_thread(lambda: is_sealed(url)))
            self._do("the migrations", lambda: self._migrate(url, roles))
            self._await_engines(temporal)
        self._start_roster(self._around)
        self._rebuild_if_due()
        self._ready = True
        self._changed()

    def _own_ports(self, database: str | None, temporal: str | None) -> list[str]:
        foreign: set[str] = set()
        if database or not self._engines:
            foreign.add("postgres")
        if temporal or not self._engines:
            foreign |= {"temporal", "temporal_ui", "temporal_metrics"}
        return [name for name in self.ports if name not in foreign]

    def _start_engines(
        self, database: str | None, temporal: str | None, passwords: Mapping[str, str]
    ) -> tuple[str, str]:
        """Start what is not given; answers the administrator's database URL and Temporal's address."""
        postgres = EmbeddedPostgres(self.folder, self.ports["postgres"], passwords[ADMIN])
        server = EmbeddedTemporal(
            self.folder, self.ports["temporal"], self.ports["temporal_ui"], self.ports["temporal_metrics"]
        )
        if not self._engines:
            return postgres.admin_url, server.address
        if self._rebuild_now or (not temporal and not server.has_data and (database or postgres.has_data)):
            self.folder.rebuild_due.touch()  # a file, so that a crash before the rebuild does not forget it
        if not temporal:
            server.prepare()
            self._supervisor.run([server.spec()])
        if not database:
            self._in_thread(postgres.prepare)
            self._supervisor.run([postgres.spec()])
            self._supervisor.await_ready(["postgres"], self._ready_seconds)
        return (admin_url(database) if database else postgres.admin_url), temporal or server.address

    def _await_engines(self, temporal: str | None) -> None:
        if temporal:
            self._in_thread(lambda: check_temporal(temporal, own_namespace()))
        else:
            self._supervisor.await_ready(["temporal"], self._ready_seconds)

    def _start_roster(self, around: Surroundings) -> None:
        specs = self._roster(around)
        for stage in sorted({spec.stage for spec in specs}):
            of_stage = [spec for spec in specs if spec.stage == stage]
            self._supervisor.run(of_stage)
            self._supervisor.await_ready([spec.name for spec in of_stage], self._ready_seconds)

    def _rebuild_if_due(self) -> None:
        if self.folder.rebuild_due.exists():
            self._note("starting the workflows that Temporal lacks again, from the facts")
            self._describe()  # the rebuild is a client of the stack like any other
            self._do("the rebuild", lambda: self._rebuild(self.folder))
            self.folder.rebuild_due.unlink()

    def _do(self, what: str, work: Callable[[], None]) -> None:
        """Do `work`, which is not ours; its failure becomes one line, with the traceback in supervisor.log."""
        try:
            self._in_thread(work)
        except (StackError, Interrupted):
            raise
        except Exception as error:
            log = self.folder.log("supervisor")
            log_line(log, "".join(traceback.format_exception(error)))
            raise StackError(f"{what} failed: {type(error).__name__}: {error}; more in {log}") from error

    def _in_thread(self, work: Callable[[], Result]) -> Result:
        """Do `work` in its own thread: it may run an event loop where the caller has one, and can be interrupted."""
        outcome: list[Result] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                outcome.append(work())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run, name="start", daemon=True)
        thread.start()
        while thread.is_alive():
            if self._supervisor.stopping.is_set():
                raise Interrupted
            thread.join(0.05)
        if errors:
            raise errors[0]
        return outcome[0]

    def _note(self, line: str) -> None:
        with _unshaken():
            log_line(self.folder.log("supervisor"), line)
        with _unshaken():
            self._observer.note(line)

    def _changed(self) -> None:
        standings = self._supervisor.standings()
        with _unshaken():
            if self._ready:
                self._describe()
        with _unshaken():
            self._observer.changed(standings)

    def _describe(self) -> None:
        assert self._around is not None
        standings = self._supervisor.standings()
        write_json(self.folder.stack, {
            "pid": os.getpid(),
            "mark": born(os.getpid()),
            "ready": self._ready,
            "state": str(self.folder.root),
            "started_at": self._started_at.isoformat(),
            "ports": self.ports,
            "urls": self.urls,
            "addresses": {name: self._around.address(name) for name in SERVICES}
            | {"temporal": self._around.temporal_address},
            "metrics": {name: f"http://127.0.0.1:{port}/metrics" for name, port in self.ports.items()
                        if name.endswith("_metrics")},
            "pids": {each.name: each.pid for each in standings},
            "processes": [vars(each) for each in standings],
            "database_url": self._around.database_url,
            "trust_file": str(self._around.keys.trust),
            "keys": str(self.folder.keys),
        })  # fmt: skip
