"""An item of the county's police, and for each RPC of partners a good request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from pb.intake.v1 import attachments_pb2, report_pb2
from pb.intake.v1 import partners_pb2 as pb
from pb.intake.v1.attachments_pb2_grpc import AttachmentServiceStub
from pb.intake.v1.partners_pb2_grpc import PartnerServiceStub

from tests.conftest import COUNTY, Clients, request_id
from tests.world_grids import day

Maker = Callable[[Any, str], Message]
POLICE = f"units/{COUNTY}-police"
PDF = b"%PDF-1.7\n%a letter\n"
_ITEMS: dict[str, pb.ItemResult] = {}
"""An item that was taken in, by the case of each world."""
_ATTACHED: dict[str, str] = {}
"""What was attached to it."""


async def furnish(clients: Clients, world: str) -> None:
    """Hand on an item."""
    item = pb.PartnerItem(number=request_id(), category="邻里", text="楼道堆满纸箱，报警两次。")
    request = pb.SubmitItemsRequest(parent=POLICE, items=[item], request_id=request_id())
    stub = PartnerServiceStub(clients.channels["intake"])
    answer = await stub.SubmitItems(request, **clients.as_("integrator", f"{COUNTY}-police"))
    _ITEMS[world] = answer.results[0]
    attach = AttachmentServiceStub(clients.channels["intake"]).UploadAttachment
    sent = iter([_upload(answer.results[0].number)])
    _ATTACHED[world] = (await attach(sent, **clients.as_("integrator", f"{COUNTY}-police"))).name


def _upload(number: str) -> attachments_pb2.UploadAttachmentRequest:
    header = attachments_pb2.AttachmentHeader(
        parent=POLICE, number=number, attachment_id=request_id(), media_type="application/pdf", title="移送函",
        file_name="移送函.pdf",
    )  # fmt: skip
    return attachments_pb2.UploadAttachmentRequest(header=header, chunk=PDF)


def requests(filled: Callable[..., Maker], picture: Callable[[], bytes]) -> dict[str, Maker]:
    """Return a good request for each RPC."""
    return {
        "SubmitItems": filled(pb.SubmitItemsRequest, parent=lambda w: POLICE, items=lambda w: [
            pb.PartnerItem(
                number=request_id(), category="邻里", text="楼上半夜敲墙，报警三次。",
                reporter=report_pb2.Reporter(display_name="某"), parties=[report_pb2.Party(role=2, display_name="某")],
            )]),
        "AttachPhotos": filled(pb.AttachPhotosRequest, parent=lambda w: POLICE, photos=lambda w: [
            pb.ItemPhoto(number=_ITEMS[w.case].number, photo_id=request_id(), content=picture())]),
        "UploadAttachment": lambda world, server: _upload(_ITEMS[world.case].number),
        "ListAttachments": filled(attachments_pb2.ListAttachmentsRequest, parent=lambda w: _ITEMS[w.case].report),
        "DownloadAttachment": filled(attachments_pb2.DownloadAttachmentRequest, name=lambda w: _ATTACHED[w.case]),
        "ReplyToPartner": filled(pb.ReplyToPartnerRequest, parent=lambda w: _ITEMS[w.case].report,
                                 text=lambda w: "已到现场，约好周五再去。"),
        "ListItems": filled(pb.ListItemsRequest, parent=lambda w: POLICE),
        "ListItemChanges": filled(pb.ListItemChangesRequest, parent=lambda w: POLICE),
        "ReconcileItems": filled(pb.ReconcileItemsRequest, parent=lambda w: POLICE, date=lambda w: day(0)),
    }  # fmt: skip
