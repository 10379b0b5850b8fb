"""The wheels: what they contain, that they run on their own, and that the contracts build with plain tools."""

from __future__ import annotations

import ast
import importlib.resources
import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
import time
import tomllib
import venv
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf import descriptor_pb2

from accord.embedded.folder import StateFolder
from accord.embedded.running import stop_running
from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
BIN = Path(sys.executable).parent
PACKAGES = Path(sysconfig.get_path("purelib"))
DECOY = "raise SystemExit('this belongs to somebody else')\n"

pytestmark = pytest.mark.fault("E7")


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command to its end, and return what it printed; nothing of Accord is in its environment."""
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, env=bare() | environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def bare() -> dict[str, str]:
    """Return this environment without Accord and Python; the engines' binaries are found."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("ACCORD_", "PYTHON"))}
    return kept | {"PATH": os.pathsep.join((str(BIN), os.environ.get("PATH", os.defpath)))}


def build(folder: Path) -> list[Path]:
    """Build the wheels into a folder."""
    run(sys.executable, "-m", "accord.wheels", folder, cwd=ROOT, SOURCE_DATE_EPOCH="1800000000")
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return `accord`, `accord_client` and `accord_protos`, as built here."""
    return build(tmp_path_factory.mktemp("wheels"))


def new_environment(folder: Path, *wheels: Path) -> tuple[Path, Path]:
    """Return Python and site-packages of a new environment with these wheels, and nothing that they depend on."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    told = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(python, "-c", told, cwd=folder).strip())
    assert list(packages.iterdir()) == []
    run(
        sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python,
        "install", "--quiet", "--no-deps", "--no-index", *wheels, cwd=folder,
    )  # fmt: skip
    return python, packages


def names(packages: Path) -> set[str]:
    """Return what lies in site-packages, without versions."""
    return {re.sub(r"-[\d.]+(?=\.dist-info)", "", path.name) for path in packages.iterdir()}


