"""Nine stories, from the counter to the dossier, told through REST alone as a client app would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from accord.embedded.stack import Stack
from tests.conftest import COUNTY, request_id
from tests.outside import Invitee
from tests.patience import CALL
from tests.scenario import TOLD, Desk, Matter, acts, day, instant, pays, refused
from tests.scenario_dossier import check_hand_over
from tests.test_privacy import found_in

pytestmark = pytest.mark.usefixtures("no_unforeseen_fault")


@pytest.fixture
async def desk(stack: Stack) -> AsyncIterator[Desk]:
    """Return the desks of the county's centre."""
    async with httpx.AsyncClient(base_url=stack.urls["api"], timeout=CALL) as rest:
        yield Desk(rest, stack)


async def by_itself(case: Matter, party: str) -> dict[str, Any]:
    """Let a party leave by itself, by the code of its invitation; what it is told."""
    async with Invitee(case.desk.stack) as guest:
        await guest.comes(await case.desk.post(f"{party}:invite", "clerk", claim=case.text))
        return await guest.does(f"{party}:withdraw")


async def test_neighbours_agree_and_perform(desk: Desk) -> None:
    case = await desk.open("neighbour", "楼上卫生间漏水，天花板泡坏两处。")
    below, above = await case.two_sides("申屠楼下", "公冶楼上")
    with refused("PERMISSION_DENIED"):  # nobody mediates yet
        await case.sit_down()
    await case.everybody_says_yes()
    await case.find_mediator()
    await case.confide("respondent", "最多能赔两千元，别告诉楼下。")
    session = await case.sit_down()
    await case.rise(session, "申请人要求修复，被申请人愿意负责。", "达成协议。")

    agreement = await case.agree(pays(above, below, 1200), acts(above, below, "十日内修复卫生间防水层。"))
    assert "人调字第" in agreement["documentNumber"]
    await case.carry_out_plan()
    with refused("VIEWS_MISSING"):
        await case.ask_closing("AGREED")
    assert (await case.perform((await case.parts())[0], 500))["state"] == "INSTALMENT_STATE_PART"
    for part in await case.parts():
        assert (await case.perform(part))["state"] == "INSTALMENT_STATE_PERFORMED"
    closing = await case.close("AGREED")
    assert "人调结字第" in closing["documentNumber"]
    await case.visit(7)
    results = await case.ask("results")
    assert (results["outcome"], results["performance"]) == ("MEDIATION_OUTCOME_AGREED_FULL", "PERFORMANCE_DONE")
    assert {each["satisfaction"] for each in results["satisfaction"]} == {"SATISFACTION_SATISFIED"}

    await case.file(f"RECORD:{session}", "AGREEMENT", "PERFORMANCE", "FOLLOW_UP:visits/7", "CLOSING_REPORT")
    dossier = await case.dossier()
    assert dossier.forms == ["REGISTER", "RIGHTS_NOTICE", "IDENTITY_CHECK", "RECORD", "AGREEMENT", "PERFORMANCE",
                             "FOLLOW_UP", "CLOSING_REPORT"]  # fmt: skip
    dossier.is_whole("申屠楼下", "公冶楼上")
    dossier.says("REGISTER", case.text, "窗口")
    dossier.says("RECORD", "申请人要求修复，被申请人愿意负责。")
    dossier.says("AGREEMENT", agreement["documentNumber"], "1．公冶楼上：支付1200元；金额", "1,200", "责任与数额。",
                 "人民调解员（周调解）",
                 "十日内修复卫生间防水层；")  # fmt: skip
    dossier.says("PERFORMANCE", "500.00元", "部分履行", "700.00元", "已全部履行", "申屠楼下")
    dossier.says("CLOSING_REPORT", "已全部履行")
    dossier.is_silent_about("最多能赔两千元", "demo-handler", "demo-reviewer")


