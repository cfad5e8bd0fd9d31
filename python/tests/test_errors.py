"""Errors and calls, with a coordinator that refuses as it is told."""

from __future__ import annotations

import itertools
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from fake import detail_of, refuse, serving

from tamis_client import (
    CancelledError,
    Client,
    ConflictError,
    ErrorClass,
    InputError,
    InternalError,
    LeaseLostError,
    NotFoundError,
    PermissionDeniedError,
    ResourceError,
    SpecError,
    StorageError,
    TamisError,
    UnavailableError,
    WaitTimeoutError,
    connection,
    job,
)
from tamis_client.v1 import jobs_pb2, types_pb2, workers_pb2

KINDS: dict[types_pb2.ErrorClass.ValueType, type[TamisError]] = {
    types_pb2.ERROR_CLASS_SPEC: SpecError,
    types_pb2.ERROR_CLASS_INPUT: InputError,
    types_pb2.ERROR_CLASS_NOT_FOUND: NotFoundError,
    types_pb2.ERROR_CLASS_CONFLICT: ConflictError,
    types_pb2.ERROR_CLASS_PERMISSION: PermissionDeniedError,
    types_pb2.ERROR_CLASS_STORAGE: StorageError,
    types_pb2.ERROR_CLASS_RESOURCE: ResourceError,
    types_pb2.ERROR_CLASS_UNAVAILABLE: UnavailableError,
    types_pb2.ERROR_CLASS_LEASE_LOST: LeaseLostError,
    types_pb2.ERROR_CLASS_CANCELLED: CancelledError,
    types_pb2.ERROR_CLASS_INTERNAL: InternalError,
}


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_FIRST_PAUSE", 0.001)


def failing(*errors: Callable[[grpc.ServicerContext], Any]) -> tuple[Callable[..., Any], list[Any]]:
    """A method that fails in one way after the other, and then answers; and the requests that it got."""
    left, got = iter(errors), []

    def method(request: Any, context: grpc.ServicerContext) -> Any:
        got.append(request)
        if error := next(left, None):
            error(context)
        return ANSWERS[type(request)]

    return method, got


ANSWERS = {
    jobs_pb2.GetJobRequest: types_pb2.JobStatus(job_id="j-1"),
    jobs_pb2.RetryJobRequest: types_pb2.JobStatus(job_id="j-1"),
    jobs_pb2.SubmitRequest: jobs_pb2.SubmitResponse(job_id="j-1"),
}


@pytest.mark.parametrize("number", types_pb2.ErrorClass.values()[1:], ids=types_pb2.ErrorClass.keys()[1:])
def test_class_message_hint_and_retryability_are_those_of_the_coordinator(number: types_pb2.ErrorClass.ValueType) -> None:
    detail = detail_of(number, "`output.uri` 不是空的", "pass --replace", retryable=False)
    method, got = failing(lambda context: refuse(context, grpc.StatusCode.INVALID_ARGUMENT, detail))
    with serving(JobService_Get=method) as url, Client(url) as client, pytest.raises(TamisError) as refused:
        client.job("x")
    error = refused.value
    assert type(error) is KINDS[number]
    assert (error.message, error.hint, error.retryable) == (detail.message, detail.hint, False)
    assert error.error_class is ErrorClass(types_pb2.ErrorClass.Name(number).removeprefix("ERROR_CLASS_").lower())
    assert str(error) == "`output.uri` 不是空的\nhint: pass --replace"
    assert len(got) == 1, "what the coordinator says is not worth a repetition is not repeated"
    sent = pickle.loads(pickle.dumps(error))
    assert (type(sent), str(sent), sent.retryable, sent.code) == (type(error), str(error), False, error.code)


def test_every_class_has_its_own_error() -> None:
    assert set(KINDS) == set(types_pb2.ErrorClass.values()[1:])
    assert len(set(KINDS.values())) == len(KINDS)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, SpecError),
        (grpc.StatusCode.NOT_FOUND, NotFoundError),
        (grpc.StatusCode.UNAUTHENTICATED, PermissionDeniedError),
        (grpc.StatusCode.PERMISSION_DENIED, PermissionDeniedError),
        (grpc.StatusCode.FAILED_PRECONDITION, ConflictError),
        (grpc.StatusCode.UNIMPLEMENTED, ConflictError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ResourceError),
        (grpc.StatusCode.UNKNOWN, UnavailableError),
        (grpc.StatusCode.INTERNAL, UnavailableError),
        (grpc.StatusCode.UNAVAILABLE, UnavailableError),
        (grpc.StatusCode.CANCELLED, UnavailableError),
    ],
)
def test_what_a_proxy_says_is_classed_by_its_code(code: grpc.StatusCode, kind: type[TamisError]) -> None:
    method, _ = failing(*[lambda context: refuse(context, code)] * 5)
    with serving(JobService_Get=method) as url, Client(url) as client, pytest.raises(kind) as refused:
        client.job("x")
    assert refused.value.code is code


