"""Linters find nothing in the description, and clients that generators make of it make the README's calls.

`make generators` runs all of it. `make test` skips, with the reason, what installs programs of its own: the generators,
and the linters of Node.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from accord.embedded.stack import Stack
from services.gateway import app
from services.gateway.description import asyncapi
from services.gateway.rest.binding import shapes_of
from services.gateway.rest.described import JOURNEY
from tests.conftest import COUNTY
from tests.gateway_fakes import CONTRACT
from tests.patience import PATIENCE

PROGRAMS = Path(__file__).with_name("generators")


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    """Return the description as clients get it."""
    shapes = [shape for rpc in CONTRACT.rpcs for shape in shapes_of(rpc)]
    found: dict[str, Any] = json.loads(json.dumps(app.describe(CONTRACT, shapes, with_issuer=True)))
    return found


def held(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a document."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from held(each)
    elif isinstance(value, list):
        for each in value:
            yield from held(each)


@pytest.mark.fault("E4")
def test_what_is_sent_and_what_is_returned_are_two_schemas(description: dict[str, Any]) -> None:
    schemas = description["components"]["schemas"]
    assert not any("readOnly" in each or "writeOnly" in each for each in held(description))
    sent, returned = schemas["ReportInput"], schemas["Report"]
    assert {"state", "receiptCode", "triage"} <= set(returned["required"]) | set(returned["properties"])
    assert not {"state", "receiptCode", "triage"} & set(sent["properties"])
    assert {"text", "reporter"} <= set(sent["properties"])
    assert not {"text", "reporter"} & set(returned["properties"])
    assert set(sent["required"]) == {"channel", "unit", "category", "text"}


@pytest.mark.fault("E4")
def test_paths_and_titles_are_such_as_generators_take(description: dict[str, Any]) -> None:
    schemas, paths = description["components"]["schemas"], description["paths"]
    assert not [path for path in paths if "*" in path]
    forms = Counter(re.sub(r"\{[^}]*\}", "{}", path) for path in paths)
    assert [form for form, times in forms.items() if times > 1] == []
    assert [name for name, schema in schemas.items() if schema.get("title", name) != name] == []


@pytest.mark.fault("E5")
def test_groups_are_in_the_order_of_the_journey_and_every_call_has_an_example(description: dict[str, Any]) -> None:
    tags = [tag["name"] for tag in description["tags"]]
    assert tags == [name for name in JOURNEY if name in tags], "a group has no place in the journey"
    components, shown = description["components"], 0
    for path in description["paths"].values():
        for operation in path.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                lines, said = content.get("x-line-schema"), content["example"]
                whole = jsonschema.Draft202012Validator({**(lines or content["schema"]), "components": components})
                for each in map(json.loads, said.splitlines()) if lines else [said]:
                    shown += 1
                    assert not list(whole.iter_errors(each)), operation["operationId"]
            for parameter in operation.get("parameters", ()):
                if "example" in parameter:
                    assert jsonschema.Draft202012Validator(parameter["schema"]).is_valid(parameter["example"])
                elif parameter.get("required"):
                    assert "enum" in parameter["schema"], operation["operationId"]
    assert shown > 250


def test_a_call_that_is_sent_as_a_form_takes_its_key_as_a_header(description: dict[str, Any]) -> None:
    sent = {each["operationId"]: "Idempotency-Key" in [one.get("name") for one in each["parameters"]]
            for path in description["paths"].values() for each in path.values()
            if "multipart/form-data" in each.get("requestBody", {}).get("content", {})}  # fmt: skip
    assert sent["uploadEvidence"]
    # One is taken in once, the other is known by its own number.
    assert {name for name, takes_key in sent.items() if not takes_key} == {"importPortableCase", "uploadAttachment"}


def run(*command: str | Path, at: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return it; it must succeed."""
    ended = subprocess.run(
        command, cwd=at, env={**os.environ, **settings}, capture_output=True, text=True, timeout=PATIENCE
    )
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[-4000:]
    return ended


def must_have_called(ended: subprocess.CompletedProcess[str]) -> None:
    """Check what the calls of the README printed: the report twice, and the type of its first event."""
    found: list[str] = json.loads(ended.stdout.splitlines()[-1])
    assert re.fullmatch(rf"reports/{COUNTY}-[0-9]{{4}}-[0-9]+", found[0])
    assert found == [found[0], found[0], "ReportReceived"]


