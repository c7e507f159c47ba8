"""Tables taken out of the lake as one Parquet file, streamed group by group."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scaleinv.errors import ConfigError, LakeError, explain
from scaleinv.pipeline.arrays import Distributions, champions_of, distributions, of_champions
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.words import POOLED


def write_forecasts(walk: Walk, out: Path, *, model: str | None = None, cutoff: date | None = None) -> int:
    """The long form: unique_id, ds, mean and one column per quantile level (q005 is level 0.005); returns rows.

    Args:
        out: Parquet file.
        model: whose forecasts; ``None``: of the champion of each series' demand class.
        cutoff: a backtest's; ``None``: those made at ``as_of``.

    Raises:
        ConfigError: the model was not asked for in the configuration.
        LakeError: there are no such forecasts.
    """
    known = ("seasonal", *walk.config.forecast.models)
    if model is not None and not set(model.split(POOLED)) <= set(known):
        raise ConfigError(
            explain(
                f"there is no model {model!r}",
                expected=f"{', '.join(known)}, or several of them ({POOLED.join(known[:2])})",
                do="correct --model",
            )
        )
    day = cutoff or walk.as_of
    if str(day) not in walk.lake.partition_values(table("gold/forecasts"), "cutoff", where={"as_of": walk.as_of}):
        raise _nothing(walk, "gold/forecasts")
    return _write(out, _long_forms(walk, model, day), walk)


def write_table(walk: Walk, name: str, out: Path) -> int:
    """Tonight's rows of a gold table, sorted by its key; returns rows.

    Raises:
        LakeError: there are none.
    """
    if not walk.lake.partition_values(table(name), "as_of", where={"as_of": walk.as_of}):
        raise _nothing(walk, name)
    key = [(column, "ascending") for column in table(name).key]
    return _write(out, iter([walk.read(name).sort_by(key)]), walk)


def _write(out: Path, parts: Iterator[pa.Table], walk: Walk) -> int:
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(out.name + ".unfinished")
    rows = 0
    writer: pq.ParquetWriter | None = None
    for part in parts:
        writer = writer or pq.ParquetWriter(unfinished, part.schema, compression="zstd")
        writer.write_table(part)
        rows += part.num_rows
    if writer is None:
        raise _nothing(walk, "gold/forecasts")
    writer.close()
    unfinished.replace(out)
    return rows


def _nothing(walk: Walk, name: str) -> LakeError:
    return LakeError(
        explain(
            f"{name} has nothing of {walk.as_of}",
            do=f"scaleinv run --env {walk.config.env} --as-of {walk.as_of}",
        )
    )


def _long_forms(walk: Walk, model: str | None, cutoff: date) -> Iterator[pa.Table]:
    champions = champions_of(walk)
    for group in walk.groups():
        series = walk.read("gold/series", columns=["unique_id", "demand_class"], group_id=group).sort_by("unique_id")
        if model is None:
            found = of_champions(walk, group, series, champions, cutoff=cutoff)
        else:
            found = distributions(walk, group, series, cutoff=cutoff, model=model)
        yield _long(series["unique_id"], found, cutoff, walk.config.forecast.quantile_levels)


def _long(ids: pa.ChunkedArray, found: Distributions, cutoff: date, levels: tuple[float, ...]) -> pa.Table:
    n, horizon = found.mean.shape
    days = np.datetime64(cutoff, "D") + 1 + np.arange(horizon)
    row = np.repeat(np.arange(n), horizon)
    columns: dict[str, object] = {
        "unique_id": ids.combine_chunks().take(pa.array(row)),
        "ds": pa.array(np.tile(days, n)),
        "mean": found.mean.ravel().astype(np.float32),
    }
    for at, level in enumerate(levels):
        columns[f"q{round(level * 1000):03d}"] = found.quantiles[..., at].ravel().astype(np.float32)
    return pa.table(columns)
