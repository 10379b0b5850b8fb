"""A centre's desks as a client app drives them: REST alone, in everybody's role, one step of a story at a time."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from accord.embedded.stack import Stack
from casework.clocks.calendar import LOCAL
from tests.conftest import COUNTY, request_id
from tests.dossiers import text_of
from tests.patience import PATIENCE
from tests.scenario_dossier import DossierFile
from tests.scratch import Scratch

UNIT = f"units/{COUNTY}"
TOLD: set[str] = set()
"""What people told in the stories so far, and who they are: nothing of it may lie open anywhere afterwards."""
PDF = base64.b64encode(b"%PDF-1.7\na receipt\n%%EOF\n").decode()
QUESTIONS = (
    "LAWFUL", "PUBLIC_INTEREST", "PUBLIC_ORDER", "VOLUNTARY", "CLEAR", "BINDING_EXPLAINED", "COURT_EXPLAINED",
    "CONFIRMATION_EXPLAINED",
)  # fmt: skip


class RefusedError(Exception):
    """A call that was answered by a problem document; its text begins with the code."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(f"{problem['code']}: {problem['detail']} {problem.get('errors', '')}")
        self.problem = problem


@contextmanager
def refused(code: str) -> Iterator[None]:
    """Check that what is done inside is refused for this reason."""
    with pytest.raises(RefusedError, match=f"^{code}:"):
        yield


def camel(value: Any) -> Any:
    """Return a JSON value with the names of its members as the contract has them in JSON."""
    if isinstance(value, dict):
        return {_camel(name): camel(each) for name, each in value.items()}
    return [camel(each) for each in value] if isinstance(value, list | tuple) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def day(days: int) -> dict[str, int]:
    """Return the local day so many days from now, as JSON has it."""
    found: date = datetime.now(LOCAL).date() + timedelta(days=days)
    return {"year": found.year, "month": found.month, "day": found.day}


def instant(hours: float) -> str:
    """Return the instant so many hours from now, as JSON has it."""
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


