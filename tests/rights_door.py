"""What people may try with a report when filing, with its receipt and at counters, and what must not result."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import grpc
from google.protobuf.message import Message
from pb.intake.v1 import intake_pb2, report_pb2, reporter_pb2
from pb.privacy.v1 import reports_pb2

from casework.door.report import ReportState
from casework.erasure import ErasureState
from services.kit.pictures import MOST
from tests.conftest import CALL, Clients, request_id
from tests.rpcs import BY_NAME, Answer, call, check
from tests.test_filing import picture

PHONE = "13800138000"
HOLDER_MAY = frozenset({"GetReport", "ListReportAccess", "GetReportErasureCertificate", "ExportNotices"})
REPORTER_MAY = HOLDER_MAY | {
    "AddToReport", "CorrectReport", "WithdrawReport", "RequestReview", "GetDeclineReview", "RateReport", "AddPhoto",
    "ListPhotos", "DownloadPhoto", "ExportReport", "DownloadReport", "RequestReportErasure", "GetReportErasure",
}  # fmt: skip
"""What a code, and a code with its second factor, is good for; nothing else, and in no other matter."""
COUNTER = frozenset({
    "AddToReport", "CorrectReport", "WithdrawReport", "RequestReview", "RateReport", "AddPhoto", "ListPhotos",
    "DownloadPhoto", "ReissueReceipt", "ExportReport", "DownloadReport", "GetReport", "ListReportAccess",
})  # fmt: skip
"""What a clerk does for somebody who is there."""
HEADS = frozenset({
    "RequestReportErasure", "EraseReport", "RefuseReportErasure", "HoldReportData", "ReleaseReportData", "DecideReview",
    "GetDeclineReview", "GetReportErasureCertificate", "GetReport", "ListReportAccess", "DeclineReport",
})  # fmt: skip
READS = frozenset({"GetReport"})
OFFICE_MAY = {
    "clerk": COUNTER, "unit_head": HEADS,
    "auditor": READS | {"ListReportAccess", "GetReportErasureCertificate"},
    "mediator": READS | {"ListPhotos", "DownloadPhoto"},
    "duty_officer": READS | {
        "DeclineReport", "DecideReview", "GetDeclineReview", "RequestReportErasure", "ListPhotos", "DownloadPhoto",
        "GetReportErasureCertificate",
    },
}  # fmt: skip
OVER = (ReportState.WITHDRAWN, ReportState.DECLINED, ReportState.CLOSED)
# What changes on its own, by clocks and by what is passed on, is left out.
_FACTS = {
    "reports": "state, receipt_index, withdrawn_at, erased_at, sealed, reachable, unit",
    "additions": "addition, sealed", "photos": "photo, sealed, thumbnail", "ratings": "contentment, sealed",
    "decline_reviews": "declined_by, decided_by, upheld, sealed", "receipt_tries": "failed, until",
    "erasures": "state, requested_by, decided_by", "holds": "placed_by, lifted_at",
}  # fmt: skip
Facts = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Code:
    """A receipt: its code, and what is asked beside it."""

    code: str
    factor: str


@dataclass
class Try:
    """One call: by a token of a code, or by somebody in an office."""

    rpc: str
    request: Any
    by: str
    """`holder`, `reporter`, or a role."""
    of: str = ""
    """The report whose code it is; empty for an office."""
    sub: str = ""
    unit: str = ""
    token: str = ""
    right: bool = True
    """For a sign-in: whether code and second factor are those that hold now."""

    def __str__(self) -> str:
        return f"{self.rpc} by {self.by} {self.of or self.sub} {self.unit}: {' '.join(str(self.request).split())[:160]}"


@dataclass
class Door:
    """A report with those around it."""

    report: str
    unit: str
    dice: random.Random
    codes: list[Code]
    other: str
    facts: Facts = field(default_factory=dict)
    tokens: list[tuple[str, str, str]] = field(default_factory=list)
    """Tokens that are out: role, report, token."""

    def staff(self, rpc: str, request: Message, role: str, sub: str = "") -> Try:
        """Return a call from an office; now and then from another one."""
        dice, unit = self.dice, self.unit
        sub = sub or dice.choice(("one", "two"))
        if dice.random() < 0.1:
            unit = dice.choice(("620103", "11"))
        if dice.random() < 0.1:
            role = dice.choice(("grid_worker", "citizen", "auditor", "mediator", "handler", "supervisor"))
        return Try(rpc, _keyed(request), role, sub=sub, unit=unit)


def _keyed(request: Any) -> Any:
    if "request_id" in request.DESCRIPTOR.fields_by_name:
        request.request_id = request_id()
    return request


def _signs_in(d: Door) -> Try:
    known = d.codes[-1] if d.dice.random() < 0.7 else d.dice.choice(d.codes)
    right = d.dice.random() < 0.8
    said = known.factor if right else d.dice.choice(("0000", "苹果 云彩", *(each.factor for each in d.codes)))
    newest = d.codes[-1]
    request = reporter_pb2.SignInByReceiptRequest(code=known.code, second_factor=said)
    return Try("SignInByReceipt", request, "clerk", sub="gateway", unit=d.unit,
               right=known.code == newest.code and said == newest.factor)  # fmt: skip


def _looks_up(d: Door) -> Try:
    known = d.codes[-1] if d.dice.random() < 0.7 else d.dice.choice(d.codes)
    request = intake_pb2.GetReceiptRequest(name=f"receipts/{known.code}")
    return Try("GetReceipt", request, "clerk", sub="gateway", unit=d.unit, right=known is d.codes[-1])


def _acts(d: Door) -> Try:
    """Return what somebody does about the report with any token that is out: another matter's, an older one's."""
    # What only an open report takes is tried more often: before anything else has ended it.
    rpc = d.dice.choice(
        [*sorted(REPORTER_MAY), *("AddPhoto", "AddToReport") * 3, "ReissueReceipt", "DecideReview", "EraseReport",
         "RequestReportErasure"]
    )  # fmt: skip
    request = _keyed(_about(d, rpc, d.report if d.dice.random() < 0.9 else d.other))
    if not d.tokens or d.dice.random() < 0.25:
        return d.staff(rpc, request, "clerk")
    own = [each for each in d.tokens if each[:2] == ("reporter", d.report)]
    role, of, token = d.dice.choice(own if own and d.dice.random() < 0.5 else d.tokens)
    return Try(rpc, request, role, of=of, token=token)


def _about(d: Door, rpc: str, report: str) -> Message:
    """Return a request for an RPC about a report."""
    fields: dict[str, dict[str, Any]] = {
        "AddToReport": {"text": "又漏了。"}, "CorrectReport": {"address": "三楼"}, "RateReport": {"contentment": 2},
        "RequestReview": {"text": "再看看。"}, "ReissueReceipt": {"document_kind": "居民身份证", "second_factor": 2},
        "DecideReview": {"upheld": d.dice.random() < 0.5, "reason": "如前"},
        "RequestReportErasure": {"ground": d.dice.choice((2, 3, 3)), "evidence": "order-1"},
        "HoldReportData": {"evidence": "suit-1"}, "ReleaseReportData": {"evidence": "suit-1"},
        "DeclineReport": {"reason": "不属于调解范围", "route": 1},
    }  # fmt: skip
    below = {
        "GetReportErasureCertificate": "/erasure/certificate", "ExportNotices": "/notices", "ExportReport": "/file",
        "DownloadReport": "/file", "GetDeclineReview": "/review", "DownloadPhoto": "/photos/1",
    }.get(rpc, "")  # fmt: skip
    if rpc == "AddPhoto":
        return reporter_pb2.AddPhotoRequest(parent=report, content=picture(size=(8, 8)))
    kind = BY_NAME[f"{_server(rpc)}.{rpc}"].request_type
    named = {"parent": report} if "parent" in kind.DESCRIPTOR.fields_by_name else {"name": report + below}
    return kind(**named, **fields.get(rpc, {}))


def _reissues(d: Door) -> Try:
    return d.staff("ReissueReceipt", _about(d, "ReissueReceipt", d.report), "clerk")


def _winds_up(d: Door) -> Try:
    """Return what brings the report to its end, and its data to theirs."""
    (now,), erasures = d.facts["reports"], d.facts["erasures"]
    own = [token for role, of, token in d.tokens if (role, of) == ("reporter", d.report)]
    if now["state"] not in OVER and own and d.dice.random() < 0.5:
        request = _keyed(_about(d, "WithdrawReport", d.report))
        return Try("WithdrawReport", request, "reporter", of=d.report, token=own[-1])
    if now["state"] not in OVER:
        return d.staff("DeclineReport", _about(d, "DeclineReport", d.report), "duty_officer")
    if not erasures or erasures[0]["state"] == ErasureState.REFUSED:
        request = reports_pb2.RequestReportErasureRequest(name=d.report, ground=3, evidence="order-1")
        return d.staff("RequestReportErasure", request, "unit_head")
    return d.staff("EraseReport", _about(d, "EraseReport", d.report), "unit_head")


def _office(rpc: str, role: str) -> Callable[[Door], Try]:
    return lambda d: d.staff(rpc, _about(d, rpc, d.report), role)


MOVES: dict[Callable[[Door], Try], int] = {
    _signs_in: 8, _looks_up: 4, _acts: 24, _reissues: 2, _winds_up: 4,
    _office("DecideReview", "unit_head"): 2, _office("RequestReportErasure", "unit_head"): 1,
    _office("EraseReport", "unit_head"): 1, _office("RefuseReportErasure", "unit_head"): 1,
    _office("HoldReportData", "unit_head"): 1, _office("ReleaseReportData", "unit_head"): 3,
}  # fmt: skip


def _server(rpc: str) -> str:
    return "mediation" if rpc == "ExportNotices" else "intake"


_SEALS = {"CorrectReport", "ReissueReceipt", "EraseReport", "DeclineReport", "DecideReview"}
"""Calls that seal something beside what was told: a code, a refusal; or erase it."""


def wrong(move: Try, answer: Answer, d: Door, after: Facts) -> list[str]:
    """Return what is impossible and happened."""
    before, done = d.facts, answer.code is grpc.StatusCode.OK
    (was,), (now,) = before["reports"], after["reports"]
    named = getattr(move.request, "name", "") or getattr(move.request, "parent", "") or d.report
    report, changed = "/".join(named.split("/")[:2]), {each for each in _FACTS if before[each] != after[each]}
    tried = changed - {"receipt_tries"} if move.rpc == "SignInByReceipt" else changed
    closed = any(each["until"] for each in before["receipt_tries"])
    may = {"holder": HOLDER_MAY, "reporter": REPORTER_MAY}.get(move.by, frozenset())
    own = OFFICE_MAY.get(move.by, READS)
    of_codes = move.rpc in ("SignInByReceipt", "GetReceipt")
    claims = {
        "what is refused changes nothing": done or not tried,
        "a code is good for its own matter": not (done and move.of) or move.of == report,
        "a code is good for what its holder may": not (done and move.of) or move.rpc in may,
        "an office elsewhere has no part in it": not (done and not move.of) or of_codes or move.unit == d.unit,
        "each office does what is its own": not (done and not move.of) or of_codes or move.rpc in own,
        "only the code that holds, with its second factor, signs in": not (done and of_codes) or move.right,
        "the right code signs in": done or not of_codes or not move.right or closed or now["erased_at"] is not None,
        "only a counter replaces a receipt":
            was["receipt_index"] == now["receipt_index"] or (move.rpc, move.by) == ("ReissueReceipt", "clerk"),
        "what was withdrawn stays so": not was["withdrawn_at"] or was["withdrawn_at"] == now["withdrawn_at"],
        "leaving always works": done or not _leaves(move, d, was),
        "no more photos than there may be": len(after["photos"]) <= MOST,
        "no word is lost": bool(now["erased_at"]) or len(after["additions"]) >= len(before["additions"]),
        "what was told is changed by whoever told it, on record": was["sealed"] == now["sealed"] or move.rpc in _SEALS,
        "somebody else decides": all(each["decided_by"] != each["declined_by"] for each in after["decline_reviews"]),
        "an erasure takes two people, no hold and a matter that is over": not now["erased_at"] or bool(was["erased_at"])
            or _well_erased(before, after),
        "what is erased is gone": not now["erased_at"] or _empty(after),
    }  # fmt: skip
    return [claim for claim, holds in claims.items() if not holds]


def _leaves(move: Try, d: Door, was: dict[str, Any]) -> bool:
    """Return whether the reporter withdraws what still waits at the door."""
    own = move.by == "reporter" and move.of == d.report == getattr(move.request, "name", "")
    waits = was["state"] in (ReportState.RECEIVED, ReportState.VERIFIED, ReportState.UNFOUNDED)
    return move.rpc == "WithdrawReport" and own and waits and not was["erased_at"]


def _well_erased(before: Facts, after: Facts) -> bool:
    (row,), (was,) = after["erasures"], before["reports"]
    held = any(each["lifted_at"] is None for each in before["holds"])
    return row["requested_by"] != row["decided_by"] and not held and was["state"] in OVER


def _empty(facts: Facts) -> bool:
    rows = [row for table in ("additions", "photos", "ratings", "decline_reviews", "reports") for row in facts[table]]
    return not any(row.get(column) for row in rows for column in ("sealed", "thumbnail"))


class DoorLife:
    """A report at the door, and what happens to it."""

    def __init__(self, clients: Clients, connection: asyncpg.Connection, unit: str, key: str) -> None:
        self._clients, self._connection, self._unit, self._key = clients, connection, unit, key
        self._dice = random.Random(key)
        self.seen: Counter[str] = Counter()

    async def live(self, steps: int, until: Callable[[], bool]) -> list[str]:
        """Try things with a report until something impossible happens; return what that was, with the life before."""
        door, told = await self._begin(), [f"seed {self._key}"]
        for _ in range(steps):
            if until():
                break
            (maker,) = self._dice.choices(list(MOVES), list(MOVES.values()))
            move = maker(door)
            answer = await self._send(move)
            check(answer)
            told.append(f"{move} → {answer.code.name} {answer.reason}")
            after = await self._facts(door.report)
            if broken := wrong(move, answer, door, after):
                return [*told, *broken]
            door.facts = after
            self.seen[f"{move.rpc} by {'code' if move.of else 'office'} {answer.reason or 'done'}"] += 1
            self._learn(door, move, answer)
        return []

    async def _begin(self) -> Door:
        made = [
            await self._clients.file_report(
                "楼上漏水。", unit=f"units/{self._unit}", reporter=report_pb2.Reporter(phone=PHONE)
            )
            for _ in range(2)
        ]
        codes = [Code(each.receipt_code, PHONE[-4:]) for each in made]
        door = Door(made[0].name, self._unit, self._dice, codes[:1], made[1].name)
        door.facts = await self._facts(door.report)
        request = reporter_pb2.SignInByReceiptRequest(code=codes[1].code, second_factor=codes[1].factor)
        foreign = Try("SignInByReceipt", request, "clerk", sub="gateway", unit=self._unit)
        self._learn(door, foreign, await self._send(foreign))
        return door

    async def _send(self, move: Try) -> Answer:
        access = self._clients.as_(move.by, move.unit, move.sub) if not move.token else {
            "metadata": (("authorization", f"Bearer {move.token}"), ("accept-language", "en")), "timeout": CALL,
        }  # fmt: skip
        server = _server(move.rpc)
        rpc = BY_NAME[f"{server}.{move.rpc}"]
        return await call(self._clients.channels[server], rpc.path, move.request.SerializePartialToString(), **access)

    async def _facts(self, report: str) -> Facts:
        number = report.partition("/")[2]
        return {
            table: [dict(row) for row in await self._connection.fetch(
                f"SELECT {columns} FROM intake.{table} WHERE number = $1 ORDER BY 1", number)]
            for table, columns in _FACTS.items()
        }  # fmt: skip

    @staticmethod
    def _learn(door: Door, move: Try, answer: Answer) -> None:
        if answer.code is not grpc.StatusCode.OK:
            return
        if move.rpc == "SignInByReceipt":
            session = reporter_pb2.ReceiptSession.FromString(answer.messages[0])
            door.tokens.append(("reporter", session.report, session.access_token))
        elif move.rpc == "GetReceipt":
            receipt = report_pb2.Receipt.FromString(answer.messages[0])
            door.tokens.append(("holder", receipt.report, receipt.access_token))
        elif move.rpc == "ReissueReceipt" and move.request.name == door.report:
            made = report_pb2.Report.FromString(answer.messages[0])
            door.codes.append(Code(made.receipt_code, made.receipt_words.split(" / ")[0]))
