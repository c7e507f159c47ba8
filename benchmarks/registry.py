"""The SKU registry on Online Retail II: codes, automatic merges, proposals, and what a second load finds to do.

``SCALEINV_DATA=../shared/data python benchmarks/registry.py [--copies 1] [--show 40]``; last comes one JSON object.
``--copies`` repeats the retailer's codes under other numbers and names, to see how time grows with SKUs.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import tempfile
import time
from pathlib import Path

import psutil
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from scaleinv.config import LakeConfig, SparkConfig
from scaleinv.ingest.registry import Rules, codes_of
from scaleinv.lake import Lake
from scaleinv.lake.spark import spark_session
from scaleinv.pipeline.registry import LOG, refresh_registry
from scaleinv.pipeline.skus import listed

DAY = dt.date(2010, 12, 9)
SERVICES = (
    "POST", "DOT", "[MDSB]", "C[23]", "BANKCHARGES", "AMAZONFEE", "ADJUST[0-9]*", "TEST[0-9]+", "GIFT.*", "PADS",
)  # fmt: skip
"""Codes of Online Retail II that are no products: postage, manual lines, discounts, samples, fees, tests, vouchers."""


def seen(spark: SparkSession, path: Path, copies: int) -> DataFrame:
    """The codes of the file; of each further copy with a number before the code and before every word."""
    # What is written beside a price of 0 is a note ("damaged", "given away"), not a name.
    called = F.when(F.col("Price") > 0, F.col("Description"))
    lines = spark.read.parquet(str(path)).select(F.col("StockCode").alias("code"), called.alias("called"))
    codes = codes_of(lines, code="code", description="called")
    if copies == 1:
        return codes
    n = F.explode(F.sequence(F.lit(0), F.lit(copies - 1)))
    many = codes.withColumn("n", n).withColumn("copy", F.concat(F.col("n").cast("string"), F.lit("-")))
    letter = F.translate(F.col("n").cast("string"), "0123456789", "QWXZVKJHYU")  # words of a copy are its own
    for name in ("code", "code_key", "own_id"):
        many = many.withColumn(name, F.concat("copy", name))
    many = many.withColumn("description", F.regexp_replace("description", r"\b(?=\p{L})", letter))
    return many.drop("n", "copy")


def cpu_seconds() -> float:
    """Of this process, of Java and of Java's Python workers: what a busy machine does not stretch."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(time.user + time.system + time.children_user + time.children_system for time in times)


def main() -> None:
    """Two loads of the same codes, timed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--show", type=int, default=40)
    options = parser.parse_args()
    path = Path(os.environ["SCALEINV_DATA"]) / "online_retail" / "online_retail_2009_2010.parquet"
    rules = Rules(services=SERVICES)
    with tempfile.TemporaryDirectory() as root:
        config = LakeConfig(root=root)
        lake = Lake(config)
        spark = spark_session(SparkConfig(driver_memory="2g", shuffle_partitions=4), config, app="registry")
        codes = seen(spark, path, options.copies)
        start, used = time.perf_counter(), cpu_seconds()
        first = refresh_registry(spark, lake, codes, day=DAY, rules=rules)
        middle, used_once = time.perf_counter(), cpu_seconds()
        again = refresh_registry(spark, lake, codes, day=DAY, rules=rules)
        end, used_twice = time.perf_counter(), cpu_seconds()
        rows = listed(lake)
        for row in lake.read(LOG).slice(0, 5).to_pylist():
            print(f"{row['other']} -> {row['kept']}: {row['evidence']}, {row['score']}")
        # Every k-th by likeness: a sample to be read by a person.
        step = max(rows.num_rows // options.show, 1)
        for row in rows.take(list(range(0, rows.num_rows, step))).to_pylist():
            print(
                f"{row['score']:5.1f} {row['method']:<11} {row['other']:>8} -> {row['kept']:<8} "
                f"{row['other_description']} / {row['kept_description']}"
            )
        methods = {one["values"]: one["counts"] for one in rows["method"].value_counts().to_pylist()}
        spark.stop()
    result = {
        "codes": first.codes,
        "services": first.services,
        "skus": first.skus,
        "merges": first.merges,
        "proposals": methods,
        "proposals_with_equal_words": pc.sum(pc.equal(rows["score"], 100.0)).as_py(),
        "second_load_merges": again.merges,
        "first_seconds": round(middle - start, 1),
        "second_seconds": round(end - middle, 1),
        "first_cpu_seconds": round(used_once - used, 1),
        "second_cpu_seconds": round(used_twice - used_once, 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
