"""Stage features: ``silver`` as it was known at ``as_of`` to the dense panel and what belongs to it."""

from __future__ import annotations

from scaleinv.features import build
from scaleinv.lake.spark import read_spark, write_spark
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Outcome, Walk
from scaleinv.schema import table

_READS = next(stage.reads for stage in STAGES if stage.name == "features")


def work(walk: Walk) -> Outcome:
    """Builds and writes the four tables."""
    spark = walk.spark()
    # Few retailers have hours; where there are none, nothing is to be joined with them.
    wanted = [name for name in _READS if name != "silver/hourly_sales" or walk.lake.rows(table(name))]
    silver = {
        name.removeprefix("silver/"): read_spark(spark, walk.lake, table(name), as_of=walk.as_of) for name in wanted
    }
    gold = build(
        silver,
        as_of=walk.as_of,
        horizon=walk.config.forecast.horizon,
        config=walk.config.features,
    )
    for name, frame in gold.items():
        rows = write_spark(walk.lake, frame, table(name), where={"as_of": walk.as_of})
        walk.progress.wrote(name, rows)
    return Outcome()
