"""For each RPC of reviews, meetings and schedules a good request, and what they are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from pb.escalation.v1 import meetings_pb2, reviews_pb2, schedules_pb2

from tests.conftest import COUNTY, Clients, request_id
from tests.reviewing import CITY, PROVINCE, REASONS, TEXT, Reviewing

Maker = Callable[[Any, str], Message]
TOWNSHIP = f"{COUNTY}001"
RIGHT_UNIT = {
    **dict.fromkeys(("BeginHearing", "EndHearing"), PROVINCE),
    "ReadAppeal": CITY,
    **dict.fromkeys(("ListSchedules", "GetSchedule", "RecordRun"), "cn"),
}
"""The unit whose matter a request is about, where it is not the county."""


async def furnish(clients: Clients) -> dict[str, str]:
    """Return the names of reviews, meetings and decisions by what can be done with them."""
    found: dict[str, str] = {}
    for use in ("draft", "serve", "ask", "file", "hear", "heard"):
        review = await Reviewing(clients.channels["escalation"], clients.as_, tell_of=clients.tell_of).open()
        found[use], found[f"{use}_receipt"] = review.name, review.receipt
        if use == "serve":
            await review.draft(COUNTY)
        elif use != "draft":
            await review.say(COUNTY)
        if use in ("hear", "heard"):
            for above in (CITY, PROVINCE):
                await review.ask()
                if above == CITY:
                    await review.say(CITY, 1)
    await review.hearing("Begin", PROVINCE)
    for use in ("hold", "held", "close"):
        found["series"], found[use] = await _meeting(clients)
        if use != "hold":
            hold = meetings_pb2.HoldMeetingRequest(
                name=found[use], attendees=[f"units/{TOWNSHIP}"], request_id=request_id()
            )
            await clients.meetings.HoldMeeting(hold, **clients.as_("unit_head"))
    minutes = meetings_pb2.WriteMinutesRequest(
        name=found["close"], minutes=meetings_pb2.MinutesText(text="纪要。"), request_id=request_id()
    )
    await clients.meetings.WriteMinutes(minutes, **clients.as_("duty_officer"))
    for use in ("report", "verify"):
        found[use] = (await clients.meetings.CreateDecision(_decision(found["held"]), **clients.as_("unit_head"))).name
    report = meetings_pb2.ReportDecisionRequest(name=found["verify"], evidence="doc-1", request_id=request_id())
    await clients.meetings.ReportDecision(report, **clients.as_("handler", sub="who-reports"))
    return found


async def _meeting(clients: Clients) -> tuple[str, str]:
    """Return a new series of the township and the meeting of its next period."""
    head = clients.as_("unit_head")
    open_ones = meetings_pb2.ListMeetingSeriesRequest(unit=f"units/{TOWNSHIP}", open=True)
    for each in (await clients.meetings.ListMeetingSeries(open_ones, **head)).meeting_series:
        end = meetings_pb2.EndMeetingSeriesRequest(name=each.name, request_id=request_id())
        await clients.meetings.EndMeetingSeries(end, **head)
    series = await clients.meetings.CreateMeetingSeries(_series(None, ""), **head)
    prepare = meetings_pb2.PrepareMeetingRequest(parent=series.name, request_id=request_id())
    return series.name, (await clients.meetings.PrepareMeeting(prepare, **head)).name


def _series(world: Any, server: str) -> Message:
    series = meetings_pb2.MeetingSeries(unit=f"units/{TOWNSHIP}")
    return meetings_pb2.CreateMeetingSeriesRequest(meeting_series=series, request_id=request_id())


def _decision(meeting: str) -> meetings_pb2.CreateDecisionRequest:
    text = meetings_pb2.DecisionText(measure="三日内修好。")
    decision = meetings_pb2.Decision(unit=f"units/{TOWNSHIP}", text=text)
    return meetings_pb2.CreateDecisionRequest(parent=meeting, decision=decision, request_id=request_id())


def _about(use: str, path: str = "") -> Callable[[Any], str]:
    return lambda world: f"{world.meetings[use]}{path}"


def _schedule(world: Any) -> str:
    return f"schedules/{world.meetings['series'].replace('/', '-')}"


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC; `filled` makes one from its type and fields of the world."""
    r, m, s = reviews_pb2, meetings_pb2, schedules_pb2

    def doc(_: Any) -> str:
        return "doc-1"

    def county(_: Any) -> str:
        return f"units/{COUNTY}"

    return {
        "CreateReview": filled(
            r.CreateReviewRequest, review=lambda w: r.Review(case=w.case, unit=f"units/{COUNTY}")
        ),
        "GetReview": filled(r.GetReviewRequest, name=_about("hear")),
        "ListReviews": filled(r.ListReviewsRequest, unit=county),
        "DraftReply": filled(r.DraftReplyRequest, parent=_about("draft"), reply=lambda w: r.Reply(text=TEXT)),
        "ServeReply": filled(r.ServeReplyRequest, name=_about("serve", "/replies/1"), medium=lambda w: 1),
        "CreateAppeal": filled(
            r.CreateAppealRequest, parent=_about("ask"), appeal=lambda w: r.Appeal(text=REASONS)
        ),
        "FileAppeal": filled(r.FileAppealRequest, name=_about("file_receipt"), text=lambda w: REASONS),
        "BeginHearing": filled(r.BeginHearingRequest, name=_about("hear"), notice=doc),
        "EndHearing": filled(r.EndHearingRequest, name=_about("heard"), record=doc),
        "ReadReply": filled(r.ReadReplyRequest, name=_about("ask", "/replies/1")),
        "ReadAppeal": filled(r.ReadAppealRequest, name=_about("hear", "/appeals/1")),
        "GetReplyDocument": filled(r.GetReplyDocumentRequest, name=_about("ask", "/replies/1/document")),
        "GetReviewReceipt": filled(r.GetReviewReceiptRequest, name=_about("file_receipt")),
        "CreateMeetingSeries": _series,
        "GetMeetingSeries": filled(m.GetMeetingSeriesRequest, name=_about("series")),
        "ListMeetingSeries": filled(m.ListMeetingSeriesRequest, unit=county),
        "EndMeetingSeries": filled(m.EndMeetingSeriesRequest, name=_about("series")),
        "PrepareMeeting": filled(m.PrepareMeetingRequest, parent=_about("series")),
        "GetMeeting": filled(m.GetMeetingRequest, name=_about("held")),
        "ListMeetings": filled(m.ListMeetingsRequest, unit=county),
        "ListAgendaItems": filled(m.ListAgendaItemsRequest, parent=_about("held")),
        "HoldMeeting": filled(m.HoldMeetingRequest, name=_about("hold"), attendees=lambda w: [county(w)]),
        "WriteMinutes": filled(
            m.WriteMinutesRequest, name=_about("held"), minutes=lambda w: m.MinutesText(text="纪要。")
        ),
        "ReadMinutes": filled(m.ReadMinutesRequest, name=_about("close", "/minutes")),
        "CreateDecision": lambda world, server: _decision(world.meetings["held"]),
        "GetDecision": filled(m.GetDecisionRequest, name=_about("report")),
        "ListDecisions": filled(m.ListDecisionsRequest, parent=_about("held"), unit=county),
        "ReadDecision": filled(m.ReadDecisionRequest, name=_about("report")),
        "ReportDecision": filled(m.ReportDecisionRequest, name=_about("report"), evidence=doc),
        "VerifyDecision": filled(m.VerifyDecisionRequest, name=_about("verify"), sufficient=lambda w: True),
        "CloseMeeting": filled(m.CloseMeetingRequest, name=_about("close")),
        "ListSchedules": filled(s.ListSchedulesRequest),
        "GetSchedule": filled(s.GetScheduleRequest, name=_schedule),
        "RecordRun": filled(s.RecordRunRequest, name=_schedule, period=lambda w: "2026-11"),
    }  # fmt: skip
