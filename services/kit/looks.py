"""The access log in plain words: who, in which post, looked at what, when, and why."""

from __future__ import annotations

from pb.mediation.v1 import people_pb2 as pb

from casework import names
from casework.units import UnitTree
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.saying import moment
from services.kit.serving.posts import Post
from services.kit.storage import paging
from services.kit.storage.models import Look

READ, SEARCHED, PRINTED, EXPORTED, UNMASKED, ACTED = (
    pb.ACCESS_KIND_READ, pb.ACCESS_KIND_SEARCHED, pb.ACCESS_KIND_PRINTED, pb.ACCESS_KIND_EXPORTED,
    pb.ACCESS_KIND_UNMASKED, pb.ACCESS_KIND_ACTED,
)  # fmt: skip

ACTS = {
    "parties.get": (READ, "查看了当事人（姓名、电话已遮盖）", "looked at a party, name and telephone masked"),
    "parties.list": (READ, "查看了当事人名单（姓名、电话已遮盖）", "looked at the parties, names masked"),
    "parties.unmask": (UNMASKED, "查看了当事人的姓名、联系方式等完整信息", "read a party's details in full"),
    "companions.list": (READ, "查看了陪同、代理人员名单（姓名已遮盖）", "looked at the companions, names masked"),
    "companions.unmask": (UNMASKED, "查看了陪同、代理人员的完整信息", "read a companion's details in full"),
    "cases.findByPhone": (SEARCHED, "按电话和姓名查找案件并找到本案", "found this case by telephone and name"),
    "consents.list": (READ, "查看了当事人的同意记录", "read what the parties consented to"),
    "safeguards.readScreening": (READ, "查看了安全询问记录", "read what a party said about its safety"),
    "alerts.read": (READ, "查看了危险预警的内容", "read an alert of danger"),
    "agreements.readText": (READ, "查看了调解协议的内容", "read the agreement"),
    "confirmations.handOver": (EXPORTED, "取得了送交法院的材料", "took the documents handed over to the court"),
    "offers.getMatter": (READ, "查看了拟移交事项的概要", "read the outline of the matter offered"),
    "forwards.get": (READ, "查看了转送的理由", "read why the report was forwarded"),
    "objections.readText": (READ, "查看了异议的内容", "read an objection"),
    "sessions.get": (READ, "查看了调解安排", "looked at a session"),
    "sessions.list": (READ, "查看了调解安排", "looked at the sessions"),
    "sessions.readContent": (READ, "查看了调解安排的说明", "read the details of a session"),
    "sessions.readRecord": (READ, "查看了调解记录", "read the record of a session"),
    "evidence.read": (READ, "打开了证据文件", "opened a file of evidence"),
    "investigations.read": (READ, "查看了调查记录", "read a note of an investigation"),
    "caucuses.read": (READ, "查看了单独谈话的内容", "read what was said in private"),
    "factSheets.get": (READ, "查看了无争议事实", "read the facts nobody disputes"),
    "documents.generate": (PRINTED, "制作了文书", "made a document"),
    "documents.addScan": (ACTED, "归档了扫描件", "filed a scan"),
    "documents.get": (PRINTED, "取得了文书", "took out a document"),
    "documents.list": (READ, "查看了文书目录", "looked at the list of documents"),
    "dossiers.get": (PRINTED, "取得了全部案卷", "took out the whole dossier"),
    "caseFiles.export": (EXPORTED, "导出了当事人本人的材料", "exported a party's own file"),
    "cases.takeOut": (EXPORTED, "将全案制成可携案卷带出", "took the whole case out as a portable case file"),
    "reports.export": (EXPORTED, "导出了报告人本人的材料", "exported the reporter's own file"),
    "notices.export": (EXPORTED, "取得了发给当事人的通知", "took out the notices that a party was sent"),
    "reports.readReview": (READ, "查看了复核申请", "read why the refusal is disputed"),
    "cases.get": (READ, "查看了案件", "looked at the case"),
    "plans.get": (READ, "查看了办理方案", "looked at the plan"),
    "tasks.get": (READ, "查看了任务", "looked at a task"),
    "tasks.list": (READ, "查看了任务", "looked at the tasks"),
    "tasks.sign": (ACTED, "签收了任务", "signed for a task"),
    "tasks.return": (ACTED, "退回了任务", "returned a task"),
    "tasks.report": (ACTED, "报告了任务的完成情况", "reported on a task"),
    "grants.create": (ACTED, "授予了查阅权限", "granted access"),
    "grants.breakGlass": (ACTED, "紧急取得了查阅权限", "took access in an emergency"),
    "grants.revoke": (ACTED, "收回了查阅权限", "ended a grant of access"),
    "reports.get": (READ, "查看了报告的登记信息", "looked at the report's register entry"),
    "reports.readContent": (READ, "查看了报告的全部内容", "read the report in full"),
    "reports.compare": (READ, "与另一件报告对照查看了内容", "read the report side by side with another one"),
    "reports.findDuplicates": (
        SEARCHED, "查重时检索到本报告，有权阅读的可见其开头",
        "searched for similar reports and found this one, with its beginning for those who may read it",
    ),
    "reports.search": (SEARCHED, "按内容检索并找到本报告", "searched by words and found this report"),
    "reports.suggestUnits": (
        SEARCHED, "为选择承办单位，将报告中的人员与单位名称作了比对",
        "compared the people named with the units that could take the matter",
    ),
    "contacts.batchGet": (READ, "读取了联系方式，用于发送通知", "read how to reach somebody, to send a notice"),
    "notices.readLetter": (PRINTED, "取得了通知的信函", "took out a notice as a letter"),
}  # fmt: skip
"""What was done, by permission: its kind, in Chinese, in English."""
TAKEN_OUT = "cases.takeOut"
"""What is on record with a reason of its own, without a grant."""
_OTHER = (ACTED, "办理了本案有关事项", "acted in this matter")
PURPOSES: dict[int, tuple[str, str]] = {
    pb.PURPOSE_MEDIATION: ("准备或者进行调解", "to prepare or hold the mediation"),
    pb.PURPOSE_CONTACT: ("联系当事人", "to reach the party"),
    pb.PURPOSE_DOCUMENT: ("制作或者送达文书", "for a document"),
    pb.PURPOSE_IDENTITY: ("核验身份", "to verify somebody's identity"),
    pb.PURPOSE_PARTY_REQUEST: ("应当事人请求", "at the party's request"),
    pb.PURPOSE_SAFETY: ("保护人身安全", "to protect somebody from danger"),
}


