"""Bars of jobs and files, on a terminal and in a notebook."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import tqdm
import tqdm.auto
import tqdm.notebook

from tamis_client import JobState, JobStatus, OutputFile, Phase, PhaseProgress
from tamis_client.progress import JobBar, each_file
from tamis_client.records import record
from tamis_client.v1 import types_pb2

STATUS = record(JobStatus, types_pb2.JobStatus(job_id="j"))


def status(state: JobState, message: str = "", **progress: Any) -> JobStatus:
    phase = {JobState.SCANNING: Phase.SCAN, JobState.EMITTING: Phase.EMIT}.get(state, Phase.SCAN)
    none = PhaseProgress(phase, tasks_total=4, tasks_done=0, tasks_running=0, bytes_total=0, bytes_done=0, records_done=0)
    return dataclasses.replace(STATUS, state=state, message=message, phases=(dataclasses.replace(none, **progress),))


@pytest.fixture(params=["terminal", "notebook"])
def bars(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The bars that are made, of the kind that `tqdm.auto` chooses there."""
    made: list[Any] = []
    kind: Any = tqdm.tqdm if request.param == "terminal" else tqdm.notebook.tqdm

    def make(*args: Any, **settings: Any) -> Any:
        made.append(kind(*args, **settings))
        return made[-1]

    monkeypatch.setattr(tqdm.auto, "tqdm", make)
    return made


def test_a_bar_shows_the_bytes_of_each_phase(bars: list[Any]) -> None:
    with JobBar() as shown:
        (bar,) = bars
        shown.show(status(JobState.PLANNING, "lists its inputs"))
        assert (bar.total, bar.n, bar.desc, bar.postfix) == (None, 0, "planning: ", "lists its inputs")
        shown.show(status(JobState.SCANNING, bytes_total=100, bytes_done=30, tasks_done=1))
        assert (bar.total, bar.n, bar.desc, bar.postfix) == (100, 30, "scanning: ", "1/4 shards")
        shown.show(status(JobState.SCANNING, bytes_total=100, bytes_done=10))
        assert bar.n == 10, "the bytes of an attempt that failed are taken back"
        shown.show(status(JobState.RESOLVING, "finds duplicates"))
        assert (bar.total, bar.n, bar.postfix) == (100, 100, "finds duplicates")
        shown.show(status(JobState.EMITTING, bytes_total=50, bytes_done=5))
        assert (bar.total, bar.n) == (50, 5)
        if isinstance(bar, tqdm.notebook.tqdm):
            _, widget, _ = bar.container.children
            assert (widget.max, widget.value) == (50, 5)
        shown.note("the coordinator has gone away")
        assert bar.postfix == "the coordinator has gone away"
    assert bar.disable, "it is closed"


def test_a_bar_counts_the_bytes_of_files(bars: list[Any]) -> None:
    files = [OutputFile("a", 30, ""), OutputFile("b", 70, "")]
    counted = [(file.path, bars[0].n) for file in each_file(files)]
    assert counted == [("a", 0), ("b", 30)]
    assert (bars[0].n, bars[0].total) == (100, 100)
