"""The four lists and four ledgers in words: titles, columns, and what a line says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

Language = Literal["zh", "en"]
Words = Mapping[str, tuple[str, str]]

TITLES: Words = {
    "responsibility": ("责任清单", "List of responsibilities"),
    "task": ("任务清单", "List of tasks"),
    "problem": ("问题清单", "List of problems"),
    "institution": ("制度清单", "List of rule fixes"),
    "work": ("工作台账", "Ledger of work"),
    "lead": ("线索台账", "Ledger of clues and matters received"),
    "judgement": ("研判台账", "Ledger of analyses"),
    "disposal": ("处置台账", "Ledger of results"),
}
"""Their names, in Chinese and in English."""
COLUMNS: Sequence[tuple[str, str, int]] = (
    ("序号", "No.", 6), ("单位", "Unit", 24), ("编号", "Number", 30), ("事项", "What", 28), ("类别", "Category", 16),
    ("等级", "Grade", 8), ("时间", "Time", 18), ("期限", "Due", 18), ("结果", "Result", 14),
    ("履行", "Performance", 12),
)  # fmt: skip
"""Headings and the widths of their columns, in characters."""
OVERDUE = ("逾期：", "overdue: ")
CLUE = ("线索", "clue")
GRADES = (("", ""), ("低", "low"), ("中", "medium"), ("高", "high"))
WORDS: Words = {
    # States of a report, stages of a case.
    "received": ("已登记", "received"),
    "verified": ("已核实", "verified"),
    "unfounded": ("不属实", "unfounded"),
    "accepted": ("已受理", "accepted"),
    "declined": ("不予受理", "declined"),
    "merged": ("已合并", "merged"),
    "closed": ("已办结", "closed"),
    "withdrawn": ("已撤回", "withdrawn"),
    "disputed": ("复核中", "under review"),
    "handling": ("办理中", "being handled"),
    "handled": ("待申请办结", "handled"),
    "close_review": ("办结待审", "closing under review"),
    # Levels of the ledger of matters.
    "county": ("县级台账", "county's ledger"),
    "city": ("市级台账", "city's ledger"),
    "province": ("省级台账", "province's ledger"),
    # Problems.
    "recurred": ("问题反复", "recurred"),
    "not-performed": ("协议未履行", "agreement not performed"),
    "returned": ("退回办理", "returned"),
    # Fixes of rules.
    "proposed": ("已提出", "proposed"),
    "adopted": ("已采纳", "adopted"),
    "dropped": ("未采纳", "dropped"),
    # Channels.
    "counter": ("窗口", "counter"),
    "grid": ("网格", "grid"),
    "hotline": ("12345热线", "hotline"),
    "police": ("公安移送", "police"),
    "court": ("法院移送", "court"),
    "petition": ("信访移送", "petition office"),
    "app": ("线上", "online"),
    "letter": ("来信", "letter"),
    "department": ("部门移送", "department"),
    # Clues.
    "clue-registered": ("线索：已登记", "clue: registered"),
    "clue-verifying": ("线索：核查中", "clue: being verified"),
    "clue-verified": ("线索：已核查", "clue: verified"),
    "clue-transferred": ("线索：已移送", "clue: transferred"),
    "clue-handling": ("线索：办理中", "clue: being handled"),
    "clue-handled": ("线索：已办理", "clue: handled"),
    "clue-closed": ("线索：已办结", "clue: closed"),
    "used": ("已运用", "used"),
    "settled": ("已整改", "settled"),
    "unclear": ("无法核实", "cannot be found out"),
    # Analyses.
    "digest": ("日研判", "daily digest"),
    "assessments": ("考核评价", "assessment"),
    "meetings": ("调度会议", "meeting"),
    "warnings": ("预警", "warning"),
    "consultations": ("专家会诊", "consultation"),
    "clusters": ("类案研判", "cluster"),
    "reviews": ("复查复核", "review"),
    # Results.
    "agreed": ("达成协议", "agreed"),
    "not_agreed": ("调解不成", "not agreed"),
    "referred": ("转出", "referred"),
    "resolved": ("已处置", "dealt with"),
    "agreed_full": ("全部达成协议", "agreed in full"),
    "agreed_partial": ("部分达成协议", "agreed in part"),
    # Performance of an agreement.
    "not": ("未履行", "not performed"),
    "part": ("部分履行", "partly performed"),
    "done": ("已履行", "performed"),
}
"""What a line says, by its code."""


def said(code: str, language: Language) -> str:
    """Return the words of a code; the code itself where there are none."""
    return WORDS.get(code.lower(), (code, code))[language == "en"]
