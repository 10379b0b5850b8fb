"""Writes bills of materials as CycloneDX 1.6 (JSON): `python -m accord.supply.sbom FOLDER`.

One for the wheel `accord`, one for the image, one for what `deploy/` runs beside it. They are made of the locks and
`supply.toml` alone, so the same commit gives the same bytes on every machine; the time is that of the commit.
"""

from __future__ import annotations

import hashlib
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from accord.places import ROOT
from accord.supply import locks
from accord.supply.policy import Policy, read_policy
from accord.wheels import commit_time

LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class Materials:
    """What a bill is about, what is in it, and which component needs which."""

    subject: Component
    components: list[Component] = field(default_factory=list)
    needs: dict[Component, list[Component]] = field(default_factory=dict)


def write(folder: Path, root: Path = ROOT) -> list[Path]:
    """Write the bills of a tree into a folder, and return the files; ValueError if one is not valid."""
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    policy = read_policy(root)
    bills = {
        f"accord-{version}.cdx.json": _wheel(root, policy, version),
        f"accord-image-{version}.cdx.json": _image(root, policy, version),
        f"accord-deployment-{version}.cdx.json": _deployment(root, policy, version),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, materials in bills.items():
        (folder / name).write_text(bill(materials), "utf-8")
    return [folder / name for name in bills]


def bill(materials: Materials) -> str:
    """Return a valid bill; its number follows from what is in it."""
    bom = Bom(serial_number=UUID(int=0), components=materials.components)
    bom.metadata.component = materials.subject
    bom.metadata.timestamp = datetime.fromtimestamp(int(commit_time()), UTC)
    for each in (materials.subject, *materials.components):
        bom.register_dependency(each, materials.needs.get(each, []))
    told = JsonV1Dot6(bom).output_as_string(indent=1)
    bom.serial_number = uuid5(NAMESPACE_URL, hashlib.sha256(told.encode()).hexdigest())
    told = JsonV1Dot6(bom).output_as_string(indent=1) + "\n"
    if wrong := validity(told):
        raise ValueError(wrong)
    return told


def validity(bill: str) -> str:
    """Return what is wrong with a bill after the schema of CycloneDX 1.6, or ""."""
    return str(JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) or "")


def _wheel(root: Path, policy: Policy, version: str) -> Materials:
    """Return what an installed wheel runs on, with the programs inside the packages."""
    whole = locks.read_lock(root / locks.LOCK)
    return _of_python(_ours(version), locks.shipped(whole), whole, policy)


def _image(root: Path, policy: Policy, version: str) -> Materials:
    """Return what is in the image: the wheel, what it runs on without the embedded engines, the base."""
    packages = locks.read_lock(root / locks.IMAGE)
    inside = _of_python(_ours(version), packages, locks.read_lock(root / locks.LOCK), policy)
    base = _foreign_image("python", locks.images(root / "deploy")["python"], policy)
    subject = _component(f"pkg:docker/accord@{version}", LICENCE, ComponentType.CONTAINER)
    components = [inside.subject, *inside.components, base]
    return Materials(subject, components, {subject: [inside.subject, base], **inside.needs})


def _deployment(root: Path, policy: Policy, version: str) -> Materials:
    """Return the images that `deploy/` runs beside ours."""
    named = {name: tag for name, tag in locks.images(root / "deploy").items() if name != "python"}
    images = [_foreign_image(name, tag, policy) for name, tag in named.items()]
    subject = _component(f"pkg:generic/accord-deployment@{version}", LICENCE, ComponentType.APPLICATION)
    return Materials(subject, images, {subject: images})


def _ours(version: str) -> Component:
    return _component(f"pkg:pypi/accord@{version}", LICENCE, ComponentType.APPLICATION)


def _of_python(
    subject: Component, packages: Iterable[locks.Locked], whole: Iterable[locks.Locked], policy: Policy
) -> Materials:
    """Return packages and their graph, which the whole lock has."""
    needed_by: dict[str, set[str]] = {}
    for each in whole:
        needed_by.setdefault(each.name, set()).update(each.needed_by)
    listed = [(each, _package(each, policy)) for each in packages]
    needs: dict[Component, list[Component]] = {
        subject: [component for each, component in listed if locks.ASKED in needed_by[each.name]]
    }
    for each, component in listed:
        needs[component] = [other for one, other in listed if each.name in needed_by[one.name]]
    return Materials(subject, [component for _, component in listed], needs)


def _package(locked: locks.Locked, policy: Policy) -> Component:
    """Return a package with the hash of each of its files, and what is inside it."""
    component = _component(f"pkg:pypi/{locked.name}@{locked.version}", policy.licence(locked.name))
    component.hashes.update(HashType(alg=HashAlgorithm.SHA_256, content=each) for each in locked.hashes)
    if locked.marker:
        component.scope = ComponentScope.OPTIONAL
        component.properties.add(Property(name="accord:marker", value=locked.marker))
    inside = policy.inside.get(locked.name)
    if inside:
        if inside.version != locked.version:
            raise ValueError(f"{locked.name}: what is inside is known of {inside.version}, locked is {locked.version}")
        component.components.update(_component(each.purl, each.licence) for each in inside.parts)
    return component


def _foreign_image(name: str, tag: str, policy: Policy) -> Component:
    """Return an image as public registries name it: by its tag, and by its digest where that is pinned."""
    tag, _, digest = tag.partition("@")
    component = _component(f"pkg:docker/{name}@{digest or tag}", policy.images[name], ComponentType.CONTAINER)
    component.version = tag
    if digest:
        component.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:")))
    return component


def _component(purl: str, licence: str, kind: ComponentType = ComponentType.LIBRARY) -> Component:
    """Return a component by its package URL."""
    read = PackageURL.from_string(purl)
    return Component(
        name=read.name, group=read.namespace, version=read.version, type=kind, purl=read, bom_ref=purl,
        licenses=[LicenseFactory().make_from_string(licence)],
    )  # fmt: skip


if __name__ == "__main__":
    for each in write(Path(sys.argv[1])):
        print(each)
