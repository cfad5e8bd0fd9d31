"""Parquet parts and records as tables of pandas or Arrow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias

from tamis_client.extras import need

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

TableKind: TypeAlias = Literal["pandas", "arrow"]
Table: TypeAlias = "pd.DataFrame | pa.Table"

# Of `clusters/`, for a job without duplicates, which has no part there; that of `drops/` is known from its parts.
CLUSTERS = (
    ("record", "uint32"),
    ("source", "string"),
    ("id", "string"),
    ("partner_job", "string"),
    ("partner_source", "string"),
    ("partner_id", "string"),
    ("similarity", "float64"),
    ("equal", "bool"),
    ("cluster", "uint64"),
    ("cluster_size", "uint64"),
)
# Null: the partner is of the same job.
NULLABLE = ("partner_job",)


def check_kind(kind: str) -> None:
    """Refuses another kind of table before anything is read, and says which package is missing."""
    if kind not in ("pandas", "arrow"):
        raise ValueError(f'`as_` must be "pandas" or "arrow", got {kind!r}')
    for package in ("pyarrow", "pandas") if kind == "pandas" else ("pyarrow",):
        need(package, kind, f'as_="{kind}"')


def read_parts(files: Iterable[IO[bytes]]) -> Iterator[pa.Table]:
    """Each part as a table; closes it."""
    import pyarrow.parquet as pq

    for file in files:
        with file:
            yield pq.read_table(file)


def joined(parts: Sequence[pa.Table]) -> pa.Table:
    """One table of all parts, without rows if there is none."""
    import pyarrow as pa

    if parts:
        return pa.concat_tables(parts)
    fields = [pa.field(name, pa.type_for_alias(kind), nullable=name in NULLABLE) for name, kind in CLUSTERS]
    return pa.schema(fields).empty_table()


def of_records(records: Sequence[Any], kind: type[Any]) -> pa.Table:
    """A row a record, a column a field. `kind` is that of the records, of which there may be none."""
    import pyarrow as pa

    names = [field.name for field in dataclasses.fields(kind)]
    return pa.table({name: [getattr(record, name) for record in records] for name in names})


def as_kind(table: pa.Table, kind: TableKind) -> Table:
    """The table as its caller wants it."""
    return table if kind == "arrow" else table.to_pandas()
