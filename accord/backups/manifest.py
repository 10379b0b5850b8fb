"""The manifest of a backup: what is in it, byte by byte, and what the place it is restored to must have."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from accord.embedded.folder import StackError

FORMAT = 1
NAME, SUM = "manifest.json", "manifest.sha256"
DUMP, EVIDENCE, ERASURES = "database.dump", "evidence", "erasures"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class ServiceState:
    """One service's schema at the moment of the backup."""

    revision: str
    """Its last migration."""
    key: str
    """Fingerprint of the master key it was sealed with; empty if nothing was served yet."""
    wrapping: list[str]
    """The keys that wrap its data keys, where they are not that one alone."""
    feed: int
    """Where its feed ends."""
    consumers: Mapping[str, int]
    """Positions of the consumers of its feed."""
    rows: Mapping[str, int]
    """Rows by table."""


@dataclass(frozen=True)
class FileState:
    """A file of the backup."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """What a backup has and came from. It names no person and holds no key."""

    made_at: str
    accord: str
    postgresql: int
    """Major version of the server."""
    services: Mapping[str, ServiceState]
    keys: Mapping[str, str]
    """Fingerprints of the keys that were beside it, by file name."""
    missing: int
    """Files of evidence that the database names and the folder did not have."""
    erasures: int
    """Lines of the list of erasures at that moment."""
    files: Mapping[str, FileState]

    @property
    def evidence(self) -> list[str]:
        """Return the files of evidence, by path in the backup."""
        return [path for path in self.files if path.startswith(f"{EVIDENCE}/")]

    def write(self, folder: Path) -> None:
        """Write it, and its own sum beside it."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True) + "\n"
        (folder / NAME).write_text(text, "utf-8")
        (folder / SUM).write_text(f"{hashlib.sha256(text.encode()).hexdigest()}  {NAME}\n", "ascii")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Return the manifest of a backup. Raises StackError if there is none, or not as it was written."""
        try:
            data = (folder / NAME).read_bytes()
            told = (folder / SUM).read_text("ascii").split()[0]
        except (OSError, IndexError, UnicodeDecodeError):
            raise StackError(f"{folder} is no backup: it has no {NAME} with its {SUM}") from None
        if hashlib.sha256(data).hexdigest() != told:
            raise StackError(f"{folder / NAME} was changed after the backup was made")
        try:
            known = json.loads(data)
            if known.pop("format") != FORMAT:
                raise StackError(f"{folder / NAME} has a format that this version of Accord does not know")
            services = {name: ServiceState(**each) for name, each in known.pop("services").items()}
            files = {path: FileState(**each) for path, each in known.pop("files").items()}
            return cls(**known, services=services, files=files)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StackError(f"{folder / NAME} is not what a backup writes: {error!r}") from None


def sum_of(path: Path) -> FileState:
    """Return what a file is known by."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return FileState(digest.hexdigest(), size)


def differences(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Yield what is otherwise than when the backup was made: changed, missing, or come since."""
    there = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() or path.is_symlink()
    } - {NAME, SUM}
    for path, known in manifest.files.items():
        if path not in there:
            yield f"{path} is missing"
        elif sum_of(folder / path) != known:
            yield f"{path} was changed"
    yield from (f"{path} does not belong to it" for path in sorted(there - manifest.files.keys()))


def check(folder: Path) -> Manifest:
    """Return the manifest of a backup of which every byte is as it was. Raises StackError with the first that is not.

    What it has is named by the manifest; the manifest is known by its sum, which whoever keeps backups may write down.
    """
    manifest = Manifest.read(folder)
    found = list(differences(folder, manifest))
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise StackError(f"{folder}: {found[0]}{more}")
    return manifest
