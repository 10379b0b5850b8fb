"""Puts a release together and signs it: `python -m accord.supply.release FOLDER --key KEY --trusted FILE`.

The folder gets the wheels, the bills of materials, the lock to install with, the notes of the changelog, a list of
checksums, and one signature over that list by `ssh-keygen`; `deploy/verify-release` then has to take it.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from accord import wheels
from accord.places import ROOT
from accord.supply import locks, sbom

NOTES, SUMS = "RELEASE_NOTES.md", "SHA256SUMS"
NAMESPACE = "accord-release"
"""What a signature is for: one made for anything else, such as a commit, is none over a release."""


UNRELEASED = "Unreleased"
"""The section of the changelog by which a release is rehearsed."""


class ReleaseError(Exception):
    """Says why there is no release."""


def notes(changelog: str, section: str, commit: str) -> str:
    """Return the notes of a version, cut from the changelog; ReleaseError if it has no entry of it."""
    pattern = rf"^## \[{re.escape(section)}\](?: - (\d{{4}}-\d\d-\d\d))?\n(.*?)(?=^## |\Z)"
    found = re.search(pattern, changelog, re.MULTILINE | re.DOTALL)
    if not found or not found[2].strip():
        raise ReleaseError(f"the changelog has no section [{section}] with text")
    if not found[1] and section != UNRELEASED:
        raise ReleaseError(f"the section [{section}] of the changelog has no date")
    head = f"# Accord {section}" + (f", {found[1]}" if found[1] else "")
    return f"{head}\n\nMade of commit {commit}. Paths in links are those of that commit.\n\n{found[2].strip()}\n"


def put_together(folder: Path, section: str) -> None:
    """Fill an empty folder with everything of a release but the signature; the same commit gives the same bytes."""
    commit = committed(ROOT) if section != UNRELEASED else _git(ROOT, "rev-parse", "HEAD")
    told = notes((ROOT / "CHANGELOG.md").read_text("utf-8"), section, commit)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ReleaseError(f"{folder} is not empty")
    wheels.build(folder)
    sbom.write(folder)
    shutil.copy(ROOT / locks.IMAGE, folder)
    (folder / NOTES).write_text(told, "utf-8")
    (folder / SUMS).write_text(sums(folder.iterdir()), "utf-8")


def committed(root: Path) -> str:
    """Return the commit of a tree; ReleaseError if the tree is not what was committed."""
    if _git(root, "status", "--porcelain"):
        raise ReleaseError("the tree has changes that are not committed")
    return _git(root, "rev-parse", "HEAD")


def sums(files: Iterable[Path]) -> str:
    """Return the list of checksums, as `sha256sum` writes it."""
    return "".join(f"{sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in sorted(files))


def sign(folder: Path, key: Path, trusted: Path) -> None:
    """Sign the list of checksums, and check the release as those will who get it.

    The key is a file of `ssh-keygen`: a private key, or a public one whose private key an agent or a token holds.
    """
    _run("ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", NAMESPACE, folder / SUMS)
    _run(ROOT / "deploy" / "verify-release", folder, trusted)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise ReleaseError(f"{Path(command[0]).name} failed")


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Make a release of the version in pyproject.toml, or a rehearsal of what is not released yet."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--trusted", type=Path, required=True)
    parser.add_argument("--section", default=version, help="of the changelog; Unreleased for a rehearsal")
    told = parser.parse_args()
    try:
        put_together(told.folder, told.section)
        sign(told.folder, told.key, told.trusted)
    except ReleaseError as error:
        sys.exit(f"no release: {error}")


if __name__ == "__main__":
    main()
