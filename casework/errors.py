"""The one error type of Accord, and the closed list of reasons it can have.

A reason is stable: clients match on it. Each has a kind, which decides the gRPC code and the HTTP status (mapped in
`services/kit/serving/errors.py` and `services/gateway/rest/problem.py`, nowhere else), and a sentence in Chinese and
English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum


class Kind(Enum):
    """The kinds of refusal; each decides a gRPC code and an HTTP status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    DENIED = "denied"
    NOT_FOUND = "not_found"
    EXISTS = "exists"
    CONFLICT = "conflict"
    PRECONDITION = "precondition"
    UNAVAILABLE = "unavailable"
    EXHAUSTED = "exhausted"
    OUT_OF_RANGE = "out_of_range"


class Reason(StrEnum):
    """Stable reason codes."""

    INVALID_FIELD = "INVALID_FIELD"
    UNKNOWN_UNIT = "UNKNOWN_UNIT"
    UNKNOWN_CATEGORY = "UNKNOWN_CATEGORY"
    UNKNOWN_AREA = "UNKNOWN_AREA"
    INVALID_PAGE_TOKEN = "INVALID_PAGE_TOKEN"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    ETAG_MISMATCH = "ETAG_MISMATCH"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    WRONG_STATE = "WRONG_STATE"
    SAME_PERSON = "SAME_PERSON"
    TASKS_OPEN = "TASKS_OPEN"
    SAME_REPORT = "SAME_REPORT"
    TOP_LEVEL = "TOP_LEVEL"
    COMPLAINED_OF = "COMPLAINED_OF"
    CLOCK_NOT_RUNNING = "CLOCK_NOT_RUNNING"
    CLOCK_PAUSED = "CLOCK_PAUSED"
    CLOCK_NOT_PAUSED = "CLOCK_NOT_PAUSED"
    PAUSE_CAUSE_NOT_ALLOWED = "PAUSE_CAUSE_NOT_ALLOWED"
    PAUSE_AFTER_DUE = "PAUSE_AFTER_DUE"
    PAUSE_AMBIGUOUS = "PAUSE_AMBIGUOUS"
    RESTART_CAUSE_NOT_ALLOWED = "RESTART_CAUSE_NOT_ALLOWED"
    RESTART_AFTER_DUE = "RESTART_AFTER_DUE"
    BACKDATED_TOO_FAR = "BACKDATED_TOO_FAR"
    BEFORE_START = "BEFORE_START"
    REOPEN_LATE = "REOPEN_LATE"
    IN_THE_FUTURE = "IN_THE_FUTURE"
    EXTENSION_NOT_ALLOWED = "EXTENSION_NOT_ALLOWED"
    EXTENSION_TOO_LONG = "EXTENSION_TOO_LONG"
    EXTENSION_USED_UP = "EXTENSION_USED_UP"
    EXTENSION_AFTER_DUE = "EXTENSION_AFTER_DUE"
    EXTENSION_NOT_FOUND = "EXTENSION_NOT_FOUND"
    CONSENT_MISSING = "CONSENT_MISSING"
    APPROVER_REQUIRED = "APPROVER_REQUIRED"
    REASON_REQUIRED = "REASON_REQUIRED"
    EVIDENCE_REQUIRED = "EVIDENCE_REQUIRED"
    UNKNOWN_RULE = "UNKNOWN_RULE"
    CLOCK_NOT_BY_HAND = "CLOCK_NOT_BY_HAND"
    RULE_NOT_IN_FORCE = "RULE_NOT_IN_FORCE"
    PREVIEW_STALE = "PREVIEW_STALE"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    MAINTENANCE = "MAINTENANCE"
    TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
    BEYOND_THE_FEED = "BEYOND_THE_FEED"
    SUPPORT_NEEDED = "SUPPORT_NEEDED"
    OWN_CONSENT_NEEDED = "OWN_CONSENT_NEEDED"
    TOO_MANY_REPRESENTATIVES = "TOO_MANY_REPRESENTATIVES"
    CONFLICT_OF_INTEREST = "CONFLICT_OF_INTEREST"
    NOT_THE_MEDIATOR = "NOT_THE_MEDIATOR"
    NOT_ASKED = "NOT_ASKED"
    ROLE_BARRED = "ROLE_BARRED"
    JOINT_REFUSED = "JOINT_REFUSED"
    ROOM_TAKEN = "ROOM_TAKEN"
    ROOM_CLOSED = "ROOM_CLOSED"
    NO_MEDIATOR = "NO_MEDIATOR"
    CAUCUS_ONLY = "CAUCUS_ONLY"
    READ_BACK_MISSING = "READ_BACK_MISSING"
    NOT_RELEASED = "NOT_RELEASED"
    FILE_REFUSED = "FILE_REFUSED"
    FILE_DAMAGED = "FILE_DAMAGED"
    DATA_ERASED = "DATA_ERASED"
    NOT_IN_MEDIATION = "NOT_IN_MEDIATION"
    WRITTEN_REQUIRED = "WRITTEN_REQUIRED"
    CHECKLIST_INCOMPLETE = "CHECKLIST_INCOMPLETE"
    NOT_EFFECTIVE = "NOT_EFFECTIVE"
    WINDOW_CLOSED = "WINDOW_CLOSED"
    MEDIATION_OPEN = "MEDIATION_OPEN"
    NOTICES_UNSERVED = "NOTICES_UNSERVED"
    VIEWS_MISSING = "VIEWS_MISSING"
    CLAUSES_OPEN = "CLAUSES_OPEN"
    NOT_FOR_MEDIATION = "NOT_FOR_MEDIATION"
    NOT_PERFORMED = "NOT_PERFORMED"
    FACTS_MISSING = "FACTS_MISSING"
    FORM_NOT_MADE_SO = "FORM_NOT_MADE_SO"
    UNKNOWN_LANGUAGE = "UNKNOWN_LANGUAGE"
    UNKNOWN_FILE_TYPE = "UNKNOWN_FILE_TYPE"
    NO_CLUSTER = "NO_CLUSTER"
    PLACE_NOT_IN_CAMPAIGN = "PLACE_NOT_IN_CAMPAIGN"
    FINDINGS_OPEN = "FINDINGS_OPEN"
    COUNTERSIGN_MISSING = "COUNTERSIGN_MISSING"
    RIGHTS_UNCHECKED = "RIGHTS_UNCHECKED"
    NOT_THE_LEAD = "NOT_THE_LEAD"
    NOT_THE_EXPERT = "NOT_THE_EXPERT"
    NO_EXPERT = "NO_EXPERT"
    PERSONAL_DATA = "PERSONAL_DATA"
    NOT_THE_SUCCESSOR = "NOT_THE_SUCCESSOR"
    NOTHING_HELD = "NOTHING_HELD"
    HELD_BY_ANOTHER = "HELD_BY_ANOTHER"
    OBJECTION_LATE = "OBJECTION_LATE"
    OBJECTED_BEFORE = "OBJECTED_BEFORE"
    OBJECTIONS_POSSIBLE = "OBJECTIONS_POSSIBLE"
    DRAFT_NOT_TAKEN_UP = "DRAFT_NOT_TAKEN_UP"
    HEARING_MISSING = "HEARING_MISSING"
    NOTICE_TOO_SHORT = "NOTICE_TOO_SHORT"
    OBJECTION_OPEN = "OBJECTION_OPEN"
    OFFER_OPEN = "OFFER_OPEN"
    CONTRADICTED = "CONTRADICTED"
    SCREENING_MISSING = "SCREENING_MISSING"
    UMPIRE_DECIDES = "UMPIRE_DECIDES"
    APPROVAL_NEEDED = "APPROVAL_NEEDED"
    PLAN_CHANGE_OPEN = "PLAN_CHANGE_OPEN"
    PLAN_EMPTY = "PLAN_EMPTY"
    UNIT_BEYOND_PLAN = "UNIT_BEYOND_PLAN"
    NOT_PUBLISHED = "NOT_PUBLISHED"
    STEP_UNMAPPED = "STEP_UNMAPPED"
    TASK_REPORTED = "TASK_REPORTED"
    GUARDIAN_NEEDED = "GUARDIAN_NEEDED"
    REPORTER_NOT_NAMED = "REPORTER_NOT_NAMED"
    SIDE_KEPT = "SIDE_KEPT"
    ERASURE_BARRED = "ERASURE_BARRED"
    SECOND_FACTOR_WRONG = "SECOND_FACTOR_WRONG"
    SECOND_FACTOR_MISSING = "SECOND_FACTOR_MISSING"
    DOOR_CLOSED = "DOOR_CLOSED"
    CHALLENGE_MISSING = "CHALLENGE_MISSING"
    CHALLENGE_WRONG = "CHALLENGE_WRONG"
    CHALLENGE_EXPIRED = "CHALLENGE_EXPIRED"
    CHALLENGE_USED = "CHALLENGE_USED"
    RECEIVED_AFTER_RECORDED = "RECEIVED_AFTER_RECORDED"
    NOTHING_TO_CHANGE = "NOTHING_TO_CHANGE"
    HALL_CLOSED = "HALL_CLOSED"
    QUEUE_FULL = "QUEUE_FULL"
    TOO_MANY = "TOO_MANY"
    NOBODY_WAITING = "NOBODY_WAITING"
    WINDOW_BUSY = "WINDOW_BUSY"
    TICKET_EXPIRED = "TICKET_EXPIRED"
    FORWARD_OPEN = "FORWARD_OPEN"
    NOT_FORWARDED = "NOT_FORWARDED"
    SENT_BACK_TWICE = "SENT_BACK_TWICE"
    DECIDED_ABOVE = "DECIDED_ABOVE"
    NOT_ANSWERED = "NOT_ANSWERED"
    MERGED_NOW = "MERGED_NOW"
    MERGE_INTO_OVER = "MERGE_INTO_OVER"
    MERGED_INTO_OVER = "MERGED_INTO_OVER"
    MERGE_REFUSED = "MERGE_REFUSED"
    UNKNOWN_GRID = "UNKNOWN_GRID"
    TERM_OVER = "TERM_OVER"
    OWN_TARGET_LATE = "OWN_TARGET_LATE"
    EFFECT_TOO_EARLY = "EFFECT_TOO_EARLY"
    LOOK_BACK_EARLY = "LOOK_BACK_EARLY"
    COMPLAINT_STAYS = "COMPLAINT_STAYS"
    PORTABLE_KEY_UNKNOWN = "PORTABLE_KEY_UNKNOWN"
    PORTABLE_CASE_BROKEN = "PORTABLE_CASE_BROKEN"


