"""People sign in at Canaille 0.3, a provider of OpenID Connect that was not written here, with its own pages."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from accord.embedded.stack import Stack
from tests.conftest import CALL, COUNTY, request_id
from tests.patience import PATIENCE
from tests.test_login import file as file
from tests.test_login import run

pytestmark = pytest.mark.fault("E3")
LOCK = Path(__file__).parent / "oidc" / "requirements.lock"
PASSWORD = "correct horse battery"
BROWSER = """
import re, sys
import httpx
with httpx.Client(follow_redirects=True, timeout=60) as browser:
    page = browser.get(sys.argv[1])
    for field, value in (("login", "li-si"), ("password", %r)):
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
        page = browser.post(page.url, data={"csrf_token": token, field: value})
"""


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Canaille:
    """Canaille in an environment of its own, with one person, one group and one client. New keys at each start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port, self.back = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = {name: text for name, text in os.environ.items() if not name.startswith("ACCORD_")} | {
            "SECRET_KEY": "s" * 40, "SERVER_NAME": f"127.0.0.1:{self.port}", "PREFERRED_URL_SCHEME": "http",
            "CANAILLE_DATABASE": "sql", "CANAILLE_SQL__DATABASE_URI": f"sqlite:///{folder}/canaille.sqlite",
        }  # fmt: skip

    def install(self) -> None:
        """Install it as its lock says, and make what it needs."""
        self._run(sys.executable, "-m", "venv", "venv")
        self._run("venv/bin/pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK))
        self._canaille("db", "upgrade")
        self._canaille("create", "user", "--user-name", "li-si", "--password", PASSWORD, "--family-name", "Li",
                       "--emails", "li-si@example.org")  # fmt: skip
        self._canaille("create", "group", "--display-name", "front-office", "--members", "li-si")
        own = ("create", "client", "--client-uri", "http://127.0.0.1", "--client-name", "Accord", "--scope", "openid",
               "--scope", "groups")  # fmt: skip
        self._canaille(*own, "--client-id", "accord-cli", "--redirect-uris", f"http://127.0.0.1:{self.back}/back",
                       "--token-endpoint-auth-method", "none", "--grant-types", "authorization_code",
                       "--response-types", "code")  # fmt: skip
        self._canaille("set", "client", "accord-cli", "--audience", "accord-cli")

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [str(self._folder / "venv/bin/canaille"), "run", "--bind", f"127.0.0.1:{self.port}"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.url}/.well-known/openid-configuration").raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.2)
        raise AssertionError((self._folder / "log").read_text())

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _canaille(self, *words: str) -> None:
        self._run("venv/bin/canaille", *words)

    def _run(self, *words: str) -> None:
        ended = subprocess.run(words, cwd=self._folder, env=self._environment, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def canaille(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaille]:
    """Run Canaille."""
    if "OIDC" not in os.environ:
        pytest.skip("make oidc installs and runs it")
    folder = tmp_path_factory.mktemp("canaille")
    made = Canaille(folder)
    made.install()
    made.start()
    yield made
    made.stop()
    shutil.rmtree(folder)


@pytest.fixture
def trusted(canaille: Canaille, stack: Stack) -> Iterator[Canaille]:
    """Trust it for the front office of the county."""
    known = stack.keys.trust.read_text("utf-8")
    entry = {
        "issuer": canaille.url, "audience": "accord-cli",
        "oidc": {"roles_claim": "groups", "role_map": {"front-office": ["clerk", "duty_officer"]}, "unit": COUNTY,
                 "may_give": ["clerk"], "subject_prefix": "sso:"},
    }  # fmt: skip
    told = json.loads(known)
    stack.keys.trust.write_text(json.dumps({"issuers": [*told["issuers"], entry]}), "utf-8")
    time.sleep(1.1)  # the file is looked at once a second
    yield canaille
    stack.keys.trust.write_text(known, "utf-8")


async def test_somebody_signs_in_there_with_accord_login_and_files_a_report(
    trusted: Canaille, stack: Stack, file: Path, tmp_path: Path
) -> None:
    script = tmp_path / "browser.py"
    script.write_text(BROWSER % PASSWORD)
    asked = ("login", "--issuer", trusted.url, "--port", str(trusted.back), "--scope", "openid groups", "--id-token")
    code, _, said = await run(stack, *asked, BROWSER=f"{sys.executable} {script} %s")
    assert code == 0, said
    assert f"signed in as sso:li-si (clerk; units/{COUNTY})" in said
    code, out, _ = await run(stack, "token")
    headers = {"Authorization": f"Bearer {out.strip()}", "Idempotency-Key": request_id()}
    report = {
        "channel": "CHANNEL_COUNTER",
        "unit": f"units/{COUNTY}",
        "category": "categories/neighbour",
        "text": "漏水。",
    }
    async with httpx.AsyncClient(base_url=stack.urls["api"], headers=headers, timeout=CALL) as me:
        filed = await me.post("/v1/reports", json=report)
        assert filed.status_code == 200, filed.text
        assert (await me.post(f"/v1/{filed.json()['name']}:accept", json={})).status_code == 403
        # Its access tokens live for ten days, which is longer than a person's may.
        code, _, said = await run(stack, *asked[:-1], BROWSER=f"{sys.executable} {script} %s")
        assert (code, "LIVES_TOO_LONG" in said) == (2, True), said
        # It starts again with other keys: the old ones end, and a new sign-in is taken.
        trusted.stop()
        assert (await me.get("/v1/account")).status_code == 200
        trusted.start()
        code, _, said = await run(stack, *asked, BROWSER=f"{sys.executable} {script} %s")
        async with asyncio.timeout(PATIENCE):
            while code and "UNKNOWN_KEY" in said:  # keys are asked for every ten seconds at most
                code, _, said = await run(stack, *asked, BROWSER=f"{sys.executable} {script} %s")
        assert code == 0, said
        refused = await me.get("/v1/account")
        assert (refused.status_code, refused.json()["metadata"]["cause"]) == (401, "UNKNOWN_KEY")
