"""The list of erasures at a backup and at a restore: lists are joined, and no line is ever lost.

A backup has the list as it was, and the folder it lies in has one list for all backups beside it. A restore joins both
with the list beside the keys: what any of them names is erased again before a service serves.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from accord.embedded.folder import StackError, write_private


def lines_of(path: Path) -> list[str]:
    """Return the lines of a list, none if there is no list. Raises StackError for what is no list."""
    try:
        lines = path.read_text("ascii").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(f"{path} cannot be read as a list of erasures: {error}") from None
    # The last line may be cut short by the fault that is being recovered from.
    return [line for line in lines if len(line.split()) == 3]


def joined(lists: Iterable[Iterable[str]]) -> list[str]:
    """Return the lines of several lists, each once, in the order in which they were erased."""
    found = dict.fromkeys(line for each in lists for line in each)
    return sorted(found, key=lambda line: line.split()[2])


def keep(path: Path, lines: Iterable[str]) -> None:
    """Replace a list by one that has its lines and these."""
    whole = joined([lines_of(path), lines])
    if whole or path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, "".join(f"{line}\n" for line in whole))
        os.chmod(path, 0o600)