async def test_wages_are_agreed_in_three_instalments_and_the_second_is_not_paid(desk: Desk) -> None:
    case = await desk.open("labour/wage-arrears", "工地拖欠三个月工资，共九千元。", people_affected=1)
    worker = await case.add("APPLICANT", "夏侯砌墙")
    employer = await case.add("RESPONDENT", "兰州乌有建筑有限公司", kind="ORGANISATION")
    await case.everybody_says_yes()
    await case.find_mediator()
    session = await case.sit_down()
    await case.rise(session, "公司承认拖欠，请求分期。", "分三期支付。")

    three = [{"amount_fen": 3000_00, "due_date": day(days)} for days in (5, 35, 65)]
    await case.agree(pays(employer, worker, 9000, instalments=three))
    first, second, third = await case.parts()
    running = await case.clocks()
    assert {f"performance-1-1-{n}" for n in (1, 2, 3)} <= set(running)
    await case.perform(first)
    with refused("WRONG_STATE"):
        await desk.post(f"{second['name']}:pursueDefault", "mediator", case.user, remedy="REMEDY_REMIND")
    owed = await desk.post(f"{second['name']}:declareDefault", "mediator", case.user, reason="DEFAULT_REASON_REFUSED")
    assert owed["state"] == "INSTALMENT_STATE_DEFAULTED"
    assert owed["remedies"] == [f"REMEDY_{each}" for each in ("REMIND", "ENFORCEMENT", "PAYMENT_ORDER", "ESCALATE")]
    for remedy in ("REMEDY_REMIND", "REMEDY_PAYMENT_ORDER", "REMEDY_ESCALATE"):
        owed = await desk.post(f"{second['name']}:pursueDefault", "mediator", case.user, remedy=remedy)
    assert [step["remedy"] for step in owed["steps"]] == ["REMEDY_REMIND", "REMEDY_PAYMENT_ORDER", "REMEDY_ESCALATE"]
    raised = await case.escalated(second["name"])
    assert (raised["fromUnit"], raised["toUnit"], raised["reason"]) == ("units/620102", "units/6201", "default")
    await case.carry_out_plan()
    await case.hear_everybody()
    with refused("CLAUSES_OPEN"):  # the third is still to come
        await case.ask_closing("AGREED")
    await case.perform(third)
    await case.close("AGREED")
    results = await case.ask("results")
    assert (results["outcome"], results["performance"]) == ("MEDIATION_OUTCOME_AGREED_FULL", "PERFORMANCE_PART")

    await case.file(f"RECORD:{session}", "AGREEMENT", "PERFORMANCE", "CLOSING_REPORT")
    dossier = await case.dossier()
    dossier.is_whole("夏侯砌墙", "兰州乌有建筑有限公司")
    dossier.says("AGREEMENT", "9,000.00元", "玖仟元整", "分3期", "3000元")
    dossier.says("PERFORMANCE", "slip-1")


async def test_one_party_refuses_at_once(desk: Desk) -> None:
    case = await desk.open("neighbour/boundary", "院墙占了通道，邻居不愿谈。")
    _, neighbour = await case.two_sides("端木过路", "澹台院墙")
    await case.says(neighbour, yes=False)
    mediation = await case.ask("mediation")
    assert mediation["state"] == "MEDIATION_STATE_WITHDRAWN"
    told = await by_itself(case, neighbour)  # said again, by the own code: the same answer
    assert {"court", "arbitration", "mediation"} <= {route["route"] for route in told["routes"]}
    assert all(route["zh"] and route["en"] for route in told["routes"])
    ending = await case.ask("ending")
    assert ending["ground"] == "END_GROUND_PARTY_WITHDREW"
    assert "ROUTE_COURT" in ending["routes"]
    with refused("WRONG_STATE"):
        await case.says(neighbour)
    running = [key for key, clock in (await case.clocks()).items() if clock["state"] == "CLOCK_STATE_RUNNING"]
    assert not [key for key in running if key.startswith(("mediator", "mediation", "session"))]

    assert len(await case.serve_notices()) == 2  # every side is given the other routes, who refuses as well
    await case.close("WITHDRAWN")
    assert (await case.ask("results"))["outcome"] == "MEDIATION_OUTCOME_NOT_AGREED"
    await case.file("TERMINATION", "CLOSING_REPORT")
    dossier = await case.dossier()
    dossier.is_whole("端木过路", "澹台院墙")
    dossier.says("TERMINATION", "人民法院")


