"""Parquet tables: written complete or not at all, read as pandas frames or queried with DuckDB."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from egoclean.store.atomic import atomic_path


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write ``table`` as Parquet without its index."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)


def read_table(path: Path) -> pd.DataFrame:
    """Return a Parquet table."""
    return pd.read_parquet(path)


def read_narrow_table(path: Path, texts: Collection[str]) -> pd.DataFrame:
    """Return a Parquet table whose columns ``texts`` are categories: a name that a million rows share is kept once."""
    import pyarrow
    from pyarrow import parquet

    there = [name for name in parquet.read_schema(path).names if name in texts]
    table = parquet.read_table(path, read_dictionary=there).replace_schema_metadata(None)
    for name in there:
        place = table.schema.get_field_index(name)
        if pyarrow.types.is_null(table.schema.field(place).type):
            table = table.set_column(place, name, table.column(place).cast(pyarrow.string()).dictionary_encode())
    frame: pd.DataFrame = table.unify_dictionaries().to_pandas(split_blocks=True, self_destruct=True)
    del table
    pyarrow.default_memory_pool().release_unused()
    return frame
