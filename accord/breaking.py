"""Checks that the contracts have no breaking changes since an earlier commit.

`python -m accord.breaking [REVISION]` builds the protos of a revision (the last commit that has any, by default the
parent of the working tree's changes) beside today's and hands both to `buf breaking`.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from accord import stubs
from accord.places import ROOT


def main(revision: str = "HEAD") -> int:
    """Return buf's exit code; 0 where the revision has no protos yet."""
    archive = subprocess.run(["git", "archive", revision, "proto"], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode != 0:
        print(f"{revision} has no contracts to compare with")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(folder, filter="data")
        before = Path(folder) / "before.binpb"
        stubs.image(Path(folder) / "proto", before)
        buf = Path(sys.executable).with_name("buf")
        result = subprocess.run([str(buf), "breaking", "--against", str(before)], cwd=ROOT, check=False)
    if result.returncode == 0:
        print(f"contracts: nothing broken since {revision}")
    return result.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
