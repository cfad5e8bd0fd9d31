"""An output as trainers load it: token files in memory, and `datasets`."""

from __future__ import annotations

import io
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from cluster import Cluster, example_spec

from tamis_client import Client, Job, NotFoundError, Output, StorageError, TokenPart, Tokens
from tamis_client.output import documents_of


@pytest.fixture(scope="session")
def by_format(client: Client, cluster: Cluster, published: Job) -> dict[str, Output]:
    """The same job with its tokens in each format; that of Parquet has its text in Parquet, too."""
    outputs = {"megatron": published.output()}
    for tokens, text in (("npy", "none"), ("parquet", "parquet")):
        spec = example_spec(cluster.folder / tokens, output={"tokens": tokens, "text": text})
        outputs[tokens] = client.submit(spec).wait().output()
    return outputs


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("datasets")


def test_tokens_are_mapped_whatever_their_format(by_format: dict[str, Output], published: Job, cache: Path) -> None:
    megatron, npy = published.tokens_memmap(), by_format["npy"].tokens_memmap()
    report = published.report()
    assert (megatron.total, len(megatron)) == (report.tokens.total, report.funnel[-1].docs)
    assert repr(megatron) == "<Tokens: 351,143 of 2,592 documents in 7 parts>"
    assert all(isinstance(part.ids, np.memmap) and part.ids.dtype == np.uint16 for part in [*megatron.parts, *npy.parts])
    documents = [ids.tolist() for ids in megatron]
    assert documents == [ids.tolist() for ids in npy]
    rows = by_format["parquet"].dataset("tokens", cache_dir=cache)
    assert rows.column_names == ["id", "input_ids"]
    assert documents == [row["input_ids"] for row in rows]


def test_documents_are_found_by_their_numbers(by_format: dict[str, Output]) -> None:
    tokens = by_format["megatron"].tokens_memmap()
    documents = [ids.tolist() for ids in tokens]
    firsts = list(itertools.accumulate((len(part) for part in tokens.parts), initial=0))[:-1]
    for place in [*firsts, *(first - 1 for first in firsts), -1, -len(tokens), len(tokens) - 1]:
        assert tokens[place].tolist() == documents[place]
    assert [ids.tolist() for ids in tokens[-3:]] == documents[-3:]
    for place in (len(tokens), -len(tokens) - 1):
        with pytest.raises(IndexError, match="there are 2592 documents"):
            tokens[place]


def test_shards_without_documents_are_parts_like_others(tmp_path: Path) -> None:
    header = b"MMIDIDX\0\0" + (1).to_bytes(8, "little") + b"\x04" + (0).to_bytes(8, "little") + (1).to_bytes(8, "little")
    write(tmp_path, {"tokens/part-00000.bin": b"", "tokens/part-00000.idx": header + bytes(8)})
    empty = Output(tmp_path).tokens_memmap()
    assert (len(empty), empty.total, empty.parts[0].ids.dtype.name) == (0, 0, "int32")
    ids = np.arange(3, dtype=np.uint16)
    part = TokenPart(tmp_path, ids, np.array([0, 1, 3], np.uint64))
    both = Tokens([empty.parts[0], part, empty.parts[0]])
    assert [document.tolist() for document in both] == [[0], [1, 2]] == [both[0].tolist(), both[1].tolist()]


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    entries = [{"name": name, "size": len(data), "sha256": str(hash(data))} for name, data in files.items()]
    (folder / "manifest.json").write_text(json.dumps({"files": entries}))


def array(values: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"tokens/p.idx": b"hello", "tokens/p.bin": b""}, "is no index of Megatron"),
        ({"tokens/p.idx": b"MMIDIDX\0\0" + bytes(25), "tokens/p.bin": b""}, "has version 0, type 0"),
        (
            {"tokens/p.offsets.npy": array(np.array([0, 2], np.uint64)), "tokens/p.npy": array(np.array([1], np.uint16))},
            "holds 1 ids, its index speaks of 2",
        ),
    ],
)
def test_what_is_no_token_file_is_refused(tmp_path: Path, files: dict[str, bytes], said: str) -> None:
    write(tmp_path, files)
    with pytest.raises(StorageError, match=said):
        Output(tmp_path).tokens_memmap()


