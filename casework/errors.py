"""The one error type of Accord, and the closed list of reasons it can have.

A reason is stable: clients match on it. Each has a kind, which decides the gRPC code and the HTTP status (mapped in
`services/kit/errors.py` and `services/gateway/problem.py`, nowhere else), and a sentence in Chinese and English.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    CONSENT_MISSING = "CONSENT_MISSING"
    SUPPORT_NEEDED = "SUPPORT_NEEDED"
    OWN_CONSENT_NEEDED = "OWN_CONSENT_NEEDED"
    TOO_MANY_REPRESENTATIVES = "TOO_MANY_REPRESENTATIVES"
    CONFLICT_OF_INTEREST = "CONFLICT_OF_INTEREST"
    NOT_THE_MEDIATOR = "NOT_THE_MEDIATOR"
    ROLE_BARRED = "ROLE_BARRED"
    DATA_ERASED = "DATA_ERASED"
    FACTS_MISSING = "FACTS_MISSING"
    FORM_NOT_MADE_SO = "FORM_NOT_MADE_SO"
    UNKNOWN_LANGUAGE = "UNKNOWN_LANGUAGE"
    UNKNOWN_FILE_TYPE = "UNKNOWN_FILE_TYPE"


@dataclass(frozen=True, slots=True)
class _Text:
    kind: Kind
    zh: str
    en: str


TEXTS: dict[Reason, _Text] = {
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
    Reason.SERVICE_UNAVAILABLE: _Text(
        Kind.UNAVAILABLE, "服务暂时不可用，请稍后再试。", "Temporarily unavailable: retry."
    ),
    Reason.CONSENT_MISSING: _Text(
        Kind.PRECONDITION, "还没有得到每一方当事人的同意。", "Not every party has consented."
    ),
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
        Kind.PRECONDITION, "只有被选定的调解员本人可以答复。", "Only the mediator who was asked can answer."
    ),
    Reason.ROLE_BARRED: _Text(
        Kind.PRECONDITION,
        "在本案中担任过其他角色的人不能担任这个角色。",
        "Whoever had another role in this matter cannot have this one.",
    ),
    Reason.DATA_ERASED: _Text(
        Kind.PRECONDITION, "本案的个人信息已经依法销毁。", "The personal data of this case has been erased."
    ),
    Reason.FACTS_MISSING: _Text(
        Kind.PRECONDITION, "这份文书所需的事实还没有登记。", "What this document states has not been recorded yet."
    ),
    Reason.FORM_NOT_MADE_SO: _Text(
        Kind.INVALID, "这种文书不能这样制作。", "A document of this form is not made in this way."
    ),
    Reason.UNKNOWN_LANGUAGE: _Text(
        Kind.INVALID, "没有这种语言的文书。", "Documents are not made in this language."
    ),
    Reason.UNKNOWN_FILE_TYPE: _Text(
        Kind.INVALID, "只接受 PDF、PNG、JPEG 文件。", "Only PDF, PNG and JPEG files are taken."
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


def field_error(field: str, reason: Reason, detail: str = "") -> CaseError:
    """Return the error of one field: its own reason, naming the field."""
    text = TEXTS[reason]
    return CaseError(reason, detail, (FieldFault(field, text.zh, text.en),), field=field)
