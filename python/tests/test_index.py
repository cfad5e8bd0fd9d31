"""The global dedup index."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from cluster import EXAMPLE, PATIENCE, Cluster, example_spec
from fake import refuse, serving

from tamis_client import Client, Job, NotFoundError, SpecError, UnavailableError, connection
from tamis_client.v1 import index_pb2


@pytest.fixture(scope="session")
def entered(client: Client, cluster: Cluster) -> Job:
    """A job whose documents are in the index `news`."""
    return client.submit(example_spec(cluster.folder / "entered", dedup={"index": "news"})).wait()


def kept_texts(job: Job) -> dict[str, str]:
    texts = {}
    for line in (EXAMPLE / "data/reports/annual.jsonl").read_text("utf-8").splitlines()[:50]:
        document = json.loads(line)
        if job.explain(document["id"])[0].kept:
            texts[document["id"]] = document["text"]
    return texts


def test_an_index_is_described(client: Client, entered: Job) -> None:
    described = client.index("news").describe()
    assert described.name == "news"
    assert described.documents == entered.report().funnel[-1].docs
    assert described.params["threshold"] == 0.75
    assert [(job.job_id, job.documents) for job in described.jobs] == [(entered.id, described.documents)]
    assert described.jobs[0].published_at is not None
    assert described in client.indexes()
    with pytest.raises(NotFoundError):
        client.index("none").describe()


def test_texts_are_checked_in_order(client: Client, entered: Job) -> None:
    known = kept_texts(entered)
    assert len(known) > 10
    news = client.index("news")
    results = list(news.check(known.items()))
    assert [result.id for result in results] == list(known)
    for result in results:
        nearest = result.matches[0]
        assert (nearest.job_id, nearest.document_id, nearest.similarity, nearest.equal) == (entered.id, result.id, 1.0, True)
    assert [result.matches for result in news.check(["今天天气很好，我们去公园看花，孩子们很高兴。" * 3])] == [()]
    first = next(iter(known.values()))
    changed = first[:-8] + "而已。"
    (loose,), (strict,) = news.check([changed], threshold=0.5), news.check([changed], threshold=1.0)
    assert loose.matches
    assert 0.5 <= loose.matches[0].similarity < 1
    assert strict.matches == ()


def test_any_number_of_texts_is_checked_as_results_are_taken(client: Client, entered: Job) -> None:
    text = next(iter(kept_texts(entered).values()))
    taken = itertools.count()

    def texts() -> Iterator[str]:
        for number in taken:
            yield text if number % 2 else f"没有人写过的第{number}篇短文"

    results = client.index("news").check(texts())
    for number, result in enumerate(itertools.islice(results, 4_500)):
        assert (result.id, bool(result.matches)) == (str(number), bool(number % 2))
    results.close()  # type: ignore[attr-defined]
    assert next(taken) < 4_500 + 3_000, "two messages are under way, and one is being filled"


def test_nothing_to_check_is_no_call() -> None:
    with Client("http://127.0.0.1:9") as client:
        assert list(client.index("news").check([])) == []


def test_an_error_of_the_texts_is_their_caller_s(client: Client, entered: Job) -> None:
    def texts() -> Iterator[str]:
        yield from ["text"] * 1_500
        raise OSError("the disk is gone")

    before = set(threading.enumerate())
    with pytest.raises(OSError, match="the disk is gone"):
        list(client.index("news").check(texts()))
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "what served the call ends with it"


def test_what_cannot_be_checked_is_refused(client: Client, entered: Job) -> None:
    for threshold in (0, -1, 1.5):
        with pytest.raises(SpecError, match="must be above 0 and at most 1"):
            client.index("news").check(["x"], threshold)
    with pytest.raises(NotFoundError):
        list(client.index("none").check(["x"]))
    with pytest.raises(SpecError, match=r"text `1` has .* bytes, a message can have 16777216"):
        list(client.index("news").check(["x", "x" * (17 << 20)]))


def test_a_job_is_forgotten(client: Client, cluster: Cluster) -> None:
    first, second = (
        client.submit(example_spec(cluster.folder / f"forgotten-{keep}", dedup={"index": "forgotten", "keep": keep})).wait()
        for keep in ("first", "longest")
    )
    index = client.index("forgotten")
    documents = {job.job_id: job.documents for job in index.describe().jobs}
    assert index.forget(first.id) == documents[first.id] > 0
    assert [(job.job_id, job.documents) for job in index.describe().jobs] == [(second.id, documents[second.id])]
    with pytest.raises(NotFoundError, match="holds nothing of job"):
        index.forget(first.id)


def answers(request: index_pb2.CheckRequest) -> index_pb2.CheckResponse:
    return index_pb2.CheckResponse(results=[index_pb2.CheckResult(id=document.id) for document in request.documents])


def test_messages_are_bounded_in_documents_and_bytes() -> None:
    got: list[tuple[int, str, float]] = []

    def check(requests: Iterator[index_pb2.CheckRequest], _: grpc.ServicerContext) -> Iterator[index_pb2.CheckResponse]:
        for request in requests:
            got.append((len(request.documents), request.index, request.threshold))
            yield answers(request)

    with serving(IndexService_Check=check) as url, Client(url) as client:
        results = list(client.index("i").check(itertools.repeat("x", 2_001), 0.5))
        assert [result.id for result in results] == [str(number) for number in range(2_001)]
        assert [documents for documents, *_ in got] == [1_000, 1_000, 1]
        assert got[0][1:] == ("i", 0.5)
        got.clear()
        assert len(list(client.index("i").check(["x" * (3 << 20)] * 3))) == 3
        assert [documents for documents, *_ in got] == [1, 1, 1]


def test_a_check_goes_on_where_its_call_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_FIRST_PAUSE", 0.001)
    calls = itertools.count()

    def check(requests: Iterator[index_pb2.CheckRequest], context: grpc.ServicerContext) -> Iterator[index_pb2.CheckResponse]:
        call = next(calls)
        for number, request in enumerate(requests):
            if number == 2:
                # Ends with an error, or without one.
                if call % 2:
                    return
                refuse(context, grpc.StatusCode.CANCELLED, said="Timeout expired")
            yield answers(request)

    with serving(IndexService_Check=check) as url, Client(url) as client:
        results = list(client.index("i").check("x" for _ in range(9_500)))
    assert [result.id for result in results] == [str(number) for number in range(9_500)]
    assert next(calls) == 5


def test_a_check_that_never_goes_on_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_FIRST_PAUSE", 0.001)
    calls: list[Any] = []

    def check(requests: Iterator[index_pb2.CheckRequest], context: grpc.ServicerContext) -> Iterator[index_pb2.CheckResponse]:
        calls.append(next(requests))
        refuse(context, grpc.StatusCode.UNAVAILABLE)
        yield

    with serving(IndexService_Check=check) as url, Client(url) as client, pytest.raises(UnavailableError):
        list(client.index("i").check(["x"]))
    assert len(calls) == 5
