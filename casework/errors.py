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
    """What sort of refusal it is."""

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
    TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
    BEYOND_THE_FEED = "BEYOND_THE_FEED"
    SUPPORT_NEEDED = "SUPPORT_NEEDED"
    OWN_CONSENT_NEEDED = "OWN_CONSENT_NEEDED"
    TOO_MANY_REPRESENTATIVES = "TOO_MANY_REPRESENTATIVES"
    CONFLICT_OF_INTEREST = "CONFLICT_OF_INTEREST"
    NOT_THE_MEDIATOR = "NOT_THE_MEDIATOR"
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
    GUARDIAN_NEEDED = "GUARDIAN_NEEDED"
    SIDE_KEPT = "SIDE_KEPT"
    ERASURE_BARRED = "ERASURE_BARRED"


@dataclass(frozen=True, slots=True)
class _Text:
    kind: Kind
    zh: str
    en: str


TEXTS: dict[Reason, _Text] = {
    Reason.NO_CLUSTER: _Text(
        Kind.PRECONDITION, "该地目前没有这类事项的集中现象。", "Cases of this kind are not clustered there now."
    ),
    Reason.PLACE_NOT_IN_CAMPAIGN: _Text(
        Kind.PRECONDITION, "该地点不在本次排查范围内。", "The place is not one of the campaign's."
    ),
    Reason.FINDINGS_OPEN: _Text(
        Kind.PRECONDITION, "还有排查发现尚未转入受理。", "Findings of the campaign have not yet arrived in intake."
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
        Kind.DENIED, "您的身份不能对这个单位的事项做这件事。", "Your role may not do this for a matter of this unit."
    ),
    Reason.NOT_FOUND: _Text(Kind.NOT_FOUND, "找不到。", "Not found."),
    Reason.ALREADY_EXISTS: _Text(Kind.EXISTS, "已经存在。", "It exists already."),
    Reason.ETAG_MISMATCH: _Text(
        Kind.CONFLICT,
        "内容已被他人修改，请重新读取后再试。",
        "It was changed in the meantime: read it again and retry.",
    ),
    Reason.IDEMPOTENCY_KEY_REUSED: _Text(
        Kind.PRECONDITION,
        "这个请求编号已用于另一个不同的请求。",
        "This request id was used before for a request with another body.",
    ),
    Reason.WRONG_STATE: _Text(
        Kind.PRECONDITION, "当前状态下不能这样做。", "This cannot be done in the state it is in."
    ),
    Reason.SAME_PERSON: _Text(
        Kind.PRECONDITION, "核验人不能是经办人本人。", "Whoever did it cannot be the one who verifies it."
    ),
    Reason.TASKS_OPEN: _Text(Kind.PRECONDITION, "方案中还有任务没有完成。", "Tasks of the plan are not yet done."),
    Reason.SAME_REPORT: _Text(Kind.INVALID, "两个编号是同一件事项。", "Both names are the same report."),
    Reason.TOP_LEVEL: _Text(Kind.PRECONDITION, "上面没有更高的层级。", "There is no level above this unit."),
    Reason.COMPLAINED_OF: _Text(
        Kind.PRECONDITION, "投诉不得交由被投诉的单位办理。", "A complaint does not go to the unit it is about."
    ),
    Reason.CLOCK_NOT_RUNNING: _Text(
        Kind.PRECONDITION, "这个时限已经结束或尚未开始。", "This clock has ended, or has not begun."
    ),
    Reason.CLOCK_PAUSED: _Text(
        Kind.PRECONDITION, "时限已因同一事由中止。", "The clock is paused for this cause already."
    ),
    Reason.CLOCK_NOT_PAUSED: _Text(Kind.PRECONDITION, "时限并未中止。", "The clock is not paused."),
    Reason.PAUSE_CAUSE_NOT_ALLOWED: _Text(
        Kind.INVALID, "这项时限不因该事由中止。", "This limit does not stand still for that cause."
    ),
    Reason.PAUSE_AMBIGUOUS: _Text(
        Kind.PRECONDITION, "同时有几项中止，请指明恢复的是哪一项。", "Several pauses last: say which one ends."
    ),
    Reason.RESTART_CAUSE_NOT_ALLOWED: _Text(
        Kind.INVALID, "按规则，这一事由不中断时限。", "The rule does not let time begin anew for this cause."
    ),
    Reason.RESTART_AFTER_DUE: _Text(
        Kind.PRECONDITION, "期限已经届满，不能中断。", "The time was up before: nothing is left to interrupt."
    ),
    Reason.PAUSE_AFTER_DUE: _Text(
        Kind.PRECONDITION, "时限届满后不能再中止。", "The time was up: it cannot be paused after that."
    ),
    Reason.BACKDATED_TOO_FAR: _Text(
        Kind.INVALID, "追溯的日期超出规则允许的范围。", "It lies further back than the rule lets an entry count."
    ),
    Reason.BEFORE_START: _Text(Kind.INVALID, "早于时限开始的时间。", "It lies before the clock's start."),
    Reason.IN_THE_FUTURE: _Text(Kind.INVALID, "不能记录将来的事。", "What is still to come cannot be recorded."),
    Reason.EXTENSION_NOT_ALLOWED: _Text(
        Kind.PRECONDITION, "这项时限不能这样延长。", "This limit cannot be extended in that way."
    ),
    Reason.EXTENSION_TOO_LONG: _Text(
        Kind.INVALID, "延长的时间超出规则的规定。", "That is more time than the rule lets an extension give."
    ),
    Reason.EXTENSION_USED_UP: _Text(
        Kind.PRECONDITION, "已达到允许延长的次数。", "It has been extended as often as the rule allows."
    ),
    Reason.EXTENSION_AFTER_DUE: _Text(
        Kind.PRECONDITION, "应当在期限届满前延长。", "An extension must come before the time is up."
    ),
    Reason.EXTENSION_NOT_FOUND: _Text(
        Kind.PRECONDITION, "没有这次延长，或已撤销。", "There is no such extension, or it was revoked."
    ),
    Reason.CONSENT_MISSING: _Text(
        Kind.PRECONDITION, "这需要每一方当事人的同意。", "This takes the consent of every party."
    ),
    Reason.APPROVER_REQUIRED: _Text(
        Kind.INVALID, "需要写明批准的单位负责人。", "The head of the unit who approves must be named."
    ),
    Reason.REASON_REQUIRED: _Text(Kind.INVALID, "需要写明告知当事人的理由。", "The reason that is told must be given."),
    Reason.EVIDENCE_REQUIRED: _Text(Kind.INVALID, "须注明证据材料。", "It takes a document that proves it."),
    Reason.UNKNOWN_RULE: _Text(
        Kind.INVALID, "没有这条时限规则，或不能人工启动。", "There is no such rule of time to start by hand."
    ),
    Reason.CLOCK_NOT_BY_HAND: _Text(
        Kind.PRECONDITION,
        "这个时限由系统办理，不能人工停止。",
        "This clock is stopped by the service, not by hand.",
    ),
    Reason.RULE_NOT_IN_FORCE: _Text(
        Kind.INVALID,
        "这条时限规则在起算日不适用（已经废止或者尚未施行）。",
        "This rule of time does not hold on the day it would start: it is over, or not yet in force.",
    ),
    Reason.PREVIEW_STALE: _Text(
        Kind.PRECONDITION,
        "预览后内容已变，请重新预览。",
        "It changed since it was previewed: preview again.",
    ),
    Reason.BEYOND_THE_FEED: _Text(
        Kind.OUT_OF_RANGE,
        "事件流到不了这个位置，或者这个位置上已是另一事件；请从较早的位置重新开始。",
        "The feed ends before this position, or has another event there: start again at an earlier one.",
    ),
    Reason.SERVICE_UNAVAILABLE: _Text(
        Kind.UNAVAILABLE, "服务暂时不可用，请稍后再试。", "Temporarily unavailable: retry."
    ),
    Reason.TOO_MANY_REQUESTS: _Text(Kind.EXHAUSTED, "请求过多，请稍后再试。", "Too many requests: retry later."),
    Reason.SUPPORT_NEEDED: _Text(
        Kind.PRECONDITION,
        "这位当事人需要监护人或者协助人在场，其同意才有效。",
        "This party needs a guardian or support person beside it before its consent counts.",
    ),
    Reason.OWN_CONSENT_NEEDED: _Text(
        Kind.PRECONDITION,
        "这一步须由当事人本人同意，代表人和代理人不能代为同意。",
        "This step takes the party's own consent: nobody can give it for the party.",
    ),
    Reason.TOO_MANY_REPRESENTATIVES: _Text(
        Kind.PRECONDITION, "一方的推选代表不得超过五人。", "A side elects at most five representatives."
    ),
    Reason.CONFLICT_OF_INTEREST: _Text(
        Kind.PRECONDITION,
        "这位调解员与本案有利害关系，应当回避。",
        "Something stands against this mediator in this case.",
    ),
    Reason.NOT_THE_MEDIATOR: _Text(
        Kind.PRECONDITION, "只有本案的调解员本人可以做这件事。", "Only the mediator of this case can do this."
    ),
    Reason.ROLE_BARRED: _Text(
        Kind.PRECONDITION,
        "在本案中担任过其他角色的人不能担任这个角色。",
        "Whoever had another role in this matter cannot have this one.",
    ),
    # It does not say why: the answer may be seen by whom it is about.
    Reason.JOINT_REFUSED: _Text(
        Kind.PRECONDITION,
        "本案分别进行；每一方都单独、主动提出后才能面对面。",
        "The sides meet apart here, unless each of them, asked alone, wants a joint session.",
    ),
    Reason.ROOM_TAKEN: _Text(Kind.PRECONDITION, "这个房间在这段时间已被占用。", "The room is taken at that time."),
    Reason.ROOM_CLOSED: _Text(Kind.PRECONDITION, "这个房间已停用。", "The room takes no new sessions."),
    Reason.NO_MEDIATOR: _Text(Kind.PRECONDITION, "本案还没有调解员。", "The case has no mediator yet."),
    Reason.CAUCUS_ONLY: _Text(
        Kind.PRECONDITION,
        "单方会谈不作调解记录，只记入该方的保密区。",
        "A separate session has no record: what is said goes into that side's compartment.",
    ),
    Reason.READ_BACK_MISSING: _Text(
        Kind.PRECONDITION, "记录须先向该当事人宣读并经其确认。", "The record must be read back to the party first."
    ),
    Reason.NOT_RELEASED: _Text(
        Kind.PRECONDITION,
        "还没有经全体当事人签字，不能调阅。",
        "It leaves the compartment when every party has signed.",
    ),
    Reason.FILE_REFUSED: _Text(
        Kind.INVALID,
        "文件内容与所称类型不符，或类型不在允许之列。",
        "The file's content is not of the type it is said to be.",
    ),
    Reason.FILE_DAMAGED: _Text(Kind.PRECONDITION, "文件缺失或已损坏。", "The stored file is missing or damaged."),
    Reason.DATA_ERASED: _Text(
        Kind.PRECONDITION, "本案的个人信息已经依法销毁。", "The personal data of this case has been erased."
    ),
    Reason.NOT_IN_MEDIATION: _Text(Kind.PRECONDITION, "本案不在调解中。", "The case is not in mediation."),
    Reason.WRITTEN_REQUIRED: _Text(
        Kind.PRECONDITION, "这类纠纷的调解协议必须是书面的。", "In such a matter the agreement must be written."
    ),
    Reason.CHECKLIST_INCOMPLETE: _Text(
        Kind.PRECONDITION,
        "合法性清单或案外人利益提示尚未全部通过，不能签署。",
        "The legality checklist or the third-party prompt is not complete: nobody can sign yet.",
    ),
    Reason.NOT_EFFECTIVE: _Text(Kind.PRECONDITION, "没有已生效的调解协议。", "There is no effective agreement."),
    Reason.WINDOW_CLOSED: _Text(
        Kind.PRECONDITION, "申请司法确认的三十日已过。", "The thirty days for judicial confirmation are over."
    ),
    Reason.MEDIATION_OPEN: _Text(Kind.PRECONDITION, "调解尚未结束。", "The mediation has not ended."),
    Reason.NOTICES_UNSERVED: _Text(
        Kind.PRECONDITION, "权利告知书尚未送达全部当事人。", "The notice of rights was not served to every party."
    ),
    Reason.VIEWS_MISSING: _Text(
        Kind.PRECONDITION, "尚未记录双方对办结的意见。", "The views of both sides were not recorded."
    ),
    Reason.CLAUSES_OPEN: _Text(
        Kind.PRECONDITION, "协议中还有条款没有履行。", "Clauses of the agreement are still open."
    ),
    Reason.NOT_FOR_MEDIATION: _Text(
        Kind.PRECONDITION, "这件事项不能移送调解。", "This matter cannot be handed to mediation."
    ),
    Reason.NOT_PERFORMED: _Text(Kind.PRECONDITION, "协议尚未履行。", "The agreement was not performed."),
    Reason.FACTS_MISSING: _Text(
        Kind.PRECONDITION, "这份文书所需的事实还没有登记。", "What this document states has not been recorded yet."
    ),
    Reason.FORM_NOT_MADE_SO: _Text(
        Kind.INVALID, "这种文书不能这样制作。", "A document of this form is not made in this way."
    ),
    Reason.UNKNOWN_LANGUAGE: _Text(Kind.INVALID, "没有这种语言的文书。", "Documents are not made in this language."),
    Reason.UNKNOWN_FILE_TYPE: _Text(
        Kind.INVALID, "只接受 PDF、PNG、JPEG 文件。", "Only PDF, PNG and JPEG files are taken."
    ),
    Reason.COUNTERSIGN_MISSING: _Text(
        Kind.PRECONDITION, "会签尚未完成。", "Not everybody who was asked to countersign was heard."
    ),
    Reason.RIGHTS_UNCHECKED: _Text(
        Kind.PRECONDITION,
        "方案须确认每一方当事人可以起诉并已被告知。",
        "A plan must leave every party free to sue, and every party must have been told.",
    ),
    Reason.NOT_THE_LEAD: _Text(
        Kind.PRECONDITION,
        "只有本事项的包案领导本人可以做这件事。",
        "Only the lead official of this matter can do this.",
    ),
    Reason.NOT_THE_EXPERT: _Text(
        Kind.PRECONDITION, "只有被抽取的专家本人可以做这件事。", "Only the expert who was drawn can do this."
    ),
    Reason.NO_EXPERT: _Text(
        Kind.PRECONDITION, "专家库中没有合适的专家。", "The pool has no expert who fits and is free."
    ),
    Reason.PERSONAL_DATA: _Text(
        Kind.INVALID,
        "这里不能写电话、证件号码、银行卡号等个人信息。",
        "Telephone, identity, bank card and similar numbers of a person do not belong here.",
    ),
    Reason.NOT_THE_SUCCESSOR: _Text(
        Kind.PRECONDITION, "只有接收人本人可以确认交接。", "Only the successor can acknowledge what is handed over."
    ),
    Reason.NOTHING_HELD: _Text(
        Kind.PRECONDITION,
        "这位工作人员名下没有可以交接的事项。",
        "There is nothing that this official could hand over.",
    ),
    Reason.HELD_BY_ANOTHER: _Text(
        Kind.INVALID, "这件事项由他人负责。", "Somebody else holds it: it is not this official's to hand over."
    ),
    Reason.OBJECTION_LATE: _Text(Kind.PRECONDITION, "提出异议的期限已过。", "The time to object is over."),
    Reason.OBJECTED_BEFORE: _Text(
        Kind.PRECONDITION, "对这次派单已经提出过异议。", "This dispatch was objected to before."
    ),
    Reason.OBJECTIONS_POSSIBLE: _Text(
        Kind.PRECONDITION, "申辩期限尚未届满，不能定稿。", "It cannot be made final while units may still object."
    ),
    Reason.DRAFT_NOT_TAKEN_UP: _Text(
        Kind.PRECONDITION,
        "草稿由规则生成，尚无拟稿人：须先有人审阅修改，再由他人签发。",
        "A rule drafted it and nobody has taken it up yet: one person edits it, another one signs.",
    ),
    Reason.HEARING_MISSING: _Text(
        Kind.PRECONDITION,
        "通报前须听取该单位的陈述并记录。",
        "The unit must be heard, and its statement recorded, before a circular is signed.",
    ),
    Reason.NOTICE_TOO_SHORT: _Text(
        Kind.PRECONDITION,
        "约谈须至少提前三个工作日通知；提前进行须经被约谈单位书面同意。",
        "An interview takes three working days of notice; an earlier one the unit's agreement in writing.",
    ),
    Reason.OBJECTION_OPEN: _Text(Kind.PRECONDITION, "异议尚未作出决定。", "An objection waits for its decision."),
    Reason.OFFER_OPEN: _Text(Kind.PRECONDITION, "已有一项移送提议等待答复。", "An offer of it waits for its answer."),
    Reason.CONTRADICTED: _Text(
        Kind.PRECONDITION, "与已经登记的事实相矛盾。", "It contradicts what has been recorded already."
    ),
    # It asks the question of everybody in such a matter: it tells nothing of what anybody answered.
    Reason.SCREENING_MISSING: _Text(
        Kind.PRECONDITION,
        "这类纠纷须先单独询问每一方，之后才能安排共同会谈。",
        "In matters of this kind each side is first asked alone, before any joint session.",
    ),
    Reason.UMPIRE_DECIDES: _Text(
        Kind.PRECONDITION,
        "归属已由共同上级决定，不能以退回绕开。",
        "Whose it is was decided above both units: returning it does not undo that.",
    ),
    Reason.GUARDIAN_NEEDED: _Text(
        Kind.PRECONDITION,
        "未成年人的同意须有监护人在场才有效。",
        "A minor's consent takes the guardian beside the minor.",
    ),
    Reason.ERASURE_BARRED: _Text(
        Kind.PRECONDITION,
        "尚不能销毁：保存期限未满、已被冻结，或者事项未办结。",
        "It cannot be erased yet: it is kept, held, or not over.",
    ),
    Reason.SIDE_KEPT: _Text(
        Kind.PRECONDITION,
        "这个账号在本案中曾属于另一方，不能换到对方。",
        "This account stood on another side of this case: it keeps that side.",
    ),
}


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field; `field` is the proto path, for instance `report.place.area`."""

    field: str
    zh: str
    en: str


class CaseError(Exception):
    """A refusal that a caller can understand: a reason, what it is about, and the fields at fault."""

    retry_after = 0
    """Seconds after which it is worth trying again; 0 where nothing is known of that."""

    def __init__(self, reason: Reason, detail: str = "", fields: tuple[FieldFault, ...] = (), **metadata: str) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
        self.fields = fields
        self.metadata = metadata

    @property
    def kind(self) -> Kind:
        """What sort of refusal it is."""
        return TEXTS[self.reason].kind

    def message(self, language: str) -> str:
        """Return the sentence for a person, in `zh` or `en`, with the detail behind it."""
        text = TEXTS[self.reason]
        sentence = text.en if language == "en" else text.zh
        return f"{sentence} ({self.detail})" if self.detail else sentence

    def renamed(self, names: Mapping[str, str]) -> CaseError:
        """Return the same refusal with fields named as whoever asked knows them."""
        fields = tuple(replace(each, field=names.get(each.field, each.field)) for each in self.fields)
        metadata = {**self.metadata, **({"field": fields[0].field} if "field" in self.metadata and fields else {})}
        return CaseError(self.reason, self.detail, fields, **metadata)


def field_error(field: str, reason: Reason, detail: str = "") -> CaseError:
    """Return the error of one field: its own reason, naming the field."""
    text = TEXTS[reason]
    return CaseError(reason, detail, (FieldFault(field, text.zh, text.en),), field=field)
