"""What of a case is in no portable file, and why. It is the same for every case: so it does not say what there is."""

from __future__ import annotations

from typing import NamedTuple


class LeftOut(NamedTuple):
    """Something that does not leave, and why, in both languages."""

    what: str
    zh: str
    en: str


LEFT_OUT = (
    LeftOut(
        "confidence",
        "单独谈话、让步方案、无争议事实：只属于调解员和说话的一方。",
        "Private talks, offers, sheets of undisputed facts: they are the mediator's and of the side that spoke.",
    ),
    LeftOut(
        "safety",
        "单独询问的安全情况、能否面对面、危险预警、隐藏的住址和电话：为保护人身安全（隐藏以前制作的文书中已载明的除外）。",
        "What was asked alone about safety, whether people may meet, alerts of danger, hidden addresses and "
        "telephones: to protect people. Papers made before these were hidden show them.",
    ),
    LeftOut(
        "reporter",
        "报告人的姓名、联系方式和回执编码；要求保密的报告人不作为当事人列出。报告人另为当事人的，见当事人。",
        "Name and contact of whoever reported, and the code of the receipt; nobody who wished not to be named is "
        "listed. Otherwise a reporter who is a party is among the parties.",
    ),
    LeftOut(
        "identity",
        "证件号码、民族：不随数据导出（文书中依格式载明的除外）。",
        "Identity numbers and ethnic groups: they are in no export of data, only in papers whose form asks for them.",
    ),
    LeftOut(
        "access",
        "谁有查阅权限、谁被回避、谁查阅过、谁的账号代表谁（当事人以自己的账号所做的，历史记录中只留哈希）：只属于本平台。",
        "Who was given access or is excluded, who looked, whose account signs in for whom (of what parties did by "
        "their own accounts the history has only hashes): it is of use here alone.",
    ),
    LeftOut(
        "drafts",
        "未生效的协议草稿、文书的旧版本：不是结果。",
        "Drafts of agreements that never took effect, older versions of papers: they are no result.",
    ),
    LeftOut(
        "office",
        "对派发的异议、移交邀请、与其他机关的对接、通知回执、督办与统计：属于办理单位的内部管理。",
        "Objections, offers, dockings, proofs of notices, supervision and figures: they are the office's own.",
    ),
    LeftOut(
        "supervision",
        "督办函、重大矛盾台账、会议、线索及其历史记录：属于上级机关，各有自己的案卷。登记受理、升级督办的历史记录中，谁查阅过、"
        "谁报告、由哪个网格报告、其他报告和评价只留哈希。",
        "Letters of supervision, ledgers, meetings, clues and their histories: they are the offices' above, in files "
        "of their own. Of who read, who reported, from which grid, which other reports there are and how content "
        "somebody was the histories of report and escalations have only hashes.",
    ),
)
EVENTS = frozenset(
    {
        "CaucusKept", "FactSheetDrafted", "FactSheetSigned", "PartyScreened", "JointWishRecorded", "AlertRequested",
        "AlertDecided", "AlertReviewed", "GrantMade", "GrantRevoked", "EmergencyAccessTaken", "AccountExcluded",
        "PartyBound",
    }
)  # fmt: skip
"""Events about any of this: only their hashes leave, so that the chain has no gap."""
