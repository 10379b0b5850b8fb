"""The embedded stack: its folder, lock, ports, keys, and the supervisor, with tiny children in the services' place."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import jwt
import psutil
import pytest
from typer.testing import CliRunner

from accord.cli import app
from accord.embedded import ports, roster
from accord.embedded.engines.database import admin_url, role_url
from accord.embedded.folder import StackError, StateFolder, read_json, write_json
from accord.embedded.forks import Forked, ForkServer
from accord.embedded.keys import EMBEDDED_ISSUER, Keys, client_token, demo_token, ensure_keys, ensure_master, mint
from accord.embedded.lock import StateLock, holder
from accord.embedded.process import ProcessSpec, State, born, is_same
from accord.embedded.roster import Surroundings, processes
from accord.embedded.running import RunningStack, stop_running
from accord.embedded.secret import database_passwords
from accord.embedded.stack import Interrupted, Stack
from accord.embedded.supervisor import Standing, Supervisor
from tests.patience import PATIENCE

SLEEP = (sys.executable, "-c", "import time; time.sleep(300)")
STUBBORN = (
    sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(300)",
)  # fmt: skip


def until(question: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until the answer is yes; fail the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def small_stack(state: Path, *specs: ProcessSpec, **more: object) -> Stack:
    """A stack of these processes alone, on free ports, without engines."""
    return Stack(state, 0, roster=lambda around: list(specs), engines=False, **more)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    """An empty state folder."""
    folder = StateFolder.at(tmp_path / "state")
    folder.create()
    return folder


@pytest.fixture
def supervisor(folder: StateFolder) -> Iterator[Supervisor]:
    """A supervisor that keeps its notes in `notes`."""
    notes: list[str] = []
    supervisor = Supervisor(folder, note=notes.append)
    supervisor.notes = notes  # type: ignore[attr-defined]
    supervisor.open()
    yield supervisor
    supervisor.close()


# The lock


def test_a_second_supervisor_is_told_who_holds_the_folder(folder: StateFolder) -> None:
    lock = StateLock.take(folder)
    with pytest.raises(StackError, match=rf"already runs in {folder.root} \(pid {os.getpid()}\)"):
        StateLock.take(folder)
    lock.release()
    assert not folder.lock.exists()


def test_the_lock_of_a_dead_supervisor_is_taken_over(folder: StateFolder) -> None:
    dead = subprocess.Popen(SLEEP)
    folder.lock.write_text(json.dumps({"pid": dead.pid, "mark": born(dead.pid)}))
    dead.kill()
    dead.wait()
    lock = StateLock.take(folder)
    assert lock.stale is not None
    assert lock.stale.pid == dead.pid
    lock.release()


def test_a_recycled_pid_does_not_hold_the_lock(folder: StateFolder) -> None:
    other = subprocess.Popen(SLEEP)
    try:
        folder.lock.write_text(json.dumps({"pid": other.pid, "mark": "another boot:1"}))
        StateLock.take(folder).release()
        folder.lock.write_text(json.dumps({"pid": other.pid, "mark": born(other.pid)}))
        with pytest.raises(StackError, match=f"pid {other.pid}"):
            StateLock.take(folder)
    finally:
        other.kill()
        other.wait()


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen((sys.executable, "-c", ""))
    until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    assert born(child.pid) is None
    child.wait()


# Ports


def test_the_defaults_shift_together(folder: StateFolder) -> None:
    assert ports.choose(folder)["gateway"] == 8400
    shifted = ports.choose(folder, 18400)
    assert {name: port - 10000 for name, port in shifted.items()} == dict(ports.DEFAULTS)


def test_a_given_port_outranks_the_environment_and_the_base(
    folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCORD_PORT_GATEWAY", "18490")
    monkeypatch.setenv("ACCORD_PORT_INTAKE", "18491")
    chosen = ports.choose(folder, 18400, {"gateway": 18492})
    assert (chosen["gateway"], chosen["intake"], chosen["mediation"]) == (18492, 18491, 18412)
    monkeypatch.setenv("ACCORD_PORT_INTAKE", "many")
    with pytest.raises(StackError, match="ACCORD_PORT_INTAKE must be a port number, not 'many'"):
        ports.choose(folder)


def test_picked_ports_are_remembered_until_another_base_is_named(folder: StateFolder) -> None:
    picked = ports.choose(folder, 0)
    assert len(set(picked.values())) == len(picked)
    assert ports.choose(folder) == picked
    assert ports.choose(folder, 0) == picked
    assert ports.choose(folder, ports.BASE) == dict(ports.DEFAULTS)
    assert ports.choose(folder) == dict(ports.DEFAULTS)


@pytest.mark.fault("E9")
def test_a_restart_without_options_keeps_every_port(folder: StateFolder) -> None:
    first = ports.choose(folder, 18400, {"gateway": 18492})
    assert ports.choose(folder) == first
    moved = ports.choose(folder, given={"intake": 18493})
    assert moved == first | {"intake": 18493}
    assert ports.choose(folder) == moved


def test_two_components_cannot_share_a_port(folder: StateFolder) -> None:
    with pytest.raises(StackError, match="port 18450 is given to both gateway and intake; change --intake-port"):
        ports.choose(folder, 18400, {"gateway": 18450, "intake": 18450})


def test_a_port_in_use_names_component_holder_and_option(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        stack = Stack(tmp_path, 0, {"gateway": port}, engines=False, roster=lambda around: [])
        with pytest.raises(
            StackError, match=rf"port {port} for gateway is in use by pid {os.getpid()} .*--gateway-port"
        ):
            stack.start()
        assert not stack.folder.lock.exists()


# Keys and secrets


def test_keys_are_private_and_survive_a_second_start(folder: StateFolder) -> None:
    keys = ensure_keys(folder.keys)
    ensure_master(keys, sealed=False)
    before = {path.name: path.read_bytes() for path in folder.keys.iterdir()}
    ensure_keys(folder.keys)
    ensure_master(keys, sealed=True)
    assert {path.name: path.read_bytes() for path in folder.keys.iterdir()} == before
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.keys.iterdir())
    assert len(base64.b64decode(keys.master.read_text())) == 32


def test_a_token_verifies_against_the_trust_file(folder: StateFolder) -> None:
    keys = ensure_keys(folder.keys)
    trusted = {entry["issuer"]: entry for entry in read_json(keys.trust)["issuers"]}
    for token, issuer, roles, unit in (
        (demo_token(keys, "clerk", "620102"), EMBEDDED_ISSUER, ["clerk"], "620102"),
        (client_token(keys), "accord-cli", ["operator", "integrator", "auditor"], "cn"),
        (client_token(keys, "relay"), "accord-relay", ["service"], "cn"),
    ):
        known = jwt.PyJWKSet.from_dict(trusted[issuer]["jwks"])
        key = known[jwt.get_unverified_header(token)["kid"]]
        audience = "accord" if issuer == EMBEDDED_ISSUER else "accord-intake"
        claims = jwt.decode(token, key, algorithms=["ES256"], audience=audience, issuer=issuer)
        assert (claims["roles"], claims["unit"]) == (roles, unit)
        assert trusted[issuer]["clients"] is (issuer != EMBEDDED_ISSUER)
    assert trusted["accord-cli"]["roles"] == ["operator", "integrator", "auditor"]


def test_a_token_needs_a_known_role_and_a_key(folder: StateFolder) -> None:
    with pytest.raises(StackError, match="no role 'king'"):
        demo_token(ensure_keys(folder.keys), "king", "cn")
    with pytest.raises(StackError, match=r"there is no key .*; the first `accord up` makes it"):
        mint(folder.root / "none.pem", "i", "s", [], "cn", timedelta(minutes=1))


def test_role_passwords_come_from_the_environment_or_are_kept(
    folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = database_passwords(folder)
    assert database_passwords(folder) == kept
    assert stat.S_IMODE(folder.secrets.stat().st_mode) == 0o600
    monkeypatch.setenv("ACCORD_ROLE_PASSWORD_INTAKE", "given")
    assert database_passwords(folder) == kept | {"intake": "given"}


# What the processes are given


def test_a_service_gets_its_own_role_and_nobody_the_administrators(
    folder: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCORD_DATABASE_URL", "postgresql://admin:top-secret@db:5432")
    monkeypatch.setenv("ACCORD_ROLE_PASSWORD_INTAKE", "p@ss")
    url = admin_url(os.environ["ACCORD_DATABASE_URL"])
    passwords = database_passwords(folder)
    around = Surroundings(folder, ports.choose(folder), Keys(folder.keys), url, passwords, "127.0.0.1:8433")
    environment = {spec.name: spec.environment for spec in processes(around)}
    assert environment["intake"]["ACCORD_DATABASE_URL"] == "postgresql://accord_intake:p%40ss@db:5432/accord"
    for name, variables in environment.items():
        assert "top-secret" not in str(variables)
        assert ("ACCORD_DATABASE_URL" in variables) == (name in ("intake", "mediation", "escalation"))
        assert not any(variable.startswith("ACCORD_ROLE_PASSWORD") for variable in variables)


def test_an_admin_url_needs_the_right_scheme() -> None:
    assert admin_url("postgres://u:p@h/cases") == "postgresql://u:p@h/cases"
    assert (
        role_url("postgresql://u:p@h:1/cases?sslmode=require", "r", "q") == "postgresql://r:q@h:1/cases?sslmode=require"
    )
    with pytest.raises(StackError, match="ACCORD_DATABASE_URL must look like"):
        admin_url("mysql://h/cases")


# The supervisor


def test_a_crashing_child_is_restarted_with_growing_pauses(supervisor: Supervisor, folder: StateFolder) -> None:
    count = folder.root / "count"
    crash = f"open({str(count)!r}, 'a').write('x'); raise SystemExit(7)"
    supervisor.run([ProcessSpec("crash", (sys.executable, "-c", crash))])
    until(lambda: count.exists() and len(count.read_text()) >= 3)
    notes: list[str] = supervisor.notes  # type: ignore[attr-defined]
    assert "crash ended with code 7" in notes[0]
    assert notes[0].endswith("starting it again in 0.2 s")
    assert notes[1].endswith("starting it again in 0.4 s")


def test_a_killed_child_comes_back_under_another_pid(tmp_path: Path) -> None:
    with small_stack(tmp_path, ProcessSpec("one", SLEEP), ProcessSpec("two", SLEEP)) as stack:
        other = stack.pid("two")
        old = stack.kill("one")
        new = stack.await_restart("one", old)
        assert new != old
        assert stack.pid("two") == other
        until(lambda: read_json(stack.folder.stack)["pids"] == {"one": new, "two": other})
        assert "one was ended by SIGKILL" in stack.folder.log("supervisor").read_text()


def test_a_start_gives_up_on_a_child_that_never_serves_and_shows_its_last_words(tmp_path: Path) -> None:
    bad = (sys.executable, "-c", "raise SystemExit('rules/limits.yaml:7: no such field')")
    good = ProcessSpec("good", SLEEP)
    stack = small_stack(tmp_path, good, ProcessSpec("bad", bad, ready=lambda: False))
    with pytest.raises(StackError, match=r"(?s)bad ended with code 1; the end of .*rules/limits.yaml:7: no such field"):
        stack.start()
    assert stack.pid("good") is None
    assert not stack.folder.lock.exists()


def test_a_child_that_is_never_ready_ends_the_start(tmp_path: Path) -> None:
    stack = small_stack(tmp_path, ProcessSpec("slow", SLEEP, ready=lambda: False), ready_seconds=0.5)
    with pytest.raises(StackError, match="slow is not ready after"):
        stack.start()


def test_a_command_that_is_missing_says_so(tmp_path: Path) -> None:
    stack = small_stack(tmp_path, ProcessSpec("ghost", ("/no/such/program",), ready=lambda: False))
    with pytest.raises(StackError, match=r"(?s)ghost .*cannot start /no/such/program: .*No such file"):
        stack.start()


def test_an_observer_that_fails_does_not_shake_the_stack(tmp_path: Path) -> None:
    class Closed:
        def note(self, line: str) -> None:
            raise SystemExit(1)  # what rich does when its pipe is closed

        def changed(self, standings: list[Standing]) -> None:
            raise BrokenPipeError

    with small_stack(tmp_path, ProcessSpec("one", SLEEP), observer=Closed()) as stack:
        stack.await_restart("one", stack.kill("one"))


def test_stages_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    trail = tmp_path / "trail"
    code = (
        "import signal, sys, time\n"
        "def say(word): open(sys.argv[1], 'a').write(word + sys.argv[2] + ' ')\n"
        "signal.signal(signal.SIGTERM, lambda *_: (say('-'), sys.exit(0)))\n"
        "say('+')\n"
        "time.sleep(300)"
    )

    def spec(stage: int) -> ProcessSpec:
        def started() -> bool:
            return trail.exists() and f"+{stage}" in trail.read_text()

        return ProcessSpec(
            f"p{stage}", (sys.executable, "-c", code, str(trail), str(stage)), stage=stage, ready=started
        )

    with small_stack(tmp_path / "state", spec(2), spec(1)):
        pass
    assert trail.read_text() == "+1 +2 -2 -1 "


def test_who_ignores_the_grace_is_killed(tmp_path: Path) -> None:
    stack = small_stack(tmp_path, ProcessSpec("deaf", STUBBORN, grace_seconds=0.3)).start()
    pid = stack.pid("deaf")
    until(lambda: "deaf" in stack.folder.log("deaf").read_text())
    stack.stop()
    assert pid is not None
    assert born(pid) is None
    assert "deaf does not stop; killing it" in stack.folder.log("supervisor").read_text()


def test_a_second_interrupt_hurries(tmp_path: Path) -> None:
    stack = small_stack(tmp_path, ProcessSpec("deaf", STUBBORN, grace_seconds=60)).start()
    until(lambda: "deaf" in stack.folder.log("deaf").read_text())
    stack.interrupt()
    stack.interrupt()
    began = time.monotonic()
    stack.stop()
    assert time.monotonic() - began < 10


def test_an_interrupted_start_leaves_nothing(tmp_path: Path) -> None:
    stack = small_stack(tmp_path, ProcessSpec("slow", SLEEP, ready=lambda: stack.interrupt() or False))
    with pytest.raises(Interrupted):
        stack.start()
    assert stack.pid("slow") is None


def test_what_a_child_started_goes_with_it(tmp_path: Path) -> None:
    code = "import subprocess, sys, time; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); time.sleep(300)"
    with small_stack(tmp_path, ProcessSpec("parent", (sys.executable, "-c", code, *SLEEP))) as stack:
        log = stack.folder.log("parent")
        until(lambda: log.read_text().endswith("\n"))
        grandchild = int(log.read_text())
        mark = born(grandchild)
        assert mark
        stack.kill("parent")
        until(lambda: not is_same(grandchild, mark))


def test_a_long_log_is_turned_over_at_start(supervisor: Supervisor, folder: StateFolder) -> None:
    log = folder.log("sleeper")
    with log.open("wb") as file:
        file.truncate(21 * 1024 * 1024)
    supervisor.run([ProcessSpec("sleeper", SLEEP)])
    supervisor.await_ready(["sleeper"], 10)
    assert log.stat().st_size == 0
    assert log.with_name("sleeper.log.1").stat().st_size == 21 * 1024 * 1024


def test_what_is_forked_has_its_own_environment_and_log_and_ends_with_its_server(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(
        "import os, subprocess, time\ndef main():\n  "
        "other = subprocess.Popen(['sleep', '300']).pid\n"
        "  print(os.environ['ACCORD_WHO'], os.getsid(0) == os.getpid(), len(os.environ), other)\n"
        "  time.sleep(300)\n"
    )
    log, forks, environment = tmp_path / "log", ForkServer(), roster.bare()
    environment["PYTHONPATH"] += os.pathsep + str(tmp_path)

    def fork(who: str) -> Forked:
        forks.warm(environment, [])
        deadline = time.monotonic() + PATIENCE
        while (forked := forks.fork("sleeper", {"ACCORD_WHO": who}, log, signal.SIGKILL)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return forked

    with forks.used():
        one = fork("one")
        until(lambda: log.exists() and log.read_text().endswith("\n"))
        who, leads, variables, grandchild = log.read_text().split()
        assert (who, leads, variables) == ("one", "True", "1")
        assert psutil.Process(one.pid).name() == "accord sleeper"
        mark = born(int(grandchild))
        assert mark
        assert one.ended() is None
        os.kill(one.pid, signal.SIGTERM)
        until(lambda: one.ended() == -signal.SIGTERM and not is_same(int(grandchild), mark))
        two = fork("two")
        mark = born(two.pid)
        two.server.kill()
        until(lambda: two.ended() == -signal.SIGKILL and not is_same(two.pid, mark))
        three = fork("three")
        mark = born(three.pid)
    until(lambda: not is_same(three.pid, mark))


# A supervisor of its own process

PROGRAM = """
import sys, signal
from accord.embedded.process import ProcessSpec
from accord.embedded.stack import Stack
sleep = (sys.executable, "-c", "import time; time.sleep(300)")
specs = [ProcessSpec("one", sleep), ProcessSpec("two", sleep)]
stack = Stack(sys.argv[1], 0, engines=False, roster=lambda around: specs)
signal.signal(signal.SIGTERM, lambda *_: stack.interrupt())
with stack:
    stack.await_interrupt()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], StateFolder]]:
    """A ready stack of two processes in another process, and its folder."""
    folder = StateFolder.at(tmp_path / "state")
    process = subprocess.Popen((sys.executable, "-c", PROGRAM, str(folder.root)))
    try:
        until(lambda: bool(read_json(folder.stack).get("ready")))
        yield process, folder
    finally:
        process.kill()
        process.wait()


