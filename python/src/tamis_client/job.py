"""One job: how it stands, how it goes, what it wrote."""

from __future__ import annotations

import fnmatch
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import grpc

from tamis_client import tables
from tamis_client.connection import Connection
from tamis_client.errors import (
    InternalError,
    JobCancelled,
    JobFailed,
    NotFoundError,
    SpecError,
    TamisError,
    UnavailableError,
    WaitTimeoutError,
)
from tamis_client.files import MANIFEST, OutputFiles, place_of
from tamis_client.output import Output
from tamis_client.progress import JobBar, each_file
from tamis_client.records import (
    Document,
    Explanation,
    FunnelStage,
    JobFigures,
    JobState,
    JobStatus,
    OutputFile,
    Phase,
    RuleCount,
    SourceFigures,
    TaskStatus,
    Throughput,
    record,
)
from tamis_client.report import Report
from tamis_client.tables import Table, TableKind
from tamis_client.tokens import Tokens
from tamis_client.v1 import jobs_pb2, types_pb2

if TYPE_CHECKING:
    import datasets
    import pandas as pd
    import pyarrow as pa

# How long a coordinator may be away before a watch gives up, and how often it is asked meanwhile; as `tamis watch`.
_AWAY_PATIENCE = 60.0
_AWAY_PAUSE = 0.5
_PAGE = 1_000
_LOCAL = "file://"
_FIGURE_TABLES = {"funnel": FunnelStage, "drops": RuleCount, "sources": SourceFigures, "throughput": Throughput}


