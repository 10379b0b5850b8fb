"""`accord sandbox`: a stack with a county full of matters, and a token of every role there, to try programs on."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accord.embedded.folder import StackError, StateFolder, read_json, write_json

if TYPE_CHECKING:
    from accord.demo.play import Bill
    from accord.embedded.keys import Keys
    from casework.units import UnitTree

ROLES = {
    "citizen": "群众", "grid_worker": "网格员", "clerk": "窗口人员", "duty_officer": "值班员", "handler": "经办人",
    "mediator": "调解员", "reviewer": "审核员", "unit_head": "单位负责人", "supervisor": "督办人员",
    "auditor": "审计人员", "operator": "运维人员", "integrator": "对接系统",
}  # fmt: skip
"""The roles of people and of a unit's systems, with their Chinese names."""
STEPS = {"waiting": "待受理", "accepted": "已受理", "begun": "办理中", "closed": "已办结"}
_OF_A_VILLAGE = ("citizen", "grid_worker")
_FILLED = "sandbox.json"


def sandbox(
    state: Annotated[
        Path, typer.Option("--state", envvar="ACCORD_STATE", help="Folder that holds the stack's data.")
    ] = Path(".accord"),
    county: Annotated[
        str, typer.Option(help="Code of the county, six digits, with villages in rules/units.")
    ] = "620102",
    reports: Annotated[int, typer.Option(min=0, max=2000, help="Reports to fill it with.")] = 40,
    seed: Annotated[int, typer.Option(help="Another seed, other matters.")] = 1,
    hours: Annotated[float, typer.Option(min=0.1, help="How long the tokens are valid.")] = 12.0,
    port_base: Annotated[int | None, typer.Option(help="As in `accord up`; 0 picks free ports.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, for programs.")] = False,
) -> None:
    """Fill a county of a local stack with matters at every step, and print a token of each role there.

    Starts the stack in the background unless one runs in the folder; `accord down` stops it. A county is filled once;
    then only the tokens are new. Refused where the embedded issuer is not on, as in production.
    """
    from accord.demo.play import Bill
    from accord.embedded.running import RunningStack

    folder, units = StateFolder.at(state), _units(county)
    _start(folder, port_base)
    facts = RunningStack.of(folder).facts
    _must_issue(Path(facts["trust_file"]))
    told = _told(folder, facts, units, timedelta(hours=hours), Bill(reports, seed, county))
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _print(told, state)


def _start(folder: StateFolder, port_base: int | None) -> None:
    """Start the stack unless one runs."""
    from accord.embedded.detach import start_detached
    from accord.embedded.lock import holder

    by = holder(folder)
    if by and by.lives:
        return
    if (profile := os.environ.get("ACCORD_PROFILE", "embedded")) != "embedded":
        raise StackError(f"a sandbox needs the embedded issuer, which is not on with ACCORD_PROFILE={profile}")
    typer.echo("starting the stack · 正在启动", err=True)
    start_detached(folder, [] if port_base is None else ["--port-base", str(port_base)])


def _must_issue(trust: Path) -> None:
    """Raise StackError if the services do not take tokens of the embedded issuer."""
    if not any(each.get("demo") for each in read_json(trust).get("issuers", ())):
        raise StackError(f"a sandbox needs the embedded issuer, which {trust} does not trust")


def _units(county: str) -> UnitTree:
    """Return the units; StackError if the county is none that can be filled, before anything is started."""
    from accord.generator import SHIPPED
    from casework.units import Level
    from services.kit.rules import load_rules

    units = load_rules(SHIPPED).units
    if len(county) != 6 or county not in units or not list(units.codes(Level.village, county)):
        raise StackError(f"{county} is no county with villages in rules/units; 620102 is one")
    return units


def _told(folder: StateFolder, facts: dict[str, Any], units: UnitTree, ttl: timedelta, bill: Bill) -> dict[str, Any]:
    """Return all that is printed; fills the county unless it was filled before."""
    from accord.embedded.keys import Keys, demo_token
    from casework.units import Level

    keys, filled, county = Keys(folder.keys), read_json(folder.root / _FILLED), bill.region
    if bill.reports and county not in filled:
        filled[county] = _fill(facts, keys, units, bill)
        write_json(folder.root / _FILLED, filled)
    village = next(iter(units.codes(Level.village, county)))
    at = {role: village if role in _OF_A_VILLAGE else county for role in ROLES}
    return {
        "api": facts["urls"]["api"],
        "docs": facts["urls"]["docs"],
        "addresses": {name: facts["addresses"][name] for name in ("intake", "mediation", "escalation")},
        "county": county,
        "name": units.get(county).name,
        "matters": filled.get(county, {}),
        "hours": ttl.total_seconds() / 3600,
        "units": at,
        "tokens": {role: demo_token(keys, role, unit, ttl=ttl) for role, unit in at.items()},
    }


def _fill(facts: dict[str, Any], keys: Keys, units: UnitTree, bill: Bill) -> dict[str, list[str]]:
    import asyncio

    import grpc

    from accord.demo.filling import fill

    typer.echo(f"filling {bill.region} with {bill.reports} reports · 正在填入 {bill.reports} 件反映", err=True)
    try:
        matters, trouble = asyncio.run(fill(facts, keys, units, bill))
    except grpc.aio.AioRpcError as error:
        raise StackError(f"the stack answered {error.code().name}: {error.details()}") from None
    for line in trouble:
        typer.echo(line, err=True)
    return matters


def _print(told: dict[str, Any], state: Path) -> None:
    lines = [f"{told['name']} {told['county']}", "", "Addresses · 地址", f"  REST        {told['api']}  {told['docs']}"]
    lines += [f"  {name:<11} {address}" for name, address in told["addresses"].items()]
    lines += ["", "Matters · 事项"]
    for step, names in told["matters"].items():
        lines.append(f"  {step} · {STEPS[step]}  {len(names)}  {' '.join(names[:2])}")
    lines += ["", f"Tokens for {told['hours']:g} hours · 令牌（{told['hours']:g} 小时有效）"]
    for role, token in told["tokens"].items():
        lines += [f"  {role} · {ROLES[role]}  units/{told['units'][role]}", f"  {token}"]
    lines += [
        "",
        f"Other units · 其他单位: accord token ROLE --unit UNIT --state {state}",
        f"Stop · 停止: accord down --state {state}",
    ]
    typer.echo("\n".join(lines))
