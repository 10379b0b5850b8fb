"""For each RPC of documents a request that is good for the county's case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from pb.intake.v1 import predecessors_pb2, predecessors_pb2_grpc
from pb.mediation.v1 import documents_pb2 as pb
from pb.mediation.v1 import portable_pb2, portable_pb2_grpc

from tests.conftest import COUNTY, Clients, request_id

PDF = b"%PDF-1.7\n%example\n"
_TAKEN: dict[str, bytes] = {}
_CAME: dict[str, str] = {}
"""The case of each world as a portable file, and from where the report came that was made of it."""
REGISTER = pb.DOCUMENT_FORM_REGISTER


async def file_one(clients: Clients, case: str) -> None:
    """File the first document of a case; a case whose parties nobody named has a scan."""
    request = pb.AddScannedDocumentRequest(
        parent=case, form=pb.DOCUMENT_FORM_EVIDENCE, content=PDF, pages=1, request_id=request_id()
    )
    await clients.documents.AddScannedDocument(request, **clients.as_("clerk"))


async def carry(clients: Clients, case: str) -> None:
    """Take a case out, and in again as a report of its county."""
    request = portable_pb2.TakeOutCaseRequest(
        name=case, ground=portable_pb2.TAKE_OUT_GROUND_DEMAND, reason="移送市中级人民法院审理"
    )
    out = portable_pb2_grpc.PortableCaseServiceStub(clients.channels["mediation"])
    parts = [part.chunk async for part in out.TakeOutCase(request, **clients.as_("unit_head"))]
    _TAKEN[case] = b"".join(parts)
    brought = predecessors_pb2_grpc.PredecessorServiceStub(clients.channels["intake"]).ImportPortableCase
    _CAME[case] = (await brought(iter([_brought(_TAKEN[case])]), **clients.as_("clerk"))).name


def _brought(file: bytes) -> predecessors_pb2.ImportPortableCaseRequest:
    header = predecessors_pb2.PortableCaseHeader(unit=f"units/{COUNTY}", category="categories/neighbour")
    return predecessors_pb2.ImportPortableCaseRequest(header=header, chunk=file)


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
    "TakeOutCase": lambda world, server: portable_pb2.TakeOutCaseRequest(
        name=world.case, ground=portable_pb2.TAKE_OUT_GROUND_DEMAND, reason="移送市中级人民法院审理"
    ),
    "ImportPortableCase": lambda world, server: _brought(_TAKEN[world.case]),
    "GetPredecessor": lambda world, server: predecessors_pb2.GetPredecessorRequest(name=_CAME[world.case]),
    "DownloadPredecessor": lambda world, server: predecessors_pb2.DownloadPredecessorRequest(name=_CAME[world.case]),
    "GetPortableCaseKeys": lambda world, server: portable_pb2.GetPortableCaseKeysRequest(),
}
