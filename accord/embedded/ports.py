"""The ports of a stack: defaults, how they are chosen, and what to say when one is taken."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Collection, Iterable, Mapping

import psutil

from accord.embedded.folder import StackError, StateFolder, read_json, write_json

BASE = 8400

DEFAULTS: Mapping[str, int] = {
    "gateway": 8400,  # REST, console
    "intake": 8411,  # gRPC
    "mediation": 8412,  # gRPC
    "escalation": 8413,  # gRPC
    "intake_metrics": 8421,  # Prometheus, one a process
    "mediation_metrics": 8422,
    "escalation_metrics": 8423,
    "gateway_metrics": 8424,
    "worker_metrics": 8425,  # also the worker's /healthz
    "relay_metrics": 8426,  # also the relay's /healthz
    "temporal_metrics": 8427,
    "postgres": 8432,
    "temporal": 8433,  # gRPC
    "temporal_ui": 8434,
}
"""Port of each component, by name. `ACCORD_PORT_<NAME>` overrides one; `--port-base` shifts all of them together."""

# Below the kernel's range for outgoing connections (32768 and up): a picked port must still be free when its process
# is restarted, and must not have become somebody's outgoing connection meanwhile.
_PICK_FROM = range(20000, 32000)
_RANGE = "ACCORD_PORT_RANGE"
"""Names another range to pick from, `20000-23999`: stacks that start at the same time each get their own."""

Ports = dict[str, int]


def option(name: str) -> str:
    """The command line option that sets the port of the component `name`."""
    return f"--{name.replace('_', '-')}-port"


def choose(folder: StateFolder, base: int | None = None, given: Mapping[str, int | None] | None = None) -> Ports:
    """The port of every component.

    First what was given for it, then `ACCORD_PORT_<NAME>`, then the base; without a base what this folder remembers,
    then the default. 0 (as a port or as the base) means any free port. What was given or picked is remembered in the
    folder, so that a start without options, or after a crash, keeps every port; what the environment says is not.
    """
    wanted = _from_environment() | {name: port for name, port in (given or {}).items() if port is not None}
    remembered = {name: int(port) for name, port in read_json(folder.ports).items() if name in DEFAULTS}
    ports: Ports = {}
    for name, default in DEFAULTS.items():
        if name in wanted:
            ports[name] = wanted[name]
        elif base is None:
            ports[name] = remembered.get(name, default)
        else:
            ports[name] = base and base + default - BASE
    open_choice = [name for name, port in ports.items() if port == 0]
    taken = set(ports.values())
    for name in open_choice:
        ports[name] = pick(taken, remembered.get(name))
        taken.add(ports[name])
    _check_range(ports)
    # Whatever was chosen stays: the next start without options finds every client where it left it.
    chosen = {name for name in DEFAULTS if base is not None or name in open_choice or (given or {}).get(name)}
    kept = {name: port for name, port in ports.items() if name in chosen or remembered.get(name) == port}
    write_json(folder.ports, remembered | kept)
    return ports


def _from_environment() -> Ports:
    ports: Ports = {}
    for name in DEFAULTS:
        variable = f"ACCORD_PORT_{name.upper()}"
        text = os.environ.get(variable)
        if text:
            if not text.isdigit():
                raise StackError(f"{variable} must be a port number, not {text!r}")
            ports[name] = int(text)
    return ports


def _check_range(ports: Ports) -> None:
    owner: dict[int, str] = {}
    for name, port in ports.items():
        if not 0 < port < 65536:
            raise StackError(f"{port} is not a port ({name}); choose one with {option(name)} or --port-base")
        if port in owner:
            raise StackError(f"port {port} is given to both {owner[port]} and {name}; change {option(name)}")
        owner[port] = name


def pick(taken: Collection[int], remembered: int | None = None) -> int:
    """Return a free port that is not taken: the one remembered if it can be. Raises StackError."""
    if remembered and remembered not in taken and is_free(remembered):
        return remembered
    among = _range()
    for port in random.sample(among, min(500, len(among))):
        if port not in taken and is_free(port):
            return port
    raise StackError(f"no free port between {among.start} and {among.stop - 1}")


def _range() -> range:
    text = os.environ.get(_RANGE)
    if not text:
        return _PICK_FROM
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and 0 < int(first) < int(last) < 65536):
        raise StackError(f"{_RANGE} must be two port numbers such as 20000-23999, not {text!r}")
    return range(int(first), int(last) + 1)


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of the last run that linger in TIME_WAIT are no obstacle, a listener is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def check_free(ports: Ports, names: Iterable[str]) -> None:
    """Raise StackError, naming component, port, holder and option, if a port of these components is in use."""
    for name in names:
        if not is_free(ports[name]):
            raise StackError(
                f"port {ports[name]} for {name} is in use{_used_by(ports[name])}; "
                f"choose another with {option(name)} N (or move all with --port-base N)"
            )


def _used_by(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.pid and tuple(connection.laddr)[1:] == (port,):
                return f" by pid {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:
        pass  # another account's process: its pid is hidden from us
    return ""
