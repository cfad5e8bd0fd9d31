"""Token files as they are mapped into memory: Megatron's `.bin` and `.idx`, and `.npy` with its offsets.

The layouts stand in `worker/src/write/megatron.rs` and `worker/src/write/npy.rs`.
"""

from __future__ import annotations

import bisect
import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from tamis_client.errors import StorageError
from tamis_client.extras import need

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ids: TypeAlias = npt.NDArray[np.integer[Any]]

_MAGIC = b"MMIDIDX\x00\x00"
_HEADER = struct.Struct("<9sQBQQ")
_TYPES = {8: "<u2", 4: "<i4"}


@dataclass(frozen=True)
class TokenPart:
    """The tokens of one shard: `ids` of all documents one after the other, `offsets` where each begins and the last ends."""

    path: Path
    ids: Ids
    offsets: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, document: int) -> Ids:
        return self.ids[int(self.offsets[document]) : int(self.offsets[document + 1])]


class Tokens(Sequence["Ids"]):
    """The tokens of an output: `tokens[i]` are the ids of document `i`, read from disk when they are touched.

    Documents stand in the order of the output: that of shards, and of the records within each.
    """

    def __init__(self, parts: Sequence[TokenPart]) -> None:
        self.parts = tuple(parts)
        self._ends = list(itertools.accumulate(len(part) for part in self.parts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @property
    def total(self) -> int:
        """Tokens of all documents."""
        return sum(len(part.ids) for part in self.parts)

    @overload
    def __getitem__(self, document: int) -> Ids: ...
    @overload
    def __getitem__(self, document: slice) -> list[Ids]: ...
    def __getitem__(self, document: int | slice) -> Ids | list[Ids]:
        if isinstance(document, slice):
            return [self[place] for place in range(*document.indices(len(self)))]
        place = document + len(self) if document < 0 else document
        if not 0 <= place < len(self):
            raise IndexError(f"there are {len(self)} documents, document {document} is not among them")
        part = bisect.bisect_right(self._ends, place)
        return self.parts[part][place - (self._ends[part - 1] if part else 0)]

    def __iter__(self) -> Iterator[Ids]:
        for part in self.parts:
            yield from (part[document] for document in range(len(part)))

    def __repr__(self) -> str:
        return f"<Tokens: {self.total:,} of {len(self):,} documents in {len(self.parts)} parts>"


def read_megatron(idx: Path) -> TokenPart:
    """Maps `part-NNNNN.bin` by its `.idx`. Raises `StorageError` for what is none."""
    np = need("numpy", "arrow", "tokens_memmap")
    head = idx.read_bytes()[: _HEADER.size]
    if len(head) < _HEADER.size or not head.startswith(_MAGIC):
        raise StorageError(f"`{idx}` is no index of Megatron", retryable=False)
    _, version, code, sequences, boundaries = _HEADER.unpack(head)
    if version != 1 or code not in _TYPES or boundaries != sequences + 1:
        raise StorageError(
            f"`{idx}` has version {version}, type {code}, {sequences} sequences and {boundaries} boundaries: "
            "only version 1 with types 4 and 8 and a document a sequence is known",
            retryable=False,
        )
    lengths = np.fromfile(idx, "<i4", sequences, offset=_HEADER.size)
    if len(lengths) != sequences:
        raise StorageError(f"`{idx}` ends early", retryable=False)
    offsets = np.zeros(sequences + 1, np.uint64)
    np.cumsum(lengths, out=offsets[1:], dtype=np.uint64)
    return _part(idx, _mapped(np, idx.with_suffix(".bin"), _TYPES[code]), offsets)


def read_npy(path: Path) -> TokenPart:
    """Maps `part-NNNNN.offsets.npy` with the `part-NNNNN.npy` beside it. Raises `StorageError` for what does not fit."""
    np = need("numpy", "arrow", "tokens_memmap")
    offsets = np.load(path)
    ids = path.with_name(path.name.replace(".offsets.npy", ".npy"))
    # An empty array cannot be mapped.
    return _part(ids, np.load(ids, mmap_mode="r" if offsets[-1] else None), offsets)


def _mapped(np: Any, path: Path, kind: str) -> Ids:
    ids: Ids = np.memmap(path, kind, "r") if path.stat().st_size else np.zeros(0, kind)
    return ids


def _part(path: Path, ids: Ids, offsets: npt.NDArray[np.uint64]) -> TokenPart:
    if len(ids) != int(offsets[-1]):
        raise StorageError(f"`{path}` holds {len(ids)} ids, its index speaks of {int(offsets[-1])}", retryable=False)
    return TokenPart(path, ids, offsets)