def test_nothing_outlives_a_killed_supervisor(other: tuple[subprocess.Popen[bytes], StateFolder]) -> None:
    process, folder = other
    entries = read_json(folder.processes)
    assert set(entries) == {"one", "two"}
    process.kill()
    process.wait()
    until(lambda: not any(is_same(entry["pid"], entry["mark"]) for entry in entries.values()))
    with pytest.raises(StackError, match="no stack runs"):
        RunningStack.of(folder)
    with small_stack(folder.root, ProcessSpec("one", SLEEP)) as stack:
        log = stack.folder.log("supervisor").read_text()
        assert f"stale lock: the last supervisor (pid {process.pid}) died" in log


def test_down_stops_a_running_stack(other: tuple[subprocess.Popen[bytes], StateFolder]) -> None:
    process, folder = other
    assert RunningStack.of(folder).ready
    shown = CliRunner().invoke(app, ["status", "--state", str(folder.root), "--json"])
    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["pid"] == process.pid
    assert f"(pid {process.pid})" in stop_running(folder)
    assert process.wait(10) == 0
    assert (holder(folder), folder.stack.exists()) == (None, False)
    assert stop_running(folder).startswith("no stack runs in")


def test_what_a_dead_supervisor_left_is_stopped_first(folder: StateFolder) -> None:
    left = subprocess.Popen(SLEEP)
    stranger = subprocess.Popen(SLEEP)
    write_json(folder.processes, {
        "left": {"pid": left.pid, "mark": born(left.pid)},
        "recycled": {"pid": stranger.pid, "mark": "another boot:1"},
    })  # fmt: skip
    try:
        with small_stack(folder.root, ProcessSpec("one", SLEEP)):
            assert left.wait(5) == -signal.SIGTERM
            assert stranger.poll() is None
    finally:
        for process in (left, stranger):
            process.kill()
            process.wait()


