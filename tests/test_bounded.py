"""No answer grows for ever: a list comes in pages, or something says how long it can be; a response has 4 MB."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from accord.embedded.stack import Stack
from services.intake.models import Addition
from services.kit.storage import rows
from tests.conftest import Clients
from tests.gateway_fakes import CONTRACT
from tests.outside import Desk, Reporter
from tests.people_of_case import execute
from tests.rpcs import all_rpcs

_RULES: Any = validate_pb2.field
RULES = "as many as the rules, the units or the contract itself have: kinds, steps, routes, categories, units, days"
ASKED = "as many as the request names or tells, which has a most"
PEOPLE = "one each for the people of a case (500 parties, 100 members of a panel) or of one unit"
NUMBERED = "numbered under one parent by `rows.add` or `rows.next_of`, which stop at a most"
ONCE = "once each: a step that can be taken once, or again only after it was undone"
PART = "a part of what a single command wrote, which had a most"
OWN = "one's own file, whole by right, made for one person at a time; what it lists has a most where it is written"
LIMIT = "the statement or the handler has a limit, which the contract names"
BATCH = "a batch of a machine client, whose size the request or the service sets"

WHY: dict[str, str] = {
    f"{message}.{field}": reason
    for reason, messages in {
        RULES: {
            "Clock": "rungs", "ExplainClockResponse": "days", "AgendaItem": "reasons", "Appeal": "routes",
            "Backlog": "bands units", "BacklogOfUnit": "bands", "Campaign": "categories",
            "CountMattersResponse": "fields grades levels states units", "Digest": "counts waiting",
            "EraseSupervisionDataResponse": "counts", "EraseReportDataResponse": "counts", "ErasureReach": "counts",
            "ErasureCertificate": "reach", "CaseErasure": "obstacles reach", "GetIndicatorsResponse": "standings",
            "Indicator": "steps", "MatterGrading": "reasons", "ReviewReceipt": "routes", "Schedule": "due_periods",
            "Statistics": "cells", "HandlingStatistics": "groups", "EventField": "fields values", "EventType": "fields",
            "Board": "calls hours present queues", "HallDay": "hours present", "Presence": "hours",
            "Progress": "actions dates milestones other_routes", "Receipt": "other_routes", "Report": "call_now",
            "Triage": "inputs", "Candidate": "languages", "Closing": "gates", "Dossier": "missing",
            "Eligibility": "cautions", "Ending": "other_routes routes", "Invitation": "other_routes rights",
            "InvitationSession": "scopes", "Mediation": "matter_facts", "PlanType": "categories grades steps",
            "ListPlanTypesResponse": "plan_types", "Withdrawal": "routes", "Agreement": "answers",
            "ClaimedNotice": "channels exhausted texts", "Notice": "deliveries", "Instalment": "remedies",
            "SentNotice": "deliveries", "DiffPlansResponse": "differences", "FindClustersResponse": "clusters",
            "NoticeLetter": "enclosures missing_enclosures", "MatterVersion": "changes",
            "ListPublicServicesResponse": "services", "PublicService": "keywords questions",
            "PublicQuestion": "choices", "SuggestUnitsResponse": "suggestions",
            "UnitSuggestion": "obstacles reasons", "PortableCaseKeys": "keys",
            "ListCategoriesResponse": "categories", "Category": "questions", "CategoryQuestion": "choices",
            "ListRefusalReasonsResponse": "reasons", "ListDocumentFormsResponse": "forms",
            "ListRolesResponse": "parts roles", "Role": "permissions permissions_by_part",
            "ListPermissionsResponse": "permissions", "Permission": "calls", "ListTimeLimitsResponse": "limits",
            "TimeLimit": "pause_causes restart_causes", "ListCodeListsResponse": "code_lists", "CodeList": "codes",
        },
        ASKED: {
            "PreviewMovesResponse": "moves", "BacklogPlan": "targets", "Campaign": "places",
            "CampaignProgress": "places", "CampaignCheck": "answers", "CampaignText": "items",
            "Consultation": "paused_clocks", "HandoverItem": "clocks", "Meeting": "attendees", "TaskForce": "units",
            "Recommendation": "pairs", "RecommendationText": "pairs replies", "ImportReportsResponse": "results",
            "Instalment": "evidence", "TimeWish": "times", "GridWorker": "", "ForceMeeting": "",
            "ReportContent": "parties", "TaskReport": "evidence_files further_evidence",
            "ThirdPartyAnswer": "interests", "GetWorkloadsResponse": "workloads",
            "Subscription": "positions types",
        },
        PEOPLE: {
            "UnitWorkload": "handlers",
            "Agreement": "missing_members panel_signatures signatures", "Closing": "views",
            "Eligibility": "missing_consents", "Ending": "notices", "FactSheet": "signatures",
            "Invitation": "consents", "InvitationSession": "parties", "ListPanelResponse": "members",
            "Mediation": "missing_consents", "MediationResults": "satisfaction", "PanelMember": "agreed",
            "Session": "attendances time_wishes", "SessionContent": "attendances", "Visit": "satisfaction",
            "SessionRecord": "read_backs refusals signatures",
        },
        NUMBERED: {
            "ListAgreementsResponse": "agreements", "ListAlertsResponse": "alerts",
            "ListCaucusNotesResponse": "notes", "ListCaucusOffersResponse": "offers",
            "ListDockingsResponse": "dockings", "ListSessionsResponse": "sessions",
            "ListConsultationsResponse": "consultations", "ListForceMeetingsResponse": "meetings",
            "ListForceTasksResponse": "tasks", "ForceMeeting": "tasks", "ListLeadHandOversResponse": "hand_overs",
            "ListLeadNotesResponse": "notes", "ListMatterPlansResponse": "plans",
            "Instalment": "claims", "Task": "reports",
            "ReportContent": "additions", "ListPhotosResponse": "photos", "GridWorker": "trainings",
            "Matter": "assignments look_backs", "MatterText": "assignments evidence notes progress",
            "Monitoring": "reviews", "MonitoringText": "reviews", "Assessment": "corrections objections",
            "Dossier": "entries", "HandOver": "files", "ExpertDraw": "order",
        },
        ONCE: {
            "Escalation": "reasons told_units", "Lead": "due", "LeadHandOver": "open open_items",
            "Review": "appeals hearings replies", "Docking": "letters", "Instalment": "steps",
            "ListVisitsResponse": "visits", "ListInstalmentsResponse": "instalments", "ProgressDate": "changes",
            "Assessment": "results", "Case": "cancelled_clocks",
        },
        PART: {
            "AgreementText": "clauses", "AgreementComparison": "clauses disputed_points facts responsibility",
            "ClauseComparison": "content fields", "ForceMinutes": "decisions",
            "MatterPlan": "countersignatures", "MatterPlanText": "measures opinions", "OfferedMatter": "measures",
            "Plan": "tasks", "PlanComparison": "diffs", "PlanVersion": "diffs", "PlanMigrationPreview": "moves",
            "ReportComparison": "different links same",
        },
        OWN: {
            "CaseFile": "access_log acts agreements companions consents dates evidence notices panel sent_notices "
                        "sessions",
            "NoticesFile": "notices", "ReportFile": "access_log forwards photos",
        },
        LIMIT: {
            "Report": "earlier_answers", "ReportContent": "hand_overs", "Receipt": "earlier_answers",
            "FindDuplicatesResponse": "duplicates",
            "FindSimilarResponse": "matters", "FindCasesByPhoneResponse": "cases",
            "ListCandidatesResponse": "candidates", "ListCaucusReadsResponse": "reads", "Clue": "uses",
            "ListItemChangesResponse": "changes", "ReconcileItemsResponse": "differences",
            "Official": "earlier", "CalendarFeed": "entries", "GetDeadlinesResponse": "entries",
            "SearchReportsResponse": "cases",
            "ClueText": "earlier_findings", "ListBookingsResponse": "bookings", "ClueFile": "looks",
            "ListOwnSessionsResponse": "sessions", "ListDockingChangesResponse": "changes",
        },
        BATCH: {
            "BatchGetContactsResponse": "contacts", "BatchGetReportFactsResponse": "facts",
            "BatchGetCaseFactsResponse": "facts", "BatchGetCaseStandingsResponse": "standings",
            "ClaimNoticesResponse": "notices", "FireClocksResponse": "firings overdue withdrawn",
            "FireDueClocksResponse": "firings", "WatchEventsResponse": "events",
            "EraseReportDataResponse": "reports", "RunPlanMigrationResponse": "rows",
            "SubmitItemsResponse": "results", "AttachPhotosResponse": "results", "ItemChange": "kinds",
            "DockingChange": "kinds",
            "PartnerReply": "partners",
            "LeaseSubscriptionsResponse": "subscriptions",
            "LeasedSubscription": "positions secrets types waiting",
        },
    }.items()
    for message, fields in messages.items()
    for field in fields.split()
}  # fmt: skip
"""Lists that come in no pages, and why they end all the same."""


def lists(message: Descriptor, seen: frozenset[str] = frozenset()) -> Iterator[FieldDescriptor]:
    """Iterate over every list in a message, at any depth."""
    for field in message.fields:
        inner = field.message_type
        if field.is_repeated:
            yield field
        if inner is not None and inner.full_name.startswith("accord.") and inner.full_name not in seen:
            yield from lists(inner, seen | {inner.full_name})


def test_every_list_in_an_answer_comes_in_pages_or_says_why_it_ends() -> None:
    without: dict[str, FieldDescriptor] = {}
    for rpc in all_rpcs():
        for field in lists(rpc.method.output_type):
            owner = field.containing_type
            paged = "next_page_token" in owner.fields_by_name
            if not paged and not field.GetOptions().Extensions[_RULES].repeated.max_items:
                without[f"{owner.name}.{field.name}"] = field
    assert set(without) - set(WHY) == set(), "a list that grows needs pages, or a most where it is written"
    assert set(WHY) - set(without) == set(), "no longer there, or in pages now"


def test_a_list_without_pages_says_in_the_contract_how_long_it_can_be() -> None:
    said = {}
    for rpc in all_rpcs():
        for field in rpc.method.output_type.fields:
            why = WHY.get(f"{rpc.method.output_type.name}.{field.name}")
            if rpc.method.name.startswith("List") and why in (NUMBERED, LIMIT):
                said[rpc.method.name] = CONTRACT.comments[field.full_name]
    assert len(said) > 15
    assert [name for name, words in said.items() if not re.search(r"at most ([0-9]+|`max_results`)", words)] == []


def test_what_is_read_all_at_once_with_long_texts_fits_into_an_answer() -> None:
    longest = 5_000 * 3
    """Bytes of the longest text of a note, an addition or a report of a task."""
    assert rows.FEW * longest < 4 * 1024 * 1024


async def test_what_a_reporter_adds_ends_where_the_desk_could_no_longer_read_it(stack: Stack, clients: Clients) -> None:
    async with Reporter(stack) as me, Desk(stack, "clerk") as clerk, Desk(stack, "duty_officer") as duty:
        me.takes(await clerk.file(reporter={"displayName": "来访人", "phone": "13800138000"}))
        await me.sign_in("8000")
        number = me.report.removeprefix("reports/")
        assert (await me.does("add", text="补充一。")).status_code == 200
        # The others, as if they had been said one after the other.
        query = f"""INSERT INTO intake.{Addition.__tablename__} (number, addition, sealed, added_at)
                    SELECT number, n, sealed, added_at FROM intake.{Addition.__tablename__}, generate_series(2, $2) n
                    WHERE number = $1"""
        await execute(stack, query, number, rows.FEW)
        refused = await me.does("add", text="再补充。")
        assert (refused.status_code, refused.json()["code"]) == (409, "TOO_MANY"), refused.text
        assert len((await duty.reads(f"/v1/{me.report}/content"))["additions"]) == rows.FEW
