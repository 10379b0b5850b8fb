"""The account PostgreSQL runs under when the supervisor is root (PostgreSQL refuses to)."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from accord.embedded.folder import StackError
from accord.embedded.process import Account

_CANDIDATES = ("postgres", "nobody")


def account_for(data: Path, binaries: Path) -> Account | None:
    """The account to run under; None when the supervisor is not root.

    The owner of existing data, else `ACCORD_POSTGRES_ACCOUNT`, else the first of postgres and nobody. No account is
    made and no folder's mode is changed for it: where it may not pass, it keeps a capability (see
    `accord.embedded.launch`).
    """
    if os.geteuid() != 0:
        return None
    entry = _entry(data)
    reach = not all(_may_pass(part, entry) for path in (data, binaries) for part in path.parents)
    return Account(entry.pw_uid, entry.pw_gid, reach)


def _entry(data: Path) -> pwd.struct_passwd:
    if data.exists() and data.stat().st_uid != 0:
        return pwd.getpwuid(data.stat().st_uid)
    chosen = os.environ.get("ACCORD_POSTGRES_ACCOUNT")
    for name in (chosen,) if chosen else _CANDIDATES:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise StackError(f"there is no account {chosen or ' or '.join(_CANDIDATES)} to run PostgreSQL under")


def _may_pass(folder: Path, entry: pwd.struct_passwd) -> bool:
    try:
        status = folder.stat()
    except FileNotFoundError:
        return True  # yet to be made, by us
    if status.st_uid == entry.pw_uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == entry.pw_gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)