# The command line


def test_errors_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    for words in (["status"], ["token", "clerk"]):
        result = CliRunner().invoke(app, [*words, "--state", str(tmp_path / "none")])
        assert result.exit_code == 2
        assert result.stderr.startswith("accord: ")
        assert len(result.stderr.splitlines()) == 1
    assert CliRunner().invoke(app, ["down", "--state", str(tmp_path / "none")]).exit_code == 0


def test_a_detached_start_that_fails_tells_why(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = str(server.getsockname()[1])
        words = ["up", "--state", str(tmp_path), "--port-base", "0", "--temporal-port", port, "--detach"]
        result = subprocess.run(
            (sys.executable, "-m", "accord.cli", *words), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    assert result.returncode == 2
    assert f"port {port} for temporal is in use" in result.stderr
    assert "Traceback" not in result.stderr


# The real engines


def test_killed_engines_come_back_with_their_data(tmp_path: Path) -> None:
    rebuilt: list[StateFolder] = []

    def engines() -> Stack:
        return Stack(tmp_path, 0, roster=lambda around: [], migrate=lambda url, passwords: None, rebuild=rebuilt.append)

    def ask(stack: Stack, question: str) -> object:
        async def answer() -> object:
            connection = await asyncpg.connect(read_json(stack.folder.stack)["database_url"], timeout=PATIENCE)
            try:
                return await connection.fetchval(question)
            finally:
                await connection.close()

        return asyncio.run(answer())

    with engines() as stack:
        ask(stack, "CREATE EXTENSION pg_trgm")
        assert ask(stack, "SELECT similarity('拖欠工资三个月', '拖欠农民工工资三个月') > 0.4")
        ask(stack, "CREATE TABLE kept AS SELECT 42 AS number")
        for name in ("postgres", "temporal"):
            stack.await_restart(name, stack.kill(name))
        assert ask(stack, "SELECT number FROM kept") == 42
    assert rebuilt == []
    (tmp_path / "temporal.db").unlink()
    with engines() as stack:
        assert ask(stack, "SELECT number FROM kept") == 42
        assert {each.state for each in stack.standings()} == {State.READY}
    assert rebuilt == [stack.folder]
    assert not stack.folder.rebuild_due.exists()


def test_ports_are_picked_from_the_range_that_is_named(folder: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCORD_PORT_RANGE", "31063-31000")
    with pytest.raises(StackError, match="ACCORD_PORT_RANGE must be two port numbers"):
        ports.choose(folder, 0)
    monkeypatch.setenv("ACCORD_PORT_RANGE", "31000-31063")
    assert set(ports.choose(folder, 0).values()) <= set(range(31000, 31064))
