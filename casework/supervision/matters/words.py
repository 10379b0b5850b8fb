"""The ledger's wording as used by offices: the columns of the exported list, states, grades, levels."""

from __future__ import annotations

from casework.supervision.matters.matter import MatterLevel, MatterState

TITLE = "清单台账"
COLUMNS = (
    ("序号", 6), ("编号", 24), ("事项名称", 36), ("类别", 16), ("等级", 8), ("牵头单位", 20), ("责任单位", 20),
    ("配合单位", 28), ("化解措施", 44), ("责任领导", 16), ("时限", 12), ("进展", 44), ("状态", 12), ("销号时间", 12),
)  # fmt: skip
"""Headings of the list and the widths of their columns, in characters."""
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
