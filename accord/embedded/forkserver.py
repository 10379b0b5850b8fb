"""A fork server: a process that has imported what Accord's processes are made of, and becomes each of them by a fork.

Why: each of the six takes seconds of CPU to import gRPC, SQLAlchemy, the contracts and its own code; here that is done
once for a stack, and for each start after a fault not at all.

Run as `python -P -m accord.embedded.forkserver MODULE...`: the modules to import; each has a `main()`, which is what a
fork runs. A line of standard input, a pipe, is a request, as JSON: `module`,
`environment`, `log`, `death_signal`. Lines of standard output: `{"ready": true}` once, then `{"forked": pid}` for each
request and `{"ended": pid, "code": number}` for each end (minus the signal, as `subprocess` has it). It ends when its
input ends, and the kernel ends what it forked then.

Hazard: only a process of one thread may fork and go on in Python. So nothing here may start one: no event loop, no
channel, no connection before the fork.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from accord.embedded.launch import be_called, die_with


def _say(**words: Any) -> None:
    os.write(1, (json.dumps(words) + "\n").encode())


def _ended() -> Iterator[tuple[int, int]]:
    """Reap what has ended; what it leaves in its process group is killed first, while that number is still its own."""
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(found.si_pid, signal.SIGKILL)
        _, status = os.waitpid(found.si_pid, 0)
        yield found.si_pid, os.waitstatus_to_exitcode(status)


def _become(server: int, environment: dict[str, str], log: str, death_signal: int) -> None:
    """Make this process, which was just forked, one of its own: session, environment, log, the signals' defaults."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    nothing, written = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for target, source in ((0, nothing), (1, written), (2, written)):
        os.dup2(source, target)
    os.closerange(3, 64)
    sys.stdout.reconfigure(line_buffering=True, write_through=True)  # type: ignore[union-attr]
    die_with(server, death_signal)


def serve() -> str:
    """Fork for each request until the input ends; return, in what was forked, the module to run."""
    requests, asked = b"", selectors.DefaultSelector()
    awake, waker = os.pipe()
    for end in (awake, waker):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker)
    asked.register(0, selectors.EVENT_READ)
    asked.register(awake, selectors.EVENT_READ)
    server = os.getpid()
    _say(ready=True)
    while True:
        for key, _ in asked.select():
            read = os.read(key.fd, 65536)
            if key.fd == awake:
                continue
            if not read:
                sys.exit()
            requests += read
        while b"\n" in requests:
            line, _, requests = requests.partition(b"\n")
            request = json.loads(line)
            pid = os.fork()
            if pid == 0:
                asked.close()
                _become(server, request["environment"], request["log"], request["death_signal"])
                return str(request["module"])
            _say(forked=pid)
        for ended, code in _ended():
            _say(ended=ended, code=code)


def main() -> None:
    """Serve; run the module in what was forked."""
    os.umask(0o077)
    for module in sys.argv[1:]:
        import_module(module)
    gc.collect()
    gc.freeze()  # a later collection would touch, and so copy, every page that is shared
    module = serve()
    sys.argv = [module]
    be_called(f"accord {module.removesuffix('.main').rpartition('.')[2]}")
    import_module(module).main()


if __name__ == "__main__":
    main()
