"""Calls to one coordinator: the services on one channel, each call with the token, a deadline, and errors of this package."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from tamis_client.access import Access
from tamis_client.diagnose import diagnosed
from tamis_client.errors import SpecError, TamisError, error_of
from tamis_client.v1.index_pb2_grpc import IndexServiceStub
from tamis_client.v1.jobs_pb2_grpc import JobServiceStub
from tamis_client.v1.workers_pb2_grpc import WorkerServiceStub

_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=Message)

# Bytes of one message at most, on both sides: a spec that lists many inputs is the largest.
MOST_MESSAGE_BYTES = 16 << 20
# How often a call is made before its error is its caller's, and the pauses between: about 3 seconds together, so that a
# coordinator that is restarted is met again, and one that is not there is soon said not to be.
_ATTEMPTS = 5
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0

_OPTIONS = [
    ("grpc.max_receive_message_length", MOST_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MOST_MESSAGE_BYTES),
    # A proxy of the environment is another machine: it would read a token that may only go to this one.
    ("grpc.enable_http_proxy", 0),
    # Nothing is taken from the DNS but addresses.
    ("grpc.service_config_disable_resolution", 1),
    # Calls are repeated here, where it is known which may be.
    ("grpc.enable_retries", 0),
    # A watch notices that the other side is gone although no packet says so.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A coordinator that is back is found as soon as the next call asks.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]


class Connection:
    """The services of one coordinator. Connects at the first call, and again whenever the connection is lost."""

    def __init__(self, access: Access, timeout: float) -> None:
        self.access = access
        self.timeout = timeout
        if access.encrypted:
            self._channel = grpc.secure_channel(access.target, access.credentials(), _OPTIONS)
        else:
            self._channel = grpc.insecure_channel(access.target, _OPTIONS)
        self.jobs = JobServiceStub(self._channel)
        self.workers = WorkerServiceStub(self._channel)
        self.indexes = IndexServiceStub(self._channel)

    def close(self) -> None:
        """Ends all calls and the connection."""
        self._channel.close()

    def call(
        self, method: grpc.UnaryUnaryMultiCallable[_Request, _Response], request: _Request, *, repeatable: bool = True
    ) -> _Response:
        """Makes a call, and makes it again where that may help and does no harm, until its time is over."""
        check_size(request, "the call")
        deadline = time.monotonic() + self.timeout
        for attempt in range(_ATTEMPTS):
            left = deadline - time.monotonic()
            try:
                return method(request, timeout=max(left, 0.001), metadata=self.access.metadata)
            except grpc.RpcError as error:
                failure = self.error_of(error)
                pause = pause_before(attempt)
                is_last = attempt + 1 == _ATTEMPTS or pause >= deadline - time.monotonic()
                if is_last or not repeatable or not failure.retryable:
                    raise failure from error
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def stream(
        self,
        method: grpc.UnaryStreamMultiCallable[_Request, _Response],
        request: _Request,
        *,
        timeout: float | None = None,
    ) -> Iterator[_Response]:
        """The answers of one call, which is never repeated. Leaving the iterator ends the call."""
        try:
            call = method(request, timeout=timeout, metadata=self.access.metadata)
        except grpc.RpcError as error:
            raise self.error_of(error) from error
        try:
            yield from call
        except grpc.RpcError as error:
            raise self.error_of(error) from error
        finally:
            call.cancel()

    def error_of(self, error: grpc.RpcError) -> TamisError:
        """The error behind a call that failed, with what TLS says of it."""
        found = error_of(error, self.access.url)
        return diagnosed(self.access, found)


def check_size(message: Message, what: str) -> None:
    """Refuses what is too large for a message: nobody would take it, however often it is sent."""
    if (size := message.ByteSize()) > MOST_MESSAGE_BYTES:
        raise SpecError(f"{what} has {size} bytes, a message can have {MOST_MESSAGE_BYTES}")


def pause_before(attempt: int) -> float:
    """Seconds before the next attempt, the first being 0. By chance, so that many callers do not come back at once."""
    return float(min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE) * random.uniform(0.5, 1.0))  # noqa: S311
