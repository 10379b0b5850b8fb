"""Compiles the contracts in `proto/` into Python stubs and a descriptor image under `gen/`.

Run as `python -m accord.stubs`; `make setup` does. Nothing it writes is committed. The third-party protos that ours
import come from the installed wheels (googleapis-common-protos, protovalidate, protobuf), so none is vendored.
"""

from __future__ import annotations

import ast
import importlib.resources
import importlib.util
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from google.protobuf import descriptor_pb2

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
GEN = ROOT / "gen"
IMAGE = GEN / "image.binpb"


def validate_descriptor() -> bytes:
    """Return the serialized FileDescriptorProto of buf/validate/validate.proto that protovalidate was built with."""
    spec = importlib.util.find_spec("protovalidate")
    if spec is None or spec.origin is None:
        raise RuntimeError("protovalidate is not installed: run `make setup`")
    source = Path(spec.origin).parent / "_gen" / "buf" / "validate" / "validate_pb.py"
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
            # The generated module holds the descriptor as its one large bytes literal.
            found = descriptor_pb2.FileDescriptorProto.FromString(node.value)
            if found.name == "buf/validate/validate.proto":
                return node.value
    raise RuntimeError("protovalidate no longer embeds its descriptor where we read it; see accord/stubs.py")


def build() -> None:
    """Write gen/pb (stubs), gen/buf (their one foreign import) and gen/image.binpb (descriptors with comments)."""
    shutil.rmtree(GEN, ignore_errors=True)
    GEN.mkdir()
    with _protoc(PROTO) as run:
        ours = _files(PROTO)
        run(f"--python_out={GEN}", f"--pyi_out={GEN}", f"--grpc_python_out={GEN}", *ours)
        run(f"--python_out={GEN}", f"--pyi_out={GEN}", "buf/validate/validate.proto")
    image(PROTO, IMAGE)
    rename(GEN / "accord", GEN / "pb")


def image(folder: Path, target: Path) -> None:
    """Write the descriptor image of the protos in a folder, with all imports and comments."""
    with _protoc(folder) as run:
        run("--include_imports", "--include_source_info", f"--descriptor_set_out={target}", *_files(folder))


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.proto"))


@contextmanager
def _protoc(folder: Path) -> Iterator[Callable[..., None]]:
    """Yield protoc, with the foreign protos of the installed wheels on its path."""
    from grpc_tools import protoc

    foreign = descriptor_pb2.FileDescriptorSet()
    foreign.file.add().ParseFromString(validate_descriptor())
    wellknown = importlib.resources.files("grpc_tools") / "_proto"
    googleapis = Path(next(iter(importlib.import_module("google.api").__path__))).parent.parent
    with tempfile.NamedTemporaryFile(suffix=".binpb") as found:
        Path(found.name).write_bytes(foreign.SerializeToString())
        includes = [f"-I{folder}", f"-I{googleapis}", f"-I{wellknown}", f"--descriptor_set_in={found.name}"]

        def run(*arguments: str) -> None:
            if protoc.main(["protoc", *includes, *arguments]) != 0:
                sys.exit(f"protoc failed: {' '.join(arguments)}")

        yield run


def rename(source: Path, target: Path) -> None:
    """Move the stubs of package `accord.*` to Python package `pb.*`: `accord` is the command line's package."""
    source.rename(target)
    for path in target.rglob("*.py*"):
        text = path.read_text("utf-8")
        path.write_text(re.sub(r"^from accord\.", "from pb.", text, flags=re.M), "utf-8")
    for folder in [target, *(p for p in target.rglob("*") if p.is_dir())]:
        (folder / "__init__.py").touch()


if __name__ == "__main__":
    build()
