"""The ledger's servicer; its methods are in the packages of their subjects."""

from __future__ import annotations

from pb.escalation.v1 import ledger_pb2_grpc

from services.escalation.matters.handling import Handling
from services.escalation.matters.ledger.assigning import Assigning
from services.escalation.matters.ledger.reading import Reading


class LedgerServicer(Assigning, Handling, Reading, ledger_pb2_grpc.LedgerServiceServicer):
    """Serves the ledger of matters."""
