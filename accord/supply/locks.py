"""Reads what is locked: packages of Python with hashes and who needs them, packages of Node, images of deploy/."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK, IMAGE = Path("requirements.lock"), Path("deploy/requirements.lock")
TOOLS = tuple(Path(each) / "requirements.lock" for each in ("deploy/checks", "tests/oidc", "tests/generators"))
NODE = tuple(Path(each) / "package-lock.json" for each in ("tests/generators", "tests/assistants"))
REQUIREMENTS = (
    Path("requirements.in"), Path("requirements-dev.in"), *(each.with_suffix(".in") for each in TOOLS),
)  # fmt: skip
ASKED = "-r requirements.in"
"""How the lock names who needs a package that Accord itself asks for."""
_ENTRY = re.compile(r"^(\w\S*==.*?) \\\n((?: +--hash=\S+(?: \\)?\n)+)(?: +# via (.*)\n)?", re.MULTILINE)


@dataclass(frozen=True)
class Locked:
    """One version of a package: where it is installed (an environment marker, or ""), its files, who needs it."""

    name: str
    version: str
    marker: str = ""
    hashes: tuple[str, ...] = ()
    needed_by: tuple[str, ...] = ()


def read_lock(file: Path) -> list[Locked]:
    """Return the packages of a lock of Python; ValueError if a line is not understood."""
    text = file.read_text("utf-8")
    found = []
    for line, hashes, via in _ENTRY.findall(text):
        asked = Requirement(line)
        (version,) = (each.version for each in asked.specifier)
        files = tuple(sorted(re.findall(r"sha256:(\w+)", hashes)))
        needed_by = tuple(sorted(each.strip() for each in via.split(",") if each))
        found.append(Locked(canonicalize_name(asked.name), version, str(asked.marker or ""), files, needed_by))
    if len(found) != len(re.findall(r"^\w", text, re.MULTILINE)):
        raise ValueError(f"{file}: not every line is a pinned package with hashes")
    return found


def shipped(locked: Iterable[Locked]) -> list[Locked]:
    """Return what Accord runs on: what it asks for, and what that needs."""
    whole = list(locked)
    names: set[str] = set()
    while more := {each.name for each in whole if {ASKED, *names} & set(each.needed_by)} - names:
        names |= more
    return [each for each in whole if each.name in names]


def asked_for(file: Path) -> set[str]:
    """Return the names in a file of requirements."""
    lines = [line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines()]
    return {canonicalize_name(Requirement(line).name) for line in lines if line and not line.startswith("-")}


@dataclass(frozen=True)
class Module:
    """A package of Node, the licence it states (or ""), and whether we ask for it ourselves."""

    name: str
    version: str
    licence: str
    direct: bool


def read_node(file: Path) -> list[Module]:
    """Return the packages of a lock of npm, which has their licences; of some there are several versions."""
    packages = json.loads(file.read_text("utf-8"))["packages"]
    asked = {
        f"node_modules/{name}" for kind in ("dependencies", "devDependencies") for name in packages[""].get(kind, ())
    }
    found = {
        Module(path.rpartition("node_modules/")[2], each["version"], each.get("license", "").strip("()"), path in asked)
        for path, each in packages.items()
        if path
    }
    return sorted(found, key=lambda each: (each.name, each.version))


def images(deploy: Path) -> dict[str, str]:
    """Return the foreign images that deploy/ names, with tag or digest: {"postgres": "18.3"}."""
    services = yaml.safe_load((deploy / "compose" / "compose.yaml").read_text("utf-8"))["services"]
    named = {each["image"] for each in services.values()}
    named |= set(re.findall(r"^ARG PYTHON=(\S+)", (deploy / "Dockerfile").read_text("utf-8"), re.MULTILINE))
    return dict(sorted(each.split(":", 1) for each in named if not each.startswith("accord:")))
