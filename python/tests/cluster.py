"""Coordinators and workers as processes of their own, on free ports and in temporary folders."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "finance-zh"
# Only turns a hang into a failure.
PATIENCE = 60


def binary() -> str:
    path = os.environ.get("TAMIS_TEST_BINARY")
    if not path:
        raise RuntimeError("TAMIS_TEST_BINARY must name the command `tamis`, such as target/release/tamis")
    return path


def environment() -> dict[str, str]:
    """Without what would tell the command, or the client, of another coordinator."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TAMIS_")}


def tamis(*args: str | Path, url: str | None = None) -> str:
    """Runs the command to its end; what it printed."""
    command = [binary(), *(["--coordinator", url] if url else []), *map(str, args)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def serves_http() -> bool:
    """Whether the command has an HTTP side, whose port must be a free one, too."""
    return "--http" in tamis("coordinator", "--help")


class Process:
    """A command that runs until it is stopped. It prints a line of JSON when it is ready."""

    def __init__(self, *args: str | Path, log: Path) -> None:
        with open(log, "ab") as stderr:
            self._process = subprocess.Popen(
                [binary(), "--json", *map(str, args)],
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError(f"{' '.join(map(str, args))} did not start:\n{log.read_text()}")
        self.ready: dict[str, Any] = json.loads(line)

    def kill(self) -> None:
        """Ends it at once, as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def wait(self) -> int:
        """Waits until it ends by itself."""
        return self._process.wait(PATIENCE)

    def _end(self, how: signal.Signals) -> None:
        self._process.send_signal(how)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()


class Cluster:
    """A coordinator and its workers. Jobs may read the examples, and read and write below `folder`."""

    def __init__(self, folder: Path, *, scheme: str = "http", serve: Sequence[str | Path] = ()) -> None:
        self.folder = folder
        self._scheme = scheme
        self._serve = serve
        self._log = folder / "processes.log"
        self._workers: list[Process] = []
        self._coordinator = self._start("127.0.0.1:0")
        self.address: str = self._coordinator.ready["listen"]

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self.address}"

    def _start(self, listen: str) -> Process:
        http = ("--http", "127.0.0.1:0") if serves_http() else ()
        roots = ("--data-dir", self.folder / "data", "--allow-read", EXAMPLE, "--allow-write", self.folder)
        return Process("coordinator", "--listen", listen, *http, *roots, *self._serve, log=self._log)

    def start_worker(self, *args: str | Path) -> Process:
        worker = Process("worker", "--slots", "2", "--coordinator", self.url, *args, log=self._log)
        self._workers.append(worker)
        return worker

    def kill_coordinator(self) -> None:
        self._coordinator.kill()

    def restart_coordinator(self) -> None:
        self._coordinator = self._start(self.address)

    def stop(self) -> None:
        for worker in self._workers:
            worker.stop()
        self._coordinator.stop()


def example_spec(folder: Path, **sections: Any) -> dict[str, Any]:
    """The job of the examples, with its output in `folder` and more sections."""
    from tamis_client.spec import spec_json

    spec: dict[str, Any] = json.loads(spec_json(EXAMPLE / "job.toml"))
    for name, section in sections.items():
        spec[name] = {**spec.get(name, {}), **section}
    spec["output"]["uri"] = str(folder)
    return spec
