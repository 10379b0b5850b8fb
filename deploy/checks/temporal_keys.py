"""Lists the keys of Temporal's dynamic configuration, from the source of the server.

`go mod download -json go.temporal.io/server@v1.32.0` prints the folder of the source; then
`python deploy/checks/temporal_keys.py FOLDER > deploy/checks/temporal-keys-1.32.0.txt`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_SCOPES = "Global|NamespaceID|Namespace|TaskQueue|TaskType|ShardID|Destination|ChasmTaskType"
_SETTING = re.compile(
    rf"\bNew({_SCOPES})(Bool|Int|Float|String|Duration|Map|Typed)Setting"
    r'(?:WithConverter|WithConstrainedDefault)?(?:\[[^\]]*\])?\(\s*"([^"]+)"'
)


def keys(source: Path) -> list[str]:
    """Return a line for each setting: its key, what it can be set for, its type."""
    found = set()
    for file in source.rglob("*.go"):
        if not file.name.endswith("_test.go"):
            found |= {f"{key} {scope} {kind}" for scope, kind, key in _SETTING.findall(file.read_text("utf-8"))}
    return sorted(found)


if __name__ == "__main__":
    print("# Dynamic configuration of go.temporal.io/server v1.32.0: key, scope, type. Written by temporal_keys.py.")
    print("\n".join(keys(Path(sys.argv[1]))))