PYTHON = """
import json, os, uuid
from accord_client import AuthenticatedClient
from accord_client.api.intake import create_report, get_receipt, get_report
from accord_client.api.timeline import get_timeline
from accord_client.models import Channel, Problem, ReportInput

client = AuthenticatedClient(
    os.environ["ACCORD_URL"], os.environ["ACCORD_TOKEN"], headers={"Accept": "application/json"}, timeout=60
)
told = ReportInput(channel=Channel.CHANNEL_COUNTER, unit="units/620102", category="categories/neighbour",
                   text="楼上漏水，天花板泡坏了，对方不赔。", people_affected=3)
filed = create_report.sync(client=client, body=told, idempotency_key=f"generated-{uuid.uuid4()}")
assert filed is not None and not isinstance(filed, Problem), filed
read = get_report.sync(filed.name.removeprefix("reports/"), client=client)
receipt = get_receipt.sync(filed.receipt_code, client=client)
events = get_timeline.sync(filed.name.removeprefix("reports/"), client=client).events
print(json.dumps([read.name, receipt.report, events[0].type_]))
"""


@pytest.fixture(scope="module")
def programs(description: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the description and with what the generators are installed from."""
    if "GENERATORS" not in os.environ:
        pytest.skip("make generators installs and runs them")
    folder = tmp_path_factory.mktemp("generators")
    shutil.copytree(PROGRAMS, folder, dirs_exist_ok=True)
    (folder / "openapi.json").write_text(json.dumps(description))
    return folder


@pytest.fixture(scope="module")
def node(programs: Path) -> Path:
    """Return the folder with the linters and generators of Node installed, as their lock file says."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", at=programs)
    return programs


@pytest.mark.fault("E4")
def test_the_client_of_openapi_python_client_makes_the_calls_of_the_readme(stack: Stack, programs: Path) -> None:
    run(sys.executable, "-m", "venv", "venv", at=programs)
    run("venv/bin/pip", "install", "--quiet", "--require-hashes", "-r", "requirements.lock", at=programs)
    (programs / "config.yaml").write_text("package_name_override: accord_client\npost_hooks: []\n")
    where = ("--path", "openapi.json", "--config", "config.yaml", "--output-path", "accord_client")
    ended = run("venv/bin/openapi-python-client", "generate", *where, "--meta", "none", at=programs)
    left_out = set(re.findall(r"WARNING.*? (POST \S+) .*will not be generated", ended.stdout + ended.stderr))
    assert left_out == {"POST /v1/reports:import"}, "only what is sent line by line and in no other way"
    assert "idempotency_key" in (programs / "accord_client/api/evidence/upload_evidence.py").read_text()
    run("venv/bin/python", "-m", "compileall", "-q", "accord_client", at=programs)
    (programs / "calls.py").write_text(PYTHON)
    settings = {"ACCORD_URL": stack.urls["api"], "ACCORD_TOKEN": stack.token("clerk", COUNTY), "PYTHONPATH": "."}
    must_have_called(run("venv/bin/python", "calls.py", at=programs, **settings))


@pytest.mark.fault("E4")
def test_two_linters_find_no_error(node: Path) -> None:
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    run("npx", "redocly", "lint", "openapi.json", "--extends=recommended", at=node, **quiet)
    run("npx", "spectral", "lint", "openapi.json", "--ruleset", ".spectral.yaml", "--fail-severity=error", at=node)


def test_the_parser_of_asyncapi_takes_the_catalogue_of_events_and_no_wrong_key(
    node: Path, description: dict[str, Any]
) -> None:
    catalogue = asyncapi.document(description["components"]["schemas"]["Event"], "1")
    (node / "asyncapi.json").write_text(json.dumps(catalogue))
    catalogue["operations"]["deliver"] |= {"sends": "events"}
    (node / "wrong.json").write_text(json.dumps(catalogue))
    found = [json.loads(run("node", "events.js", name, at=node).stdout) for name in ("asyncapi.json", "wrong.json")]
    assert found[0] == {"errors": [], "messages": len(catalogue["components"]["messages"]) * 2}
    assert found[1]["errors"], "a key that the standard does not have"


@pytest.mark.fault("E4")
def test_the_clients_of_openapi_typescript_and_hey_api_compile_and_make_the_calls_of_the_readme(
    stack: Stack, node: Path
) -> None:
    run("npx", "openapi-typescript", "openapi.json", "-o", "schema.d.ts", at=node)
    run("npx", "openapi-ts", "-i", "openapi.json", "-o", "hey", "-c", "@hey-api/client-fetch", at=node)
    run("npx", "tsc", at=node)
    settings = {"ACCORD_URL": stack.urls["api"], "ACCORD_TOKEN": stack.token("clerk", COUNTY)}
    for script in ("dist/fetching.js", "dist/hey.js"):
        must_have_called(run("node", script, at=node, **settings))
