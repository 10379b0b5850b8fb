"""The base of the tables of mediation."""

from __future__ import annotations

from sqlalchemy import MetaData

from services.kit.storage.models import Model


class MediationModel(Model):
    """A table of mediation's own."""

    __abstract__ = True
    metadata = MetaData()
