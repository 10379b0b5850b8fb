"""Compiles the contracts in `proto/` into Python stubs and a descriptor image.

`python -m accord.stubs` writes `gen/`, which Accord itself imports; `make setup` does. `python -m accord.stubs FOLDER`
writes into the folder the package that others import, `accord_protos`, and beside its client the calls that there are;
`make wheel` does. Nothing of it is committed.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from accord.places import ROOT

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

    from services.gateway.rest.contract import Rpc

PROTO = ROOT / "proto"
GEN = ROOT / "gen"
IMAGE = GEN / "image.binpb"
CLIENT = ROOT / "clients" / "python"
CALLS = CLIENT / "accord_client" / "services.py"

_FOREIGN = "buf/validate/validate.proto"
"""What our stubs import and no package that others would have brings along."""
_MAY_BE_REPEATED = {"accord.feed.v1.FeedService.AcknowledgeEvents"}
"""Calls that change something and take no request id, but do the same when made twice."""


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


def calls(target: Path) -> None:
    """Write the calls of `accord_client`: each with its path, its messages, who serves it, whether it may be repeated.

    A stream both ways, an import, is left to `accord import`.
    """
    from services.gateway.rest.contract import load

    contract = load(IMAGE)
    rpcs = [rpc for rpc in contract.rpcs if not (rpc.client_streaming and rpc.server_streaming)]
    files = sorted({each.file.name for rpc in rpcs for each in (rpc.takes, rpc.answers)} | _items(rpcs))
    lines = ['"""The services of Accord and their calls; made from the contracts by `python -m accord.stubs`."""', ""]
    lines += [f"import accord_protos.{_module(name)}" for name in files]
    lines += ["from accord_client.rpcs import Pages, Sending, Stream, Unary"]
    for service in sorted({rpc.service for rpc in rpcs}, key=lambda name: name.rpartition(".")[2]):
        lines += ["", "", f"class {service.rpartition('.')[2]}:", f"    {_quoted(contract.comments[service])}"]
        for rpc in (each for each in rpcs if each.service == service):
            lines += ["", f"    {rpc.name} = {_call(rpc)}", f"    {_quoted(contract.comments[rpc.full_name])}"]
    target.write_text("\n".join(lines) + "\n", "utf-8")


def image(folder: Path, target: Path) -> None:
    """Write the descriptor image of the contracts in a folder, with all imports and comments."""
    _protoc(folder, "--include_imports", "--include_source_info", f"--descriptor_set_out={target}", *_ours(folder))


def _call(rpc: Rpc) -> str:
    """Return how a call is made, as an expression of `accord_client.rpcs`."""
    from services.gateway.settings import SERVED_BY

    header = rpc.takes.fields_by_name.get("header")
    first = (header and header.message_type) or rpc.takes
    reads = rpc.rules[0].WhichOneof("pattern") == "get"
    again = reads or "request_id" in first.fields_by_name or rpc.full_name in _MAY_BE_REPEATED
    said = [repr(rpc.path), _class(rpc.takes), _class(rpc.answers), repr(SERVED_BY[rpc.service]), repr(again)]
    if rpc.client_streaming or rpc.server_streaming:
        return f"{'Sending' if rpc.client_streaming else 'Stream'}({', '.join(said)})"
    listed = _listed(rpc)
    if listed is None:
        return f"Unary({', '.join(said)})"
    field, item = listed
    return f"Pages({', '.join([*said, repr(field), _class(item)])})"


def _listed(rpc: Rpc) -> tuple[str, Descriptor] | None:
    """Return the field with the items of a list that has pages, and what they are."""
    if "page_token" not in rpc.takes.fields_by_name or "next_page_token" not in rpc.answers.fields_by_name:
        return None
    field = rpc.answers.fields_by_number[1]
    assert field.message_type is not None, rpc.full_name
    return field.name, field.message_type


def _items(rpcs: list[Rpc]) -> set[str]:
    return {listed[1].file.name for rpc in rpcs if (listed := _listed(rpc))}


def _class(message: Descriptor) -> str:
    """Return the class of a message, by its whole name."""
    return f"accord_protos.{_module(message.file.name)}.{message.name}"


def _module(file: str) -> str:
    return file.removeprefix("accord/").removesuffix(".proto").replace("/", ".") + "_pb2"


def _quoted(comment: str) -> str:
    text = comment.replace("\\", "\\\\").replace('"', "'")
    return f'"""{text}"""'


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
    if sys.argv[1:]:
        package(Path(sys.argv[1]))
        calls(CALLS)
    else:
        build()
