"""How reporters can be reached: read when a notice is sent; each access is logged."""

from __future__ import annotations

from pb.access.v1 import contact_pb2 as pb
from pb.access.v1 import contact_pb2_grpc
from pb.intake.v1 import report_pb2
from pb.mediation.v1 import people_pb2

from casework import names
from casework.errors import Reason, field_error
from services.intake import store
from services.intake.filing import GATEWAY
from services.intake.models import Report
from services.kit.servicer import Servicer
from services.kit.serving.access import Context, current_call
from services.kit.storage import access_log
from services.kit.storage.sealing import Sealed


class ContactServicer(Servicer, contact_pb2_grpc.ContactServiceServicer):
    """Serves contacts of reporters to the process that sends notices."""

    service = "intake"
    heads = "reports"

    async def BatchGetContacts(
        self, request: pb.BatchGetContactsRequest, context: Context
    ) -> pb.BatchGetContactsResponse:
        """Return how these reporters can be reached; they are from all units, so only the root may read them."""
        call, now = current_call(), self.time.now()
        call.require(names.ROOT_UNIT)
        if request.service != self.service:
            raise field_error("service", Reason.INVALID_FIELD, f"this is {self.service}")
        wanted = [names.number_of(name) for name in request.names if name.startswith("reports/")]
        async with self.database.begin() as connection:
            rows = await store.with_content(connection, wanted)
            filers = await store.filers(connection, [row.number for row in rows])
            looked = [(row.number, names.report_name(row.number)) for row in rows]
            await access_log.record_all(connection, call, now, looked, people_pb2.PURPOSE_CONTACT)
        return pb.BatchGetContactsResponse(contacts=[self._contact(row, filers.get(row.number, "")) for row in rows])

    def _contact(self, row: Report, filer: str) -> pb.Contact:
        sealed = Sealed(row.sealed_key, row.sealed)
        told = report_pb2.ReportContent.FromString(self.sealer.open(row.number, sealed)).reporter
        return pb.Contact(
            name=names.report_name(row.number), display_name=told.display_name, phone=told.phone, email=told.email,
            postal_address=told.postal_address, preference=told.contact,
            account=filer if row.channel == report_pb2.CHANNEL_APP and filer != GATEWAY else "",
        )  # fmt: skip
