"""The examples of the README run, one after the other."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from cluster import EXAMPLE, Cluster
from conftest import Secured

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def namespace(cluster: Cluster, secured: Secured) -> Iterator[dict[str, Any]]:
    """What one example leaves to the next, in a working directory like the repository."""
    folder = cluster.folder / "repository"
    shutil.copytree(EXAMPLE, folder / "examples" / "finance-zh")
    (folder / "certs").symlink_to(secured.certs)
    names: dict[str, Any] = {}
    with chdir(folder):
        yield names
    names["client"].close()


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_an_example_runs(
    number: int,
    namespace: dict[str, Any],
    cluster: Cluster,
    secured: Secured,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TAMIS_COORDINATOR", cluster.url)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(cluster.folder / "cache"))
    port = secured.cluster.address.rpartition(":")[2]
    code = BLOCKS[number].replace("https://localhost:7171", f"https://localhost:{port}")
    exec(compile(code, f"example {number} of README.md", "exec"), namespace)
    shown = capsys.readouterr().out
    for said in EXPECTED.get(number, ()):
        assert said in shown


# What the examples print, where that is known.
EXPECTED = {
    0: ("Not ready to train", "False 351143 fail"),
    1: ("published the output stands in",),
    2: ("near    similarity", "near similarity w01253", "length.min_chars"),
    3: ("('read', 3281)", "('emitted', 2592)", "notes", "committed"),
    4: ("351,143 of 2,592 documents", "uint16", "['id', 'text', 'extra']"),
    5: ("0 [('r00000', 1.0)]", "1 []", "620\n"),
    6: ("1\n",),
    7: ("problems in the job spec", "tamis jobs"),
}


def test_all_examples_are_expected_to_print() -> None:
    assert sorted(EXPECTED) == list(range(len(BLOCKS)))
