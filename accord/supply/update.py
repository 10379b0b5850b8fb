"""Moves the locks to newer versions, and keeps them only if everything that must hold still holds.

`make update` runs `python -m accord.supply.update` with three commands for a shell: resolve, set up, judge. Whatever
ends it before the judge is satisfied puts the old locks back: a red judge, no network, Ctrl-C.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from accord.supply import locks
from accord.supply.licences import stated
from accord.supply.policy import Policy, read_policy

LOCKS = (locks.LOCK, locks.IMAGE, Path("deploy/checks/requirements.lock"))
"""What `make lock` writes."""


Versions = Mapping[str, set[str]]
"""The locked versions of each package; of some there are several, for several versions of Python."""


class UpdateError(Exception):
    """Says which command failed."""


@dataclass(frozen=True)
class Change:
    """A package whose versions differ: before and after, "" if it was not or is no longer there."""

    name: str
    before: str
    after: str


def update(root: Path, resolve: str, set_up: str, judge: str) -> list[Change]:
    """Resolve, set up and judge in a tree, and return what is kept; UpdateError if the old locks are back."""
    old = {file: (root / file).read_bytes() for file in LOCKS}
    before = [_versions(root / file) for file in LOCKS]
    try:
        _run(root, resolve)
        found = changes(before, [_versions(root / file) for file in LOCKS])
        if found:
            _run(root, set_up)
            print(table(found, read_policy(root)), flush=True)
            _run(root, judge)
    except BaseException:
        for file, text in old.items():
            (root / file).write_bytes(text)
        _run(root, set_up)
        raise
    return found


def changes(before: list[Versions], after: list[Versions]) -> list[Change]:
    """Return what differs in any lock, by name; what differs in several in the same way is there once."""
    found = {
        Change(name, *(", ".join(sorted(each.get(name, ()))) for each in (old, new)))
        for old, new in zip(before, after, strict=True)
        for name in {*old, *new}
    }
    return sorted((each for each in found if each.before != each.after), key=lambda each: (each.name, each.before))


def table(found: list[Change], policy: Policy) -> str:
    """Return the changes as a text: package, from, to, and the licence that the new version states."""
    told: dict[tuple[str, str], str | None] = {
        (canonicalize_name(each.metadata["Name"]), each.version): stated(each, policy.words)
        for each in distributions(path=[sysconfig.get_path("purelib")])
    }
    rows = [("package", "from", "to", "licence")]
    for each in found:
        known = policy.licence(each.name) or "not on record"
        now = told.get((each.name, each.after)) or known
        rows.append((each.name, each.before or "-", each.after or "-", now if now == known else f"{known} -> {now}"))
    wide = [max(len(row[at]) for row in rows) for at in range(4)]
    return "\n".join("  ".join(f"{cell:{w}}" for cell, w in zip(row, wide, strict=True)).rstrip() for row in rows)


def _versions(file: Path) -> Versions:
    found: dict[str, set[str]] = {}
    for each in locks.read_lock(file):
        found.setdefault(each.name, set()).add(each.version)
    return found


def _run(root: Path, command: str) -> None:
    if code := subprocess.run(command, shell=True, cwd=root, check=False).returncode:
        raise UpdateError(f"`{command}` ended with {code}")


def main() -> None:
    """Update the tree one is in."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    for each in ("--resolve", "--set-up", "--judge"):
        parser.add_argument(each, required=True)
    told = parser.parse_args()
    try:
        found = update(Path.cwd(), told.resolve, told.set_up, told.judge)
    except UpdateError as error:
        sys.exit(f"{error}: the old locks are back")
    print(f"{len(found)} packages changed, and all holds: commit the locks" if found else "nothing is newer")


if __name__ == "__main__":
    main()
