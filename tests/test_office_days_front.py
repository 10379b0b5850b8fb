"""The day of a grid worker, a clerk, a duty officer, a handler, a co-unit, a reviewer and the head of a centre.

Each gets through one matter with the own token alone, in Chinese and in English; what others do is done by theirs.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from accord.embedded.stack import Stack
from tests.conftest import request_id
from tests.offices import Person, Place, place_of
from tests.scenario import day, instant
from tests.world import picture

PHONE = "13800138000"
LEAK = "楼上卫生间漏水，天花板泡坏两处，找了三次没有人管。"
WAGES = "工地拖欠八个人三个月的工资，找不到负责人。"
TABLE = base64.b64encode("考勤核对表：八人，九万六千元。".encode()).decode()
NOTHING = dict.fromkeys(("kin", "interest", "priorRole"), False)


@pytest.fixture(params=["zh", "en"])
async def place(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """Return a county of its own, whose people read this language."""
    async with place_of(stack, request.param) as found:
        yield found


async def done(place: Place, task: str, unit: str = "", account: str = "") -> None:
    """Let somebody of a unit sign for a task and report it."""
    handler = place.person("handler", unit, account)
    await handler.does(f"{task}:sign")
    await handler.does(f"{task}:report", evidence="办理记录〔2026〕3号")


@pytest.mark.fault("C8")
async def test_the_day_of_a_grid_worker(place: Place) -> None:
    head, place.at = place.person("unit_head"), place.village
    me = place.person("grid_worker", place.village)
    await head.does("grids", name=f"grids/{place.village}001", displayName="东街第一网格")
    entry = {"account": me.account, "grids": [f"grids/{place.village}001"], "firstDate": day(-30), "lastDate": day(90)}
    await head.does("gridWorkers", **entry)

    # Which grid, until when; what was seen there is sent later, twice if the answer was lost.
    (mine,), (grid,) = (await me.reads("gridWorkers"))["gridWorkers"], (await me.reads("grids"))["grids"]
    assert (mine["serving"], mine["grids"]) == (True, [grid["name"]])
    where = {"grid": grid["name"].removeprefix("grids/")}
    seen = {"channel": "CHANNEL_GRID", "unit": grid["unit"], "category": "categories/neighbour", "place": where,
            "text": "井盖丢了一个。", "observeTime": instant(-3)}  # fmt: skip
    key = request_id()
    made, again = [(await me.sends("reports", key, **seen)).json() for _ in range(2)]
    assert made["name"] == again["name"]
    await me.does(f"{made['name']}/photos", content=base64.b64encode(picture()).decode())
    (own,) = (await me.reads("reports:own"))["reports"]
    assert (own["name"], len((await me.reads(f"{own['name']}/photos"))["photos"])) == (made["name"], 1)

    # It becomes a case of the village; the task is found, done and reported in words.
    await place.person("duty_officer", place.village).does(f"{made['name']}:accept")
    waits = await me.step("sign")
    (task,) = await me.finds("cases/-/tasks", "tasks", states="TASK_STATE_DISPATCHED")
    assert (task["name"], task["unit"]) == (waits["subject"], grid["unit"])
    await me.does(f"{task['name']}:sign")
    assert (await me.step("task", "MINE"))["subject"] == task["name"]
    await me.does(f"{task['name']}:report", evidenceText="井盖已经补上，拍了照片。")
    assert (await me.reads(task["name"]))["state"] == "TASK_STATE_REPORTED"
    code = (await me.reads(f"{own['name']}/content"))["receiptCode"]
    assert (await me.slip(code, "HANDLING"))["phaseWords"]

    # No decision at the desk, no check of the own work, nothing of the next village.
    await me.refused(f"{own['name']}:accept")
    await me.refused(f"{task['name']}:verify", sufficient=True)
    place.at = place.township
    await me.shut_out(f"{(await place.comes_in(LEAK))['name']}/content")


async def test_the_day_of_a_clerk(place: Place) -> None:
    me, duty = place.person("clerk"), place.person("duty_officer")
    earlier = await place.comes_in(LEAK)

    # Likely same matters, before it is taken down; it is another flat.
    alike = await me.does("reports:findDuplicates", unit=place.unit, text=LEAK, category="categories/neighbour")
    (likely,) = [each for each in alike["duplicates"] if each["excerpt"]]
    assert (likely["report"], likely["excerpt"], bool(likely["unitDisplayName"])) == (earlier["name"], LEAK, True)
    people = [{"role": "PARTY_ROLE_APPLICANT", "displayName": "申屠楼下", "phone": PHONE},
              {"role": "PARTY_ROLE_RESPONDENT", "displayName": "公冶楼上"}]  # fmt: skip
    made = await me.does("reports", **place.told(
        LEAK, "contract", parties=people, reporter={"displayName": "申屠楼下", "phone": PHONE}))  # fmt: skip
    assert (await me.reads(f"receipts/{made['receiptCode']}"))["nextStep"]
    await me.does(f"{made['name']}/links", target=likely["report"], kind="LINK_KIND_DISTINCT", reason="两户人家")

    # The slip is lost: the person is there, and gets another. Category and day of receipt are put right.
    (listed,) = [each for each in (await me.reads("reports", states="REPORT_STATE_RECEIVED"))["reports"]
                 if each["name"] != earlier["name"]]  # fmt: skip
    slip = await me.does(f"{listed['name']}:reissueReceipt", documentKind="居民身份证",
                         secondFactor="SECOND_FACTOR_PHONE")  # fmt: skip
    await me.ends(f"receipts/{made['receiptCode']}")
    assert (await me.reads(f"receipts/{slip['receiptCode']}"))["report"] == listed["name"]
    amended = await me.does(f"{listed['name']}:amend", category="categories/neighbour", reason="听错了")
    assert amended["category"] == "categories/neighbour"
    letter = await me.does("reports", **place.told("来信反映路灯不亮。", channel="CHANNEL_LETTER"))
    earlier_day = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert (await me.does(f"{letter['name']}:amend", receiveTime=earlier_day, reason="邮戳"))["dueTime"] <= letter[
        "dueTime"
    ]

    # The letter belongs to the county beside: it goes there with its papers, and is sent back with a reason.
    await me.does(f"{letter['name']}:forward", unit=f"units/{place.beside}", reason="路灯在那边。")
    (asked,) = (await me.reads("reports/-/forwards", open="true"))["forwards"]
    assert (asked["state"], bool(asked["askedUnitDisplayName"])) == ("FORWARD_STATE_ASKED", True)
    await place.person("duty_officer", place.beside).does(f"{letter['name']}:sendBack", reason="在界线这边。")
    (back,) = (await me.reads(f"{letter['name']}/forwards"))["forwards"]
    assert back["state"] == "FORWARD_STATE_SENT_BACK"
    assert (await me.reads(back["name"]))["sendBackReason"] == "在界线这边。"

    # Accepted, its people are the case's parties; each gets a code, or is asked at the counter.
    await duty.does(f"{listed['name']}:accept")
    (case,) = await me.finds("cases", "cases")
    one, two = (await me.reads(f"{case['name']}/parties"))["parties"]
    assert [each["maskedName"][0] for each in (one, two)] == ["申", "公"]
    assert (await me.does(f"{one['name']}:invite", claim="请求修好漏水。"))["code"]
    said = {"step": "STEP_MEDIATION", "given": True, "medium": "MEDIUM_IN_PERSON", "language": "zh-CN"}
    assert (await me.does(f"{two['name']}/consents", readBack=True, **said))["given"]
    assert (await me.reads(f"{case['name']}/progress"))["unitDisplayName"]

    # No decision at the desk, nothing of the county beside.
    await me.refused(f"{letter['name']}:accept")
    await me.refused(f"{letter['name']}:decline", reason="不归我们", route="ROUTE_COURT")
    await me.shut_out(f"reports?unit=units/{place.beside}", f"cases?unit=units/{place.beside}")


async def test_the_day_of_a_duty_officer(place: Place) -> None:
    me, clerk = place.person("duty_officer"), place.person("clerk")
    for text, category, people in ((LEAK, "neighbour", 1), (LEAK, "neighbour", 1), (WAGES, "labour", 8)):
        await clerk.does("reports", **place.told(text, category, peopleAffected=people))

    # The queue by date, with a true count; what each is about; one step taken on is one's own.
    async def queue(many: int) -> dict[str, dict[str, object]]:
        found = await me.becomes("worklist", lambda now: now["total"] == many, scope="WORK_SCOPE_UNIT")
        return {str(each["subject"]): each for each in found["items"]}

    waiting = await queue(3)
    await me.steps("accept")
    texts = {name: (await me.reads(f"{name}/content"))["text"] for name in waiting}
    (wages,) = [name for name, text in texts.items() if text == WAGES]
    one, two = [name for name, text in texts.items() if text == LEAK]
    await me.does(f"{waiting[wages]['clock']}:take")
    assert (await me.step("accept", "MINE"))["subject"] == wages

    # Two tell of the same: seen side by side, merged, readable from both; taken back, and declined in words.
    (like,) = [each for each in (await me.reads(f"{one}/duplicates"))["duplicates"] if each["report"] == two]
    both = await me.reads(f"{one}:compare", other=like["report"])
    assert (both["one"]["text"], both["other"]["text"], both["textSimilarity"] > 0.9) == (LEAK, LEAK, True)
    await me.does(f"{two}:merge", target=one, reason="同一事项")
    assert [each["merged"] for each in (await me.reads(f"{one}/links"))["links"]] == [True]
    await me.does(f"{two}:unmerge", reason="是另一户")
    code = (await me.reads(f"{two}/content"))["receiptCode"]
    await me.does(f"{two}:decline", reason="须先找物业", route="ROUTE_ADMINISTRATION",
                  explanation="公共管道由物业维修。", destinationUnit=f"{place.unit}-housing")  # fmt: skip
    told = await me.slip(code, "DECLINED")
    assert told["refusal"]["explanation"] == "公共管道由物业维修。"
    assert told["refusal"]["destination"]
    assert told["refusal"]["objection"]

    # Accepted, it has a plan; a co-unit is added, and the bureau of another county is asked, which answers itself.
    case = str((await me.does(f"{wages}:accept"))["case"])
    await me.finds("cases", "cases")
    plan = await me.reads(f"{case}/plan")
    added = {"measure": "到工地核对考勤。", "unit": f"{place.unit}-justice", "days": 5, "evidenceRequired": "核对表"}
    changed = await me.does(f"{case}/plan:revise", revision={"add": [added]}, reason="须核对考勤。", etag=plan["etag"])
    assert (changed["state"], changed["version"]) == ("PLAN_CHANGE_STATE_APPLIED", 2)
    await me.does(f"{case}/offers", offeredUnit=f"units/{place.beside}", reason="工地在那边")
    other = place.person("duty_officer", place.beside)
    (offer,) = await other.finds("cases/-/offers", "offers", open="true")
    await other.shut_out(case)
    await other.does(f"{offer['name']}:decline", reason="工地在这边")
    (mine,) = (await me.reads("cases/-/offers"))["offers"]
    assert (mine["state"], mine["declineReason"]) == ("OFFER_STATE_DECLINED", "工地在这边")

    # What one asked for is decided by another; a case is closed by who did not handle it.
    drop = {"withdraw": [{"task": plan["tasks"][0]["name"], "reason": "已经核对。"}]}
    asked = await me.does(f"{case}/plan:revise", revision=drop, reason="已经核对。", propose=True)
    await me.refused(f"{asked['name']}:decide", approved=True)
    await me.refused(f"{case}:close", approved=True)
    await other.refused(f"{one}:accept")


@pytest.mark.fault("C9")
async def test_the_day_of_a_handler(place: Place) -> None:
    me = place.person("handler")
    case = await place.opened(LEAK)

    # The step of the unit is taken on; whatever the act needs is there.
    waits = await me.step("sign")
    await me.does(f"{waits['clock']}:take")
    assert (await me.step("sign", "MINE"))["subject"] == waits["subject"]
    report = (await me.reads(waits["case"]))["report"]
    assert (await me.sees(f"{report}/content"))["text"] == LEAK
    task = await me.reads(waits["subject"])
    assert task["measure"]
    await me.does(f"{task['name']}:sign")
    mine = await me.step("task", "MINE")
    assert (mine["subject"], mine["dueTime"], mine["takenBy"]) == (task["name"], task["dueTime"], me.account)

    # A pause has its cause and its paper, and moves this one date alone.
    await me.does(f"{mine['clock']}:pause", cause="expert", evidence="委托鉴定函〔2026〕1号")
    assert (await me.becomes(mine["clock"], lambda now: now["state"] == "CLOCK_STATE_PAUSED"))["rule"] == "task"
    await me.does(f"{mine['clock']}:resume")
    why = await me.reads(f"{mine['clock']}:explain")
    assert why["limit"]

    # A plan that must change: added at once, with its version and what differs.
    added = {"measure": "查看上层防水。", "unit": f"{place.unit}-housing", "days": 5, "evidenceRequired": "查验记录"}
    plan = await me.reads(f"{mine['case']}/plan")
    await me.does(f"{mine['case']}/plan:revise", revision={"add": [added]}, reason="须查看。", etag=plan["etag"])
    versions = (await me.reads(f"{mine['case']}/plan/versions"))["versions"]
    assert [(each["version"], each["reason"]) for each in versions][1:] == [(2, "须查看。")]
    (more,) = (await me.reads(f"{mine['case']}/plan:compare", base=1))["diffs"]
    assert (more["kind"], more["measure"]) == ("PLAN_DIFF_KIND_ADDED", "查看上层防水。")

    # Reported with words and a file; the others do their part, and the closing is asked for.
    file = await me.does(
        f"{mine['case']}/evidence", evidence={"type": "FILE_TYPE_TEXT", "title": "记录"}, content=TABLE
    )
    await me.does(f"{task['name']}:report", evidenceText="双方到场看过，同意各修一半。", evidenceFiles=[file["name"]])
    await done(place, more["task"], "-housing")
    reviewer = place.person("reviewer")
    for each in (task["name"], more["task"]):
        await reviewer.does(f"{each}:verify", sufficient=True)
    await me.does(f"{case}:requestClosing", outcome="OUTCOME_RESOLVED")
    await me.refused(f"{case}:close", approved=True)
    await reviewer.does(f"{case}:close", approved=True)
    told = await me.becomes(f"{case}/progress", lambda now: now["phase"] == "PHASE_CLOSED")
    assert told["outcome"]
    assert await me.finds("cases", "cases", lambda found: not found, stages="STAGE_HANDLING") == []

    # No check of the own work, no desk, nothing for the county beside.
    await me.refused(f"{task['name']}:verify", sufficient=True)
    await me.refused(f"{report}:decline", reason="不归我们", route="ROUTE_COURT")
    await place.person("handler", place.beside).shut_out(case, f"{case}/plan", task["name"])


@pytest.mark.fault("C9")
async def test_the_day_of_a_co_unit(place: Place) -> None:
    me, other = place.person("handler", "-labour"), place.person("handler", "-justice")
    people = [{"role": "PARTY_ROLE_APPLICANT", "displayName": "夏侯砌墙", "phone": PHONE}]
    await place.opened(WAGES, "labour", peopleAffected=8, parties=people)

    # What it was given, and what it needs: the plan, the report, the people.
    waits = (await me.steps("sign"))[0]
    task, case = await me.reads(waits["subject"]), waits["case"]
    assert (task["unit"], bool(task["measure"])) == (f"units/{me.unit}", True)
    report = (await me.reads(case))["report"]
    assert (await me.sees(f"{report}/content"))["text"] == WAGES
    assert len((await me.reads(f"{case}/parties"))["parties"]) == 1
    tasks = {each["name"]: each for each in (await me.reads(f"{case}/plan"))["tasks"]}
    assert tasks[task["name"]]["state"] == "TASK_STATE_DISPATCHED"
    for path in ("mediation", "agreements", "evidence", "dossier", "caucuses/applicant/notes"):
        await me.shut_out(f"{case}/{path}")
    await other.shut_out(case, task["name"])

    # Signed, done, reported with a file; sent back by the reviewer, reported again.
    reviewer = place.person("reviewer")
    mine = [each["subject"] for each in await me.steps("sign")]
    for name in mine:
        await me.does(f"{name}:sign")
    file = await me.does(f"{case}/evidence", evidence={"type": "FILE_TYPE_TEXT", "title": "核对表"}, content=TABLE)
    await me.does(f"{task['name']}:report", evidenceText="台账已调取。")
    await me.refused(f"{task['name']}:verify", sufficient=True)
    await reviewer.does(f"{task['name']}:verify", sufficient=False)
    await me.becomes(task["name"], lambda now: now["state"] == "TASK_STATE_SIGNED")
    for name in mine:
        await me.does(f"{name}:report", evidence="人社核〔2026〕7号", evidenceFiles=[file["name"]])
        await reviewer.does(f"{name}:verify", sufficient=True)

    # With the last task what it may read ends.
    await me.shut_out(f"{case}/plan", f"{case}/parties")
    await me.loses(f"{report}/content")
    await me.becomes("worklist", lambda now: now["total"] == 0, scope="WORK_SCOPE_UNIT")


async def test_the_day_of_a_reviewer(place: Place) -> None:
    me, double = place.person("reviewer"), "does-both"
    await place.opened(LEAK)
    handler = place.person("handler", account=double)
    task = (await handler.step("sign"))["subject"]
    await done(place, task, account=double)

    # What waits for a second pair of eyes; never one's own.
    waits = await me.step("verify_task")
    assert (waits["subject"], bool((await me.reads(waits["subject"]))["reports"])) == (task, True)
    await place.person("reviewer", account=double).refused(f"{waits['subject']}:verify", "SAME_PERSON", sufficient=True)
    await me.does(f"{waits['subject']}:verify", sufficient=False)
    await handler.does(f"{task}:report", evidenceText="补了双方的签字。")
    (reported,) = await me.finds("cases/-/tasks", "tasks", states="TASK_STATE_REPORTED")
    assert reported["reports"] or (await me.reads(reported["name"]))["reports"]
    await me.does(f"{reported['name']}:verify", sufficient=True)

    # The closing: its gates, with what is missing; sent back once, then closed.
    await handler.does(f"{waits['case']}:requestClosing", outcome="OUTCOME_RESOLVED")
    asked = await me.step("close_review")
    gates = (await me.reads(f"{asked['case']}/closing"))["gates"]
    assert gates == [], "nothing is missing"
    await me.refused(f"{asked['case']}:close", "INVALID_FIELD", approved=False)
    await me.does(f"{asked['case']}:close", approved=False, reason="缺一方的签字。")
    await handler.does(f"{waits['case']}:requestClosing", outcome="OUTCOME_RESOLVED")
    (case,) = await me.finds("cases", "cases", stages="STAGE_CLOSE_REVIEW")
    await place.person("reviewer", account=double).refused(f"{case['name']}:close", "SAME_PERSON", approved=True)
    closed = await me.does(f"{case['name']}:close", approved=True)
    assert (closed["stage"], closed["outcome"]) == ("STAGE_CLOSED", "OUTCOME_RESOLVED")

    # Nothing is done, asked for or accepted by who checks; nothing of the county beside.
    await me.refused(f"{task}:report", evidence="x")
    await me.refused(f"{case['name']}:requestClosing", outcome="OUTCOME_RESOLVED")
    await me.shut_out(f"cases?unit=units/{place.beside}")


async def test_the_day_of_the_head_of_a_centre(place: Place) -> None:
    me, colleague = place.person("unit_head"), place.person("handler")
    people = [{"role": "PARTY_ROLE_APPLICANT", "displayName": "鲜于东院"},
              {"role": "PARTY_ROLE_RESPONDENT", "displayName": "闾丘西院"}]  # fmt: skip
    case = await place.opened(WAGES, "labour", peopleAffected=8, parties=people)
    asks = place.person("handler")
    tasks = (await asks.reads(f"{case}/plan"))["tasks"]
    drop = {"withdraw": [{"task": tasks[3]["name"], "reason": "工资已经当面付清。"}]}
    await asks.does(f"{case}/plan:revise", revision=drop, reason="情况有变。", propose=True)

    # The hall: windows, rooms, who is posted there from the court.
    hall = {"openDoor": True, "hours": [{"opens": "09:00", "closes": "17:30"}],
            "queues": [{"letter": "A", "title": "矛盾纠纷", "titleEn": "Disputes"}],
            "windows": [{"window": 1, "queues": ["A"]}, {"window": 2, "queues": ["A"]}],
            "postings": [{"posting": 1, "department": f"{place.unit}-court", "window": 2}]}  # fmt: skip
    made = await me.does(f"halls/{place.county}:configure", **hall)
    assert (await me.reads(made["name"]))["postings"][0]["department"] == f"{place.unit}-court"
    room = {"name": f"rooms/{place.county}-one", "unit": place.unit, "kind": "ROOM_KIND_ROOM", "capacity": 8,
            "displayName": "一号调解室"}  # fmt: skip
    await me.does("rooms", **room)
    assert [each["displayName"] for each in (await me.reads("rooms"))["rooms"]] == ["一号调解室"]

    # What is due, before it is overdue: given to a colleague, taken back; what others ask for is decided.
    sign = (await me.steps("sign"))[0]
    await me.does(f"{sign['clock']}:assign", user=colleague.account)
    assert (await colleague.step("sign", "MINE"))["subject"] == sign["subject"]
    decision = await me.step("plan_decision")
    change = await me.reads(decision["subject"])
    assert (change["reason"], change["proposedBy"]) == ("情况有变。", asks.account)
    decided = await me.does(f"{change['name']}:decide", approved=True, note="属实。")
    assert decided["state"] == "PLAN_CHANGE_STATE_APPLIED"

    # The sides chose different mediators: one is appointed to lead, the other as second.
    clerk, chosen = place.person("clerk"), []
    parties = (await clerk.reads(f"{case}/parties"))["parties"]
    said = {"step": "STEP_MEDIATION", "given": True, "medium": "MEDIUM_IN_PERSON", "language": "zh-CN"}
    for party in parties:
        await clerk.does(f"{party['name']}/consents", readBack=True, **said)
    for number, party in enumerate(parties):
        user = f"m-{request_id()[5:17]}"
        entry = {
            "user": user,
            "displayName": f"周调解{number}",
            "unit": place.unit,
            "languages": ["zh-CN"],
            "active": True,
        }
        chosen.append((await me.does(f"mediators?mediatorId={user}", **entry))["name"])
        await clerk.does(f"{party['name']}:chooseMediator", mediator=chosen[-1])
    waits = await me.step("mediator_appointment")
    names = [each["mediator"] for each in (await me.reads(f"{waits['case']}/candidates"))["candidates"]]
    assert set(names) == set(chosen)
    await me.does(f"{waits['case']}/mediation:appointMediator", mediator=names[0], secondMediator=names[1])
    assert [each["mediator"] for each in (await me.reads(f"{case}/panel"))["members"]] == [names[1]]

    # Somebody is away: who stands in sees what the other holds. The month on one page.
    await me.does("absences", unit=place.unit, official=colleague.account, cover=asks.account, firstDate=day(0),
                  lastDate=day(5))  # fmt: skip
    assert [each["cover"] for each in (await me.reads("absences"))["absences"]] == [asks.account]
    await me.becomes("digest", lambda now: "reports" in [each["kind"] for each in now["counts"] if each["new"]])
    month = (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m")
    await me.becomes("statistics:handling", lambda now: now["whole"]["open"]["count"] == 1, period=month)

    # Nothing of the county beside; what is handled is closed by a reviewer.
    await me.refused(f"{case}:close", approved=True)
    await me.refused(f"halls/{place.beside}:configure", **hall)
    await other_head(place).shut_out(case, f"worklist?unit={place.unit}")


def other_head(place: Place) -> Person:
    """Return the head of the county beside."""
    return place.person("unit_head", place.beside)
