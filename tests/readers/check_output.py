#!/usr/bin/env python3
"""Reads three outputs of one job (tokens as megatron, npy and parquet) as trainers do, and computes figures of the report anew.

    check_output.py MEGATRON NPY PARQUET

numpy maps `.npy` and Megatron's `.bin`; `datasets` loads the Parquet. Shares nothing with tamis but the published layouts.
"""
import collections
import json
import pathlib
import struct
import sys

import datasets
import numpy as np


def megatron(folder):
    for idx in sorted((folder / "tokens").glob("*.idx")):
        index = idx.read_bytes()
        assert index[:9] == b"MMIDIDX\x00\x00"
        version, code, sequences, boundaries = struct.unpack_from("<QBQQ", index, 9)
        assert version == 1 and boundaries == sequences + 1
        lengths = np.frombuffer(index, "<i4", sequences, 34)
        pointers = np.frombuffer(index, "<i8", sequences, 34 + 4 * sequences)
        if not sequences:
            continue
        ids = np.memmap(idx.with_suffix(".bin"), {8: "<u2", 4: "<i4"}[code], "r")
        for length, pointer in zip(lengths, pointers):
            yield ids[pointer // ids.itemsize:][:length].tolist()


def npy(folder):
    for path in sorted((folder / "tokens").glob("*.offsets.npy")):
        offsets = np.load(path, mmap_mode="r")
        ids = np.load(str(path).replace(".offsets", ""), mmap_mode="r" if offsets[-1] else None)
        assert ids.dtype in (np.uint16, np.uint32) and offsets.dtype == np.uint64
        for begin, end in zip(offsets, offsets[1:]):
            yield ids[begin:end].tolist()


def parquet(folder):
    files = [str(path) for path in sorted((folder / "tokens").glob("*.parquet"))]
    cache = str(folder.parent / "datasets-cache")
    rows = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=cache)
    assert rows.column_names == ["id", "input_ids"], rows.column_names
    return [row["input_ids"] for row in rows]


def jensen_shannon(a, b):
    p, q = a / a.sum(), b / b.sum()
    m = (p + q) / 2
    kl = lambda x: np.sum(x[x > 0] * np.log2(x[x > 0] / m[x > 0]))
    return (kl(p) + kl(q)) / 2


def ngrams(documents, n):
    return [tuple(ids[i:i + n]) for ids in documents for i in range(len(ids) - n + 1)]


def close(said, computed, what, within=1e-9):
    assert abs(said - computed) <= within * max(abs(computed), 1e-12), f"{what}: {said} in the report, {computed} here"
    print(f"{what}: {said:.9g}")


def main():
    folders = [pathlib.Path(path) for path in sys.argv[1:4]]
    documents = list(megatron(folders[0]))
    assert documents == list(npy(folders[1])), "npy holds other ids than megatron"
    assert documents == parquet(folders[2]), "parquet holds other ids than megatron"
    print(f"three formats hold the same {sum(map(len, documents))} ids of {len(documents)} documents")

    report = json.loads((folders[0] / "report.json").read_text())
    measures = report["measures"]
    by_source, at = collections.defaultdict(list), 0
    manifest = json.loads((folders[0] / "manifest.json").read_text())["files"]
    for file in manifest:
        if file["name"].endswith(".idx"):
            by_source[file["source"]] += documents[at:at + file["records"]]
            at += file["records"]
    assert at == len(documents)
    names = [source["source"] for source in measures["sources"]]
    size = max(max(ids, default=0) for ids in documents) + 1
    counts = [np.bincount([t for ids in by_source[name] for t in ids], minlength=size).astype(float) for name in names]

    close(measures["divergences"][0]["bits"], jensen_shannon(*counts), "Jensen-Shannon divergence")
    shares = np.array([count.sum() for count in counts])
    shares /= shares.sum()
    close(measures["source_entropy"], -np.sum(shares * np.log2(shares)), "entropy of sources")
    close(measures["effective_sources"], 2 ** -np.sum(shares * np.log2(shares)), "effective sources")
    for place, name in enumerate(names):
        for one in measures["sources"][place]["distinct"]:
            grams = ngrams(by_source[name], one["n"])
            # Beyond 16,384 different n-grams the report estimates: 0.8 % is one standard error.
            within = 1e-9 if len(set(grams)) <= 16384 else 0.04
            close(one["share"], len(set(grams)) / len(grams), f"distinct-{one['n']} of {name}", within)
    domain, general = (by_source[name] for name in names)
    for one in measures["novelty"]:
        mine, theirs = set(ngrams(domain, one["n"])), set(ngrams(general, one["n"]))
        within = 1e-9 if max(len(mine), len(theirs)) <= 16384 else 0.04
        close(one["share"], len(mine - theirs) / len(mine), f"novelty of {one['n']}-grams", within)
    texts = len({tuple(ids) for ids in documents})
    assert measures["repeats"]["repeated"] == 0 and texts == len(documents)


main()
