"""Database passwords of one state folder."""

from __future__ import annotations

import os
import secrets

from accord.embedded.folder import StateFolder, read_json, write_json

SERVICES = ("intake", "mediation", "escalation")
ADMIN = "postgres_admin"


def database_passwords(folder: StateFolder) -> dict[str, str]:
    """The password of the embedded PostgreSQL's administrator and of each service's role, by name.

    A role's password comes from `ACCORD_ROLE_PASSWORD_<SERVICE>` if set; all others are made once and kept.
    """
    kept = {name: str(value) for name, value in read_json(folder.secrets).items()}
    missing = [name for name in (ADMIN, *SERVICES) if name not in kept]
    if missing:
        kept |= {name: secrets.token_urlsafe(24) for name in missing}
        write_json(folder.secrets, kept)
    return kept | role_passwords()


def role_passwords() -> dict[str, str]:
    """Return the passwords of services' roles that the environment gives, by service."""
    return {
        name: os.environ[variable]
        for name in SERVICES
        if os.environ.get(variable := f"ACCORD_ROLE_PASSWORD_{name.upper()}")
    }
