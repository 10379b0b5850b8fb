"""The ledger's wording as used by offices, in Chinese and English: the columns of its file, states, grades, levels."""

from __future__ import annotations

from casework.supervision.matters.matter import MatterLevel, MatterState

TITLE = ("清单台账", "Ledger of matters")
COLUMNS = (
    (("序号", "No."), 5), (("编号", "Number"), 18), (("事项名称", "Matter"), 20), (("类别", "Category"), 9),
    (("领域", "Field"), 9), (("层级", "Ledger"), 6), (("等级", "Grade"), 6), (("牵头单位", "Leads"), 12),
    (("责任单位", "Responsible"), 12), (("配合单位", "Cooperate"), 14), (("化解措施", "Measures"), 24),
    (("责任领导", "Office"), 9), (("时限", "Due"), 11), (("进展", "Progress"), 24), (("状态", "State"), 10),
    (("销号时间", "Struck off"), 11),
)  # fmt: skip
"""Headings of the list and the widths of their columns, in characters: readable on A4 laid across."""
GRADES = {0: ("未定级", "not graded"), 1: ("低", "low"), 2: ("中", "medium"), 3: ("高", "high")}
LEVELS = {
    MatterLevel.TOWNSHIP: ("乡级", "township"), MatterLevel.COUNTY: ("县级", "county"),
    MatterLevel.CITY: ("市级", "city"), MatterLevel.PROVINCE: ("省级", "province"),
}  # fmt: skip
STATES = {
    MatterState.REGISTERED: ("已登记", "registered"),
    MatterState.GRADED: ("已定级", "graded"),
    MatterState.ASSIGNED: ("已定责", "assigned"),
    MatterState.HANDLING: ("办理中", "being handled"),
    MatterState.CHECKING: ("申请销号待核验", "to be checked"),
    MatterState.RETURNED: ("退回办理", "returned"),
    MatterState.STRUCK_OFF: ("已销号", "struck off"),
}
OVERDUE = ("（已逾期）", " (overdue)")
ERASED = ("（已销毁）", "(erased)")
BETWEEN, AFTER = ("、", ", "), ("：", ": ")