async def test_a_party_withdraws_in_the_middle_of_a_session(desk: Desk) -> None:
    case = await desk.open("contract/loan", "借款两万元，到期未还。")
    lender, borrower = await case.two_sides("东方出借", "西门借款")
    await case.everybody_says_yes()
    await case.find_mediator()
    await case.confide("applicant", "利息可以全部不要，不要先说出去。")
    session = await case.sit_down()
    later = await case.tell("sessions", kind="SESSION_KIND_JOINT", venue="VENUE_REMOTE", place="https://线上",
                            start_time=instant(48), end_time=instant(49))  # fmt: skip
    await by_itself(case, borrower)

    assert (await case.ask(session))["state"] == "SESSION_STATE_BROKEN_OFF"
    assert (await desk.get(later["name"], "handler"))["state"] == "SESSION_STATE_CANCELLED"
    assert (await case.ask("mediation"))["state"] == "MEDIATION_STATE_WITHDRAWN"
    for again in (case.sit_down(), case.draft(pays(borrower, lender, 20000))):
        with refused("(WRONG_STATE|NOT_IN_MEDIATION|CONSENT_MISSING)"):
            await again
    # The leaver's own word reaches the workflow at once, and nothing in the history says why.
    assert "PartyWithdrew" in await case.timeline()
    await case.write(session, "谈到还款日期时，被申请人退出。", "调解终止。", lender)
    await case.serve_notices()
    await case.close("WITHDRAWN")

    await case.file(f"RECORD:{session}", "TERMINATION", "CLOSING_REPORT")
    dossier = await case.dossier()
    dossier.is_whole("东方出借", "西门借款")
    dossier.says("RECORD", "被申请人退出")
    dossier.says("TERMINATION", "人民法院")
    dossier.is_silent_about("利息可以全部不要")


async def test_a_court_entrusts_the_matter_and_confirms_the_agreement(desk: Desk) -> None:
    case = await desk.open("contract/sale", "货款纠纷，法院委托调解。", channel="CHANNEL_COURT")
    letter = f"court-{request_id()}"
    docking = await case.dock("COURT", procedure="PROCEDURE_ORDINARY", hand_over_letter=letter)
    seller, buyer = await case.two_sides("闻人卖货", "百里买货")
    with refused("CONSENT_MISSING"):
        await case.tell(f"{docking}:confirmConsent")
    await case.everybody_says_yes()
    await case.tell(f"{docking}:confirmConsent")
    signed = await case.tell(f"{docking}:sign")
    assert signed["state"] == "DOCKING_STATE_SIGNED"
    assert (await case.clocks())["docking-1"]["rule"] == "court_entrusted"
    await case.find_mediator()
    session = await case.sit_down()
    await case.rise(session, "双方对账，欠款三万元。", "分一次付清。")
    agreement = await case.agree(pays(buyer, seller, 30000, days=20))
    assert (await case.tell(f"{docking}:settle"))["state"] == "DOCKING_STATE_AGREED"
    assert (await case.clocks())["docking-1"]["state"] == "CLOCK_STATE_MET"

    name = agreement["name"].removeprefix(f"{case.name}/")
    assert (await case.ask(f"{name}:checkEligibility"))["cautions"] == ["CAUTION_NOT_JOINT"]
    await case.everybody_says_yes("JUDICIAL_CONFIRMATION")
    await case.tell(f"{name}:applyForConfirmation", court="620102-court")
    hand_over = await case.ask(f"{name}/confirmation/handOver")
    check_hand_over(hand_over, agreement["documentNumber"], "闻人卖货", "百里买货")
    confirmed = await case.tell(f"{name}/confirmation:recordResult", result="CONFIRMATION_STATE_CONFIRMED",
                                evidence="court-decision-9")  # fmt: skip
    assert confirmed["state"] == "CONFIRMATION_STATE_CONFIRMED"
    answer = {"answer": "AUTHORITY_ANSWER_ACCEPTED", "evidence": "court-letter-8"}
    await desk.at(f"{COUNTY}-court").post(f"{case.name}/{docking}:recordAnswer", **answer)
    await case.perform((await case.parts())[0])
    await case.carry_out_plan()
    await case.close("AGREED")

    about = f":{docking}"
    await case.file(f"ENTRUSTMENT{about}", f"CONSENT_INQUIRY{about}", f"DOCKING_RECEIPT{about}", f"RECORD:{session}",
                    "AGREEMENT", "CONFIRMATION_APPLICATION", f"RESULT_FEEDBACK{about}", "CLOSING_REPORT")  # fmt: skip
    dossier = await case.dossier()
    dossier.is_whole("闻人卖货", "百里买货")
    assert dossier.forms[:3] == ["ENTRUSTMENT", "CONSENT_INQUIRY", "DOCKING_RECEIPT"]
    dossier.says("ENTRUSTMENT", letter)
    dossier.says("REGISTER", "人民法院（诉调对接）")
    dossier.says("DOCKING_RECEIPT", letter, "调解期限届满日")
    dossier.says("RESULT_FEEDBACK", "已达成调解协议", agreement["documentNumber"])
    dossier.says("CONFIRMATION_APPLICATION", "闻人卖货", "百里买货")