@dataclass
class Desk:
    """Calls of REST in any role; every command under an idempotency key of its own."""

    rest: httpx.AsyncClient
    stack: Stack
    unit: str = COUNTY

    @property
    def own(self) -> str:
        """The resource name of the unit."""
        return f"units/{self.unit}"

    def at(self, unit: str) -> Desk:
        """Return the desks of another unit."""
        return replace(self, unit=unit)

    async def get(self, path: str, role: str = "mediator", sub: str | None = None, /, **query: Any) -> Any:
        """Return what is answered to a question."""
        return self._told(await self.rest.get(f"/v1/{path}", params=camel(query), headers=self._as(role, sub)))

    async def post(
        self,
        path: str,
        role: str = "clerk",
        sub: str | None = None,
        query: dict[str, str] | None = None,
        /,
        **body: Any,
    ) -> Any:
        """Return what is answered to a command."""
        headers = {**self._as(role, sub), "Idempotency-Key": request_id()}
        return self._told(await self.rest.post(f"/v1/{path}", params=query, json=camel(body), headers=headers))

    async def open(self, category: str, text: str, **fields: Any) -> Matter:
        """File a report at the counter, accept it, wait until its case is open and known everywhere, and return it."""
        TOLD.add(text)
        report = {"channel": "CHANNEL_COUNTER", "unit": self.own, "category": f"categories/{category}", "text": text}
        filed = await self.post("reports", **{**report, **fields})
        await self.post(f"{filed['name']}:accept", "duty_officer")
        await self.opened(filed["case"])
        return Matter(self, filed["case"], text)

    async def opened(self, case: str) -> None:
        """Wait until a case is open and known everywhere."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await self.get(case, "handler")
                    await self.get(f"{case}/escalations", "supervisor")
                except RefusedError as error:
                    if error.problem["status"] != 404:
                        raise
                    await asyncio.sleep(0.1)
                else:
                    return

    async def paper(self, name: str, sub: str | None = None, **query: Any) -> str:
        """Return all text of a document of a case, as the handler gets it."""
        told = await self.get(name, "handler", sub, **query)
        return text_of(base64.b64decode(told["content"]))

    async def mediator(self, **fields: Any) -> str:
        """Enter a mediator of the unit in the register, and return the user; the name ends in it."""
        user = f"m-{request_id()[5:17]}"
        known = {"user": user, "display_name": "周调解", "unit": self.own}
        entry = {**known, "languages": ["zh-CN"], "active": True, **fields}
        await self.post("mediators", "unit_head", None, {"mediatorId": user}, **entry)
        return user

    async def room(self) -> str:
        """Return a new room of the unit."""
        name = f"rooms/{self.unit}-{request_id()[5:17]}"
        room = {"name": name, "unit": self.own, "kind": "ROOM_KIND_ROOM", "display_name": "一号调解室", "capacity": 40}
        await self.post("rooms", "unit_head", **room)
        return name

    def _as(self, role: str, sub: str | None) -> dict[str, str]:
        token = self.stack.token(role, self.unit, sub)
        return {"Authorization": f"Bearer {token}", "Accept-Language": "en", "Accept": "application/json"}

    @staticmethod
    def _told(answer: httpx.Response) -> Any:
        if answer.status_code != 200:
            raise RefusedError(answer.json())
        return answer.json()


class Matter:
    """A case and what people do in it. Parties are their resource names, in the order in which they were added."""

    def __init__(self, desk: Desk, name: str, text: str) -> None:
        self.desk = desk
        self.name = name
        self.text = text
        self.parties: list[str] = []
        self.people: list[str] = []
        self.user = ""
        """The mediator of record, as the user they sign in as."""

    async def tell(self, path: str, role: str = "mediator", /, **body: Any) -> Any:
        """Do something in the case: `tell("sessions/1:end")`; the mediator is the one of record."""
        joint = "" if path.startswith(":") else "/"
        return await self.desk.post(f"{self.name}{joint}{path}", role, self._sub(role), **body)

    async def ask(self, path: str, role: str = "mediator", /, **query: Any) -> Any:
        """Ask something about the case."""
        return await self.desk.get(f"{self.name}/{path}" if path else self.name, role, self._sub(role), **query)

    @property
    def _filer(self) -> str:
        """Who files: the mediator of record, or where there is none whoever handles it."""
        return "mediator" if self.user else "handler"

    def _sub(self, role: str) -> str | None:
        return self.user or None if role == "mediator" else None

    # --- people -------------------------------------------------------------------------------------------------------

    async def add(self, side: str, name: str, *, kind: str = "NATURAL", **fields: Any) -> str:
        """Add a party, and return its name."""
        details = {"display_name": name, "phone": f"139{len(self.parties):08d}", "address": f"甲巷{len(name)}号"}
        details |= fields.pop("details", {})
        made = await self.tell("parties", "clerk", side=f"SIDE_{side}", kind=f"PARTY_KIND_{kind}", details=details,
                               **fields)  # fmt: skip
        TOLD.add(name)
        self.parties.append(made["name"])
        self.people.append(name)
        await self.desk.post(f"{made['name']}:unmask", "clerk", purpose="PURPOSE_IDENTITY")
        return str(made["name"])

    async def two_sides(self, applicant: str, respondent: str, **fields: Any) -> tuple[str, str]:
        """Add two natural persons, one a side; their names."""
        return await self.add("APPLICANT", applicant, **fields), await self.add("RESPONDENT", respondent, **fields)

    async def says(self, party: str, step: str = "MEDIATION", *, yes: bool = True) -> Any:
        """Record what a party says to a step."""
        said = {"step": f"STEP_{step}", "given": yes, "medium": "MEDIUM_IN_PERSON", "language": "zh-CN"}
        return await self.desk.post(f"{party}/consents", "clerk", read_back=True, **said)

    async def everybody_says_yes(self, step: str = "MEDIATION", but: tuple[str, ...] = ()) -> None:
        """Record the consent of every party."""
        for party in self.parties:
            if party not in but:
                await self.says(party, step)

    async def elect(self, name: str, *electors: str) -> Any:
        """Elect a representative who speaks, receives and negotiates for members of a group."""
        scopes = ["SCOPE_SPEAK", "SCOPE_RECEIVE", "SCOPE_NEGOTIATE"]
        return await self.tell("companions", "clerk", role="COMPANION_ROLE_REPRESENTATIVE", parties=list(electors),
                               scopes=scopes, details={"display_name": name})  # fmt: skip

    async def dock(self, kind: str, **fields: Any) -> str:
        """Record that an authority handed the matter over; the docking's name within the case."""
        made = await self.tell("dockings", "clerk", kind=f"DOCKING_KIND_{kind}", **fields)
        return str(made["name"]).removeprefix(f"{self.name}/")

    async def find_mediator(self, *choosing: str) -> Any:
        """Let the parties choose one mediator of the register, who accepts; the mediation as it stands then."""
        self.user = await self.desk.mediator()
        for party in choosing or self.parties:
            await self.desk.post(f"{party}:chooseMediator", "clerk", mediator=f"mediators/{self.user}")
        return await self.tell("mediation:accept", disclosure=dict.fromkeys(("kin", "interest", "prior_role"), False))

    # --- sessions -----------------------------------------------------------------------------------------------------

    async def sit_down(self, kind: str = "JOINT", *parties: str) -> str:
        """Schedule a session in a room and begin it; all who are asked come. Its name."""
        session = {"kind": f"SESSION_KIND_{kind}", "venue": "VENUE_ROOM", "room": await self.desk.room(),
                   "start_time": instant(0.1), "end_time": instant(2), "parties": list(parties)}  # fmt: skip
        made = await self.tell("sessions", **session)
        name = str(made["name"]).removeprefix(f"{self.name}/")
        await self.tell(f"{name}:start")
        came = [{"role": "ATTENDEE_ROLE_PARTY", "party": party, "presence": "PRESENCE_PRESENT"}
                for party in made["parties"]]  # fmt: skip
        came.append({"role": "ATTENDEE_ROLE_MEDIATOR", "presence": "PRESENCE_PRESENT", "display_name": "周调解"})
        await self.tell(f"{name}:recordAttendance", attendances=came)
        return name

    async def write(self, session: str, statements: str, result: str, *signers: str) -> Any:
        """Write the record of a joint session, read it back to parties, let them and the mediator sign; the record."""
        TOLD.update((statements, result))
        content = {"statements": statements, "points": "是否赔偿、赔偿多少。", "result": result}
        await self.tell(f"{session}:writeRecord", content=content)
        for party in signers:
            await self.tell(f"{session}/record:confirmReadBack", party=party, language="zh")
            signs = {"role": "SIGNER_ROLE_PARTY", "party": party, "manner": "SIGNING_MANNER_SIGNATURE"}
            await self.tell(f"{session}/record:sign", **signs)
        signs = {"role": "SIGNER_ROLE_MEDIATOR", "manner": "SIGNING_MANNER_SIGNATURE"}
        return await self.tell(f"{session}/record:sign", **signs)

    async def rise(self, session: str, statements: str, result: str) -> None:
        """Write the record, read it back to all and let all sign, end the session."""
        parties = (await self.ask(session))["parties"]
        assert (await self.write(session, statements, result, *parties))["complete"]
        assert (await self.tell(f"{session}:end"))["state"] == "SESSION_STATE_HELD"

    async def confide(self, side: str, text: str) -> None:
        """Write down what a side tells the mediator alone."""
        TOLD.add(text)
        await self.tell(f"caucuses/{side}/notes", text=text)

    # --- agreement and performance ------------------------------------------------------------------------------------

    async def draft(self, *clauses: dict[str, Any], facts: str = "") -> str:
        """Draft a full, written agreement and answer the mediator's checklist; its name."""
        statement = {"facts": facts or self.text, "disputed_points": "责任与数额。", "responsibility": "被申请人负责。"}
        made = await self.tell("agreements", extent="AGREEMENT_EXTENT_FULL", form="AGREEMENT_FORM_WRITTEN",
                               clauses=list(clauses), statement=statement)  # fmt: skip
        name = str(made["name"]).removeprefix(f"{self.name}/")
        answers = [{"question": f"CHECKLIST_QUESTION_{each}", "yes": True} for each in QUESTIONS]
        await self.tell(f"{name}:answerChecklist", answers=answers)
        await self.tell(f"{name}:answerThirdParties", settled=True)
        return name

    async def sign(self, agreement: str, *parties: str, signer: str = "SELF") -> Any:
        """Let parties sign, each by hand."""
        return await self.tell(f"{agreement}:sign", "clerk", parties=list(parties), signer=f"SIGNER_{signer}",
                               manner="SIGNING_MANNER_SIGNATURE")  # fmt: skip

    async def bind(self, agreement: str) -> Any:
        """Let the mediator sign and the seal be set; the agreement, which binds."""
        await self.tell(f"{agreement}:countersign")
        bound = await self.tell(f"{agreement}:seal", "clerk")
        assert bound["state"] == "AGREEMENT_STATE_EFFECTIVE", bound
        assert (await self.ask("mediation"))["state"] == "MEDIATION_STATE_AGREED"
        return bound

    async def agree(self, *clauses: dict[str, Any]) -> Any:
        """Draft, let every party sign, bind; the agreement."""
        agreement = await self.draft(*clauses)
        for party in self.parties:
            await self.sign(agreement, party)
        return await self.bind(agreement)

    async def parts(self) -> list[dict[str, Any]]:
        """Return the parts of all clauses."""
        found: list[dict[str, Any]] = (await self.ask("instalments"))["instalments"]
        return found

    async def perform(self, part: dict[str, Any], yuan: int = 0) -> Any:
        """Record that a part was performed: so much of it, or all that is left."""
        fen = yuan * 100 or int(part["amountFen"]) - int(part["paidFen"])
        return await self.desk.post(f"{part['name']}:recordPerformance", "clerk", amount_fen=fen, complete=True,
                                    evidence="slip-1")  # fmt: skip

    # --- the end ------------------------------------------------------------------------------------------------------

    async def serve_notices(self) -> list[dict[str, Any]]:
        """Serve every notice of rights that was made out, and return them."""
        notices: list[dict[str, Any]] = (await self.ask("ending"))["notices"]
        for notice in notices:
            await self.desk.post(f"{notice['name']}:serve", "clerk", medium="SERVICE_MEDIUM_IN_PERSON")
        return notices

    async def carry_out_plan(self) -> None:
        """Let the unit that has each task of the plan sign for it and report it, and the reviewer verify it."""
        for task in (await self.ask("plan"))["tasks"]:
            unit = self.desk.at(task["unit"].removeprefix("units/"))
            await unit.post(f"{task['name']}:sign", "handler")
            await unit.post(f"{task['name']}:report", "handler", evidence="doc-1")
            await self.desk.post(f"{task['name']}:verify", "reviewer", sufficient=True)

    async def hear_everybody(self) -> None:
        """Record what every party that is there says to the closing."""
        for party in await self.present():
            await self.tell("closing:recordView", "clerk", party=party, view="CLOSING_VIEW_AGREES")

    async def ask_closing(self, outcome: str) -> Any:
        """Ask for the closing."""
        return await self.tell(":requestClosing", "handler", outcome=f"OUTCOME_{outcome}")

    async def close(self, outcome: str) -> Any:
        """Hear everybody, ask for the closing, let somebody else close; what the closing says."""
        await self.hear_everybody()
        await self.ask_closing(outcome)
        closed = await self.tell(":close", "reviewer", approved=True)
        assert (closed["stage"], closed["outcome"]) == ("STAGE_CLOSED", f"OUTCOME_{outcome}")
        return await self.ask("closing")

    async def present(self) -> list[str]:
        """Return the parties that have not left."""
        found = (await self.ask("parties", page_size=100))["parties"]
        return [party["name"] for party in found if not party["withdrawn"]]

    async def visit(self, days: int, satisfaction: str = "SATISFIED") -> Any:
        """Record a follow-up visit on its day, which has come."""
        connection = await Scratch.main(self.desk.stack).connect("mediation")
        try:
            moved = "UPDATE visits SET due_on = due_on - days WHERE number = $1 AND days = $2"
            await connection.execute(moved, self.name.removeprefix("cases/"), days)
        finally:
            await connection.close()
        said = [{"party": party, "satisfaction": f"SATISFACTION_{satisfaction}"} for party in self.parties]
        return await self.tell(f"visits/{days}:record", "clerk", performance="PERFORMANCE_DONE",
                               recurred=False, satisfaction=said)  # fmt: skip

    async def timeline(self) -> list[str]:
        """Return the kinds of what happened to the case in mediation, in order."""
        told = await self.desk.get(f"{self.name}/timeline", "auditor")
        return [event["type"] for event in told["events"]]

    async def clocks(self) -> dict[str, dict[str, Any]]:
        """Return the clocks of the case in mediation, by key."""
        found = await self.desk.get("clocks/mediation", "auditor", case=self.name, page_size=200)
        return {clock["name"].split(".", 1)[1]: clock for clock in found["clocks"]}

    # --- the dossier --------------------------------------------------------------------------------------------------

    async def escalated(self, subject: str) -> dict[str, Any]:
        """Return the escalation about something in the case, once the workflow has raised it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                raised = (await self.ask("escalations")).get("escalations", [])
                if found := next((each for each in raised if each["subject"] == subject), None):
                    return dict(found)
                await asyncio.sleep(0.2)

    async def file(self, *forms: str) -> None:
        """Fill forms from the case and file them; `RECORD:sessions/1` is about that session."""
        for form in forms:
            key, _, subject = form.partition(":")
            about = {"subject": f"{self.name}/{subject}"} if subject else {}
            await self.tell("documents:generate", self._filer, form=f"DOCUMENT_FORM_{key}", **about)

    async def dossier(self) -> DossierFile:
        """File what every dossier holds, download the whole as a client does, part by part, and open it."""
        await self.file("REGISTER", "RIGHTS_NOTICE", "IDENTITY_CHECK")
        content, offset = b"", 0
        told: dict[str, Any] = {}
        while not told or offset:
            told = await self.ask(
                "dossier", self._filer, offset=offset, max_bytes=60_000, **({"sha256": told["sha256"]} if told else {})
            )
            content += base64.b64decode(told["content"])
            offset = int(told["nextOffset"])
        return DossierFile(told, content)


def pays(performer: str, beneficiary: str, yuan: int, days: int = 10, **fields: Any) -> dict[str, Any]:
    """Return a clause: somebody pays somebody so much within so many days."""
    clause: dict[str, Any] = {"performer": performer, "beneficiary": beneficiary, "kind": "CLAUSE_KIND_PAY",
                              "amount_fen": yuan * 100, "content": f"支付{yuan}元。"}  # fmt: skip
    if "instalments" not in fields:
        clause["due_date"] = day(days)
    return {**clause, **fields}


def acts(performer: str, beneficiary: str, content: str, days: int = 10) -> dict[str, Any]:
    """Return a clause: somebody does something for somebody within so many days."""
    return {"performer": performer, "beneficiary": beneficiary, "kind": "CLAUSE_KIND_ACT", "due_date": day(days),
            "content": content}  # fmt: skip
