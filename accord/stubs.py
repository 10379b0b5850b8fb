"""Compiles the contracts in `proto/` into Python stubs and a descriptor image.

`python -m accord.stubs` writes `gen/`, which Accord itself imports; `make setup` does. `python -m accord.stubs FOLDER`
writes into the folder the package that others import, `accord_protos`; `make wheel` does. Nothing of it is committed.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from accord.places import ROOT

PROTO = ROOT / "proto"
GEN = ROOT / "gen"
IMAGE = GEN / "image.binpb"

_FOREIGN = "buf/validate/validate.proto"
"""What our stubs import and no package that others would have brings along."""


def build() -> None:
    """Write gen/pb (stubs), gen/buf (their one foreign import) and gen/image.binpb (descriptors with comments)."""
    _stubs(GEN)
    image(PROTO, IMAGE)
    _rename(GEN / "accord", GEN / "pb", {"accord": "pb"})


def package(folder: Path) -> None:
    """Write the stubs as one package, `accord_protos`, into a folder that is made anew."""
    _stubs(folder)
    whole = folder / "accord_protos"
    (folder / "buf").rename(folder / "accord" / "buf")
    _rename(folder / "accord", whole, {"accord": "accord_protos", "buf": "accord_protos.buf"})
    (whole / "__init__.py").write_text('"""Stubs and contracts of Accord; the contracts lie in `proto`."""\n', "utf-8")
    (whole / "py.typed").touch()


def image(folder: Path, target: Path) -> None:
    """Write the descriptor image of the contracts in a folder, with all imports and comments."""
    _protoc(folder, "--include_imports", "--include_source_info", f"--descriptor_set_out={target}", *_ours(folder))


def _stubs(target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    _protoc(PROTO, f"--python_out={target}", f"--pyi_out={target}", f"--grpc_python_out={target}", *_ours(PROTO))
    _protoc(PROTO, f"--python_out={target}", f"--pyi_out={target}", _FOREIGN)


def _ours(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in (folder / "accord").rglob("*.proto"))


def _protoc(folder: Path, *arguments: str) -> None:
    """Run protoc on a folder; contracts of before there were foreign ones in it find those of today."""
    import grpc_tools
    from grpc_tools import protoc

    wellknown = Path(grpc_tools.__file__).parent / "_proto"
    if protoc.main(["protoc", f"-I{folder}", f"-I{PROTO}", f"-I{wellknown}", *arguments]) != 0:
        sys.exit(f"protoc failed: {' '.join(arguments)}")


def _rename(source: Path, target: Path, names: dict[str, str]) -> None:
    """Move stubs to another package and let them import one another there: `accord` is the command line's."""
    source.rename(target)
    for path in target.rglob("*.py*"):
        text = path.read_text("utf-8")
        for name, new in names.items():
            text = re.sub(rf"^from {name}\.", f"from {new}.", text, flags=re.M)
        path.write_text(text, "utf-8")
    for folder in [target, *(p for p in target.rglob("*") if p.is_dir())]:
        (folder / "__init__.py").touch()


if __name__ == "__main__":
    package(Path(sys.argv[1])) if sys.argv[1:] else build()
