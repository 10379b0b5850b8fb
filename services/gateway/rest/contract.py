"""The contracts as data: services, RPCs and comments, read once at startup from the descriptor image."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.api import annotations_pb2, http_pb2, resource_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message

IMAGE = Path(__file__).resolve().parents[3] / "gen" / "image.binpb"


class ContractError(Exception):
    """The contracts cannot be served over HTTP as they are; the process does not start."""


@dataclass(frozen=True, slots=True)
class Rpc:
    """One RPC: its request and response, its HTTP rules and the permission it needs."""

    name: str
    service: str
    takes: Descriptor
    answers: Descriptor
    request: type[Message]
    response: type[Message]
    client_streaming: bool
    server_streaming: bool
    permission: str
    rules: tuple[http_pb2.HttpRule, ...]
    public: bool = False
    """Whether it may be called without an account."""

    @property
    def path(self) -> str:
        """Return the gRPC method path, `/package.Service/Method`."""
        return f"/{self.service}/{self.name}"

    @property
    def full_name(self) -> str:
        """Return the name under which comments are stored, `package.Service.Method`."""
        return f"{self.service}.{self.name}"


@dataclass(frozen=True, slots=True)
class Contract:
    """All RPCs that have an HTTP rule, all comments, and the resource name patterns."""

    rpcs: tuple[Rpc, ...]
    comments: dict[str, str]
    patterns: tuple[str, ...]


def load(image: Path = IMAGE) -> Contract:
    """Return the contracts of a descriptor image; raise ContractError if an RPC cannot be served.

    The stubs are imported, so that the message classes are the ones the rest of the process uses.
    """
    if not image.exists():
        raise ContractError(f"{image}: no stubs; run `make setup`")
    files = descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes()).file
    ours = [file for file in files if file.name.startswith("accord/")]
    for file in ours:
        importlib.import_module(
            "pb." + file.name.removeprefix("accord/").removesuffix(".proto").replace("/", ".") + "_pb2"
        )
    pool = descriptor_pool.Default()
    rpcs = [
        _rpc(method)
        for file in ours
        for service in pool.FindFileByName(file.name).services_by_name.values()
        for method in service.methods
        if method.GetOptions().HasExtension(annotations_pb2.http)
    ]
    messages = [m for file in ours for m in pool.FindFileByName(file.name).message_types_by_name.values()]
    return Contract(tuple(rpcs), dict(_comments(files)), tuple(_patterns(messages)))


def _rpc(method: MethodDescriptor) -> Rpc:
    from pb.access.v1 import permission_pb2

    options = method.GetOptions()
    extension: Any = permission_pb2.permission
    public: Any = permission_pb2.public
    permission: str = options.Extensions[extension]
    if not permission:
        raise ContractError(f"{method.full_name}: names no permission")
    rule = options.Extensions[annotations_pb2.http]
    return Rpc(
        name=method.name,
        service=method.containing_service.full_name,
        takes=method.input_type,
        answers=method.output_type,
        request=message_factory.GetMessageClass(method.input_type),
        response=message_factory.GetMessageClass(method.output_type),
        client_streaming=method.client_streaming,
        server_streaming=method.server_streaming,
        permission=permission,
        rules=(rule, *rule.additional_bindings),
        public=bool(options.Extensions[public]),
    )


def _patterns(messages: Iterable[Descriptor]) -> Iterator[str]:
    for message in messages:
        yield from message.GetOptions().Extensions[resource_pb2.resource].pattern


def _comments(files: Iterable[descriptor_pb2.FileDescriptorProto]) -> Iterator[tuple[str, str]]:
    for file in files:
        for location in file.source_code_info.location:
            if location.leading_comments and len(location.path) % 2 == 0:
                name = _name_at(file, list(location.path))
                if name:
                    yield f"{file.package}.{name}", _unwrap(location.leading_comments)


def _name_at(file: descriptor_pb2.FileDescriptorProto, path: list[int]) -> str:
    node: Any = file
    names = []
    for number, index in zip(path[::2], path[1::2], strict=True):
        field = node.DESCRIPTOR.fields_by_number.get(number)
        if field is None or not field.is_repeated or field.message_type is None:
            return ""
        node = getattr(node, field.name)[index]
        if not hasattr(node, "name") or not isinstance(node.name, str):
            return ""
        names.append(node.name)
    return ".".join(names)


def _unwrap(comment: str) -> str:
    """Return a comment with its line breaks joined; an empty line still ends a paragraph."""
    paragraphs = comment.strip().split("\n\n")
    return "\n\n".join(" ".join(line.strip() for line in paragraph.splitlines()) for paragraph in paragraphs)
