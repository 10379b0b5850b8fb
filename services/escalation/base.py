"""What the tables of escalation are made from; each room has its own in `models.py`."""

from __future__ import annotations

from sqlalchemy import MetaData

from services.kit.storage.models import Model


class EscalationModel(Model):
    """A table of escalation's own."""

    __abstract__ = True
    metadata = MetaData()
