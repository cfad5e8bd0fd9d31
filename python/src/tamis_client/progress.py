"""Progress bars of tqdm: of a job that runs, of files that come. In a notebook they are widgets."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from tamis_client.extras import need
from tamis_client.records import JobStatus, OutputFile


def _tqdm() -> Any:
    return need("tqdm.auto", "notebook", "progress=True").tqdm


class JobBar:
    """Shows how a job goes. Leaving it takes the bar away."""

    def __init__(self) -> None:
        self._bar = _tqdm()(total=None, unit="B", unit_scale=True, unit_divisor=1024, leave=False)
        self._measured: tuple[str, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()

    def show(self, status: JobStatus) -> None:
        """Shows a status: bytes of the running phase, else what happens behind it."""
        phase = status.running_phase
        self._bar.set_description(status.state, refresh=False)
        if phase and phase.bytes_total:
            if (phase.phase, phase.bytes_total) != self._measured:
                self._measured = (phase.phase, phase.bytes_total)
                self._bar.reset(total=phase.bytes_total)
            # Not `update`: the bytes of an attempt that failed are taken back.
            self._bar.n = phase.bytes_done
            self._bar.set_postfix_str(f"{phase.tasks_done}/{phase.tasks_total} shards", refresh=False)
        else:
            self._bar.n = self._bar.total or 0
            self._bar.set_postfix_str(status.message, refresh=False)
        self._bar.refresh()

    def note(self, text: str) -> None:
        """Says something that is no status."""
        self._bar.set_postfix_str(text)


def each_file(files: list[OutputFile]) -> Iterator[OutputFile]:
    """The files, with a bar of their bytes: a file counts when the next is asked for."""
    with _tqdm()(total=sum(file.bytes for file in files), unit="B", unit_scale=True, unit_divisor=1024) as bar:
        for file in files:
            bar.set_description(file.path, refresh=False)
            yield file
            bar.update(file.bytes)
