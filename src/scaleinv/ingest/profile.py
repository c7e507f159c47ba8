"""What a load looks like, column by column: small, whatever the load's size.

One pass: rows and nulls are counted on all rows; everything else is measured on a sample of them, the rows with the
smallest hash, so that neither the order of rows nor their partitions matter.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    DataType,
    DoubleType,
    FloatType,
    MapType,
    StringType,
    StructType,
    VariantType,
)

from scaleinv.config.drift import DriftConfig
from scaleinv.ingest.cells import kind_of, kind_shares, numbers
from scaleinv.ingest.parse import CORRUPT, quoted, text

STEPS: Final = np.linspace(0.0, 1.0, 201)
"""Probabilities of the quantiles that are kept."""
TOP: Final = 100
"""Values kept of a column; one with no more different ones is known as a whole."""
_SKETCH: Final = 128
_HASHED: Final = 64
"""Columns that a row's hash is made of, at the most: enough to tell rows apart."""
_COUNTED: Final = 200
"""Columns up to which nulls are counted on all rows: Spark takes minutes to compile thousands of counts."""
_LONGEST: Final = 100
"""Characters kept of a value."""
_PLACES: Final = ("_file", "_position")
_NESTED: Final = (ArrayType, MapType, StructType, BinaryType, VariantType)


@dataclass(frozen=True)
class ColumnProfile:
    """One column of a load.

    ``nulls`` were counted in ``counted`` rows: all of them, or in a wide table those of the sample (0: the column was
    not looked at). The rest is about ``cells``, those of the sample that are not null; the table ``profiles`` says what
    each figure is.
    """

    column: str
    type: str
    counted: int = 0
    nulls: int = 0
    cells: int = 0
    kind: str = "unknown"
    kinds: tuple[str, ...] = ()
    kind_shares: tuple[float, ...] = ()
    distinct: int = 0
    lengths: tuple[float, ...] = ()
    mean: float | None = None
    sd: float | None = None
    negative: float | None = None
    zero: float | None = None
    quantiles: tuple[float, ...] = ()
    values: tuple[str, ...] = ()
    value_shares: tuple[float, ...] = ()
    sketch: tuple[int, ...] = ()

    @property
    def null_share(self) -> float:
        """Share of null and empty cells."""
        return self.nulls / self.counted if self.counted else 0.0

    def share(self, kind: str) -> float:
        """Share of the cells that read as a kind."""
        return dict(zip(self.kinds, self.kind_shares, strict=True)).get(kind, 0.0)

    @property
    def numbers(self) -> int:
        """Cells that are numbers."""
        return round(self.cells * max(self.share("number"), self.share("number with comma")))


@dataclass(frozen=True)
class Profile:
    """A load: how many rows, and its columns in the source's order."""

    rows: int
    columns: tuple[ColumnProfile, ...]

    def __getitem__(self, name: str) -> ColumnProfile:
        return next(column for column in self.columns if column.column == name)


def profile(received: DataFrame, config: DriftConfig, *, empty: Sequence[str] = ()) -> Profile:
    """Looks at a load once, as it was received.

    Equal rows are all in the sample or all out of it, unless the frame says where they stood (``_file``,
    ``_position``).

    Args:
        received: columns as named in the source; ``_file``, ``_position`` and ``_corrupt_record`` are not profiled.
        config: how many rows and columns are looked at.
        empty: texts that stand for no value, beside the empty one.
    """
    fields = [field for field in received.schema.fields if field.name not in (*_PLACES, CORRUPT)]
    looked = fields[: config.max_columns]
    flat = [field for field in looked if not isinstance(field.dataType, _NESTED)]
    cells = {field.name: _cell(field.name, field.dataType, empty) for field in looked}
    counted = sorted(looked, key=lambda field: field in flat)[:_COUNTED]  # nested ones are in no sample
    counts = [F.count(cells[field.name]).alias(f"n{i}") for i, field in enumerate(counted)]
    places = [F.col(name) for name in _PLACES if name in received.columns]
    rank = F.xxhash64(*[F.col(quoted(field.name)) for field in flat[:_HASHED]], *places, F.lit(0)).alias("rank")
    chosen = [cells[field.name].cast("string").alias(f"c{i}") for i, field in enumerate(flat)]
    size = min(config.sample_rows, max(1_000, config.max_cells // max(1, len(flat))))
    seen = Observation()
    watched = received.observe(seen, F.count(F.lit(1)).alias("rows"), *counts)
    # The rank is a column of its own: as a mere expression, every comparison would work it out again.
    ranked = watched.select(rank, *[F.col(quoted(field.name)) for field in flat]).orderBy("rank").limit(size)
    sample = ranked.select(*chosen).toArrow()  # at most max_cells cells, whatever the load's size
    rows = int(seen.get["rows"])
    full = {field.name: int(seen.get[f"n{i}"]) for i, field in enumerate(counted)}
    place = {field.name: f"c{i}" for i, field in enumerate(flat)}
    columns = []
    for field in fields:
        one = ColumnProfile(field.name, field.dataType.simpleString()[:_LONGEST])
        if field.name in full:
            one = replace(one, counted=rows, nulls=rows - full[field.name], kind="nested")
        if field.name in place:
            found = sample[place[field.name]].combine_chunks()
            if field.name not in full:
                one = replace(one, counted=len(found), nulls=found.null_count)
            one = _measured(one, found.drop_null())
        columns.append(one)
    return Profile(rows, tuple(columns))


def _cell(name: str, kind: DataType, empty: Sequence[str]) -> Column:
    """The cell, null where it holds nothing; text trimmed."""
    cell = F.col(quoted(name))
    if isinstance(kind, StringType):
        return text(cell, kind, empty)
    return F.when(~F.isnan(cell), cell) if isinstance(kind, (DoubleType, FloatType)) else cell


def _measured(column: ColumnProfile, cells: pa.StringArray) -> ColumnProfile:
    if not len(cells):
        return replace(column, kind="empty")
    shares = kind_shares(cells)
    lengths = pc.utf8_length(cells)
    counted = pc.value_counts(cells)
    values, counts = counted.field("values"), counted.field("counts")
    order = pc.sort_indices(
        pa.table({"n": counts, "v": values}), sort_keys=[("n", "descending"), ("v", "ascending")]
    ).slice(0, TOP)
    found = numbers(cells, shares).to_numpy()
    # Of larger ones the square is no number any more; the rules let none of them in.
    found = found[np.abs(found) < 1e100]
    mostly = 2 * len(found) > len(cells)
    return replace(
        column,
        cells=len(cells),
        kind=kind_of(shares),
        kinds=tuple(shares),
        kind_shares=tuple(shares.values()),
        distinct=len(values),
        lengths=(float(pc.min(lengths).as_py()), pc.mean(lengths).as_py(), float(pc.max(lengths).as_py())),
        # Of sorted numbers, so that the last digit does not hang on the order of rows.
        mean=float(np.sort(found).mean()) if mostly else None,
        sd=float(np.sort(found).std()) if mostly else None,
        negative=float((found < 0).mean()) if mostly else None,
        zero=float((found == 0).mean()) if mostly else None,
        quantiles=tuple(np.quantile(found, STEPS, method="inverted_cdf").tolist()) if mostly else (),
        values=tuple(value[:_LONGEST] for value in values.take(order).to_pylist()),
        value_shares=tuple(count / len(cells) for count in counts.take(order).to_pylist()),
        sketch=tuple(heapq.nsmallest(_SKETCH, _hashes(values))),
    )


def _hashes(values: pa.StringArray) -> Iterator[int]:
    for value in values.to_pylist():
        yield int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "big", signed=True)
