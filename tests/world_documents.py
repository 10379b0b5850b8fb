"""For each RPC of documents a request that is good for the county's case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from pb.mediation.v1 import documents_pb2 as pb

from tests.conftest import Clients, request_id

PDF = b"%PDF-1.7\n%example\n"
REGISTER = pb.DOCUMENT_FORM_REGISTER


async def file_one(clients: Clients, case: str) -> None:
    """File the first document of a case; a case whose parties nobody named has a scan."""
    request = pb.AddScannedDocumentRequest(
        parent=case, form=pb.DOCUMENT_FORM_EVIDENCE, content=PDF, pages=1, request_id=request_id()
    )
    await clients.documents.AddScannedDocument(request, **clients.as_("clerk"))


def _generate(world: Any, server: str) -> Message:
    return pb.GenerateDocumentRequest(parent=world.case, form=REGISTER, request_id=request_id())


def _scan(world: Any, server: str) -> Message:
    return pb.AddScannedDocumentRequest(
        parent=world.case, form=pb.DOCUMENT_FORM_EVIDENCE, content=PDF, request_id=request_id()
    )


REQUESTS: dict[str, Callable[[Any, str], Message]] = {
    "GenerateDocument": _generate,
    "AddScannedDocument": _scan,
    "ListDocuments": lambda world, server: pb.ListDocumentsRequest(parent=world.case),
    "GetDocument": lambda world, server: pb.GetDocumentRequest(name=f"{world.case}/documents/1"),
    "GetDossier": lambda world, server: pb.GetDossierRequest(name=f"{world.case}/dossier"),
}
