"""accord-client, as it is installed: the calls of its README, what it repeats, and a service killed half-way."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from importlib.metadata import version
from pathlib import Path

import pytest

from accord import stubs, wheels
from accord.embedded.stack import Stack
from tests.conftest import COUNTY
from tests.patience import PATIENCE
from tests.test_wheel import PACKAGES, bare, names, new_environment, run

PROGRAMS = Path(__file__).with_name("client")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with the client, its stubs, and what it depends on."""
    folder = tmp_path_factory.mktemp("client")
    wheels.build(folder, (stubs.PROTO, stubs.CLIENT))
    python, packages = new_environment(folder / "environment", *folder.glob("*.whl"))
    assert names(packages) == {
        "accord_client", "accord_client.dist-info", "accord_protos", "accord_protos.dist-info",
    }  # fmt: skip
    # Of our own packages nothing: a line of a path file is a folder, whose path files are not followed.
    (packages / "dependencies.pth").write_text(f"{PACKAGES}\n")
    return python


@pytest.fixture
def place(stack: Stack, tmp_path: Path) -> Path:
    """Return a folder with what `accord sandbox --json` prints, of the tests' own stack."""
    roles = ("clerk", "duty_officer", "handler", "integrator")
    actors = {way: f"client-{way}-{uuid.uuid4().hex[:8]}" for way in ("sync", "async")}
    tokens = {role: stack.token(role, COUNTY) for role in roles}
    tokens |= {way: stack.token("clerk", COUNTY, actor) for way, actor in actors.items()}
    addresses = {name: f"127.0.0.1:{stack.ports[name]}" for name in ("intake", "mediation", "escalation")}
    told = {"addresses": addresses, "tokens": tokens, "actors": actors}
    (tmp_path / "sandbox.json").write_text(json.dumps(told), "utf-8")
    return tmp_path


def test_it_goes_with_the_stubs_of_its_version_and_knows_nothing_of_accord(python: Path, tmp_path: Path) -> None:
    told = "import sys, accord_client; from importlib.metadata import requires; print(*requires('accord-client'));"
    told += "print(*(name for name in ('accord', 'services', 'workflows', 'casework', 'pb') if name in sys.modules))"
    assert run(python, "-c", told, cwd=tmp_path).split() == [f"accord-protos=={version('accord')}"]


def test_the_calls_of_its_readme_run(python: Path, place: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (stubs.CLIENT / "README.md").read_text("utf-8"), re.DOTALL | re.M)
    (place / "readme.py").write_text("\n".join(blocks), "utf-8")
    said = run(python, "readme.py", cwd=place).splitlines()
    refused = next(line for line in said if line.startswith("INVALID_FIELD"))
    assert "'report.unit'" in refused
    assert "维修收据 39" in said
    assert any(re.fullmatch(r"[0-9]+ ReportAccepted cases/620102-[0-9-]+", line) for line in said)
    assert said[-1].startswith("reports/"), "the last page is read on an event loop"


def test_it_repeats_what_may_be_repeated_and_nothing_else(python: Path, tmp_path: Path) -> None:
    assert "as it should be" in run(python, PROGRAMS / "retries.py", cwd=tmp_path).splitlines()


def test_nothing_is_lost_and_nothing_twice_when_a_service_is_killed_half_way(
    stack: Stack, python: Path, place: Path
) -> None:
    command, pipe = (python, PROGRAMS / "through_a_kill.py"), subprocess.PIPE
    programs = [
        subprocess.Popen([*command, way], cwd=place, env=bare(), text=True, stdin=pipe, stdout=pipe)
        for way in ("sync", "async")
    ]
    try:
        for each in programs:
            assert each.stdin is not None
            assert each.stdout is not None
            assert each.stdout.readline() == "half\n"
        old = stack.kill("intake")
        for each in programs:
            print(file=each.stdin, flush=True)
        for each in programs:
            said, _ = each.communicate(timeout=PATIENCE)
            filed, seen = json.loads(said.splitlines()[-1])
            assert len(set(filed)) == 6
            assert sorted(seen) == sorted(name.replace("reports/", "cases/") for name in filed)
        stack.await_restart("intake", old, PATIENCE)
    finally:
        for each in programs:
            each.kill()
            each.wait()
