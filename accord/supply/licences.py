"""Checks the licences of everything that is locked: `python -m accord.supply.licences [SITE-PACKAGES…]`, in a tree.

Each package has its licence in `supply.toml`, as an SPDX expression. It must be allowed there, be the one that the
installed package states, and be the one in `docs/dependencies.md`. Nothing is asked of the network.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from accord.supply import locks
from accord.supply.policy import FILE, Policy, Scope, ids, is_spdx, read_policy, same

TABLE = Path("docs/dependencies.md")


def faults(root: Path, environments: Iterable[Path]) -> list[str]:
    """Return what is wrong, a line each; the environments are folders of site-packages to compare with."""
    policy = read_policy(root)
    found = [*_of_packages(root, policy), *_of_node(root, policy), *_of_images(root, policy)]
    found += _of_installed(root, policy, environments)
    found += [*_of_table(root, policy), *_left_over(root, policy)]
    return found


def stated(package: Distribution, words: Mapping[str, str]) -> str | None:
    """Return the licence that a package states as an SPDX expression, or None if it states none clearly.

    In order: `License-Expression` (PEP 639), the field `License`, the classifiers if they name one licence alone.
    """
    told = package.metadata
    for field in ("License-Expression", "License"):
        text = (told.get_all(field) or [""])[0].strip()
        if licence := words.get(text, text if is_spdx(text) else ""):
            return licence
    classes = {each.rpartition(" :: ")[2] for each in told.get_all("Classifier") or [] if each.startswith("License ::")}
    named = {words[each] for each in classes if each in words}
    return named.pop() if len(named) == 1 else None


def by_scope(root: Path) -> dict[Scope, list[locks.Locked]]:
    """Return all locked packages of Python: those that are delivered, and those that only build and test."""
    whole = locks.read_lock(root / locks.LOCK)
    ships = [*locks.shipped(whole), *locks.read_lock(root / locks.IMAGE)]
    tools = [each for file in locks.TOOLS for each in locks.read_lock(root / file)]
    return {"shipped": ships, "tools": [*whole, *tools]}


def _of_packages(root: Path, policy: Policy) -> Iterator[str]:
    """Say which locked packages have no licence on record, or one that is not allowed."""
    seen: set[tuple[str, str]] = set()
    for scope, packages in by_scope(root).items():
        for each in packages:
            if (each.name, each.version) in seen:
                continue
            seen.add((each.name, each.version))
            if refusal := policy.refusal(each.name, policy.licence(each.name), scope):
                yield f"{each.name} {each.version}: {refusal}"
            yield from _read_again(each.name, each.version, policy)


def _read_again(name: str, version: str, policy: Policy) -> Iterator[str]:
    read = policy.read.get(name)
    if read and read.version != version:
        yield f"{name} {version}: its licence was read in {read.version}; read it again ({read.where})"


def _of_node(root: Path, policy: Policy) -> Iterator[str]:
    """Say the same of packages of Node; their lock states the licences, and only tests use them."""
    for each in (each for file in locks.NODE for each in locks.read_node(root / file)):
        if refusal := policy.refusal(each.name, _of_module(each, policy), "tools"):
            yield f"{each.name} {each.version}: {refusal}"
        yield from _read_again(f"npm:{each.name}", each.version, policy)


def _of_module(module: locks.Module, policy: Policy) -> str:
    return policy.licence(f"npm:{module.name}") or policy.words.get(module.licence, module.licence)


def _of_images(root: Path, policy: Policy) -> Iterator[str]:
    for name in locks.images(root / "deploy"):
        if refusal := policy.refusal(name, policy.images.get(name, ""), "shipped"):
            yield f"image {name}: {refusal}"


def _of_installed(root: Path, policy: Policy, environments: Iterable[Path]) -> Iterator[str]:
    """Say which installed packages state another licence than the one on record."""
    locked = {(each.name, each.version) for packages in by_scope(root).values() for each in packages}
    for package in distributions(path=[str(each) for each in environments]):
        name = canonicalize_name(package.metadata["Name"])
        licence, told = policy.licence(name), stated(package, policy.words)
        if (name, package.version) not in locked or not licence or name in policy.read:
            continue
        if told is None:
            yield f"{name} {package.version}: states no licence clearly; read it, and record where ([read])"
        elif not same(told, licence):
            yield f"{name} {package.version}: states {told}; on record is {licence}"


def _of_table(root: Path, policy: Policy) -> Iterator[str]:
    """Say where the table of dependencies disagrees, or leaves out a package that we ask for ourselves."""
    known = _known(root, policy)
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", (root / TABLE).read_text("utf-8"), re.MULTILINE)
    in_table: set[str] = set()
    for cell, licences in rows:
        words = re.findall(r"@?[A-Za-z][\w./-]*", cell)
        names = {each for word in words for each in (word, canonicalize_name(word)) if each in known}
        in_table |= names
        here = {each for each in re.findall(r"[A-Za-z0-9][\w.-]*", licences) if is_spdx(each)}
        there = {each for name in names for each in ids(known[name])}
        if names and here != there:
            yield f"{TABLE}: {cell}: says {sorted(here)}; on record are {sorted(there)}"
    asked = {name for file in locks.REQUIREMENTS for name in locks.asked_for(root / file)}
    asked |= {each.name for file in locks.NODE for each in locks.read_node(root / file) if each.direct}
    for name in sorted((asked | set(locks.images(root / "deploy"))) - in_table):
        yield f"{TABLE}: no row names {name}"


def _known(root: Path, policy: Policy) -> dict[str, str]:
    """Return the licence of everything that the table may name."""
    named = {name: each.licence for name, each in policy.read.items()} | policy.packages | policy.images
    modules = (each for file in locks.NODE for each in locks.read_node(root / file) if each.direct)
    named |= {each.name: _of_module(each, policy) for each in modules}
    return {name: licence for name, licence in named.items() if is_spdx(licence)}


def _left_over(root: Path, policy: Policy) -> Iterator[str]:
    """Say which lines of the policy are about nothing that is locked."""
    locked = {each.name for packages in by_scope(root).values() for each in packages}
    modules = {each.name for file in locks.NODE for each in locks.read_node(root / file)}
    images = set(locks.images(root / "deploy"))
    recorded = {*policy.packages, *policy.read} - locked - {f"npm:{each}" for each in modules}
    recorded |= set(policy.images) - images
    recorded |= set(policy.exceptions) - locked - modules - images
    recorded |= set(policy.packages) & set(policy.read)
    for name in sorted(recorded):
        yield f"{FILE}: {name} is not locked, or is there twice"


def main() -> None:
    """Print every fault of the tree one is in; the exit code says whether there is one."""
    environments = [Path(sysconfig.get_path("purelib")), *map(Path, sys.argv[1:])]
    found = faults(Path.cwd(), environments)
    sys.exit("\n".join(found) if found else 0)


if __name__ == "__main__":
    main()