PAGES = "access"
"""What page tokens of an access log are for."""


def entry(row: Look, units: UnitTree, language: str, *, to: str, reason: str = "") -> pb.AccessLogEntry:
    """Return an entry of the access log in words.

    `to` is the account of the person concerned who asks, empty for an official: to that person no account but their
    own is named. `reason` is that of the grant without which it was not allowed, or for which the case was taken out.
    """
    kind, zh, en = ACTS.get(row.action, _OTHER)
    own, english = bool(to) and row.actor == to, language == "en"
    post = Post(row.unit, row.roles).called(units, language)
    if own:
        post = "you" if english else "您本人"
    at = stamp(row.at)
    assert at is not None
    why = PURPOSES.get(row.purpose, ("", ""))[english]
    granted = ""
    if row.grant_no:
        granted = ("by a special grant" if english else "经专门授权") + (f": {reason}" if english and reason else "")
        granted += f"：{reason}" if reason and not english else ""
    elif row.action == TAKEN_OUT:
        granted = reason
    because = "; ".join(filter(None, (why, granted))) if english else "；".join(filter(None, (why, granted)))
    if english:
        sentence = f"{moment(at, language)}: {post} {en}{f' ({because})' if because else ''}."
    else:
        sentence = f"{moment(at, language)}，{post}{zh}{f'（{because}）' if because else ''}。"
    return pb.AccessLogEntry(
        time=at,
        actor=row.actor if own or not to else "",
        unit=names.unit_name(row.unit),
        action=row.action,
        subject=row.subject,
        post=post,
        sentence=sentence,
        reason=reason,
        kind=kind,
        page_token=paging.token(PAGES, row.id),
        **numbers(purpose=row.purpose),
    )
