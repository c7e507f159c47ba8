"""Stage features: ``silver`` as it was known at ``as_of`` to the dense panel and what belongs to it."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from scaleinv.pipeline.nights import PANEL, find_base, loads_of, memo_of, stands
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.vendors import record_of, with_lanes, write_scorecards
from scaleinv.pipeline.walk import Outcome, Walk, memo_at
from scaleinv.schema import table

if TYPE_CHECKING:  # Spark is loaded by the work, not by the question whether there is any
    from pyspark.sql import DataFrame

    from scaleinv.features import Base

_READS = next(stage.reads for stage in STAGES if stage.name == "features")
_ANNOUNCED = ("calendar", "weather", "locations", "prices")
"""Silver tables that say something of days ahead, or of many days at once: what was known then is compared."""
_RARE = ("silver/hourly_sales", "silver/transfers")
"""Few retailers have them; where there are none, nothing is to be joined with them."""
_BY_DAY = ("sales", "stock", "prices", "hourly_sales")
"""Silver tables whose new rows say which days are to be made anew."""


def work(walk: Walk) -> Outcome:
    """Builds and writes the tables; the panel as what differs from an earlier night's, where there is one to go by."""
    from pyspark import inheritable_thread_target

    from scaleinv.features import build, by_cluster
    from scaleinv.lake.spark import read_known, read_spark, write_spark

    loads = loads_of(walk)
    names = [name for name in _READS if name not in _RARE or walk.lake.rows(table(name))]
    silver = {
        name.removeprefix("silver/"): read_spark(walk.spark(), walk.lake, table(name), as_of=walk.as_of)
        for name in names
    }
    record = record_of(walk, silver["purchase_orders"])
    orders = silver["purchase_orders"] if record is None else record
    found = find_base(walk)
    based_on = None
    clusters: dict[str, Any] = {}

    def divide(rows: DataFrame, base: Base | None) -> DataFrame:
        from scaleinv.forecast.clusters import centres

        nonlocal clusters
        options = walk.config.features
        fit = functools.partial(centres, n_clusters=options.clusters)
        rows, made = by_cluster(
            rows, silver["sales"], fit, base, as_of=walk.as_of, horizon=walk.config.forecast.horizon, config=options
        )
        clusters = {"clusters": vars(made)}
        return rows

    def keep(rows: DataFrame, is_whole: bool) -> tuple[DataFrame, DataFrame | None]:
        nonlocal based_on
        based_on = None if is_whole else found
        if based_on is not None:
            walk.progress.say(f"the panel is that of {based_on[0]}, and what has changed since")
        walk.watch.wrote(PANEL, write_spark(walk.lake, rows, table(PANEL), where={"as_of": walk.as_of}))
        return _past(walk, based_on[0] if based_on else None)

    with ExitStack() as held:
        gold = build(
            silver,
            keep,
            held,
            as_of=walk.as_of,
            horizon=walk.config.forecast.horizon,
            config=walk.config.features,
            n_sales=walk.lake.rows(table("silver/sales")),
            n_prices=walk.lake.rows(table("silver/prices")),
            lines=read_known(walk.spark(), walk.lake, table("silver/sales"), as_of=walk.as_of),
            base=None if found is None else _base(walk, found[0], [*silver]),
            divide=divide if walk.config.features.group_by == "cluster" else None,
            late=_chances,
            record=record,
        )
        if walk.config.vendors.lead_time_method == "predicted":
            gold["gold/lead_times"] = with_lanes(walk, gold["gold/lead_times"], orders)
        # Side by side: they are small, and most of a small write is waiting.
        with ThreadPoolExecutor(len(gold)) as pool:
            session = walk.spark()
            written = {
                name: pool.submit(inheritable_thread_target(session)(_write), walk, name, frame)
                for name, frame in gold.items()
            }
            for name, rows in written.items():
                walk.watch.wrote(name, rows.result())
        write_scorecards(walk, orders, silver["items"])
    # Groups depend on the night that the clusters were found in: with other ones, what follows is to be done anew.
    return Outcome(result=dict(clusters), memo=memo_of(walk, based_on, loads) | clusters)


def _chances(record: pa.Table) -> pa.Table:
    """Vendors' records, day by day, to the chance that an order of theirs still comes (``features.position.Late``)."""
    from scaleinv.features.position import LONGEST_LATE
    from scaleinv.inventory.overdue import late_chances

    record = record.sort_by("vendor_id").combine_chunks()
    vendors = record["vendor_id"].combine_chunks().dictionary_encode()
    row, late = vendors.indices.to_numpy(), record["late_days"].to_numpy()
    counts = np.zeros((2, len(vendors.dictionary), LONGEST_LATE + 1))
    days = np.zeros(len(vendors.dictionary))
    for which, name in enumerate(("arrived", "waiting")):
        np.add.at(counts[which], (row, late), record[name].to_numpy())
    days[row] = record["days"].to_numpy()
    chance = late_chances(counts[0], counts[1], days).astype(np.float32)
    lists = pa.ListArray.from_arrays(np.arange(len(chance) + 1, dtype=np.int32) * (LONGEST_LATE + 1), chance.ravel())
    return pa.table({"vendor_id": vendors.dictionary, "chance": lists})


def _write(walk: Walk, name: str, frame: DataFrame) -> int:
    from scaleinv.lake.spark import write_spark

    return write_spark(walk.lake, frame, table(name), where={"as_of": walk.as_of})


def is_intact(walk: Walk) -> bool:
    """Whether tonight's panel is there, and the night that it is based on still what it was."""
    return stands(walk)


def _base(walk: Walk, night: date, there: list[str]) -> Base:
    from pyspark.sql import functions as F

    from scaleinv.features import Base
    from scaleinv.lake.spark import read_known, read_spark

    spark, lake = walk.spark(), walk.lake
    return Base(
        as_of=night,
        series=read_spark(spark, lake, table("gold/series")).where(F.col("as_of") == F.lit(night)),
        lives=read_spark(spark, lake, table("gold/lives")).where(F.col("as_of") == F.lit(night)),
        silver={name: read_spark(spark, lake, table(f"silver/{name}"), as_of=night) for name in _ANNOUNCED},
        later={
            name: read_known(spark, lake, table(f"silver/{name}"), as_of=walk.as_of, after=night)
            for name in _BY_DAY
            if name in there
        },
        clusters=memo_at(lake, "features", night).get("clusters", {}),
    )


def _past(walk: Walk, base: date | None) -> tuple[DataFrame, DataFrame | None]:
    """Tonight's rows of the panel up to ``as_of``, as they lie in the lake, and those of its base."""
    from pyspark.sql import functions as F

    from scaleinv.lake.spark import read_spark

    panel = read_spark(walk.spark(), walk.lake, table(PANEL))
    tonight = panel.where((F.col("as_of") == F.lit(walk.as_of)) & (F.col("ds") <= F.lit(walk.as_of)))
    if base is None:
        return tonight, None
    return tonight, panel.where((F.col("as_of") == F.lit(base)) & (F.col("ds") <= F.lit(base)))
