"""The files of a published job, read through the coordinator and checked against what it published."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from tamis_client.connection import Connection, pause_before
from tamis_client.errors import StorageError, TamisError
from tamis_client.records import OutputFile, record
from tamis_client.v1 import jobs_pb2

# Who sees it sees all: it comes last, and goes first.
MANIFEST = "manifest.json"
# A file is asked for again after a lost connection or damage on the way, this often in all.
_ATTEMPTS = 4
# Larger files wait on disk for their check, not in memory.
_SPOOL_BYTES = 64 << 20


class OutputFiles:
    """What a published job wrote."""

    def __init__(self, connection: Connection, job_id: str) -> None:
        self._connection = connection
        self._job_id = job_id

    def list(self) -> list[OutputFile]:
        """All files, with size and SHA-256."""
        request = jobs_pb2.ListOutputRequest(job_id=self._job_id)
        response = self._connection.call(self._connection.jobs.ListOutput, request)
        return [record(OutputFile, file) for file in response.files]

    def open(self, file: OutputFile) -> IO[bytes]:
        """The checked content of one file, from its start."""
        spool = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115  (its caller closes it)
        try:
            self.fetch(file, spool)
            spool.seek(0)
        except BaseException:
            spool.close()
            raise
        return spool

    def fetch(self, file: OutputFile, sink: IO[bytes]) -> None:
        """Writes one file to `sink`, which is empty.

        Raises `StorageError` if what comes is not what was published, after several tries.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return self._fetch(file, sink)
            except TamisError as error:
                if not error.retryable or attempt + 1 == _ATTEMPTS:
                    raise
                time.sleep(pause_before(attempt))
                sink.seek(0)
                sink.truncate()
        raise AssertionError("the last attempt returns or raises")

    def _fetch(self, file: OutputFile, sink: IO[bytes]) -> None:
        digest, size = hashlib.sha256(), 0
        for data in self._pieces(file.path):
            digest.update(data)
            size += len(data)
            sink.write(data)
        check(file, size, digest.hexdigest())

    def _pieces(self, path: str) -> Iterator[bytes]:
        request = jobs_pb2.ReadOutputRequest(job_id=self._job_id, path=path)
        return (piece.data for piece in self._connection.stream(self._connection.jobs.ReadOutput, request))

    def download(self, file: OutputFile, folder: Path) -> None:
        """Brings one file below `folder`, unless it stands there already. It is whole or not there."""
        place = place_of(file, folder)
        if holds(place, file):
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = place.with_name(f".{place.name}.{uuid.uuid4().hex}")
        try:
            with open(unfinished, "xb") as sink:
                self.fetch(file, sink)
            os.replace(unfinished, place)
        finally:
            unfinished.unlink(missing_ok=True)


def check(file: OutputFile, size: int, sha256: str) -> None:
    """Compares what was read of a file with what was published. Raises `StorageError`."""
    if size != file.bytes:
        raise StorageError(f"`{file.path}` has {size} bytes, {file.bytes} were published")
    if file.sha256 and sha256 != file.sha256:
        raise StorageError(f"`{file.path}` has the SHA-256 {sha256}, {file.sha256} was published")


def holds(place: Path, file: OutputFile) -> bool:
    """Whether a file stands at its place, as it was published."""
    if not file.sha256 or not place.is_file() or place.stat().st_size != file.bytes:
        return False
    with open(place, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256


def place_of(file: OutputFile, folder: Path) -> Path:
    """Where a file goes. Raises `StorageError` for a name that leads out of the folder: nobody publishes such a one."""
    path = PurePosixPath(file.path)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in file.path or ":" in file.path:
        raise StorageError(f"`{file.path}` is no name of a file below an output folder", retryable=False)
    return folder.joinpath(*path.parts)
