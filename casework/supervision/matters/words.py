"""The ledger's wording as used by offices: the columns of the exported list, states, grades, levels."""

from __future__ import annotations

from casework.supervision.matters.matter import MatterLevel, MatterState

TITLE = "清单台账"
COLUMNS = (
    ("序号", 5), ("编号", 18), ("事项名称", 20), ("类别", 9), ("等级", 6), ("牵头单位", 12), ("责任单位", 12),
    ("配合单位", 14), ("化解措施", 24), ("责任领导", 9), ("时限", 11), ("进展", 24), ("状态", 10), ("销号时间", 11),
)  # fmt: skip
"""Headings of the list and the widths of their columns, in characters: readable on A4 laid across."""
GRADES = {0: "未定级", 1: "低", 2: "中", 3: "高"}
LEVELS = {MatterLevel.COUNTY: "县级", MatterLevel.CITY: "市级", MatterLevel.PROVINCE: "省级"}
STATES = {
    MatterState.REGISTERED: "已登记",
    MatterState.GRADED: "已定级",
    MatterState.ASSIGNED: "已定责",
    MatterState.HANDLING: "办理中",
    MatterState.CHECKING: "申请销号待核验",
    MatterState.RETURNED: "退回办理",
    MatterState.STRUCK_OFF: "已销号",
}
OVERDUE = "（已逾期）"
ERASED = "（已销毁）"
