"""Renders a chart as Helm does, and checks each object against the schemas of Kubernetes: an unknown field is an error.

`python kubernetes.py CHART RELEASE [VALUES.yaml …]` prints the objects as JSON, or every problem and exits with 1.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import yaml

VERSIONS = ("1.29", "1.37")
_WARNING = 2


def objects(chart: str, release: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what would be installed. Raises ValueError with everything that is wrong."""
    report = helm_python.lint(chart, values, strict=True)
    wrong = [f"{each['path']}: {each['error']}" for each in report["messages"] if each["severity"] >= _WARNING]
    if wrong or report["errors"]:
        raise ValueError("\n".join([*wrong, *report["errors"]]))
    with helm_python.Chart.load(chart) as loaded:
        rendered = loaded.render(values, name=release, namespace=release)
    found = [
        each
        for path, text in sorted(rendered.items())
        if not path.endswith((".tpl", ".txt"))
        for each in yaml.safe_load_all(text)
        if each
    ]
    if problems := [line for each in found for line in _problems(each)]:
        raise ValueError("\n".join(problems))
    return found


def _problems(each: dict[str, Any]) -> Iterator[str]:
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(each, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            place = ".".join(map(str, error.path))
            yield f"{each['kind']} {each['metadata']['name']}, {version}: {place}: {error.message[:300]}"


def merged(files: list[str]) -> dict[str, Any]:
    """Return the values of these files, the later ones over the earlier."""
    values: dict[str, Any] = {}
    for file in files:
        _lay(values, yaml.safe_load(Path(file).read_text("utf-8")) or {})
    return values


def _lay(under: dict[str, Any], over: dict[str, Any]) -> None:
    for name, value in over.items():
        if isinstance(value, dict) and isinstance(under.get(name), dict):
            _lay(under[name], value)
        else:
            under[name] = value


if __name__ == "__main__":
    try:
        print(json.dumps(objects(sys.argv[1], sys.argv[2], merged(sys.argv[3:]))))
    except (ValueError, helm_python.HelmError) as error:
        sys.exit(str(error))
