"""The exported manifest as JSON lines, CSV or Parquet: the same rows, the same bytes each time, complete or absent."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from egoclean.errors import SourceError, UsageError
from egoclean.exporters.rows import COLUMNS, ManifestRow, SignalValue, carried_fields, row_from_plain, row_to_plain
from egoclean.store.atomic import atomic_path

_NESTED = ("frame_paths", "signals", "rectification")
_INTEGERS = ("manifest_version", "start_pts", "stop_pts", "rank")
_NUMBERS = ("start_s", "stop_s", "gain")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "'")

__all__ = ["COLUMNS", "ManifestRow", "SignalValue", "read_manifest", "write_manifest"]


def write_manifest(rows: Sequence[ManifestRow], path: Path, format: str = "jsonl") -> None:  # noqa: A002  (the option's name)
    """Write ``rows`` to ``path``; the file is there whole or, after any failure, as it was before.

    Parameters
    ----------
    format : ``jsonl``: one strict JSON object a line. ``csv``: nested columns as JSON, one column for each carried
        name, and cells that a spreadsheet would take for a formula begin with an apostrophe. ``parquet``: typed
        columns, ``signals`` a map, ``rectification`` and ``carried`` as JSON text.

    Raises
    ------
    UsageError : an unknown format, or a number in ``rows`` that is not finite, which no format may hold.
    CacheError : the disk is full or the folder cannot be written.
    """
    writer = _WRITERS.get(format)
    if writer is None:
        raise UsageError(f"The manifest format {format!r} is unknown.", f"Known formats: {', '.join(_WRITERS)}.")
    try:
        data = writer(rows)
    except ValueError as error:
        raise UsageError(
            f"{path} was not written: {error}.", "Leave out the rows whose values are not finite."
        ) from None
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def read_manifest(path: Path) -> tuple[ManifestRow, ...]:
    """Return the rows of a manifest that :func:`write_manifest` wrote; the ending of the name tells the format.

    Raises
    ------
    SourceError : the file cannot be read or is no manifest; a bad row is named as ``file:line``.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise SourceError(f"{path} is no manifest.", f"Its name must end in {', '.join(_READERS)}.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from None
    return reader(data, path.name)


def _jsonl_bytes(rows: Sequence[ManifestRow]) -> bytes:
    lines = [_json(row_to_plain(row)) + "\n" for row in rows]
    return "".join(lines).encode("utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def _read_jsonl(data: bytes, name: str) -> tuple[ManifestRow, ...]:
    rows = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            rows.append(row_from_plain(_parsed_object(line, f"{name}:{number}"), f"{name}:{number}"))
    return tuple(rows)


def _parsed_object(text: str | bytes, where: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where}: the row is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise SourceError(f"{where}: the row must be a JSON object, found {type(value).__name__}.")
    return value


def _csv_bytes(rows: Sequence[ManifestRow]) -> bytes:
    plain = [row_to_plain(row) for row in rows]
    extra = sorted({name for row in plain for name in row} - set(COLUMNS))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow([_neutral(name) for name in (*COLUMNS, *extra)])
    for row in plain:
        cells = [_column_cell(name, row.get(name)) for name in COLUMNS]
        writer.writerow([*cells, *(_carried_cell(row[name]) if name in row else "" for name in extra)])
    return buffer.getvalue().encode("utf-8")


def _column_cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in _NESTED:
        return _json(value)
    return _neutral(value) if isinstance(value, str) else _json(value)


def _carried_cell(value: Any) -> str:
    """Return a cell that reads back as ``value``: text that looks like JSON is quoted as JSON text is."""
    if isinstance(value, str) and value and not _is_json(value):
        return _neutral(value)
    return _json(value)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _neutral(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _original(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA_STARTS) else cell


def _read_csv(data: bytes, name: str) -> tuple[ManifestRow, ...]:
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True)
        header = [_original(cell) for cell in next(reader, [])]
        rows = []
        for cells in reader:
            where = f"{name}:{reader.line_num}"
            if len(cells) != len(header):
                raise SourceError(f"{where}: the row must hold {len(header)} cells, found {len(cells)}.")
            values = {
                column: _cell_value(column, cell, where) for column, cell in zip(header, cells, strict=True) if cell
            }
            rows.append(row_from_plain(values, where))
    except (csv.Error, UnicodeDecodeError) as error:
        raise SourceError(f"{name} is not a CSV manifest: {error}.") from None
    return tuple(rows)


def _cell_value(column: str, cell: str, where: str) -> Any:
    if column in _NESTED:
        return _nested_value(cell, where)
    if column in _INTEGERS or column in _NUMBERS:
        try:
            return int(cell) if column in _INTEGERS else float(cell)
        except ValueError:
            raise SourceError(f"{where}: {column} must be a number, found {cell!r}.") from None
    text = _original(cell)
    if column in COLUMNS or text != cell or not _is_json(cell):
        return text
    return json.loads(cell)


def _nested_value(cell: str, where: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where}: a cell is not valid JSON: {error}.") from None


def _parquet_schema() -> Any:
    import pyarrow as pa

    signal = pa.struct(
        [("raw", pa.float64()), ("calibrated", pa.float64()), ("model", pa.string()), ("weights_sha256", pa.string())]
    )
    special = {"frame_paths": pa.list_(pa.string()), "signals": pa.map_(pa.string(), signal)}
    special |= dict.fromkeys(_INTEGERS, pa.int64()) | dict.fromkeys(_NUMBERS, pa.float64())
    fields = [(name, special.get(name, pa.string())) for name in COLUMNS]
    return pa.schema([*fields, ("carried", pa.string())])


def _parquet_bytes(rows: Sequence[ManifestRow]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _parquet_schema()
    records = []
    for row in rows:
        plain = row_to_plain(row)
        _json(plain)
        record = {name: plain.get(name) for name in COLUMNS}
        record["signals"] = list(plain["signals"].items())
        record["rectification"] = None if plain["rectification"] is None else _json(plain["rectification"])
        record["carried"] = _json(carried_fields(row.carried))
        records.append(record)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(records, schema=schema), sink, compression="zstd")
    return bytes(sink.getvalue())


def _read_parquet(data: bytes, name: str) -> tuple[ManifestRow, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        records = pq.read_table(pa.BufferReader(data)).to_pylist()
    except pa.ArrowException as error:
        raise SourceError(f"{name} is not a Parquet manifest: {error}.") from None
    rows = []
    for number, record in enumerate(records, start=1):
        where = f"{name}: row {number}"
        carried = _nested_value(record.pop("carried", None) or "{}", where)
        record["signals"] = dict(record.get("signals") or [])
        record["rectification"] = _nested_value(record.get("rectification") or "null", where)
        rows.append(row_from_plain({**record, **carried}, where))
    return tuple(rows)


_WRITERS: Mapping[str, Callable[[Sequence[ManifestRow]], bytes]] = {
    "jsonl": _jsonl_bytes,
    "csv": _csv_bytes,
    "parquet": _parquet_bytes,
}
_READERS: Mapping[str, Callable[[bytes, str], tuple[ManifestRow, ...]]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
