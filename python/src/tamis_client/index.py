"""The global dedup index: what was published before."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import grpc

from tamis_client.connection import Connection, check_size, pause_before
from tamis_client.errors import SpecError, TamisError, UnavailableError
from tamis_client.records import CheckResult, IndexDescription, record
from tamis_client.v1 import index_pb2

Text: TypeAlias = str | tuple[str, str]

# What one message of a check holds at most: the coordinator's bound, and a part of what a message may have.
_DOCUMENTS = 1_000
_BYTES = 4 << 20
# While one message is being answered, the next is on its way.
_UNDER_WAY = 2
# Calls that may break one after the other without an answer between.
_ATTEMPTS = 5


class Index:
    """One global dedup index."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self.name = name

    def __repr__(self) -> str:
        return f"<Index {self.name}>"

    def describe(self) -> IndexDescription:
        """What it holds, and the jobs that it is of."""
        request = index_pb2.DescribeIndexRequest(name=self.name)
        return record(IndexDescription, self._connection.call(self._connection.indexes.Describe, request))

    def forget(self, job_id: str) -> int:
        """Takes a job out again; the number of its documents. Later jobs no longer find them."""
        request = index_pb2.ForgetRequest(index=self.name, job_id=job_id)
        # Asked again, it would say that there is nothing to forget.
        response = self._connection.call(self._connection.indexes.Forget, request, repeatable=False)
        return response.documents

    def check(self, texts: Iterable[Text], threshold: float | None = None) -> Iterator[CheckResult]:
        """What the index holds of each text; nothing is entered.

        `texts` may be endless: they are taken as results are. Each is a text, cleaned as it would be published, or a pair
        of id and text; the id of a text alone is its number, from 0. One result a text comes back, in order. `threshold`
        is the Jaccard similarity from which a document counts as found, above 0 to 1; 0.75 if it is not given.
        """
        if threshold is not None and not 0 < threshold <= 1:
            raise SpecError(f"`threshold` must be above 0 and at most 1, got {threshold}")
        return self._check(_requests(texts, self.name, threshold or 0.0))

    def _check(self, requests: Iterator[index_pb2.CheckRequest]) -> Iterator[CheckResult]:
        unanswered: deque[index_pb2.CheckRequest] = deque()
        call, failures = _Call(self._connection), 0
        try:
            while True:
                while len(unanswered) < _UNDER_WAY and (request := next(requests, None)) is not None:
                    unanswered.append(request)
                    call.send(request)
                if not unanswered:
                    return
                try:
                    answer = call.receive()
                except TamisError as error:
                    # A coordinator that was restarted, or one that ends calls after an hour.
                    if not error.retryable or failures + 1 == _ATTEMPTS:
                        raise
                    time.sleep(pause_before(failures))
                    failures += 1
                    call.end()
                    call = _Call(self._connection, unanswered)
                    continue
                failures = 0
                unanswered.popleft()
                yield from (record(CheckResult, result) for result in answer.results)
        finally:
            call.end()


class _Call:
    """One call that goes both ways. Texts are taken by the thread that reads results: nobody else runs their iterator."""

    def __init__(self, connection: Connection, requests: Iterable[index_pb2.CheckRequest] = ()) -> None:
        self._connection = connection
        self._requests: queue.SimpleQueue[index_pb2.CheckRequest | None] = queue.SimpleQueue()
        for request in requests:
            self.send(request)
        self._answers = connection.indexes.Check(iter(self._requests.get, None), metadata=connection.access.metadata)

    def send(self, request: index_pb2.CheckRequest) -> None:
        self._requests.put(request)

    def receive(self) -> index_pb2.CheckResponse:
        try:
            return next(self._answers)
        except grpc.RpcError as error:
            raise self._connection.error_of(error) from error
        except StopIteration as error:
            raise UnavailableError("the coordinator ended the check early") from error

    def end(self) -> None:
        # gRPC reads the requests in a thread of its own, which must end, too.
        self._requests.put(None)
        self._answers.cancel()


def _requests(texts: Iterable[Text], index: str, threshold: float) -> Iterator[index_pb2.CheckRequest]:
    """The texts in messages, each of which could be the first of a call."""
    documents: list[index_pb2.CheckDocument] = []
    size = 0
    for number, text in enumerate(texts):
        name, content = (str(number), text) if isinstance(text, str) else text
        document = index_pb2.CheckDocument(id=name, text=content)
        check_size(document, f"text `{name}`")
        if documents and (len(documents) == _DOCUMENTS or size + document.ByteSize() > _BYTES):
            yield index_pb2.CheckRequest(index=index, threshold=threshold, documents=documents)
            documents, size = [], 0
        documents.append(document)
        size += document.ByteSize()
    if documents:
        yield index_pb2.CheckRequest(index=index, threshold=threshold, documents=documents)
