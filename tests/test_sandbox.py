"""The sandbox: a county full of matters at every step, a token of every role; refused without the embedded issuer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from accord.commands.sandbox_command import ROLES, STEPS, _must_issue
from accord.embedded.folder import StackError
from accord.embedded.keys import CODE_ROLES
from accord.embedded.stack import Stack
from services.gateway.routers import issuer
from tests.conftest import CALL

COUNTY = "620171"  # one that no other test uses
BIN = Path(sys.executable).parent


def sandbox(state: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command on the stack of a folder."""
    command = [BIN / "accord", "sandbox", "--state", state, "--county", COUNTY, *options]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def filled(stack: Stack) -> dict[str, Any]:
    """Return what it prints for programs."""
    ran = sandbox(stack.folder.root, "--reports", "16", "--json")
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stderr.splitlines()) == 1, ran.stderr
    return dict(json.loads(ran.stdout))


def test_every_role_has_a_token_that_is_taken(stack: Stack, filled: dict[str, Any]) -> None:
    assert set(filled["tokens"]) == set(ROLES) == set(issuer.ROLES)
    assert not set(ROLES) & set(CODE_ROLES)
    for role, token in filled["tokens"].items():
        headers = {"Authorization": f"Bearer {token}"}
        account = httpx.get(f"{filled['api']}/v1/account", headers=headers, timeout=CALL).json()
        assert account["roles"] == [role]
        assert account["unit"] == f"units/{filled['units'][role]}"
        assert filled["units"][role].startswith(COUNTY)


def test_there_are_matters_at_every_step(filled: dict[str, Any]) -> None:
    matters, headers = filled["matters"], {"Authorization": f"Bearer {filled['tokens']['unit_head']}"}
    with httpx.Client(base_url=f"{filled['api']}/v1/", headers=headers, timeout=CALL) as rest:
        assert {rest.get(name).json()["state"] for name in matters["waiting"]} == {"REPORT_STATE_RECEIVED"}
        for step, tasks in (("accepted", {"TASK_STATE_DISPATCHED"}), ("begun", {"TASK_STATE_SIGNED"})):
            assert {rest.get(name).json()["stage"] for name in matters[step]} == {"STAGE_HANDLING"}
            for name in matters[step]:
                assert {task["state"] for task in rest.get(f"{name}/plan").json()["tasks"]} == tasks
        assert {rest.get(name).json()["stage"] for name in matters["closed"]} == {"STAGE_CLOSED"}


def test_a_county_is_filled_once_and_printed_in_both_languages(stack: Stack, filled: dict[str, Any]) -> None:
    ran = sandbox(stack.folder.root)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(sandbox(stack.folder.root, "--json").stdout)["matters"] == filled["matters"]
    for step, chinese in STEPS.items():
        assert f"{step} · {chinese}  {len(filled['matters'][step])}  {filled['matters'][step][0]}" in ran.stdout
    for role, chinese in ROLES.items():
        assert f"{role} · {chinese}  units/{COUNTY}" in ran.stdout
    assert f"mediation   {filled['addresses']['mediation']}" in ran.stdout
    assert filled["name"] in ran.stdout


def test_it_is_refused_where_the_embedded_issuer_is_not_on(stack: Stack, tmp_path: Path) -> None:
    ran = sandbox(tmp_path / "new", ACCORD_PROFILE="production")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "accord: a sandbox needs the embedded issuer, which is not on with ACCORD_PROFILE=production\n"
    assert not (tmp_path / "new").exists()
    trust = json.loads(stack.keys.trust.read_text("utf-8"))
    (tmp_path / "trust.json").write_text(json.dumps({"issuers": [e for e in trust["issuers"] if not e.get("demo")]}))
    with pytest.raises(StackError, match="does not trust"):
        _must_issue(tmp_path / "trust.json")


@pytest.mark.parametrize("county", ["62", "999999", "620102001", "620102-justice"])
def test_only_a_county_with_villages_is_filled_and_for_another_nothing_is_started(tmp_path: Path, county: str) -> None:
    ran = sandbox(tmp_path / "new", "--county", county)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"accord: {county} is no county with villages in rules/units; 620102 is one\n"
    assert not (tmp_path / "new").exists()