class Job:
    """One job of a coordinator."""

    def __init__(self, connection: Connection, job_id: str, known: JobStatus | None = None) -> None:
        self._connection = connection
        self._known = known
        self.id = job_id

    def __repr__(self) -> str:
        # What is known, without asking.
        return f"<Job {self.id}: {self._known.name}, {self._known.state}>" if self._known else f"<Job {self.id}>"

    def status(self) -> JobStatus:
        """How it stands."""
        request = jobs_pb2.GetJobRequest(job_id=self.id)
        return self._noted(self._connection.call(self._connection.jobs.Get, request))

    def cancel(self, reason: str = "by the Python client") -> JobStatus:
        """Ends it, if it is not published. Cancelling a cancelled job changes nothing."""
        request = jobs_pb2.CancelJobRequest(job_id=self.id, reason=reason)
        return self._noted(self._connection.call(self._connection.jobs.Cancel, request))

    def retry(self) -> JobStatus:
        """Goes on with it from its committed tasks, if it failed or was cancelled."""
        request = jobs_pb2.RetryJobRequest(job_id=self.id)
        # Made again after a lost answer, the call would meet a job that runs, and be refused.
        return self._noted(self._connection.call(self._connection.jobs.Retry, request, repeatable=False))

    def watch(self, *, progress: bool = False) -> Iterator[JobStatus]:
        """Its status now and at each change, until it ends. A coordinator that goes away is waited for, a minute at most.

        `progress` shows a bar meanwhile, in a notebook a widget.
        """
        return self._shown() if progress else self._statuses()

    def wait(self, timeout: float | None = None, *, progress: bool = False) -> Job:
        """Waits until it is published, and returns itself.

        Raises `JobFailed` with the error's class, message and hint, `JobCancelled`, and `WaitTimeoutError` after `timeout`
        seconds: the job goes on then.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        (last,) = deque(self._shown(deadline) if progress else self._statuses(deadline), maxlen=1)
        if last.state is JobState.FAILED:
            raise JobFailed(last)
        if last.state is JobState.CANCELLED:
            raise JobCancelled(last)
        return self

    def _shown(self, deadline: float | None = None) -> Iterator[JobStatus]:
        with JobBar() as bar:
            for status in self._statuses(deadline, bar):
                bar.show(status)
                yield status

    def _statuses(self, deadline: float | None = None, bar: JobBar | None = None) -> Iterator[JobStatus]:
        last: JobStatus | None = None
        away_since: float | None = None
        while True:
            answered = False
            try:
                for message in self._follow(deadline):
                    answered = True
                    if (status := self._noted(message)) != last:
                        last = status
                        yield status
                    if status.ended:
                        return
            except TamisError as error:
                if deadline is not None and error.code is grpc.StatusCode.DEADLINE_EXCEEDED:
                    raise self._late(last) from error
                # An error behind the first answer is the connection's, which is made anew.
                if not answered and (last is None or not isinstance(error, (UnavailableError, InternalError))):
                    raise
            now = time.monotonic()
            if answered or away_since is None:
                away_since = now
            if now - away_since > _AWAY_PATIENCE:
                raise UnavailableError(
                    f"the coordinator has been away for {_AWAY_PATIENCE:.0f} s",
                    hint="the job goes on when the coordinator runs again: watch it then",
                )
            if bar is not None:
                bar.note("the coordinator has gone away; watching on when it is back")
            time.sleep(_AWAY_PAUSE)
            if deadline is not None and time.monotonic() >= deadline:
                raise self._late(last)

    def _follow(self, deadline: float | None) -> Iterator[types_pb2.JobStatus]:
        left = None if deadline is None else max(deadline - time.monotonic(), 0.001)
        request = jobs_pb2.WatchJobRequest(job_id=self.id)
        return self._connection.stream(self._connection.jobs.Watch, request, timeout=left)

    def _late(self, last: JobStatus | None) -> WaitTimeoutError:
        state = last.state if last else "not yet known"
        return WaitTimeoutError(f"job {self.id} has not ended in time: it is {state}", hint="it goes on; wait again")

    @overload
    def figures(self) -> JobFigures: ...
    @overload
    def figures(self, as_: Literal["pandas"]) -> dict[str, pd.DataFrame]: ...
    @overload
    def figures(self, as_: Literal["arrow"]) -> dict[str, pa.Table]: ...
    def figures(self, as_: TableKind | None = None) -> JobFigures | dict[str, Any]:
        """The figures so far. While it runs, those of its committed tasks.

        With `as_`, tables by name: `funnel`, `drops` (by rule), `sources`, `throughput`.
        """
        if as_ is not None:
            tables.check_kind(as_)
        request = jobs_pb2.GetFiguresRequest(job_id=self.id)
        figures = record(JobFigures, self._connection.call(self._connection.jobs.GetFigures, request))
        if as_ is None:
            return figures
        return {
            name: tables.as_kind(tables.of_records(getattr(figures, name), kind), as_) for name, kind in _FIGURE_TABLES.items()
        }

    def report(self) -> Report:
        """The report, once it is published."""
        request = jobs_pb2.GetReportRequest(job_id=self.id)
        report_json = self._connection.call(self._connection.jobs.GetReport, request).report_json
        return Report(report_json, self._report_page)

    def _report_page(self) -> str | None:
        try:
            pages = [file for file in self.files() if file.path == "report.html"]
            if not pages:
                return None
            with self._output_files.open(pages[0]) as page:
                return page.read().decode("utf-8")
        except TamisError:
            # The report is shown without its page.
            return None

    @overload
    def drops(self, as_: Literal["pandas"] = "pandas") -> pd.DataFrame: ...
    @overload
    def drops(self, as_: Literal["arrow"]) -> pa.Table: ...
    def drops(self, as_: TableKind = "pandas") -> Table:
        """What it dropped, a row a record, read through the coordinator. `iter_drops` reads part by part."""
        return self._table("drops", as_)

    @overload
    def iter_drops(self, as_: Literal["pandas"] = "pandas") -> Iterator[pd.DataFrame]: ...
    @overload
    def iter_drops(self, as_: Literal["arrow"]) -> Iterator[pa.Table]: ...
    def iter_drops(self, as_: TableKind = "pandas") -> Iterator[Table]:
        """The same, a table a part (a shard of the inputs), each read when it is asked for."""
        return self._parts("drops", as_)

    @overload
    def clusters(self, as_: Literal["pandas"] = "pandas") -> pd.DataFrame: ...
    @overload
    def clusters(self, as_: Literal["arrow"]) -> pa.Table: ...
    def clusters(self, as_: TableKind = "pandas") -> Table:
        """Its duplicates, a row a pair, read through the coordinator. `iter_clusters` reads part by part."""
        return self._table("clusters", as_)

    @overload
    def iter_clusters(self, as_: Literal["pandas"] = "pandas") -> Iterator[pd.DataFrame]: ...
    @overload
    def iter_clusters(self, as_: Literal["arrow"]) -> Iterator[pa.Table]: ...
    def iter_clusters(self, as_: TableKind = "pandas") -> Iterator[Table]:
        """The same, a table a part that has any."""
        return self._parts("clusters", as_)

    def _table(self, kind: str, as_: TableKind) -> Table:
        tables.check_kind(as_)
        return tables.as_kind(tables.joined(list(tables.read_parts(self._open(kind)))), as_)

    def _parts(self, kind: str, as_: TableKind) -> Iterator[Table]:
        tables.check_kind(as_)
        return (tables.as_kind(part, as_) for part in tables.read_parts(self._open(kind)))

    def _open(self, kind: str) -> Iterable[Any]:
        parts = [file for file in self.files() if file.path.startswith(f"{kind}/")]
        return (self._output_files.open(part) for part in sorted(parts, key=lambda part: part.path))

    def find_drops(self, *, stage: str = "", rule: str = "", source: str = "") -> Iterator[Explanation]:
        """What it dropped at a stage, by a rule, of a source (empty: any), chosen by the coordinator, page by page.

        Of a job that is not published: what its scans dropped so far.
        """
        request = jobs_pb2.ListDropsRequest(job_id=self.id, stage=stage, rule=rule, source=source, page_size=_PAGE)
        while True:
            page = self._connection.call(self._connection.jobs.ListDrops, request)
            yield from (record(Explanation, drop) for drop in page.drops)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def explain(self, document_id: str, limit: int = 0) -> list[Explanation]:
        """What happened to a document. A repeated id has several answers: `limit` at most, 100 if it is 0."""
        request = jobs_pb2.ExplainRequest(job_id=self.id, document_id=document_id, limit=limit)
        response = self._connection.call(self._connection.jobs.Explain, request)
        return [record(Explanation, explanation) for explanation in response.explanations]

    def document(self, uri: str = "", offset: int = 0, *, source: str = "", document_id: str = "") -> Document:
        """A document as its input holds it: where it stands (as `explain` and `drops` say), or the first with an id."""
        request = jobs_pb2.ReadDocumentRequest(job_id=self.id, uri=uri, offset=offset, source=source, document_id=document_id)
        return record(Document, self._connection.call(self._connection.jobs.ReadDocument, request))

    def tasks(self, phase: Phase | str = Phase.SCAN) -> Iterator[TaskStatus]:
        """The tasks of a phase in the order of shards, page by page; none before it has begun."""
        if phase not in ("scan", "emit"):
            raise SpecError(f'`phase` must be "scan" or "emit", got {phase!r}')
        number = types_pb2.PHASE_SCAN if phase == "scan" else types_pb2.PHASE_EMIT
        return self._tasks(jobs_pb2.ListTasksRequest(job_id=self.id, phase=number, page_size=_PAGE))

    def _tasks(self, request: jobs_pb2.ListTasksRequest) -> Iterator[TaskStatus]:
        while True:
            page = self._connection.call(self._connection.jobs.ListTasks, request)
            yield from (record(TaskStatus, task) for task in page.tasks)
            if not page.tasks or page.tasks[-1].shard + 1 >= page.tasks_total:
                return
            request.first_shard = page.tasks[-1].shard + 1

    def files(self) -> list[OutputFile]:
        """The files that it wrote, once it is published, with size and SHA-256."""
        return self._output_files.list()

    def download(self, folder: str | os.PathLike[str], only: str = "*", *, progress: bool = False) -> Output:
        """Brings its output through the coordinator, each file checked by size and SHA-256.

        `only` is a pattern of paths, such as `tokens/*`; `manifest.json` always comes. Files that stand there already are
        kept. Raises `StorageError` for what is not as it was published.
        """
        files = [file for file in self.files() if file.path == MANIFEST or fnmatch.fnmatchcase(file.path, only)]
        # Last comes what says that all is there.
        files.sort(key=lambda file: (file.path == MANIFEST, file.path))
        places = [place_of(file, Path(folder)) for file in files]
        if places:
            places[-1].unlink(missing_ok=True)
        for file in each_file(files) if progress else files:
            self._output_files.download(file, Path(folder))
        return Output(folder)

    def output(self) -> Output:
        """Its output folder, where this machine can read it.

        Raises `NotFoundError` that says how to get it where it cannot.
        """
        uri = (self._known or self.status()).output_uri
        folder = Path(uri.removeprefix(_LOCAL))
        if not folder.is_absolute() or not (folder / MANIFEST).is_file():
            hint = "job.download(folder) brings it, and returns what job.output() would"
            raise NotFoundError(f"this machine cannot read the output at `{uri}`", hint=hint)
        return Output(folder)

    def dataset(
        self,
        what: Literal["text", "tokens"] = "text",
        *,
        streaming: bool = False,
        cache_dir: str | os.PathLike[str] | None = None,
    ) -> datasets.Dataset | datasets.IterableDataset:
        """Its output for Hugging Face `datasets`, where this machine can read it: see `Output.dataset`."""
        return self.output().dataset(what, streaming=streaming, cache_dir=cache_dir)

    def tokens_memmap(self) -> Tokens:
        """Its tokens, mapped into memory, where this machine can read them: see `Output.tokens_memmap`."""
        return self.output().tokens_memmap()

    @property
    def _output_files(self) -> OutputFiles:
        return OutputFiles(self._connection, self.id)

    def _noted(self, message: types_pb2.JobStatus) -> JobStatus:
        self._known = record(JobStatus, message)
        return self._known
