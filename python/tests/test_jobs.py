"""Jobs on a cluster: submit, watch, wait, cancel, retry, explain."""

from __future__ import annotations

import itertools
import json
import pickle
from pathlib import Path

import pytest
from cluster import EXAMPLE, Cluster, example_spec

from tamis_client import (
    Client,
    ConflictError,
    ErrorClass,
    Job,
    JobCancelled,
    JobFailed,
    JobState,
    NotFoundError,
    Phase,
    TaskState,
    WaitTimeoutError,
)


def test_a_job_is_watched_to_its_end(client: Client, cluster: Cluster) -> None:
    job = client.submit(example_spec(cluster.folder / "watched"))
    statuses = list(job.watch())
    assert [status.job_id for status in statuses] == [job.id] * len(statuses)
    assert all(before != after for before, after in itertools.pairwise(statuses))
    last = statuses[-1]
    assert (last.state, last.ended, last.error) == (JobState.PUBLISHED, True, None)
    assert last == job.status()
    assert [progress.tasks_done for progress in last.phases] == [7, 7]
    assert last.submitted_at is not None
    assert last.ended_at is not None
    assert last.submitted_at <= last.ended_at
    assert repr(job) == f"<Job {job.id}: finance-zh, published>"
    assert list(job.watch()) == [last], "one that has ended has one status"


def test_jobs_are_listed_and_found_by_the_beginning_of_an_id(client: Client, published: Job) -> None:
    listed = {job.id: job for job in client.jobs()}
    assert repr(listed[published.id]) == f"<Job {published.id}: finance-zh, published>"
    assert [job.id for job in client.jobs(limit=1)] == [next(iter(listed))]
    assert client.job(published.id[:-1]).id == published.id
    with pytest.raises(NotFoundError, match="no job `j-none`"):
        client.job("j-none")


def test_the_same_request_is_one_job(client: Client, cluster: Cluster) -> None:
    spec = example_spec(cluster.folder / "once")
    first = client.submit(spec, request_id="once")
    assert client.submit(spec, request_id="once").id == first.id
    first.wait()
    with pytest.raises(ConflictError, match="was used before"):
        client.submit({**spec, "name": "other"}, request_id="once")


def test_a_filled_output_is_replaced_only_if_it_is_said(client: Client, cluster: Cluster) -> None:
    spec = example_spec(cluster.folder / "filled")
    client.submit(spec).wait()
    with pytest.raises(ConflictError) as refused:
        client.submit(spec)
    assert refused.value.hint
    assert client.submit(spec, replace=True).wait().status().state == "published"


def test_a_failed_job_raises_what_failed_it_and_can_be_retried(client: Client, cluster: Cluster) -> None:
    folder = cluster.folder / "broken"
    folder.mkdir()
    input_ = folder / "input.jsonl"
    # More records are bad than a job bears.
    input_.write_text('{"id": "a", "text": "whole"}\nbroken\nbroken\n')
    spec = {"name": "broken", "source": [{"name": "s", "inputs": [str(input_)]}], "output": {"uri": str(folder / "out")}}
    job = client.submit(spec)
    with pytest.raises(JobFailed) as failed:
        job.wait()
    error = failed.value
    assert error.error_class is ErrorClass.INPUT
    assert job.id in error.message
    assert error.hint
    assert error.status.error is not None
    assert error.status.error.message in str(error)
    sent = pickle.loads(pickle.dumps(error))
    assert (type(sent), str(sent), sent.status, sent.error_class) == (JobFailed, str(error), error.status, error.error_class)
    with pytest.raises(ConflictError, match="is failed: only a published job has"):
        job.report()
    assert [drop.drop.rule for drop in job.find_drops() if drop.drop] == ["malformed_json"] * 2
    (explanation,) = job.explain("a")
    assert (explanation.undecided, explanation.kept, explanation.drop) == (True, False, None)
    assert job.retry().error is None
    with pytest.raises(JobFailed):
        job.wait()


def test_a_cancelled_job_says_so(tmp_path: Path) -> None:
    # Nobody works: it would wait for ever.
    cluster = Cluster(tmp_path)
    try:
        with Client(cluster.url) as client:
            job = client.submit(example_spec(tmp_path / "out"))
            with pytest.raises(WaitTimeoutError, match=r"has not ended in time: it is (planning|scanning)") as waited:
                job.wait(timeout=0.2)
            assert isinstance(waited.value, TimeoutError)
            assert job.cancel("no longer wanted").state is JobState.CANCELLED
            assert job.cancel().state is JobState.CANCELLED
            with pytest.raises(JobCancelled, match="no longer wanted") as cancelled:
                job.wait()
            assert cancelled.value.error_class is ErrorClass.CANCELLED
            assert cancelled.value.status.ended
    finally:
        cluster.stop()


