"""The folder that a job wrote, where this machine can read it: as it was published, or as it was downloaded."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tamis_client.errors import NotFoundError, SpecError
from tamis_client.extras import need
from tamis_client.files import MANIFEST
from tamis_client.tokens import TokenPart, Tokens, read_megatron, read_npy

if TYPE_CHECKING:
    import datasets

# How a line of text begins, as `worker/src/write/line.rs` writes it: `{"id":…,"text":…` and the other fields verbatim.
_ID = '{"id":'
_TEXT = ',"text":'
_JSON = json.JSONDecoder()


class Output:
    """An output folder. Which files belong to it is what its `manifest.json` says, not what else stands there."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def __repr__(self) -> str:
        return f"Output({str(self.folder)!r})"

    @property
    def manifest(self) -> dict[str, Any]:
        """`manifest.json`. Raises `NotFoundError` for a folder without one."""
        try:
            manifest: dict[str, Any] = json.loads((self.folder / MANIFEST).read_text("utf-8"))
        except FileNotFoundError as error:
            hint = "only a folder with a manifest is a published output: job.download(folder) brings one"
            raise NotFoundError(f"`{self.folder}` holds no {MANIFEST}", hint=hint) from error
        return manifest

    def parts(self, kind: str, ending: str) -> list[Path]:
        """The parts of one kind (`text`, `tokens`, `drops`, `clusters`) whose names have an ending, in order.

        Raises `NotFoundError` for parts that are not here, such as those that a download left out.
        """
        names = [file["name"] for file in self.manifest["files"]]
        parts = [self.folder / name for name in names if name.startswith(f"{kind}/") and name.endswith(ending)]
        missing = [part for part in parts if not part.is_file()]
        if missing:
            hint = "job.download(folder) brings them"
            raise NotFoundError(f"{len(missing)} of {len(parts)} parts are missing, `{missing[0]}` first", hint=hint)
        return sorted(parts)

    def tokens_memmap(self) -> Tokens:
        """The tokens, mapped into memory: of Megatron's `.bin` and `.idx` or of `.npy` with offsets.

        Raises `NotFoundError` for an output without them.
        """
        formats: tuple[tuple[str, Callable[[Path], TokenPart]], ...] = ((".idx", read_megatron), (".offsets.npy", read_npy))
        for ending, read in formats:
            if parts := self.parts("tokens", ending):
                return Tokens([read(part) for part in parts])
        raise NotFoundError(
            f"`{self.folder}` has no tokens that can be mapped",
            hint='a spec with output.tokens = "megatron" or "npy" writes them; dataset("tokens") loads those of "parquet"',
        )

    def dataset(
        self,
        what: Literal["text", "tokens"] = "text",
        *,
        streaming: bool = False,
        cache_dir: str | os.PathLike[str] | None = None,
    ) -> datasets.Dataset | datasets.IterableDataset:
        """The output for Hugging Face `datasets`.

        Of `text` with the columns `id`, `text` and `extra` (the record's other fields, JSON, or null), of whichever format;
        of `tokens` with `id` and `input_ids`, for tokens that are Parquet. `streaming` reads while it is iterated over and
        copies nothing. Raises `NotFoundError` for an output without it.
        """
        datasets = need("datasets", "datasets", "dataset()")
        if what not in ("text", "tokens"):
            raise SpecError(f'a dataset is of "text" or "tokens", not of {what!r}')
        cache = None if cache_dir is None else os.fspath(cache_dir)
        if parts := self.parts(what, ".parquet"):
            files = [str(part) for part in parts]
            return datasets.load_dataset("parquet", data_files=files, split="train", streaming=streaming, cache_dir=cache)
        if what == "text" and (parts := self.parts("text", ".jsonl.zst")):
            digests = {file["name"]: file["sha256"] for file in self.manifest["files"]}
            # What is cached is known by its content: a folder may be replaced.
            given = {"files": [(str(part), digests[f"text/{part.name}"]) for part in parts]}
            text = datasets.Value("string")
            features = datasets.Features({"id": text, "text": text, "extra": text})
            if streaming:
                return datasets.IterableDataset.from_generator(documents_of, gen_kwargs=given, features=features)
            return datasets.Dataset.from_generator(
                documents_of, gen_kwargs=given, features=features, cache_dir=cache, split=datasets.Split.TRAIN
            )
        hint = {
            "text": 'a spec with output.text = "jsonl.zst" or "parquet" writes it',
            "tokens": 'a spec with output.tokens = "parquet" writes it; tokens_memmap() maps those of other formats',
        }
        raise NotFoundError(f"`{self.folder}` has no {what} for a dataset", hint=hint[what])


def documents_of(files: Iterable[tuple[str, str]]) -> Iterator[dict[str, str | None]]:
    """The documents of `.jsonl.zst` parts, given with their digests: `id`, `text`, `extra`."""
    import pyarrow as pa

    for path, _ in files:
        with pa.CompressedInputStream(pa.OSFile(path), "zstd") as plain:
            # A line ends with `\n` and with nothing else that Unicode counts as an end.
            for line in io.TextIOWrapper(plain, "utf-8", newline="\n"):
                yield _document(line.rstrip("\n"))


def _document(line: str) -> dict[str, str | None]:
    id_, at = _JSON.raw_decode(line, len(_ID))
    text, at = _JSON.raw_decode(line, at + len(_TEXT))
    extra = line[at + 1 : -1]
    return {"id": id_, "text": text, "extra": f"{{{extra}}}" if extra else None}
