"""What the tables of mediation are made from; each room has its own in `models.py`."""

from __future__ import annotations

from sqlalchemy import MetaData

from services.kit.storage.models import Model


class MediationModel(Model):
    """A table of mediation's own."""

    __abstract__ = True
    metadata = MetaData()