async def test_what_the_police_hand_over_is_performed_before_they_decide(desk: Desk) -> None:
    case = await desk.open("damages/injury", "因口角推搡，摔伤手腕。", channel="CHANNEL_POLICE")
    with refused("NOT_FOR_MEDIATION"):
        await case.dock("POLICE", decided=True, hand_over_letter=f"police-{request_id()}")
    letter = f"police-{request_id()}"
    docking = await case.dock("POLICE", decided=False, hand_over_letter=letter)
    hurt = await case.add("APPLICANT", "太叔摔伤")
    pusher = await case.add("RESPONDENT", "令狐推人", details={"language": "en"})
    await case.everybody_says_yes()
    await case.tell(f"{docking}:confirmConsent")
    await case.tell(f"{docking}:sign")
    await case.find_mediator()
    session = await case.sit_down()
    await case.rise(session, "推人者认错，愿付医药费。", "赔礼道歉，赔偿八百元。")
    await case.agree(pays(pusher, hurt, 800, days=2),
                     {**acts(pusher, hurt, "当面赔礼道歉。", 2), "kind": "CLAUSE_KIND_APOLOGISE"})  # fmt: skip
    await case.tell(f"{docking}:settle")
    with refused("NOT_PERFORMED"):
        await case.tell(f"{docking}:provePerformance", evidence="slip-1")
    for part in await case.parts():
        await case.perform(part)
    assert (await case.tell(f"{docking}:provePerformance", evidence="slip-1"))["state"] == "DOCKING_STATE_PERFORMED"
    await case.tell(f"{docking}:applyForSettlement", evidence="application-1")
    answer = {"answer": "AUTHORITY_ANSWER_ACCEPTED", "evidence": "police-2"}
    settled = await desk.at(f"{COUNTY}-police").post(f"{case.name}/{docking}:recordAnswer", **answer)
    assert settled["state"] == "DOCKING_STATE_SETTLED"
    kinds = ["HAND_OVER", "RECEIPT", "AGREEMENT", "PERFORMANCE_PROOF", "APPLICATION", "ANSWER"]
    assert [letter["kind"] for letter in settled["letters"]] == [f"LETTER_KIND_{kind}" for kind in kinds]
    clock = (await case.clocks())["docking-1"]
    assert (clock["state"], clock["overdue"]) == ("CLOCK_STATE_MET", False)
    await case.carry_out_plan()
    await case.close("AGREED")

    about = f":{docking}"
    await case.file(f"ENTRUSTMENT{about}", f"DOCKING_RECEIPT{about}", f"RECORD:{session}", "AGREEMENT", "PERFORMANCE",
                    f"RESULT_FEEDBACK{about}", "CLOSING_REPORT")  # fmt: skip
    dossier = await case.dossier()
    dossier.is_whole("太叔摔伤", "令狐推人")
    dossier.says("ENTRUSTMENT", letter, "移送调解")
    dossier.says("RESULT_FEEDBACK", "已达成调解协议", "已全部履行")
    dossier.says("AGREEMENT", "当面赔礼道歉；")
    text = dossier.of("AGREEMENT")  # who speaks another language gets a companion, behind the Chinese text
    assert text.index("人民调解协议书") < text.index("People's mediation agreement")