@dataclass(frozen=True, slots=True)
class _Text:
    kind: Kind
    zh: str
    en: str


TEXTS: dict[Reason, _Text] = {
    Reason.SECOND_FACTOR_WRONG: _Text(
        Kind.DENIED,
        "验证信息不对：请输入登记电话的后四位，或者回执上印的两个词。",
        "That is not it: say the last four digits of the phone, or the two words printed on the receipt.",
    ),
    Reason.SECOND_FACTOR_MISSING: _Text(
        Kind.PRECONDITION,
        "这张回执没有登记验证信息，请到窗口当面办理。",
        "This receipt has no second factor: please come to a counter.",
    ),
    Reason.DOOR_CLOSED: _Text(
        Kind.PRECONDITION,
        "该单位不接收无账号的网上反映，请拨打所示电话或者到窗口办理。",
        "This unit takes no reports without an account: please call the number given, or come to a counter.",
    ),
    Reason.CHALLENGE_MISSING: _Text(
        Kind.INVALID,
        "提交前须先完成自动验证；也可以打电话或者到窗口反映。",
        "An automatic check comes before sending: let it finish, or call, or come to a counter.",
    ),
    Reason.CHALLENGE_WRONG: _Text(
        Kind.INVALID,
        "自动验证没有通过：请重新验证后再提交。",
        "The automatic check was not passed: ask for a new one and send again.",
    ),
    Reason.CHALLENGE_EXPIRED: _Text(
        Kind.INVALID,
        "自动验证已经过期：请重新验证后再提交。",
        "The automatic check has expired: ask for a new one and send again.",
    ),
    Reason.CHALLENGE_USED: _Text(
        Kind.INVALID,
        "这次自动验证已经用过：每件反映须重新验证。",
        "This automatic check was used before: each report needs one of its own.",
    ),
    Reason.RECEIVED_AFTER_RECORDED: _Text(
        Kind.INVALID,
        "收到的时间不能晚于登记的时间：更正不能使单位多得时间。",
        "It cannot have been received after it was recorded here: a correction gives nobody more time.",
    ),
    Reason.FORWARD_OPEN: _Text(
        Kind.PRECONDITION,
        "已转请另一单位接收，尚无结果：请等待答复，或者先撤回转送。",
        "Another unit was asked to take it over: wait for its answer, or recall it first.",
    ),
    Reason.NOT_FORWARDED: _Text(
        Kind.PRECONDITION, "这件事项没有转送给其他单位。", "The report was not forwarded to another unit."
    ),
    Reason.SENT_BACK_TWICE: _Text(
        Kind.PRECONDITION,
        "已被退回两次，且没有共同上级可以裁定：请受理，或者不予受理并告知去向。",
        "It was sent back twice, and no unit above both can decide: accept it, or decline it and say where to turn.",
    ),
    Reason.DECIDED_ABOVE: _Text(
        Kind.PRECONDITION,
        "由谁办理已经上级决定，不能再转送：请受理，或者不予受理并告知去向。",
        "A unit above decided who has it: it is not forwarded again. Accept it, or decline it and say where to turn.",
    ),
    Reason.NOT_ANSWERED: _Text(
        Kind.PRECONDITION,
        "先前的事项还没有答复，不算重复反映：属同一事项的，请并案办理。",
        "The earlier matter is not answered yet, so this is no repeat of it: if it is the same, merge the two.",
    ),
    Reason.MERGED_NOW: _Text(
        Kind.PRECONDITION,
        "两件已经并案：认为不是同一事项的，请先撤销并案。",
        "One of the two is merged into the other: if they are not the same, undo the merge.",
    ),
    Reason.MERGE_INTO_OVER: _Text(
        Kind.PRECONDITION,
        "要并入的事项已经结束，或者已并入另一件：请并入仍在办理的那一件，或者关联为重复反映；确需一并办理的，先重新办理原事项。",
        "The other matter is over, or was merged itself: merge into the one that is under way, or link this one as a"
        " repeat; to handle both together, have the other one taken up again first.",
    ),
    Reason.MERGED_INTO_OVER: _Text(
        Kind.PRECONDITION,
        "并入的事项已经结束，不能撤销并案：确不是同一事项的，先重新办理该事项再撤销，或者另行登记。",
        "The matter it was merged into is over: if they are not the same, have that one taken up again first, then undo"
        " the merge; or file this one anew.",
    ),
    Reason.MERGE_REFUSED: _Text(
        Kind.PRECONDITION,
        "对方单位已答复不是同一事项，不能再次提议并入：请另行受理、转送，或者请共同的上级单位并案。",
        "The other unit answered that it is not the same matter: it is not proposed again. Accept or forward it, or ask"
        " the unit above both to merge them.",
    ),
    Reason.NOTHING_TO_CHANGE: _Text(
        Kind.PRECONDITION,
        "没有要更正的内容：请写明类别、联系方式或收到的时间，且与现有登记不同。",
        "Nothing to correct: give a category, a contact or a time of receipt that differs from what is recorded.",
    ),
    Reason.HALL_CLOSED: _Text(
        Kind.PRECONDITION,
        "大厅现在不取号；开放时间见所示。",
        "The hall gives out no tickets now: it opens as shown.",
    ),
    Reason.QUEUE_FULL: _Text(
        Kind.PRECONDITION,
        "今天这一队列的号已经取完：请问窗口工作人员，或者改天再来。",
        "All tickets of this queue are given out for today: ask at a window, or come another day.",
    ),
    Reason.TOO_MANY: _Text(
        Kind.PRECONDITION,
        "这里的条目已达到上限，不能再增加：请使用已有的条目，或者与上级联系。",
        "There are as many here as there may be: use those that are there, or ask the unit above.",
    ),
    Reason.NOBODY_WAITING: _Text(
        Kind.PRECONDITION, "这个窗口的队列里没有人等候。", "Nobody is waiting in the queues of this window."
    ),
    Reason.WINDOW_BUSY: _Text(
        Kind.PRECONDITION,
        "窗口叫的上一个号还没有办完：请先办结，或者过号。",
        "The window's last ticket is still open: record that it was served, or pass it over, first.",
    ),
    Reason.TICKET_EXPIRED: _Text(
        Kind.PRECONDITION,
        "这是另一天的号，只在当天有效：请重新取号。",
        "This ticket is of another day and was good for that day only: draw a new one.",
    ),
    Reason.UNKNOWN_GRID: _Text(
        Kind.INVALID, "没有这个网格，或者网格已经撤销。", "There is no such grid, or it was closed."
    ),
    Reason.TERM_OVER: _Text(
        Kind.DENIED,
        "名册上这一天不在网格员任期内：请与所在乡镇（街道）联系。",
        "By the roster this day is in no term of this grid worker: ask the township.",
    ),
    Reason.OWN_TARGET_LATE: _Text(
        Kind.PRECONDITION,
        "本单位在该计划中的目标已经逾期：是否终止由上一级单位决定。",
        "Your unit is late with a target of this plan: the level above decides whether it ends.",
    ),
    Reason.EFFECT_TOO_EARLY: _Text(
        Kind.PRECONDITION,
        "成效还不能比较：过渡期和最少统计天数届满后再办结。",
        "The effect cannot be told yet: close it once the days of transition and the fewest days to count are over.",
    ),
    Reason.LOOK_BACK_EARLY: _Text(
        Kind.PRECONDITION,
        "回头看未到日期：到期前七日起方可登记“没有反复”；事项反复的，随时可以登记。",
        "It is too early for this look back: that a matter is still settled is recorded from seven days before it is "
        "due, that it came back at any time.",
    ),
    Reason.COMPLAINT_STAYS: _Text(
        Kind.PRECONDITION,
        "对单位的投诉不能整体带出：带出的案卷可能落到被投诉单位手中。",
        "A complaint about a unit is not taken out: the file could be carried to that unit.",
    ),
    Reason.PORTABLE_KEY_UNKNOWN: _Text(
        Kind.PRECONDITION,
        "可携案卷的签名密钥不在受信任的名单中：请向移交单位核对，再由运维人员加入名单。",
        "The portable case file is signed with a key that is not trusted here: ask the sending centre, then have the"
        " operator add it.",
    ),
    Reason.PORTABLE_CASE_BROKEN: _Text(
        Kind.INVALID,
        "可携案卷不完整或被改动，没有接收。",
        "The portable case file is damaged or was changed: nothing of it was taken in.",
    ),
    Reason.NO_CLUSTER: _Text(
        Kind.PRECONDITION, "该地目前没有这类事项的集中现象。", "There is no current cluster of these cases there."
    ),
    Reason.PLACE_NOT_IN_CAMPAIGN: _Text(
        Kind.PRECONDITION, "该地点不在本次排查范围内。", "The place does not belong to this campaign."
    ),
    Reason.FINDINGS_OPEN: _Text(
        Kind.PRECONDITION, "还有排查发现尚未转入受理。", "Some findings of the campaign have not reached intake yet."
    ),
    Reason.INVALID_FIELD: _Text(Kind.INVALID, "请求中有字段不正确。", "A field of the request is not valid."),
    Reason.UNKNOWN_UNIT: _Text(Kind.INVALID, "没有这个单位。", "There is no such unit."),
    Reason.UNKNOWN_CATEGORY: _Text(Kind.INVALID, "没有这个类别。", "There is no such category."),
    Reason.UNKNOWN_AREA: _Text(Kind.INVALID, "没有这个行政区划代码。", "There is no such administrative code."),
    Reason.INVALID_PAGE_TOKEN: _Text(Kind.INVALID, "翻页标记无效。", "The page token is not valid."),
    Reason.UNAUTHENTICATED: _Text(
        Kind.UNAUTHENTICATED, "请先登录：缺少有效的令牌。", "No valid token: please sign in."
    ),
    Reason.PERMISSION_DENIED: _Text(
        Kind.DENIED, "您的身份无权对这个单位的事项进行此操作。", "Your role has no permission to do this in this unit."
    ),
    Reason.NOT_FOUND: _Text(Kind.NOT_FOUND, "找不到。", "Not found."),
    Reason.ALREADY_EXISTS: _Text(Kind.EXISTS, "已经存在。", "It already exists."),
    Reason.ETAG_MISMATCH: _Text(
        Kind.CONFLICT,
        "内容已被他人修改，请重新读取后再试。",
        "It has changed since you read it: read it again and retry.",
    ),
    Reason.IDEMPOTENCY_KEY_REUSED: _Text(
        Kind.PRECONDITION,
        "这个请求编号已用于另一个不同的请求。",
        "This request id was already used for a different request.",
    ),
    Reason.WRONG_STATE: _Text(
        Kind.PRECONDITION, "当前状态下不能进行此操作。", "This is not allowed in the current state."
    ),
    Reason.SAME_PERSON: _Text(
        Kind.PRECONDITION, "核验人不能是经办人本人。", "Nobody may verify or decide their own work."
    ),
    Reason.TASKS_OPEN: _Text(Kind.PRECONDITION, "方案中还有任务没有完成。", "Some tasks of the plan are not done yet."),
    Reason.SAME_REPORT: _Text(Kind.INVALID, "两个编号是同一件事项。", "Both names refer to the same report."),
    Reason.TOP_LEVEL: _Text(Kind.PRECONDITION, "上面没有更高的层级。", "There is no level above this unit."),
    Reason.COMPLAINED_OF: _Text(
        Kind.PRECONDITION, "投诉不得交由被投诉的单位办理。", "A complaint must not be handled by the unit it is about."
    ),
    Reason.CLOCK_NOT_RUNNING: _Text(
        Kind.PRECONDITION, "这个时限已经结束或尚未开始。", "This clock has ended or has not started."
    ),
    Reason.CLOCK_PAUSED: _Text(
        Kind.PRECONDITION, "时限已因同一事由中止。", "The clock is already paused for this cause."
    ),
    Reason.CLOCK_NOT_PAUSED: _Text(Kind.PRECONDITION, "时限并未中止。", "The clock is not paused."),
    Reason.PAUSE_CAUSE_NOT_ALLOWED: _Text(
        Kind.INVALID, "这项时限不因该事由中止。", "This clock cannot be paused for that cause."
    ),
    Reason.PAUSE_AMBIGUOUS: _Text(
        Kind.PRECONDITION, "同时有几项中止，请指明恢复的是哪一项。", "Several pauses are open: name the one that ends."
    ),
    Reason.RESTART_CAUSE_NOT_ALLOWED: _Text(
        Kind.INVALID, "按规则，这一事由不中断时限。", "The rule allows no restart for this cause."
    ),
    Reason.RESTART_AFTER_DUE: _Text(
        Kind.PRECONDITION, "期限已经届满，不能中断。", "The deadline had already passed: the clock cannot restart."
    ),
    Reason.PAUSE_AFTER_DUE: _Text(
        Kind.PRECONDITION, "时限届满后不能再中止。", "The deadline has passed: the clock can no longer be paused."
    ),
    Reason.BACKDATED_TOO_FAR: _Text(
        Kind.INVALID, "追溯的日期超出规则允许的范围。", "The date is further back than the rule allows."
    ),
    Reason.REOPEN_LATE: _Text(
        Kind.PRECONDITION,
        "已过可以重新办理的期限：请作为新事项登记，并与原事项关联为重复反映。",
        "The time to take it up again is over: file it as a new matter, and link it to this one as a repeat.",
    ),
    Reason.BEFORE_START: _Text(Kind.INVALID, "早于时限开始的时间。", "It is before the clock's start."),
    Reason.IN_THE_FUTURE: _Text(Kind.INVALID, "不能登记尚未发生的事项。", "A time in the future cannot be recorded."),
    Reason.EXTENSION_NOT_ALLOWED: _Text(
        Kind.PRECONDITION, "这项时限不能这样延长。", "This clock cannot be extended in this way."
    ),
    Reason.EXTENSION_TOO_LONG: _Text(
        Kind.INVALID, "延长的时间超出规则的规定。", "The extension is longer than the rule allows."
    ),
    Reason.EXTENSION_USED_UP: _Text(
        Kind.PRECONDITION, "已达到允许延长的次数。", "It has already been extended as often as the rule allows."
    ),
    Reason.EXTENSION_AFTER_DUE: _Text(
        Kind.PRECONDITION, "应当在期限届满前延长。", "An extension must be made before the deadline."
    ),
    Reason.EXTENSION_NOT_FOUND: _Text(
        Kind.PRECONDITION, "没有这次延长，或已撤销。", "There is no such extension, or it has been revoked."
    ),
    Reason.CONSENT_MISSING: _Text(
        Kind.PRECONDITION, "这需要每一方当事人的同意。", "This requires the consent of every party."
    ),
    Reason.APPROVER_REQUIRED: _Text(
        Kind.INVALID, "需要写明批准的单位负责人。", "Name the head of the unit who approves."
    ),
    Reason.REASON_REQUIRED: _Text(
        Kind.INVALID, "需要写明告知当事人的理由。", "Give the reason that the parties are told."
    ),
    Reason.EVIDENCE_REQUIRED: _Text(Kind.INVALID, "须注明证据材料。", "Name a document as evidence."),
    Reason.UNKNOWN_RULE: _Text(
        Kind.INVALID,
        "没有这条时限规则，或不能人工启动。",
        "There is no such rule, or its clock cannot be started manually.",
    ),
    Reason.CLOCK_NOT_BY_HAND: _Text(
        Kind.PRECONDITION,
        "这个时限由系统办理，不能人工停止。",
        "The service stops this clock; it cannot be stopped manually.",
    ),
    Reason.RULE_NOT_IN_FORCE: _Text(
        Kind.INVALID,
        "这条时限规则在起算日不适用（已经废止或者尚未施行）。",
        "This rule is not in force on the start date: it has expired, or is not in force yet.",
    ),
    Reason.PREVIEW_STALE: _Text(
        Kind.PRECONDITION,
        "预览后内容已变，请重新预览。",
        "It has changed since the preview: preview again.",
    ),
    Reason.BEYOND_THE_FEED: _Text(
        Kind.OUT_OF_RANGE,
        "事件流到不了这个位置，或者这个位置上已是另一事件；请从较早的位置重新开始。",
        "The feed ends before this position, or has another event there: start again from an earlier position.",
    ),
    Reason.SERVICE_UNAVAILABLE: _Text(
        Kind.UNAVAILABLE, "服务暂时不可用，请稍后再试。", "Temporarily unavailable: retry."
    ),
    Reason.MAINTENANCE: _Text(
        Kind.UNAVAILABLE,
        "系统正在维护，现在不能登记和办理，查询照常，期限照算；请稍后再试。",
        "Under maintenance: nothing can be entered now, reading goes on, and so do deadlines. Try again later.",
    ),
    Reason.TOO_MANY_REQUESTS: _Text(Kind.EXHAUSTED, "请求过多，请稍后再试。", "Too many requests: retry later."),
    Reason.SUPPORT_NEEDED: _Text(
        Kind.PRECONDITION,
        "这位当事人需要监护人或者协助人在场，其同意才有效。",
        "This party's consent is valid only with a guardian or support person present.",
    ),
    Reason.OWN_CONSENT_NEEDED: _Text(
        Kind.PRECONDITION,
        "这一步须由当事人本人同意，代表人和代理人不能代为同意。",
        "This step requires the party's own consent: a representative or agent cannot give it.",
    ),
    Reason.TOO_MANY_REPRESENTATIVES: _Text(
        Kind.PRECONDITION, "一方的推选代表不得超过五人。", "A side can have at most five representatives."
    ),
    Reason.CONFLICT_OF_INTEREST: _Text(
        Kind.PRECONDITION,
        "这位调解员与本案有利害关系，应当回避。",
        "This mediator has a conflict of interest in this case.",
    ),
    Reason.NOT_THE_MEDIATOR: _Text(
        Kind.PRECONDITION, "只有本案的调解员本人可以进行此操作。", "Only the mediator of this case can do this."
    ),
    Reason.NOT_ASKED: _Text(
        Kind.PRECONDITION, "只有被邀请的人本人可以答复。", "Only whoever was asked can answer this."
    ),
    Reason.ROLE_BARRED: _Text(
        Kind.PRECONDITION,
        "在本案中担任过其他角色的人不能担任这个角色。",
        "A person who had another role in this matter cannot take this one.",
    ),
    # It does not say why: the person it is about may see the answer.
    Reason.JOINT_REFUSED: _Text(
        Kind.PRECONDITION,
        "本案分别进行；每一方都单独、主动提出后才能面对面。",
        "The sides meet separately in this case, unless each of them, asked alone, requests a joint session.",
    ),
    Reason.ROOM_TAKEN: _Text(
        Kind.PRECONDITION, "这个房间在这段时间已被占用。", "The room is already booked at that time."
    ),
    Reason.ROOM_CLOSED: _Text(Kind.PRECONDITION, "这个房间已停用。", "The room is no longer in use."),
    Reason.NO_MEDIATOR: _Text(Kind.PRECONDITION, "本案还没有调解员。", "The case has no mediator yet."),
    Reason.CAUCUS_ONLY: _Text(
        Kind.PRECONDITION,
        "单方会谈不作调解记录，只记入该方的保密区。",
        "A separate session has no mediation record: what is said goes into that side's compartment.",
    ),
    Reason.READ_BACK_MISSING: _Text(
        Kind.PRECONDITION, "记录须先向该当事人宣读并经其确认。", "The record must be read back to the party first."
    ),
    Reason.NOT_RELEASED: _Text(
        Kind.PRECONDITION,
        "还没有经全体当事人签字，不能调阅。",
        "It cannot be read until every party has signed.",
    ),
    Reason.FILE_REFUSED: _Text(
        Kind.INVALID,
        "文件内容与所称类型不符，或类型不在允许之列。",
        "The file's content does not match its declared type, or the type is not allowed.",
    ),
    Reason.FILE_DAMAGED: _Text(Kind.PRECONDITION, "文件缺失或已损坏。", "The stored file is missing or damaged."),
    Reason.DATA_ERASED: _Text(
        Kind.PRECONDITION, "本案的个人信息已经依法销毁。", "The personal data of this case has been erased."
    ),
    Reason.NOT_IN_MEDIATION: _Text(Kind.PRECONDITION, "本案不在调解中。", "The case is not in mediation."),
    Reason.WRITTEN_REQUIRED: _Text(
        Kind.PRECONDITION,
        "这类纠纷的调解协议必须是书面的。",
        "In disputes of this kind the agreement must be in writing.",
    ),
    Reason.CHECKLIST_INCOMPLETE: _Text(
        Kind.PRECONDITION,
        "合法性清单或案外人利益提示尚未全部通过，不能签署。",
        "The legality checklist or the third-party prompt is not complete: signing is not possible yet.",
    ),
    Reason.NOT_EFFECTIVE: _Text(Kind.PRECONDITION, "没有已生效的调解协议。", "There is no effective agreement."),
    Reason.WINDOW_CLOSED: _Text(
        Kind.PRECONDITION, "申请司法确认的三十日已过。", "The 30 days to apply for judicial confirmation have passed."
    ),
    Reason.MEDIATION_OPEN: _Text(Kind.PRECONDITION, "调解尚未结束。", "The mediation has not ended."),
    Reason.NOTICES_UNSERVED: _Text(
        Kind.PRECONDITION, "权利告知书尚未送达全部当事人。", "The notice of rights has not been served to every party."
    ),
    Reason.VIEWS_MISSING: _Text(
        Kind.PRECONDITION, "尚未记录双方对办结的意见。", "The views of both sides on the closing are not recorded."
    ),
    Reason.CLAUSES_OPEN: _Text(
        Kind.PRECONDITION, "协议中还有条款没有履行。", "Some clauses of the agreement have not been performed."
    ),
    Reason.NOT_FOR_MEDIATION: _Text(
        Kind.PRECONDITION, "这件事项不能移送调解。", "This matter cannot be transferred to mediation."
    ),
    Reason.NOT_PERFORMED: _Text(Kind.PRECONDITION, "协议尚未履行。", "The agreement has not been performed."),
    Reason.FACTS_MISSING: _Text(
        Kind.PRECONDITION,
        "这份文书所需的事实还没有登记。",
        "Facts that this document needs have not been recorded yet.",
    ),
    Reason.FORM_NOT_MADE_SO: _Text(
        Kind.INVALID, "这种文书不能这样制作。", "A document of this kind cannot be made in this way."
    ),
    Reason.UNKNOWN_LANGUAGE: _Text(
        Kind.INVALID, "没有这种语言的文书。", "Documents are not available in this language."
    ),
    Reason.UNKNOWN_FILE_TYPE: _Text(
        Kind.INVALID, "只接受 PDF、PNG、JPEG 文件。", "Only PDF, PNG and JPEG files are accepted."
    ),
    Reason.COUNTERSIGN_MISSING: _Text(
        Kind.PRECONDITION, "会签尚未完成。", "Not everybody asked to countersign has answered."
    ),
    Reason.RIGHTS_UNCHECKED: _Text(
        Kind.PRECONDITION,
        "方案须确认每一方当事人均可起诉，且已被告知。",
        "The plan must confirm that every party is free to sue and has been told so.",
    ),
    Reason.NOT_THE_LEAD: _Text(
        Kind.PRECONDITION,
        "只有本事项的包案领导本人可以进行此操作。",
        "Only the lead official of this matter can do this.",
    ),
    Reason.NOT_THE_EXPERT: _Text(
        Kind.PRECONDITION, "只有被抽取的专家本人可以进行此操作。", "Only the expert who was drawn can do this."
    ),
    Reason.NO_EXPERT: _Text(
        Kind.PRECONDITION, "专家库中没有合适的专家。", "The pool has no suitable expert available."
    ),
    Reason.PERSONAL_DATA: _Text(
        Kind.INVALID,
        "这里不能写电话、证件号码、银行卡号等个人信息。",
        "Phone, identity, bank card and similar personal numbers are not allowed here.",
    ),
    Reason.NOT_THE_SUCCESSOR: _Text(
        Kind.PRECONDITION, "只有接收人本人可以确认交接。", "Only the successor can acknowledge the hand-over."
    ),
    Reason.NOTHING_HELD: _Text(
        Kind.PRECONDITION,
        "这位工作人员名下没有可以交接的事项。",
        "This official has nothing to hand over.",
    ),
    Reason.HELD_BY_ANOTHER: _Text(Kind.INVALID, "这件事项由他人负责。", "Another official is responsible for this."),
    Reason.OBJECTION_LATE: _Text(Kind.PRECONDITION, "提出异议的期限已过。", "The deadline to object has passed."),
    Reason.OBJECTED_BEFORE: _Text(
        Kind.PRECONDITION, "对这次派单已经提出过异议。", "This dispatch has already been objected to."
    ),
    Reason.OBJECTIONS_POSSIBLE: _Text(
        Kind.PRECONDITION, "申辩期限尚未届满，不能定稿。", "It cannot be finalised while units may still object."
    ),
    Reason.DRAFT_NOT_TAKEN_UP: _Text(
        Kind.PRECONDITION,
        "草稿由规则生成，尚无拟稿人：须先有人审阅修改，再由他人签发。",
        "A rule generated this draft and nobody has taken it up: one person must edit it, another must sign.",
    ),
    Reason.HEARING_MISSING: _Text(
        Kind.PRECONDITION,
        "通报前须听取该单位的陈述并记录。",
        "The unit must be heard, and its statement recorded, before a circular is signed.",
    ),
    Reason.NOTICE_TOO_SHORT: _Text(
        Kind.PRECONDITION,
        "约谈须至少提前三个工作日通知；提前进行须经被约谈单位书面同意。",
        "An interview requires three working days' notice; an earlier one requires the unit's written agreement.",
    ),
    Reason.OBJECTION_OPEN: _Text(Kind.PRECONDITION, "异议尚未作出决定。", "An objection has not been decided yet."),
    Reason.APPROVAL_NEEDED: _Text(
        Kind.PRECONDITION,
        "撤销或者拆分正在办理的任务、推迟期限，须由单位负责人另行批准：请把 propose 设为 true 提出，由另一人决定。",
        "Dropping or splitting a running task, or moving a date later, is approved by somebody else: send it with "
        "`propose` set to true, for the head of the unit to decide.",
    ),
    Reason.PLAN_CHANGE_OPEN: _Text(
        Kind.PRECONDITION,
        "已有一项方案变更等待批准，请等它被决定后再提出。",
        "A change of this plan waits for its decision; propose another after that.",
    ),
    Reason.PLAN_EMPTY: _Text(
        Kind.PRECONDITION,
        "方案不能一项任务都不剩：请同时增加任务；事项已经结束的，请申请办结。",
        "A plan is not left without any task: add one with it; if the matter is over, request its closing.",
    ),
    Reason.UNIT_BEYOND_PLAN: _Text(
        Kind.INVALID,
        "方案任务只能交给本单位、下级单位或者本级及以上各级的部门；交给其他单位，请提议移送（offers），由对方决定是否接收。",
        "A plan gives tasks to units of its own area and to departments of the areas above it; any other unit is asked "
        "by an offer (…/offers), which it accepts or declines.",
    ),
    Reason.NOT_PUBLISHED: _Text(
        Kind.PRECONDITION,
        "该版本没有发布，案件只能迁移到已发布的方案类型版本。",
        "This version is not published; cases move to a published one only.",
    ),
    Reason.STEP_UNMAPPED: _Text(
        Kind.INVALID,
        "旧版本的有些步骤在新版本中没有对应：请说明每一步成为新版本的哪一步，不再需要的步骤请写明对应为空。",
        "Some steps of the old version have no counterpart: say what each becomes; map one that is no longer needed to "
        "nothing.",
    ),
    Reason.TASK_REPORTED: _Text(
        Kind.PRECONDITION,
        "有任务已经报告完成、等待核验：请先核验，再迁移。",
        "A task was reported done and waits to be verified; verify it first.",
    ),
    Reason.OFFER_OPEN: _Text(
        Kind.PRECONDITION, "已有一项移送提议等待答复。", "An offer is still waiting for an answer."
    ),
    Reason.CONTRADICTED: _Text(Kind.PRECONDITION, "与已经登记的事实相矛盾。", "It contradicts facts already recorded."),
    # Everybody in such a matter is asked, so this reveals nobody's answer.
    Reason.SCREENING_MISSING: _Text(
        Kind.PRECONDITION,
        "这类纠纷须先单独询问每一方，再征求其对调解的意见、安排共同会谈：请先由中心单独询问。",
        "In disputes of this kind each side is asked alone first, before it agrees to mediation and before a joint"
        " session: let the centre ask it alone.",
    ),
    Reason.UMPIRE_DECIDES: _Text(
        Kind.PRECONDITION,
        "归属已由共同上级决定，不能以退回绕开。",
        "A higher unit has decided which unit is responsible: the case cannot be returned.",
    ),
    Reason.GUARDIAN_NEEDED: _Text(
        Kind.PRECONDITION,
        "未成年人的同意须有监护人在场才有效。",
        "A minor's consent is valid only with the guardian present.",
    ),
    Reason.REPORTER_NOT_NAMED: _Text(
        Kind.INVALID,
        "报告人要求对对方保密：先征得其同意，再注明已同意。",
        "The reporter asked not to be named to the other side: ask them first, then say that they agreed.",
    ),
    Reason.ERASURE_BARRED: _Text(
        Kind.PRECONDITION,
        "尚不能销毁：保存期限未满、已被冻结，或者事项未办结。",
        "It cannot be erased yet: the retention period is running, there is a hold, or the matter is not closed.",
    ),
    Reason.SIDE_KEPT: _Text(
        Kind.PRECONDITION,
        "这个账号在本案中曾属于另一方，不能换到对方。",
        "This account belonged to another side of this case and cannot change sides.",
    ),
}


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field; `field` is its proto path, for instance `report.place.area`."""

    field: str
    zh: str
    en: str


class CaseError(Exception):
    """A refusal that a caller can understand: a reason, what it is about, and the fields at fault."""

    retry_after = 0
    """Seconds after which to retry; 0 where unknown."""

    def __init__(self, reason: Reason, detail: str = "", fields: tuple[FieldFault, ...] = (), **metadata: str) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
        self.fields = fields
        self.metadata = metadata

    @property
    def kind(self) -> Kind:
        """The kind of refusal, which decides the gRPC code and HTTP status."""
        return TEXTS[self.reason].kind

    def message(self, language: str) -> str:
        """Return the message for a person, in `zh` or `en`, followed by the detail."""
        text = TEXTS[self.reason]
        sentence = text.en if language == "en" else text.zh
        return f"{sentence} ({self.detail})" if self.detail else sentence

    def renamed(self, names: Mapping[str, str]) -> CaseError:
        """Return the same error with the fields named as in the caller's request."""
        fields = tuple(replace(each, field=names.get(each.field, each.field)) for each in self.fields)
        metadata = {**self.metadata, **({"field": fields[0].field} if "field" in self.metadata and fields else {})}
        return CaseError(self.reason, self.detail, fields, **metadata)


def field_error(field: str, reason: Reason, detail: str = "") -> CaseError:
    """Return the error of one field: its own reason, naming the field."""
    text = TEXTS[reason]
    return CaseError(reason, detail, (FieldFault(field, text.zh, text.en),), field=field)