@pytest.fixture(scope="module")
def installed(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `accord` of an environment in which others own the names of its rooms."""
    python, packages = new_environment(tmp_path_factory.mktemp("environment"), wheels[0])
    assert names(packages) == {"accord", "accord.dist-info"}
    for name in ("services", "workflows", "casework", "pb", "rules"):
        (packages / name).mkdir()
        (packages / name / "__init__.py").write_text(DECOY)
    # What it depends on: a line is a folder, and lines of path files in that folder (ours, say) are not followed.
    (packages / "dependencies.pth").write_text(f"{PACKAGES}\n")
    return python.with_name("accord")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Path]:
    """Return a folder with nothing but a foreign `services`, in which no stack runs when the test is over."""
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "__init__.py").write_text(DECOY)
    yield tmp_path
    stop_running(StateFolder.at(tmp_path / ".accord"))


def test_the_same_tree_gives_the_same_bytes(wheels: list[Path], tmp_path: Path) -> None:
    again = build(tmp_path)
    assert [each.name for each in again] == [each.name for each in wheels]
    assert [sha256(each.read_bytes()).digest() for each in again] == [sha256(e.read_bytes()).digest() for e in wheels]


def test_the_wheel_asks_for_what_is_locked(installed: Path) -> None:
    told = run(installed.with_name("python"), "-c", "from importlib.metadata import requires as r; print(*r('accord'))",
               cwd=installed.parent)  # fmt: skip
    locked = set(re.findall(r"^[\w.-]+==[\w.]+", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE))
    asked = {re.sub(r"\[.*?\]", "", each) for each in told.split()}
    assert asked <= locked
    assert len(asked) == len(re.findall(r"^\w", (ROOT / "requirements.in").read_text("utf-8"), re.MULTILINE))


def test_the_installed_rules_load_anywhere(installed: Path, empty: Path) -> None:
    told = run(installed, "rules", "check", cwd=empty)
    assert re.search(r"accord/_root/rules: version \w+, valid", told.replace("\n", "")), told


def test_the_installed_stack_takes_a_report_in_an_empty_folder(installed: Path, empty: Path) -> None:
    process = subprocess.Popen([installed, "up", "--port-base", "0"], cwd=empty, env=bare(), stdout=subprocess.DEVNULL)
    try:
        state = wait_until_ready(empty / ".accord" / "stack.json", process)
        assert httpx.get(f"{state['urls']['api']}/readyz").status_code == 200
        token = run(installed, "token", "clerk", "--unit", "620102", cwd=empty).strip()
        filed = httpx.post(
            f"{state['urls']['api']}/v1/reports",
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "from-the-wheel"},
            json={"channel": "CHANNEL_COUNTER", "unit": "units/620102", "category": "categories/neighbour",
                  "text": "楼上漏水，天花板泡坏了，对方不赔。", "peopleAffected": 3},
            timeout=60,
        )  # fmt: skip
        assert filed.status_code == 200, filed.text
        assert filed.json()["name"].startswith("reports/620102-")
    finally:
        process.terminate()
        process.wait(PATIENCE)
    assert process.returncode == 0
    assert not (empty / ".accord" / "stack.json").exists()


def wait_until_ready(file: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return what a stack tells of itself once it is ready."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        told = json.loads(file.read_text()) if file.exists() else {}
        if told.get("ready"):
            return dict(told)
        time.sleep(0.2)
    raise AssertionError(f"no stack: {process.poll()}")


def test_a_client_needs_the_stubs_and_grpc_alone(wheels: list[Path], tmp_path: Path) -> None:
    python, packages = new_environment(tmp_path / "environment", wheels[2])
    assert names(packages) == {"accord_protos", "accord_protos.dist-info"}
    for needed in ("grpc", "google", "typing_extensions.py"):
        (packages / needed).symlink_to(PACKAGES / needed)
    stubs = [path.relative_to(packages).with_suffix("") for path in packages.glob("accord_protos/**/*_pb2*.py")]
    assert len(stubs) > len(list(PROTO.glob("accord/**/*.proto")))
    lines = [f"import {'.'.join(stub.parts)}" for stub in stubs]
    lines += ["import grpc", "from accord_protos.intake.v1 import intake_pb2, intake_pb2_grpc as services, report_pb2"]
    lines += ["services.IntakeServiceStub(grpc.insecure_channel('127.0.0.1:1')).GetReport"]
    lines += ["print(report_pb2.Report(name='reports/1').DESCRIPTOR.full_name)"]
    assert run(python, "-c", "\n".join(lines), cwd=tmp_path).strip() == "accord.intake.v1.Report"
    run(sys.executable, "-m", "grpc_tools.protoc", f"-I{packages / 'accord_protos' / 'proto'}",
        "--descriptor_set_out=all.binpb", *ours(), cwd=tmp_path)  # fmt: skip


def test_the_stubs_ask_for_the_packages_they_were_generated_for() -> None:
    asked = tomllib.loads((PROTO / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    locked = (ROOT / "requirements.lock").read_text("utf-8")
    for each in asked:
        name, bound = each.split(">=")
        found = re.search(rf"^{name}==(\S+)", locked, re.MULTILINE)
        assert found, name
        assert number(bound) <= number(found[1]), name
    stub = (ROOT / "gen" / "pb" / "intake" / "v1" / "intake_pb2_grpc.py").read_text("utf-8")
    message = (ROOT / "gen" / "pb" / "intake" / "v1" / "intake_pb2.py").read_text("utf-8")
    generated = re.findall(r"GRPC_GENERATED_VERSION = '(.*)'", stub) + re.findall(r"Python Version: (.*)", message)
    assert {f"grpcio>={generated[0]}", f"protobuf>={generated[1]}"} < set(asked)


def number(version: str) -> list[int]:
    """Return a version as numbers, to compare it."""
    return [int(each) for each in version.split(".")]


def ours() -> list[str]:
    """Return the files of our contracts, as protoc is told them."""
    return [str(path.relative_to(PROTO)) for path in PROTO.glob("accord/**/*.proto")]


def test_the_contracts_build_with_plain_buf_and_protoc(tmp_path: Path) -> None:
    run(BIN / "buf", "build", "-o", tmp_path / "buf.binpb", cwd=ROOT)
    run(sys.executable, "-m", "grpc_tools.protoc", "-I", "proto", f"--descriptor_set_out={tmp_path / 'protoc.binpb'}",
        *(f"proto/{each}" for each in ours()), cwd=ROOT)  # fmt: skip
    built = files_of(tmp_path / "protoc.binpb")
    assert {each for each in files_of(tmp_path / "buf.binpb") if each.startswith("accord/")} == built == set(ours())


def files_of(image: Path) -> set[str]:
    """Return the names of the files in a descriptor image."""
    return {each.name for each in descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes()).file}


def test_the_contracts_of_others_are_those_of_the_packages_that_run(tmp_path: Path) -> None:
    for path in PROTO.glob("google/**/*.proto"):
        package = importlib.resources.files(".".join(path.relative_to(PROTO).parent.parts))
        assert path.read_text("utf-8") == (package / path.name).read_text("utf-8"), path.name
    target = tmp_path / "validate.binpb"
    run(sys.executable, "-m", "grpc_tools.protoc", "-I", "proto", f"--descriptor_set_out={target}",
        "buf/validate/validate.proto", cwd=ROOT)  # fmt: skip
    (here,) = descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes()).file
    there = validator()
    for each in (here, there):  # names of packages in other languages, which its publisher changes
        each.ClearField("options")
    assert here == there


def validator() -> descriptor_pb2.FileDescriptorProto:
    """Return the contract that the installed protovalidate was built with: its one large bytes literal."""
    spec = importlib.util.find_spec("protovalidate")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).parent / "_gen" / "buf" / "validate" / "validate_pb.py"
    literals = [each.value for each in ast.walk(ast.parse(source.read_text("utf-8"))) if isinstance(each, ast.Constant)]
    return descriptor_pb2.FileDescriptorProto.FromString(max((e for e in literals if isinstance(e, bytes)), key=len))
