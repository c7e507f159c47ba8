"""The dialects: Arrow tables to files that grow block by block, so that only one block is ever in memory."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

Encode = Callable[[pa.Table, bool], bytes]
"""(rows, whether they are the first of their file) -> bytes."""


@dataclass(frozen=True)
class Source:
    """One source of the retailer: a folder of its own and a format."""

    name: str
    suffix: Literal["csv", "jsonl", "parquet"]
    encode: Encode | None = None
    """``None``: Parquet."""


@dataclass
class Files:
    """Open files below ``folder``: ``<source>/<source>[_<part>].<suffix>``; a context manager. Counts rows."""

    folder: Path
    rows: dict[str, int] = field(default_factory=dict)
    _text: dict[tuple[str, str], BinaryIO] = field(default_factory=dict)
    _parquet: dict[tuple[str, str], pa.parquet.ParquetWriter] = field(default_factory=dict)

    def append(self, source: Source, table: pa.Table, part: str = "") -> None:
        """Add rows to one file of a source."""
        self.rows[source.name] = self.rows.get(source.name, 0) + table.num_rows
        key = (source.name, part)
        if source.encode is None:
            if key not in self._parquet:
                self._parquet[key] = _parquet_writer(self._path(source, part), table.schema)
            self._parquet[key].write_table(table)
            return
        is_first = key not in self._text
        if is_first:
            self._text[key] = self._path(source, part).open("wb")
        self._text[key].write(source.encode(table, is_first))

    def _path(self, source: Source, part: str) -> Path:
        folder = self.folder / source.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{source.name}{'_' * bool(part)}{part}.{source.suffix}"

    def __enter__(self) -> Files:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in (*self._text.values(), *self._parquet.values()):
            writer.close()


def csv(delimiter: str, *, encoding: str = "utf-8", quoted: bool = False) -> Encode:
    """CSV with a header; ``quoted`` puts every value that is not null in quotes."""
    options = pa.csv.WriteOptions(
        include_header=False, delimiter=delimiter, quoting_style="all_valid" if quoted else "none"
    )

    def encode(table: pa.Table, is_first: bool) -> bytes:
        buffer = io.BytesIO()
        if is_first:
            names = [f'"{name}"' if quoted else name for name in table.column_names]
            buffer.write((delimiter.join(names) + "\n").encode())
        pa.csv.write_csv(table, buffer, options)
        return buffer.getvalue() if encoding == "utf-8" else buffer.getvalue().decode("utf-8").encode(encoding)

    return encode


def json_lines(table: pa.Table, is_first: bool) -> bytes:
    """One JSON object per row; dates as ISO text, nulls as ``null``."""
    if not table.num_rows:
        return b""
    parts: list[object] = []
    for number, name in enumerate(table.column_names):
        parts += [f'{"," if number else "{"}"{name}":', _json_values(table.column(name))]
    lines = pc.binary_join_element_wise(*parts, "}\n", "").combine_chunks()
    return b"".join(chunk.as_py().encode() for chunk in _joined(lines))


PARQUET: Final = None
"""In place of an encoder."""


def _joined(lines: pa.Array) -> pa.Array:
    offsets = pa.array([0, len(lines)], pa.int32())
    return pc.binary_join(pa.ListArray.from_arrays(offsets, lines), "")


def _json_values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    text = column.cast(pa.string())
    if pa.types.is_string(column.type) or pa.types.is_date(column.type):
        text = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), '"', '\\"')
        text = pc.binary_join_element_wise('"', text, '"', "")
    return pc.fill_null(text, "null")


def _parquet_writer(path: Path, schema: pa.Schema) -> pa.parquet.ParquetWriter:
    return pa.parquet.ParquetWriter(path, schema, compression="zstd", store_schema=False)
