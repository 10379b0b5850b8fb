"""A reply as a Word file: the written answer, a decision, the final notice; in Chinese, with the remaining routes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from casework.papers.chinese import LOCAL
from casework.supervision.meetings.review import ReplyKind, Result, ReviewState
from services.kit.word import CENTER, RIGHT, blank, line, saved

_TITLES = {
    ReplyKind.ANSWER: "信访事项处理意见书",
    ReplyKind.REVIEW: "信访事项复查意见书",
    ReplyKind.SECOND_REVIEW: "信访事项复核意见书",
    ReplyKind.FINAL_NOTICE: "信访事项复查复核终结告知书",
}
_RESULTS = {
    Result.UPHELD: "维持原意见。", Result.CHANGED: "变更原意见。", Result.SET_ASIDE: "撤销原意见，责令重新作出。",
}  # fmt: skip
_RIGHTS = {
    ReviewState.ANSWERED: "对本意见不服的，可以自收到之日起三十日内，向{above}请求复查。",
    ReviewState.REVIEWED: "对本意见不服的，可以自收到之日起三十日内，向{above}请求复核。",
    ReviewState.ANSWER_DUE: "原承办单位将在规定期限内重新作出书面答复。",
    ReviewState.FINAL_NOTICE_DUE: "复查复核程序到此终结，将另行书面告知。",
    ReviewState.ENDED: "同一事实和理由不再进行复查复核。",
}
_ROUTES = (
    "对复查、复核意见本身不能提起行政诉讼（行政诉讼法解释第一条第二款第九项）；对信访事项所涉的行政行为，可以在法定期限内"
    "申请行政复议（行政复议法第二十条）或者提起行政诉讼（行政诉讼法第四十五条、第四十六条）。需要帮助的，可以申请法律援助。"
)


@dataclass(frozen=True, slots=True)
class Notice:
    """The content of a reply and the next step; `above` is the unit that may be asked next."""

    number: str
    case: str
    unit: str
    above: str
    kind: ReplyKind
    result: Result | None
    leads_to: ReviewState
    facts: str
    conclusion: str
    served_at: datetime | None


def written(notice: Notice) -> bytes:
    """Return the Word file; always the same bytes for the same reply."""
    document = blank()
    line(document, notice.unit, size=22, bold=True, align=CENTER, face="宋体")
    line(document, _TITLES[notice.kind], size=20, bold=True, align=CENTER, face="宋体")
    line(document, notice.number, align=RIGHT)
    line(document, f"信访事项编号：{notice.case}")
    line(document, "查明：", bold=True, face="黑体")
    line(document, notice.facts, size=14, indent=True)
    line(document, "意见：", bold=True, face="黑体")
    if notice.result is not None:
        line(document, _RESULTS[notice.result], size=14, indent=True)
    line(document, notice.conclusion, size=14, indent=True)
    line(document, _RIGHTS[notice.leads_to].format(above=notice.above), size=14, indent=True)
    line(document, _ROUTES, size=14, indent=True)
    line(document, "")
    line(document, f"{notice.unit}（印章）", size=14, align=RIGHT)
    served = notice.served_at.astimezone(LOCAL) if notice.served_at else None
    day = f"{served.year}年{served.month}月{served.day}日" if served else "　　年　　月　　日"
    line(document, day, size=14, align=RIGHT)
    return saved(document)