def test_a_truncated_index_or_body_is_refused(by_format: dict[str, Output], tmp_path: Path) -> None:
    for name in ("part-00000.idx", "part-00000.bin"):
        folder = tmp_path / name
        shutil.copytree(by_format["megatron"].folder, folder)
        file = folder / "tokens" / name
        file.write_bytes(file.read_bytes()[:1_000])
        with pytest.raises(StorageError):
            Output(folder).tokens_memmap()


def test_text_is_a_dataset_whatever_its_format(by_format: dict[str, Output], published: Job, cache: Path) -> None:
    text = published.dataset(cache_dir=cache)
    assert text.column_names == ["id", "text", "extra"]
    assert len(text) == published.report().funnel[-1].docs
    by_id = {row["id"]: row for row in text}
    assert json.loads(by_id["r00000"]["extra"]) == {"year": 2015}
    assert json.loads(by_id["w00001"]["extra"])["url"] == "https://example.com/1/1"
    parquet = by_format["parquet"].dataset(cache_dir=cache)
    assert parquet.features == text.features
    assert [row["text"] for row in parquet] == [row["text"] for row in text]
    assert [row["extra"] for row in parquet] == [row["extra"] for row in text]
    for output in (by_format["megatron"], by_format["parquet"]):
        assert list(itertools.islice(output.dataset(streaming=True), 3)) == [text[place] for place in range(3)]


def test_a_folder_that_was_replaced_is_not_taken_from_the_cache(tmp_path: Path, cache: Path) -> None:
    for text in ("old", "new"):
        line = json.dumps({"id": "a", "text": text}, separators=(",", ":")) + "\n"
        write(tmp_path, {"text/part-00000.jsonl.zst": pa.compress(line.encode(), "zstd", asbytes=True)})
        assert Output(tmp_path).dataset(cache_dir=cache)["text"][:] == [text]


def test_lines_are_read_as_they_are_written(tmp_path: Path) -> None:
    part = tmp_path / "part.jsonl.zst"
    lines = [
        '{"id":"a\\"\\\\","text":"one\\n\u2028two\\u0000"}',
        '{"id":"b","text":"","year":1e400,"x":{"text":"{}"},"year":2}',
        '{"id":"","text":"\U0001f600\\ud83d\\ude00\x85"}',
    ]
    part.write_bytes(pa.compress("".join(f"{line}\n" for line in lines).encode(), "zstd", asbytes=True))
    assert list(documents_of([(str(part), "")])) == [
        {"id": 'a"\\', "text": "one\n\u2028two\0", "extra": None},
        {"id": "b", "text": "", "extra": '{"year":1e400,"x":{"text":"{}"},"year":2}'},
        {"id": "", "text": "\U0001f600\U0001f600\x85", "extra": None},
    ]


def test_what_an_output_does_not_have_is_said(by_format: dict[str, Output], tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="has no tokens that can be mapped") as refused:
        by_format["parquet"].tokens_memmap()
    assert 'dataset("tokens")' in refused.value.hint
    with pytest.raises(NotFoundError, match="has no tokens for a dataset"):
        by_format["megatron"].dataset("tokens")
    with pytest.raises(NotFoundError, match="has no text for a dataset"):
        by_format["npy"].dataset()
    with pytest.raises(NotFoundError, match=r"holds no manifest\.json"):
        Output(tmp_path).dataset()


def test_an_output_that_is_elsewhere_is_to_be_downloaded(client: Client, cluster: Cluster, published: Job) -> None:
    job = client.submit(example_spec(cluster.folder / "moved")).wait()
    assert job.output().folder == cluster.folder / "moved"
    shutil.move(cluster.folder / "moved", cluster.folder / "moved-away")
    with pytest.raises(NotFoundError, match="this machine cannot read the output") as refused:
        job.dataset()
    assert "job.download(folder)" in refused.value.hint
    shutil.move(cluster.folder / "moved-away", cluster.folder / "moved")


def test_a_download_is_loaded_as_the_output_is(published: Job, tmp_path: Path, cache: Path) -> None:
    output = published.download(tmp_path)
    assert [ids.tolist() for ids in output.tokens_memmap()] == [ids.tolist() for ids in published.tokens_memmap()]
    assert output.dataset(cache_dir=cache)[:] == published.dataset(cache_dir=cache)[:]
