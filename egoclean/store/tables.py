"""Parquet tables: written complete or not at all, read as pandas frames or queried with DuckDB."""

from __future__ import annotations

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
