"""Run a command that cannot outlive its supervisor; a script of its own, started as `python -I -S launch.py`.

Why not `preexec_fn`: the supervisor has threads (and inside tests gRPC's as well), and Python code between fork and
exec may then deadlock. This script is a fresh process, so it may do what it likes before it becomes the command.

What it does, in this order (each step undoes or needs one before it):
1. takes the account it is told, because PostgreSQL refuses to run as root;
2. asks the kernel for a signal when the supervisor dies (a change of account clears that wish, so it comes after);
3. ends at once if the supervisor died before step 2;
4. becomes the command: same pid, same start time; files it makes are its account's alone.

Hazard: the kernel sends that signal when the *thread* that started the child ends. So one thread, the supervisor's
own, starts every child and lives until all of them have ended.

Only Linux knows step 2. Elsewhere the next `accord up` in the same folder stops what was left.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


def _prctl(*arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(*(ctypes.c_ulong(number) for number in arguments + (0,) * (5 - len(arguments)))) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _keep_reach() -> None:
    """Keep the one capability to pass folders closed to the account (a project under /root, say).

    The other way, opening every folder on the path to everybody, would last longer than the process.
    """
    mask = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE)


def _become(uid: int, gid: int, reach: bool) -> None:
    if reach:
        _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if reach:
        _keep_reach()


def be_called(name: str) -> None:
    """Give this process a name, of 15 characters at most, in `ps -o comm` and `top`."""
    if sys.platform == "linux":
        text = ctypes.create_string_buffer(name.encode()[:15])
        _prctl(_PR_SET_NAME, ctypes.addressof(text))


def die_with(supervisor: int, death_signal: int) -> None:
    """Ask the kernel for a signal when the parent dies; end at once if it died before."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != supervisor:
            sys.exit(f"the supervisor {supervisor} is gone")


def main(arguments: list[str]) -> None:
    """Become the command: `supervisor-pid death-signal account-or-dash command...`."""
    supervisor, death_signal, account, *command = arguments
    os.umask(0o077)
    try:
        if account != "-":
            _become(**json.loads(account))
        die_with(int(supervisor), int(death_signal))
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"cannot start {command[0]}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
