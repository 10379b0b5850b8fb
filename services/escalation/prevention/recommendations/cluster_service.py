"""RPCs of clusters: searched on demand, set aside with a reason."""

from __future__ import annotations

from datetime import timedelta

from pb.escalation.v1 import recommendations_pb2 as pb
from pb.escalation.v1 import recommendations_pb2_grpc

from casework import names
from casework.errors import Reason, field_error
from services.escalation.prevention.recommendations import clusters, store, view
from services.escalation.servicer import Servicer
from services.kit.command import Work, command
from services.kit.instants import stamp
from services.kit.serving.access import Context, current_call
from services.kit.storage.events import NewEvent


class ClusterServicer(Servicer, recommendations_pb2_grpc.ClusterServiceServicer):
    """Serves clusters."""

    async def FindClusters(self, request: pb.FindClustersRequest, context: Context) -> pb.FindClustersResponse:
        """Return where cases of a kind have increased more than by chance; small counts only to their own level."""
        call, rule = current_call(), self.rules.clusters
        scope = call.scope(names.last(request.unit))
        async with self.database.read() as connection:
            found = await clusters.find(connection, rule, scope, self.time.now())
        shown = [each for each in found.candidates if request.dismissed or not each.dismissed]
        return pb.FindClustersResponse(
            clusters=[view.cluster(each, call.caller.unit, call.language) for each in shown],
            looked_at=found.looked_at,
            window_start_time=stamp(found.window.start),
            window_end_time=stamp(found.window.end),
            earlier_start_time=stamp(found.window.earliest),
            history_short=found.history_short,
            rule_version=rule.version,
        )

    @command(pb.ClusterDismissal)
    async def DismissCluster(self, request: pb.DismissClusterRequest, work: Work) -> pb.ClusterDismissal:
        """Set a candidate aside; the next search leaves it out for as long as the rule says."""
        place, category = self.known(request.unit, "unit"), request.category.removeprefix("categories/")
        if category not in self.rules.categories:
            raise field_error("category", Reason.UNKNOWN_CATEGORY, category)
        work.call.require(place)
        file = await self.opened(work, "clusters", place)
        until = work.now + timedelta(days=self.rules.clusters.dismissed_days)
        await store.dismiss(
            work.connection, file.number, place=place, category=category, reason=request.reason,
            dismissed_at=work.now, until=until,
        )  # fmt: skip
        payload = {"category": category, "reason": request.reason}
        await work.append(NewEvent(file.number, "ClusterDismissed", place, payload))
        return pb.ClusterDismissal(
            name=names.file_name(file.number), unit=request.unit, category=request.category, reason=request.reason,
            dismiss_time=stamp(work.now), until_time=stamp(until),
        )  # fmt: skip
