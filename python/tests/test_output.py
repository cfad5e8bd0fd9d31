"""What a job wrote, read through the coordinator."""

from __future__ import annotations

import collections
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cluster import Cluster, example_spec
from fake import refuse, serving

from tamis_client import Client, Job, NotFoundError, Output, StorageError, connection, tables
from tamis_client.v1 import jobs_pb2, types_pb2


@pytest.fixture(scope="session")
def written(cluster: Cluster, published: Job) -> Path:
    """Where the published job's output stands, to compare with."""
    return cluster.folder / "example"


def manifest_of(folder: Path) -> dict[str, Any]:
    return {file["name"]: file for file in json.loads((folder / "manifest.json").read_bytes())["files"]}


def test_files_are_those_of_the_manifest_and_itself(published: Job, written: Path) -> None:
    files = {file.path: file for file in published.files()}
    assert set(files) == {path.relative_to(written).as_posix() for path in written.rglob("*") if path.is_file()}
    assert all(files[path].bytes == (written / path).stat().st_size for path in files)
    for name, file in manifest_of(written).items():
        assert files[name].sha256 == file["sha256"]


def test_a_download_is_the_output(published: Job, written: Path, tmp_path: Path) -> None:
    output = published.download(tmp_path / "new" / "folder")
    assert isinstance(output, Output)
    assert content(output.folder) == content(written)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_download_takes_what_is_asked_and_mends_what_is_damaged(
    published: Job, written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = published.download(tmp_path, only="tokens/*")
    names = set(content(tmp_path))
    assert names == {"manifest.json", *(name for name in manifest_of(written) if name.startswith("tokens/"))}
    with pytest.raises(NotFoundError, match="7 of 7 parts are missing"):
        output.parts("text", ".jsonl.zst")

    kept, damaged = tmp_path / "tokens/part-00001.bin", tmp_path / "tokens/part-00000.bin"
    as_it_was = kept.stat()
    damaged.write_bytes(b"\0" * damaged.stat().st_size)
    published.download(tmp_path, progress=True)
    assert content(tmp_path) == content(written)
    assert kept.stat().st_ino == as_it_was.st_ino, "what stands there is not brought again"
    assert "manifest.json" in capsys.readouterr().err


def test_drops_are_those_of_the_report(published: Job) -> None:
    drops = published.drops()
    assert isinstance(drops, pd.DataFrame)
    counted = collections.Counter(zip(drops["stage"], drops["rule"], strict=True))
    assert counted == {(drop.stage, drop.rule): drop.docs for drop in published.report().drops}
    (near,) = drops[drops["id"] == "w02224"].to_dict("records")
    assert (near["stage"], near["rule"], near["kept_id"], near["threshold"]) == ("near", "similarity", "w01253", 0.75)


def test_drops_come_as_arrow_and_part_by_part(published: Job, written: Path) -> None:
    whole = published.drops("arrow")
    assert isinstance(whole, pa.Table)
    parts = list(published.iter_drops(as_="arrow"))
    files = sorted((written / "drops").iterdir())
    assert len(parts) == len(files) == 7
    assert all(part.equals(pq.read_table(file)) for part, file in zip(parts, files, strict=True))
    assert pa.concat_tables(parts).equals(whole)
    assert sum(len(part) for part in published.iter_drops()) == len(whole)


def test_drops_are_found_by_stage_rule_and_source(published: Job) -> None:
    drops = published.drops()
    near = list(published.find_drops(stage="near"))
    assert [drop.document_id for drop in near] == list(drops[drops["stage"] == "near"]["id"])
    assert all(drop.drop is not None and drop.drop.rule == "similarity" and not drop.kept for drop in near)
    assert len(list(published.find_drops())) == len(drops)
    rows = (drops["source"] == "notes") & (drops["rule"] == "length.min_chars")
    assert len(list(published.find_drops(rule="length.min_chars", source="notes"))) == rows.sum()
    assert list(published.find_drops(stage="index")) == []


def test_clusters_are_pairs_with_their_clusters(published: Job, written: Path) -> None:
    clusters = published.clusters()
    assert clusters["cluster"].nunique() == 120
    assert (clusters.groupby("cluster")["cluster_size"].nunique() == 1).all()
    assert clusters[clusters["id"] == "w02224"]["partner_id"].tolist() == ["w01253"]
    table = published.clusters("arrow")
    assert pa.concat_tables(pq.read_table(file) for file in sorted((written / "clusters").iterdir())).equals(table)
    assert len(list(published.iter_clusters("arrow"))) == len(list((written / "clusters").iterdir()))
    assert tables.joined([]).schema.equals(table.schema.remove_metadata()), "a job without duplicates has the same columns"


def test_a_job_without_duplicates_has_an_empty_table(client: Client, cluster: Cluster) -> None:
    job = client.submit(example_spec(cluster.folder / "plain", dedup={"exact": False, "near": False})).wait()
    assert len(job.clusters()) == 0
    assert list(job.clusters().columns) == [name for name, _ in tables.CLUSTERS]
    assert list(job.iter_clusters()) == []


def test_figures_are_those_of_the_report(published: Job) -> None:
    figures, report = published.figures(), published.report()
    assert figures.final
    assert [(stage.stage, stage.documents, stage.chars, stage.bytes, stage.tokens) for stage in figures.funnel] == [
        (stage.stage, stage.docs, stage.chars, stage.bytes, stage.tokens) for stage in report.funnel
    ]
    assert [(rule.stage, rule.rule, rule.documents) for rule in figures.drops] == [
        (drop.stage, drop.rule, drop.docs) for drop in report.drops
    ]
    assert [(source.name, source.role, source.records) for source in figures.sources] == [
        (source.name, source.role, source.records) for source in report.sources
    ]
    assert (figures.scans, figures.emits) == (7, 7)


def test_figures_become_tables(published: Job) -> None:
    frames = published.figures("pandas")
    assert set(frames) == {"funnel", "drops", "sources", "throughput"}
    assert frames["funnel"]["stage"].tolist()[::8] == ["read", "emitted"]
    assert frames["drops"]["documents"].sum() == len(published.drops("arrow"))
    arrow = published.figures("arrow")
    assert isinstance(arrow["sources"], pa.Table)
    assert arrow["sources"].column("name").to_pylist() == ["reports", "web", "notes"]


def test_another_kind_of_table_is_refused(published: Job) -> None:
    for read in (published.drops, published.iter_drops, published.clusters, published.figures):
        with pytest.raises(ValueError, match='must be "pandas" or "arrow"'):
            read("polars")  # type: ignore[call-overload]


# --- What a sound coordinator does not do.

CONTENT = b"x" * 3_000


def published_by(
    pieces: Any, *, path: str = "text/part-00000.jsonl.zst", sha256: str = hashlib.sha256(CONTENT).hexdigest()
) -> dict[str, Any]:
    """Methods of a coordinator with one job of one file, whose n-th reading is `pieces(n, context)`."""
    readings = iter(range(100))

    def read(_: Any, context: grpc.ServicerContext) -> Iterator[jobs_pb2.OutputPiece]:
        for data in pieces(next(readings), context):
            yield jobs_pb2.OutputPiece(data=data)

    def listed(_: Any, context: grpc.ServicerContext) -> jobs_pb2.ListOutputResponse:
        return jobs_pb2.ListOutputResponse(files=[jobs_pb2.OutputFile(path=path, bytes=len(CONTENT), sha256=sha256)])

    return {
        "JobService_Get": lambda *_: types_pb2.JobStatus(job_id="j"),
        "JobService_ListOutput": listed,
        "JobService_ReadOutput": read,
    }


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_FIRST_PAUSE", 0.001)


def test_a_file_that_breaks_off_or_is_damaged_is_read_again(tmp_path: Path) -> None:
    def pieces(reading: int, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield CONTENT[:1_000]
        if reading == 0:
            refuse(context, grpc.StatusCode.UNAVAILABLE)
        if reading == 1:
            return
        yield b"y" * 2_000 if reading == 2 else CONTENT[1_000:]

    with serving(**published_by(pieces)) as url, Client(url) as client:
        client.job("j").download(tmp_path)
    assert content(tmp_path) == {"text/part-00000.jsonl.zst": CONTENT}


def test_a_file_that_stays_damaged_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with serving(**published_by(lambda *_: [b"y" * 3_000])) as url, Client(url) as client:
        with pytest.raises(StorageError, match=r"`text/part-00000\.jsonl\.zst` has the SHA-256 .*, .* was published"):
            client.job("j").download(tmp_path)
    with serving(**published_by(lambda *_: [CONTENT, b"z"])) as url, Client(url) as client:
        with pytest.raises(StorageError, match="has 3001 bytes, 3000 were published"):
            client.job("j").download(tmp_path)
    assert content(tmp_path) == {}


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "text/../../out", "", "c:/x", "text\\..\\..\\out"])
def test_no_file_is_written_outside_the_folder(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "folder"
    with serving(**published_by(lambda *_: [CONTENT], path=path)) as url, Client(url) as client:
        with pytest.raises(StorageError, match="is no name of a file below an output folder"):
            client.job("j").download(folder)
    assert content(tmp_path) == {}
