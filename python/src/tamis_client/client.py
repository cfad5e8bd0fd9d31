"""A client of one coordinator."""

from __future__ import annotations

import os
import uuid
from types import TracebackType
from typing import Self

from tamis_client.access import Access, Tls
from tamis_client.connection import Connection
from tamis_client.index import Index
from tamis_client.job import Job
from tamis_client.records import IndexDescription, JobStatus, WorkerStatus, record
from tamis_client.spec import SpecLike, spec_json
from tamis_client.v1 import index_pb2, jobs_pb2, workers_pb2

_MOST_JOBS_A_PAGE = 1_000


class Client:
    """A client of one coordinator. It connects at the first call; threads may share it.

    `url`: where it listens, `https://` encrypts; by default `TAMIS_COORDINATOR`, else http://127.0.0.1:7171. `token` or
    `token_file`: who calls; by default `TAMIS_TOKEN_FILE`, else `TAMIS_TOKEN`, else nobody. `tls`: certificates. `insecure`: a
    token may travel unencrypted to another machine. `timeout`: seconds that a call may take, its repetitions included; those
    that stream take as long as they need.

    Raises `SpecError` for what must not be sent there, and errors of files that cannot be read.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        tls: Tls | None = None,
        *,
        insecure: bool = False,
        timeout: float = 60.0,
    ) -> None:
        self._connection = Connection(Access.of(url, token, token_file, tls, insecure=insecure), timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._connection.access.url!r})"

    def close(self) -> None:
        """Ends all calls and the connection."""
        self._connection.close()

    def submit(
        self,
        spec: SpecLike,
        replace: bool = False,
        request_id: str | None = None,
        *,
        base: str | os.PathLike[str] | None = None,
    ) -> Job:
        """Hands a job to the coordinator.

        `spec` is a file of TOML or JSON, the text of one, or a `dict`. Relative paths in it are relative to `base`: by default
        the folder of the file, else the working directory. `replace` lets a filled output folder be replaced. A
        `request_id` that is sent twice with the same spec is one job; without one, only repetitions of this call are.

        Raises `SpecError` that lists all problems of the spec.
        """
        request = jobs_pb2.SubmitRequest(
            spec_json=spec_json(spec, base), client_request_id=request_id or uuid.uuid4().hex, replace=replace
        )
        return Job(self._connection, self._connection.call(self._connection.jobs.Submit, request).job_id)

    def job(self, job_id: str) -> Job:
        """A job by its id, or as much of the id's beginning as is unique."""
        status = self._connection.call(self._connection.jobs.Get, jobs_pb2.GetJobRequest(job_id=job_id))
        return self._job(record(JobStatus, status))

    def jobs(self, limit: int | None = None) -> list[Job]:
        """The newest jobs first, `limit` at most; all if it is not given."""
        jobs: list[Job] = []
        request = jobs_pb2.ListJobsRequest()
        while limit is None or len(jobs) < limit:
            request.page_size = _MOST_JOBS_A_PAGE if limit is None else min(limit - len(jobs), _MOST_JOBS_A_PAGE)
            page = self._connection.call(self._connection.jobs.List, request)
            jobs += [self._job(record(JobStatus, status)) for status in page.jobs]
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        return jobs

    def _job(self, status: JobStatus) -> Job:
        return Job(self._connection, status.job_id, status)

    def index(self, name: str) -> Index:
        """A global dedup index by its name. Nothing is asked yet."""
        return Index(self._connection, name)

    def indexes(self) -> list[IndexDescription]:
        """All global dedup indexes."""
        response = self._connection.call(self._connection.indexes.List, index_pb2.ListIndexesRequest())
        return [record(IndexDescription, index) for index in response.indexes]

    def workers(self) -> list[WorkerStatus]:
        """The workers that are known."""
        response = self._connection.call(self._connection.workers.List, workers_pb2.ListWorkersRequest())
        return [record(WorkerStatus, worker) for worker in response.workers]

    def drain(self, worker_id: str) -> None:
        """Asks a worker to finish or give back its tasks and to leave."""
        self._connection.call(self._connection.workers.Drain, workers_pb2.DrainWorkerRequest(worker_id=worker_id))
