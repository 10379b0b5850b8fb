"""The client for programs that wait for each answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
from accord_protos.feed.v1 import feed_pb2
from accord_protos.mediation.v1 import evidence_pb2

from accord_client.errors import AccordError, Unavailable
from accord_client.retries import OPTIONS, Attempts
from accord_client.rpcs import A, Pages, Q, Rpc, Stream, T, Unary, copy, keyed, parts
from accord_client.services import EvidenceService, FeedService

UPLOAD = 600.0
"""Seconds an upload may take; no more than a service waits."""


class Client:
    """Calls the services at `addresses` (`intake`, `mediation`, `escalation`: `host:port`) in the name of a token.

    `token` is one, or a function that returns one: called at first, and again when a service refuses the last.
    `language` is that of messages, `zh` or `en`. An attempt may take `timeout` seconds; a call that may be repeated
    is, until `patience` seconds are over. `credentials` are for TLS. May be used by several threads.
    """

    def __init__(
        self,
        addresses: Mapping[str, str],
        token: str | Callable[[], str] = "",
        *,
        language: str = "zh",
        timeout: float = 20.0,
        patience: float = 60.0,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self._channels = {
            name: grpc.secure_channel(address, credentials, OPTIONS)
            if credentials
            else grpc.insecure_channel(address, OPTIONS)
            for name, address in addresses.items()
        }
        self._token, self._held = token, token if isinstance(token, str) else None
        self._language, self._timeout, self._patience = language, timeout, patience

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        for channel in self._channels.values():
            channel.close()

    def call(self, rpc: Unary[Q, A], request: Q, *, timeout: float | None = None) -> A:
        """Return the response to a request; without a request id of its own it gets one. Raises AccordError."""
        sent, attempts = keyed(request), self._attempts(rpc)
        made = self._channel(rpc, sent).unary_unary(
            rpc.path, request_serializer=rpc.request.SerializeToString, response_deserializer=rpc.answer.FromString
        )
        while True:
            try:
                answer: A = made(sent, timeout=timeout or self._timeout, metadata=self._metadata())
                return answer
            except grpc.RpcError as error:
                time.sleep(attempts.pause(AccordError.of(error)))

    def every(self, rpc: Pages[Q, A, T], request: Q) -> Iterator[T]:
        """Yield every item of a list, page by page, each page when it is needed."""
        asked: Any = copy(request)
        while True:
            page: Any = self.call(rpc, asked)
            yield from getattr(page, rpc.items)
            if not page.next_page_token:
                return
            asked.page_token = page.next_page_token

    def stream(self, rpc: Stream[Q, A], request: Q, *, timeout: float | None = None) -> Iterator[A]:
        """Yield the responses of a stream. One that breaks off after the first is an error: it is not begun again."""
        attempts, begun = self._attempts(rpc), False
        opened = self._channel(rpc, request).unary_stream(
            rpc.path, request_serializer=rpc.request.SerializeToString, response_deserializer=rpc.answer.FromString
        )
        while True:
            replies: Any = opened(request, timeout=timeout, metadata=self._metadata())
            try:
                for reply in replies:
                    begun = True
                    yield reply
                return
            except grpc.RpcError as error:
                told = AccordError.of(error)
                if begun:
                    raise told from None
                time.sleep(attempts.pause(told))
            finally:
                replies.cancel()

    def follow(self, request: feed_pb2.WatchEventsRequest) -> Iterator[feed_pb2.Event]:
        """Yield the events of a feed in commit order, for ever; a connection that is lost is opened again.

        With a `consumer`, its position is acknowledged once all events of a batch were taken: after a crash those of
        the last batch come again, and none is left out. Without one, it begins after `after_position`.
        """
        asked = copy(request)
        while True:
            try:
                for batch in self.stream(FeedService.WatchEvents, asked):
                    yield from batch.events
                    if asked.consumer:
                        taken = feed_pb2.AcknowledgeEventsRequest(
                            service=asked.service, consumer=asked.consumer, position=batch.position
                        )
                        self.call(FeedService.AcknowledgeEvents, taken)
                    else:
                        asked.after_position = batch.position
                if asked.until_caught_up:
                    return
            except Unavailable:
                continue  # opening it again pauses by itself

    def upload(self, header: evidence_pb2.EvidenceHeader, content: bytes | Path) -> evidence_pb2.Evidence:
        """Store a file as evidence, sent in parts; 20 MiB at most."""
        rpc, sent = EvidenceService.UploadEvidence, keyed(header)
        attempts = self._attempts(rpc)
        made = self._channel(rpc, sent).stream_unary(
            rpc.path, request_serializer=rpc.request.SerializeToString, response_deserializer=rpc.answer.FromString
        )
        while True:
            try:
                stored: evidence_pb2.Evidence = made(parts(sent, content), timeout=UPLOAD, metadata=self._metadata())
                return stored
            except grpc.RpcError as error:
                time.sleep(attempts.pause(AccordError.of(error)))

    def download(self, name: str) -> tuple[evidence_pb2.Evidence, bytes]:
        """Return a file of evidence with its title and its content. Every reading is recorded."""
        attempts = self._attempts(EvidenceService.DownloadEvidence)
        while True:
            evidence, content = evidence_pb2.Evidence(), bytearray()
            try:
                request = evidence_pb2.DownloadEvidenceRequest(name=name)
                for part in self.stream(EvidenceService.DownloadEvidence, request):
                    evidence.MergeFrom(part.evidence)
                    content += part.chunk
                return evidence, bytes(content)
            except Unavailable as error:
                time.sleep(attempts.pause(error))

    def _channel(self, rpc: Rpc[Any, Any], request: Any) -> grpc.Channel:
        return self._channels[rpc.server(request)]

    def _attempts(self, rpc: Rpc[Any, Any]) -> Attempts:
        return Attempts(rpc.again, self._patience, self._renew)

    def _renew(self) -> bool:
        """Forget a token that was refused; answers whether another can be had."""
        if isinstance(self._token, str):
            return False
        self._held = None
        return True

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        if self._held is None:
            self._held = self._token if isinstance(self._token, str) else self._token()
        said = (("accept-language", self._language),)
        return (("authorization", f"Bearer {self._held}"), *said) if self._held else said
