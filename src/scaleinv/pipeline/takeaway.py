"""Tables taken out of the lake as one Parquet file, streamed group by group."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scaleinv.errors import ConfigError, LakeError, explain
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table


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
    if model is not None and model not in known:
        raise ConfigError(explain(f"there is no model {model!r}", expected=", ".join(known), do="correct --model"))
    return _write(out, _long_forms(walk, model, cutoff or walk.as_of), walk)


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
    champions = {row["demand_class"]: row["model"] for row in walk.read("gold/champions").to_pylist()}
    wanted = [model] if model else sorted(set(champions.values()))
    for group in walk.groups():
        found = walk.read("gold/forecasts", cutoff=cutoff, model=wanted, group_id=group)
        if model is None:
            facts = walk.read("gold/series", columns=["unique_id", "demand_class"], group_id=group)
            chosen = pa.array([champions[name] for name in facts["demand_class"].to_pylist()])
            owner = pc.index_in(found["unique_id"], value_set=facts["unique_id"].combine_chunks())
            found = found.filter(pc.equal(found["model"], chosen.take(owner.combine_chunks())))
        if found.num_rows:
            yield _long(found.sort_by("unique_id"), cutoff, walk.config.forecast.quantile_levels)


def _long(found: pa.Table, cutoff: date, levels: tuple[float, ...]) -> pa.Table:
    mean = np.asarray(found["mean"].combine_chunks().flatten())
    n = found.num_rows
    horizon = len(mean) // n
    quantiles = np.asarray(found["quantiles"].combine_chunks().flatten()).reshape(n * horizon, len(levels))
    days = np.datetime64(cutoff, "D") + 1 + np.arange(horizon)
    row = np.repeat(np.arange(n), horizon)
    columns: dict[str, object] = {
        "unique_id": found["unique_id"].combine_chunks().take(pa.array(row)),
        "ds": pa.array(np.tile(days, n)),
        "mean": mean,
    }
    for at, level in enumerate(levels):
        columns[f"q{round(level * 1000):03d}"] = quantiles[:, at]
    return pa.table(columns)
