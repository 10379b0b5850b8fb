"""A party's own file as a document."""

from __future__ import annotations

from pb.mediation.v1 import consent_pb2, panel_pb2, people_pb2, sessions_pb2
from pb.privacy.v1 import case_file_pb2 as pb

from casework import names
from services.kit.personal import Paper
from services.kit.saying import moment
from services.mediation.notices import own as notices

_SIDES = {
    people_pb2.SIDE_APPLICANT: ("申请人", "applicant"), people_pb2.SIDE_RESPONDENT: ("被申请人", "respondent"),
    people_pb2.SIDE_THIRD: ("第三人", "third person"),
}  # fmt: skip
_STEPS = {
    consent_pb2.STEP_MEDIATION: ("接受调解", "mediation"), consent_pb2.STEP_SESSION: ("参加会议", "a session"),
    consent_pb2.STEP_EXTENSION: ("延长期限", "more time"), consent_pb2.STEP_SETTLEMENT: ("协议内容", "the settlement"),
    consent_pb2.STEP_JUDICIAL_CONFIRMATION: ("申请司法确认", "judicial confirmation"),
    consent_pb2.STEP_PUBLICATION: ("匿名公开", "publication without names"),
    consent_pb2.STEP_DATA_TRANSFER: ("移送资料", "passing on data"),
    consent_pb2.STEP_REPRESENTATION: ("委托代表", "being represented"),
    consent_pb2.STEP_CAUCUS_HANDOVER: ("向现调解员移交单独谈话", "handing over what was said in confidence"),
}  # fmt: skip
_BESIDE = {
    people_pb2.COMPANION_ROLE_GUARDIAN: ("监护人", "guardian"),
    people_pb2.COMPANION_ROLE_SUPPORT: ("陪同人", "support"),
    people_pb2.COMPANION_ROLE_REPRESENTATIVE: ("代表人", "representative"),
    people_pb2.COMPANION_ROLE_AGENT: ("代理人", "agent"),
    people_pb2.COMPANION_ROLE_INTERPRETER: ("翻译", "interpreter"),
}
_MEMBERS = {
    panel_pb2.PANEL_ROLE_SECOND_MEDIATOR: ("调解员", "second mediator"),
    panel_pb2.PANEL_ROLE_ASSESSOR: ("受邀参与人", "assessor"),
}
_KINDS = {
    sessions_pb2.SESSION_KIND_JOINT: ("面对面", "with the other side"),
    sessions_pb2.SESSION_KIND_SEPARATE: ("单独", "alone with the mediator"),
}
_DETAILS = (
    ("display_name", "姓名（名称）", "Name"), ("phone", "电话", "Telephone"), ("id_number", "证件号码", "ID number"),
    ("address", "住址", "Address"), ("service_address", "送达地址", "Address for letters"),
    ("birth_date", "出生日期", "Date of birth"), ("gender", "性别", "Gender"),
    ("ethnic_group", "民族", "Ethnic group"), ("occupation", "职业", "Occupation"), ("language", "语言", "Language"),
    ("legal_representative", "法定代表人", "Legal representative"),
)  # fmt: skip


def written(found: pb.CaseFile, language: str) -> pb.CaseFile:
    """Return a file, with its document in a language."""
    paper = Paper(language)
    say, english = paper.say, language == "en"
    number = names.number_of(found.name)
    paper.facts(
        "", "",
        (("案号", "Case", number), ("办理单位", "Unit", found.unit_display_name),
         ("纠纷类别", "Kind of matter", found.category), ("身份", "Role", _SIDES[found.side][english]),
         *((zh, en, getattr(found.details, field)) for field, zh, en in _DETAILS)),
    )  # fmt: skip
    paper.lines("报告的内容", "What you reported", [found.report_text] if found.report_text else [])
    paper.lines("同意记录", "What you consented to", [
        f"{moment(each.give_time, language)} {_STEPS[each.step][english]}: "
        f"{say('同意', 'yes') if each.given else say('不同意', 'no')}"
        for each in found.consents
    ])  # fmt: skip
    paper.lines("参加的调解", "Sessions you attended", [
        f"{moment(each.start_time, language)} {_KINDS[each.kind][english]}" for each in found.sessions
    ])  # fmt: skip
    for each in found.agreements:
        told = each.text.statement
        paper.lines("签署的协议", "Agreement you signed", [
            *filter(None, (told.facts, told.disputed_points, told.responsibility)), *each.text.clauses,
            f"{say('签署', 'signed')} {moment(each.sign_time, language)}",
        ])  # fmt: skip
    paper.lines("提交的证据", "Evidence you handed in", [
        f"{each.title} ({each.file_name or names.last(each.name)}, {each.size} B)" for each in found.evidence
    ])  # fmt: skip
    paper.lines("陪同和代理您的人", "Who accompanies you", [
        f"{_BESIDE[each.role][english]} {each.masked_name}" for each in found.companions
    ])  # fmt: skip
    paper.lines("参与调解的其他人员", "Who else takes part in the mediation", [
        f"{_MEMBERS[each.role][english]} {each.display_name} {each.capacity}".strip()
        + (f"; {say('您已同意', 'you agreed')}" if each.agreed else "")
        for each in found.panel
    ])  # fmt: skip
    paper.lines("您的其他表示和行为", "What else you said and did", [
        f"{moment(each.time, language)} {each.what}{': ' if each.text else ''}{each.text}" for each in found.acts
    ])  # fmt: skip
    paper.lines("权利告知书", "Notices of rights", [
        f"{moment(each.make_time, language)}; {say('送达', 'served')} {moment(each.serve_time, language) or '–'}"
        for each in found.notices
    ])  # fmt: skip
    notices.write(paper, found.sent_notices, language)
    paper.lines("日期", "Dates", [f"{moment(each.time, language)} {each.what}" for each in found.dates])
    paper.lines("查阅记录", "Who looked", [each.sentence for each in found.access_log])
    paper.put(found, f"{number}-{say('本人材料', 'own-file')}.docx")
    return found