def test_a_job_that_runs_has_figures_and_tasks_but_no_output(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    try:
        with Client(cluster.url) as client:
            job = client.submit(example_spec(tmp_path / "out"))
            next(status for status in job.watch() if status.state is JobState.SCANNING)
            figures = job.figures()
            assert (figures.final, figures.scans, figures.emits) == (False, 0, 0)
            assert [source.name for source in figures.sources] == ["reports", "web", "notes"]
            assert len(job.figures("pandas")["sources"]) == 3
            assert {task.state for task in job.tasks()} == {TaskState.READY}
            assert list(job.tasks("emit")) == []
            assert list(job.find_drops()) == []
            for output in (job.files, job.drops, job.clusters, job.report):
                with pytest.raises(ConflictError, match="is scanning: only a published job has"):
                    output()
            with pytest.raises(NotFoundError, match="this machine cannot read the output"):
                job.output()
    finally:
        cluster.stop()


def test_a_coordinator_that_is_killed_is_waited_for(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    try:
        with Client(cluster.url) as client:
            job = client.submit(example_spec(tmp_path / "out"))
            watched = job.watch()
            state = next(watched).state
            cluster.kill_coordinator()
            cluster.restart_coordinator()
            cluster.start_worker()
            states = [state, *(status.state for status in watched)]
            assert states[0] in ("planning", "scanning")
            assert states[-1] == "published"
            assert job.report().tokens.total > 0
    finally:
        cluster.stop()


def test_a_wait_with_progress_shows_a_bar(client: Client, cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    job = client.submit(example_spec(cluster.folder / "shown"))
    states = [status.state for status in job.watch(progress=True)]
    assert states[-1] == "published"
    shown = capsys.readouterr().err
    assert "published" in shown
    assert "the output stands in" in shown
    assert job.wait(progress=True) is job


def test_a_document_is_explained(published: Job) -> None:
    (explanation,) = published.explain("w02224")
    assert (explanation.document_id, explanation.source, explanation.kept, explanation.part) == ("w02224", "web", False, "")
    assert explanation.uri == f"file://{EXAMPLE}/data/web/pages-2.csv"
    drop = explanation.drop
    assert drop is not None
    assert drop.kept is not None
    assert (drop.stage, drop.rule, drop.threshold, drop.kept.document_id) == ("near", "similarity", 0.75, "w01253")
    assert drop.value == pytest.approx(0.9725, abs=1e-4)
    (kept,) = published.explain("r00400")
    assert (kept.kept, kept.part, kept.drop) == (True, "text/part-00001.jsonl.zst", None)
    with pytest.raises(NotFoundError):
        published.explain("nothing")


def test_a_document_is_read_as_its_input_holds_it(published: Job) -> None:
    (explanation,) = published.explain("r00400")
    document = published.document(explanation.uri, explanation.offset)
    assert (document.document_id, document.source, document.cut) == ("r00400", "reports", False)
    assert (document.uri, document.offset) == (explanation.uri, explanation.offset)
    lines = (EXAMPLE / "data/reports/annual.jsonl").read_text("utf-8").splitlines()
    first = json.loads(lines[0])
    named = published.document(source="reports", document_id=first["id"])
    assert named.text == first["text"]
    assert named.extra == {key: value for key, value in first.items() if key not in ("id", "text")}
    with pytest.raises(NotFoundError):
        published.document(source="reports", document_id="nothing")


def test_tasks_are_listed_by_shard(published: Job) -> None:
    scans = list(published.tasks())
    assert [task.shard for task in scans] == list(range(7))
    assert {task.state for task in scans} == {TaskState.COMMITTED}
    assert [task.source for task in scans] == ["reports"] * 2 + ["web"] * 2 + ["notes"] * 3
    assert scans[2].uri.endswith("/data/web/pages-1.csv")
    assert len(list(published.tasks(Phase.EMIT))) == 7


def test_workers_are_listed_and_drained(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    try:
        worker = cluster.start_worker()
        with Client(cluster.url) as client:
            (status,) = client.workers()
            assert (status.worker_id, status.slots, status.draining) == (worker.ready["worker_id"], 2, False)
            client.drain(status.worker_id)
            assert worker.wait() == 0
            assert [worker.draining for worker in client.workers()] == [True]
            with pytest.raises(NotFoundError):
                client.drain("nobody")
    finally:
        cluster.stop()