async def test_an_appraisal_pauses_the_clock_of_medical_mediation_and_no_other(desk: Desk) -> None:
    case = await desk.open("medical", "手术后感染，家属认为处置不当。")
    family = await case.add("APPLICANT", "尉迟家属")
    hospital = await case.add("RESPONDENT", "乌有县人民医院", kind="ORGANISATION")
    await case.everybody_says_yes()
    await case.find_mediator()
    # The law's own term runs by itself once the last side has said yes and somebody mediates.
    clock = f"clocks/mediation/{case.name.removeprefix('cases/')}.mediation-statute-1"
    started = await desk.get(clock, "auditor")
    assert started["rule"] == "medical_mediation"
    before = await case.clocks()
    paused = await desk.post(f"{clock}:pause", "mediator", case.user, cause="appraisal", evidence="order-1",
                             effective_time=instant(0))  # fmt: skip
    assert paused["state"] == "CLOCK_STATE_PAUSED"
    assert paused.get("dueTime") is None
    during = await case.clocks()
    key = clock.split(".", 1)[1]
    assert {each: during[each] for each in during if each != key} == {
        each: before[each] for each in before if each != key
    }
    assert before["close"]["state"] == "CLOCK_STATE_RUNNING"
    resumed = await desk.post(f"{clock}:resume", "mediator", case.user)
    assert (resumed["state"], resumed["dueTime"]) == ("CLOCK_STATE_RUNNING", started["dueTime"])
    why = await desk.get(f"{clock}:explain", "auditor")
    assert "38" in why["basis"]
    assert why["limit"].startswith("30 ")

    session = await case.sit_down()
    await case.rise(session, "双方认可鉴定意见。", "医院补偿一万元。")
    with refused("WRITTEN_REQUIRED"):
        await case.tell("agreements", extent="AGREEMENT_EXTENT_FULL", form="AGREEMENT_FORM_ORAL",
                        clauses=[pays(hospital, family, 10000)])  # fmt: skip
    await case.agree(pays(hospital, family, 10000))
    await case.perform((await case.parts())[0])
    await case.carry_out_plan()
    closing = await case.close("AGREED")
    assert closing["retention"] == "RETENTION_THIRTY_YEARS"

    await case.file(f"RECORD:{session}", "AGREEMENT", "PERFORMANCE", "CLOSING_REPORT")
    dossier = await case.dossier()
    dossier.is_whole("尉迟家属", "乌有县人民医院")
    dossier.says("AGREEMENT", "10,000")


async def test_thirty_people_speak_through_five_and_one_opts_out(desk: Desk) -> None:
    case = await desk.open("consumer", "健身房关门，三十人退费。", people_affected=30)
    members = [await case.add("APPLICANT", f"退费甲{n:02}", member=True) for n in range(30)]
    gym = await case.add("RESPONDENT", "乌有健身有限公司", kind="ORGANISATION")
    for n in range(5):
        await case.elect(f"代表乙{n}", *members[n * 6 : n * 6 + 6])
    with refused("TOO_MANY_REPRESENTATIVES"):
        await case.elect("代表乙5", *members[:2])
    await case.everybody_says_yes()
    await case.find_mediator(members[0], gym)
    out, *stay = reversed(members)
    left = await desk.post(f"{out}:withdraw", "clerk")
    assert left["mediationState"] == "MEDIATION_STATE_MEDIATING"  # the others go on without the one
    session = await case.sit_down()
    await case.rise(session, "会员要求退费，公司同意按比例退。", "各退五百元。")

    agreement = await case.draft(*(pays(gym, member, 500) for member in stay))
    with refused("CONSENT_MISSING"):  # nobody settles for anybody who has not said so
        await case.sign(agreement, *stay, signer="REPRESENTATIVE")
    for member in stay:
        await case.says(member, "SETTLEMENT")
    await case.sign(agreement, *stay, signer="REPRESENTATIVE")
    await case.sign(agreement, gym)
    await case.bind(agreement)
    parts = await case.parts()
    assert len(parts) == 29
    assert out not in {part["beneficiary"] for part in parts}
    for part in parts:
        await case.perform(part)
    await case.carry_out_plan()
    closing = await case.close("AGREED")
    assert closing["retention"] == "RETENTION_PERMANENT"

    attorneys = [f"POWER_OF_ATTORNEY:companions/{n}" for n in range(1, 6)]
    await case.file(*attorneys, f"RECORD:{session}", "AGREEMENT", "PERFORMANCE", "CLOSING_REPORT")
    dossier = await case.dossier()
    assert dossier.forms.count("POWER_OF_ATTORNEY") == 5
    dossier.is_whole(*case.people)
    dossier.says("POWER_OF_ATTORNEY", *(f"代表乙{n}" for n in range(5)))


