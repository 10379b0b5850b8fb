"""The words of statistics in a list that people read, in Chinese and English."""

from __future__ import annotations

from casework.supervision.figures.spread import Handling

HEADINGS = {
    "category": ("纠纷类型", "Category"), "door": ("来源渠道", "Channel"), "stage": ("办理阶段", "Stage"),
    "month": ("月份", "Month"), "grade": ("等级", "Grade"), "outcome": ("调解结果", "Outcome"),
    "performance": ("履行情况", "Performance"), "field": ("重点领域", "Field"), "unit": ("单位", "Unit"),
    "place": ("地点", "Place"),
}  # fmt: skip
CODE, COUNT, TOTAL, TITLE = ("代码", "Code"), ("件数", "Count"), ("合计", "Total"), ("统计表", "statistics")
HANDLING_TITLE = ("办理情况表", "how matters were handled")
HANDLING = (
    ("办结件数", "Closed"), ("办结天数中位数", "Days to closing, median"), ("75%分位", "75th percentile"),
    ("90%分位", "90th percentile"), ("最长", "Longest"),
    ("未结件数", "Open"), ("未结天数中位数", "Days open, median"), ("75%分位", "75th percentile"),
    ("90%分位", "90th percentile"), ("最长", "Longest"),
    ("达成协议件数", "Agreed"), ("调解终结件数", "Mediations ended"), ("达成协议比例", "Share agreed"),
    ("已履行件数", "Performed"), ("应履行件数", "To be performed"), ("履行比例", "Share performed"),
    ("满意人次", "Satisfied"), ("回访人次", "Asked"), ("满意比例", "Share satisfied"),
)  # fmt: skip
"""Headings of the figures of handling, in the order of `figures`."""
TOO_FEW = ("不足5", "fewer than 5")
_KEYS = {
    "place": {"elsewhere": ("其他地点", "elsewhere")},
    "door": {
        "app": ("线上申请", "online"), "counter": ("窗口", "counter"), "court": ("人民法院", "court"),
        "department": ("其他部门移送", "another department"), "grid": ("网格", "grid worker"),
        "hotline": ("12345热线", "hotline 12345"), "letter": ("来信", "letter"),
        "petition": ("信访部门", "petition office"), "police": ("公安机关", "police"),
    },
    "stage": {
        "received": ("已收到", "received"), "accepted": ("已受理", "accepted"), "declined": ("不予受理", "declined"),
        "disputed": ("有异议", "disputed"), "verified": ("已核实", "verified"), "unfounded": ("不属实", "unfounded"),
        "handling": ("办理中", "being handled"), "handled": ("已办理", "handled"),
        "close_review": ("结案审核中", "close under review"), "closed": ("已结案", "closed"),
        "withdrawn": ("已撤回", "withdrawn"),
    },
    "grade": {"high": ("高", "high"), "medium": ("中", "medium"), "low": ("低", "low")},
    "outcome": {
        "agreed_full": ("达成全部协议", "agreement on everything"),
        "agreed_partial": ("达成部分协议", "agreement in part"), "not_agreed": ("未达成协议", "no agreement"),
    },
    "performance": {
        "done": ("已全部履行", "performed"), "part": ("部分履行", "performed in part"),
        "not": ("未履行", "not performed"),
    },
}  # fmt: skip
_NONE = ("无", "none")


def figures(told: Handling, english: bool) -> list[str | int]:
    """Return the figures of a line: days in percentiles, three separate rates; where there are too few, in words."""
    few = TOO_FEW[english]
    row: list[str | int] = []
    for days in (told.closed, told.open):
        row += [days.count, *(few if days.too_few else days.percentile(percent) for percent in (50, 75, 90, 100))]
    for rate in (told.agreed, told.performed, told.satisfied):
        row += [rate.numerator, rate.denominator, few if rate.too_few else f"{rate.share / 100:.1f}%"]
    return row


def called(by: str, key: str, english: bool) -> str:
    """Return the word for a key of a count; a key without a word, such as a month, is its own."""
    found = _NONE if key == "none" else _KEYS.get(by, {}).get(key)
    return found[english] if found else key
