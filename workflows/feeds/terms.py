"""Tells the services that do not keep the roster of grid workers until when each serves.

The roster has no history to follow: all of it is read when the process starts, and then, every few seconds,
what changed within the last minutes. Whoever records it again changes nothing.
"""

from __future__ import annotations

import asyncio

from pb.access.v1 import grid_terms_pb2
from pb.access.v1.grid_terms_pb2_grpc import GridTermServiceStub
from pb.intake.v1 import grids_pb2
from pb.intake.v1.grids_pb2_grpc import GridServiceStub

from services.kit.serving.loops import Loop
from workflows.backends import Backends
from workflows.messages import Source

_EVERY = 2.0
"""Seconds between two looks."""
WITHIN = 600.0
"""Seconds within which a look must finish: the first one reads the whole roster."""
_PAGE = 1000
_TIMEOUT = 30.0


async def tell_all(loop: Loop, backends: Backends) -> None:
    """Tell all terms, and then those that change, until a call fails."""
    recent = False
    while True:
        loop.begin()
        await tell(backends, recent=recent)
        loop.turned()
        recent = True
        await asyncio.sleep(_EVERY)


async def tell(backends: Backends, *, recent: bool) -> None:
    """Read terms from intake, and record them in mediation and escalation."""
    intake, *others = backends.channels
    token, roster = "", GridServiceStub(intake)
    while True:
        request = grids_pb2.ListGridTermsRequest(recent=recent, page_size=_PAGE, page_token=token)
        page = await roster.ListGridTerms(request, timeout=_TIMEOUT)
        if page.terms:
            await asyncio.gather(
                *(
                    GridTermServiceStub(channel).RecordGridTerms(
                        grid_terms_pb2.RecordGridTermsRequest(service=source, terms=page.terms), timeout=_TIMEOUT
                    )
                    for source, channel in zip((Source.MEDIATION, Source.ESCALATION), others, strict=True)
                )
            )
        token = page.next_page_token
        if not token:
            return