async def test_where_there_was_violence_nobody_is_put_into_one_room(desk: Desk) -> None:
    case = await desk.open("family/violence", "请求安排子女抚养费，双方已分居。")
    hiding = {"address": "不可外泄的庇护所地址", "phone": "13987651234"}
    afraid = await case.add("APPLICANT", "宇文避险", details=hiding)
    other = await case.add("RESPONDENT", "长孙对方")
    screening = {
        "concern": True,
        "hide_address": True,
        "wants_joint_session": False,
        "in_private": True,
        "note": "害怕同处一室",
    }
    await desk.post(f"{afraid}:screen", "mediator", screening=screening)
    await case.says(afraid)
    with refused("SCREENING_MISSING"):
        await case.says(other)
    alone = {**screening, "concern": False, "hide_address": False, "note": "没有顾虑"}
    await desk.post(f"{other}:screen", "mediator", screening=alone)
    await case.says(other)
    mediation = await case.find_mediator()
    assert mediation["jointSessions"] is False
    with refused("JOINT_REFUSED"):
        await case.sit_down()
    # One side's wish is not enough, and a wish is only kept of who was asked alone.
    await desk.post(f"{other}:askJointSession", "mediator", case.user, wished=True, asked_alone=True)
    with refused("JOINT_REFUSED"):
        await case.sit_down()
    for party, side, secret in ((afraid, "applicant", "只想要孩子平安"), (other, "respondent", "愿意多付一些")):
        talk = await case.sit_down("SEPARATE", party)
        await case.confide(side, secret)
        await case.tell(f"{talk}:end")
    agreement = await case.agree(pays(other, afraid, 1500))
    parties = (await case.ask("parties"))["parties"]
    assert [party["maskedName"][0] for party in parties] == ["宇", "长"]
    assert not [word for word in ("宇文避险", "庇护所", "13987651234") if word in str(parties)]
    await case.perform((await case.parts())[0])
    await case.carry_out_plan()
    await case.close("AGREED")

    await case.file("AGREEMENT", "PERFORMANCE", "CLOSING_REPORT")
    dossier = await case.dossier()
    dossier.is_whole("宇文避险", "长孙对方")
    dossier.says("AGREEMENT", agreement["documentNumber"], "1,500")
    looks = (await case.ask("accessLog", "auditor", page_size=200))["entries"]
    assert {"parties.unmask", "dossiers.get"} <= {look["action"] for look in looks}  # who asks is shown who looked
    dossier.is_silent_about("不可外泄的庇护所地址", "13987651234", "只想要孩子平安", "愿意多付一些", "害怕同处一室")


async def test_nothing_that_was_told_in_the_stories_lies_open_in_logs_traces_workflows_or_tables(stack: Stack) -> None:
    secrets = {each: each for each in TOLD if not each.startswith("退费甲") or each == "退费甲00"}
    workflows = [path for path in stack.folder.root.rglob("*temporal*") if path.is_file()]
    logs = [*stack.folder.logs.glob("*.log"), stack.folder.root / "spans.jsonl"]
    # The search finds what is there: numbers of cases.
    assert any(found_in(path.read_bytes(), {"cases": f"cases/{COUNTY}-"}) for path in workflows)
    for path in (*workflows, *logs):
        assert found_in(path.read_bytes(), secrets) == set(), path.name
    connection = await asyncpg.connect(stack.database_url)
    try:
        tables = await connection.fetch(
            "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema IN ('intake', 'mediation', 'escalation')"
        )
        for (table,) in tables:
            rows = await connection.fetch(f"SELECT t::text FROM {table} t")
            assert found_in("\n".join(row[0] for row in rows).encode(), secrets) == set(), table
    finally:
        await connection.close()