def test_foreign_details_are_not_taken_for_ours() -> None:
    def foreign(context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff"),))
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")

    method, _ = failing(foreign)
    with serving(JobService_Get=method) as url, Client(url) as client, pytest.raises(NotFoundError, match="no such thing"):
        client.job("x")


BUSY = detail_of(types_pb2.ERROR_CLASS_UNAVAILABLE, "it is starting", retryable=True)


def busy(context: grpc.ServicerContext) -> None:
    refuse(context, grpc.StatusCode.UNAVAILABLE, BUSY)


def test_a_call_that_may_succeed_later_is_made_again() -> None:
    method, got = failing(busy, busy, busy)
    with serving(JobService_Get=method) as url, Client(url) as client:
        assert client.job("x").id == "j-1"
    assert len(got) == 4


def test_a_call_that_never_succeeds_is_made_a_bounded_number_of_times() -> None:
    method, got = failing(*[busy] * 20)
    with serving(JobService_Get=method) as url, Client(url) as client, pytest.raises(UnavailableError, match="it is starting"):
        client.job("x")
    assert len(got) == 5


def test_a_repeated_submission_is_one_job() -> None:
    method, got = failing(busy, busy)
    with serving(JobService_Submit=method) as url, Client(url) as client:
        client.submit({"name": "a"})
        client.submit({"name": "a"})
        client.submit({"name": "a"}, replace=True, request_id="mine")
    ids = [request.client_request_id for request in got]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert all(ids)
    assert (got[4].client_request_id, got[4].replace, got[3].replace) == ("mine", True, False)


def test_what_must_not_be_done_twice_is_not_repeated() -> None:
    get, _ = failing()
    retry, got = failing(busy)
    with serving(JobService_Get=get, JobService_Retry=retry) as url, Client(url) as client:
        job = client.job("x")
        with pytest.raises(UnavailableError):
            job.retry()
    assert len(got) == 1


def test_a_call_has_a_deadline_with_its_repetitions() -> None:
    got = []

    def never(request: Any, context: grpc.ServicerContext) -> Any:
        got.append(request)
        is_over = threading.Event()
        context.add_callback(is_over.set)
        is_over.wait()
        return types_pb2.JobStatus()

    with serving(JobService_Get=never) as url, Client(url, timeout=0.3) as client:
        with pytest.raises(UnavailableError, match="did not answer in time") as refused:
            client.job("x")
    assert "timeout" in refused.value.hint
    assert len(got) == 1


def test_pages_are_asked_for_until_the_last() -> None:
    asked = []

    def listed(request: jobs_pb2.ListJobsRequest, _: grpc.ServicerContext) -> jobs_pb2.ListJobsResponse:
        asked.append((request.page_size, request.page_token))
        number = int(request.page_token or 0)
        jobs = [types_pb2.JobStatus(job_id=f"j-{number}-{i}") for i in range(min(request.page_size, 3))]
        return jobs_pb2.ListJobsResponse(jobs=jobs, next_page_token=str(number + 1) if number < 2 else "")

    with serving(JobService_List=listed) as url, Client(url) as client:
        assert len(client.jobs()) == 9
        assert [job.id for job in client.jobs(limit=4)] == ["j-0-0", "j-0-1", "j-0-2", "j-1-0"]
    assert asked[-2:] == [(4, ""), (1, "1")]


def test_tasks_and_drops_come_page_by_page() -> None:
    def tasks(request: jobs_pb2.ListTasksRequest, _: grpc.ServicerContext) -> jobs_pb2.ListTasksResponse:
        assert request.phase == types_pb2.PHASE_EMIT
        shards = range(request.first_shard, min(request.first_shard + 2, 5))
        return jobs_pb2.ListTasksResponse(tasks=[jobs_pb2.TaskStatus(shard=shard) for shard in shards], tasks_total=5)

    def drops(request: jobs_pb2.ListDropsRequest, _: grpc.ServicerContext) -> jobs_pb2.ListDropsResponse:
        assert (request.stage, request.rule, request.source) == ("near", "similarity", "web")
        number = int(request.page_token or 0)
        drop = jobs_pb2.Explanation(document_id=str(number), drop=jobs_pb2.Drop(stage="near", value=0.0))
        return jobs_pb2.ListDropsResponse(drops=[drop], next_page_token=str(number + 1) if number < 2 else "")

    get, _ = failing()
    with serving(JobService_Get=get, JobService_ListTasks=tasks, JobService_ListDrops=drops) as url, Client(url) as client:
        job = client.job("x")
        assert [task.shard for task in job.tasks("emit")] == [0, 1, 2, 3, 4]
        found = list(job.find_drops(stage="near", rule="similarity", source="web"))
        assert [drop.document_id for drop in found] == ["0", "1", "2"]
        assert found[0].drop is not None
        assert (found[0].drop.value, found[0].drop.threshold) == (0.0, None)
        with pytest.raises(SpecError, match='must be "scan" or "emit"'):
            job.tasks("mix")


def statuses(*states: types_pb2.JobState.ValueType) -> Iterator[types_pb2.JobStatus]:
    return (types_pb2.JobStatus(job_id="j-1", state=state) for state in states)


def test_a_watch_goes_on_after_whatever_ends_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tamis_client.job._AWAY_PAUSE", 0.001)
    calls = itertools.count()

    def watch(_: Any, context: grpc.ServicerContext) -> Iterator[types_pb2.JobStatus]:
        call = next(calls)
        if call == 0:
            yield from statuses(types_pb2.JOB_STATE_PLANNING, types_pb2.JOB_STATE_SCANNING)
            # As after an hour.
            refuse(context, grpc.StatusCode.CANCELLED)
        elif call == 1:
            yield from statuses(types_pb2.JOB_STATE_SCANNING)
        elif call == 2:
            refuse(context, grpc.StatusCode.UNAVAILABLE)
        else:
            yield from statuses(types_pb2.JOB_STATE_SCANNING, types_pb2.JOB_STATE_PUBLISHED)

    get, _ = failing()
    with serving(JobService_Get=get, JobService_Watch=watch) as url, Client(url) as client:
        states = [status.state for status in client.job("x").watch()]
    assert states == ["planning", "scanning", "published"], "a status that is no change is not told again"


def test_a_watch_ends_with_what_makes_it_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tamis_client.job._AWAY_PAUSE", 0.001)
    calls = itertools.count()

    def watch(_: Any, context: grpc.ServicerContext) -> Iterator[types_pb2.JobStatus]:
        if next(calls):
            refuse(context, grpc.StatusCode.PERMISSION_DENIED)
        yield from statuses(types_pb2.JOB_STATE_SCANNING)

    get, _ = failing()
    with serving(JobService_Get=get, JobService_Watch=watch) as url, Client(url) as client, pytest.raises(PermissionDeniedError):
        client.job("x").wait()
    with serving(JobService_Get=get) as url, Client(url) as client, pytest.raises(ConflictError, match="does not know this call"):
        client.job("x").wait()


class Clock:
    """Time goes on only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_watch_gives_up_on_a_coordinator_that_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(job, "time", clock)
    calls = itertools.count()

    def watch(_: Any, context: grpc.ServicerContext) -> Iterator[types_pb2.JobStatus]:
        # Away but for one answer after 50 seconds.
        if next(calls) not in (0, 100):
            refuse(context, grpc.StatusCode.UNAVAILABLE)
        yield from statuses(types_pb2.JOB_STATE_SCANNING)

    get, _ = failing()
    with serving(JobService_Get=get, JobService_Watch=watch) as url, Client(url) as client:
        watched = client.job("x").watch()
        assert next(watched).state == "scanning"
        # Who watches may be slow: that is no absence.
        clock.sleep(3_600)
        with pytest.raises(UnavailableError, match="has been away for 60 s") as refused:
            next(watched)
    assert "watch it then" in refused.value.hint
    assert clock.now == pytest.approx(3_600 + 50 + 60, abs=2)


def test_a_wait_ends_in_time_also_without_a_coordinator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "time", Clock())
    calls = itertools.count()

    def watch(_: Any, context: grpc.ServicerContext) -> Iterator[types_pb2.JobStatus]:
        if next(calls):
            refuse(context, grpc.StatusCode.UNAVAILABLE)
        yield from statuses(types_pb2.JOB_STATE_SCANNING)

    get, _ = failing()
    with serving(JobService_Get=get, JobService_Watch=watch) as url, Client(url) as client:
        with pytest.raises(WaitTimeoutError, match="it is scanning"):
            client.job("x").wait(timeout=30)


def test_a_worker_is_drained_by_its_id() -> None:
    got = []

    def drain(request: workers_pb2.DrainWorkerRequest, _: grpc.ServicerContext) -> workers_pb2.DrainWorkerResponse:
        got.append(request.worker_id)
        return workers_pb2.DrainWorkerResponse()

    with serving(WorkerService_Drain=drain) as url, Client(url) as client:
        client.drain("w")
    assert got == ["w"]
