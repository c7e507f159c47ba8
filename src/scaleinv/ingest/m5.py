"""Walmart's M5 as its owner published it: wide sales, weekly prices, a calendar with events and SNAP days.

M5 has no stock, vendors, costs or lead times; what stands for them comes from the configuration's ``assumptions``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from scaleinv.config.models import Assumptions, M5Config
from scaleinv.errors import ConfigError, DataError, explain
from scaleinv.ingest.m5_prices import latest_prices, price_periods
from scaleinv.ingest.m5_wide import long_sales, mean_of_days, packed
from scaleinv.ingest.parse import CORRUPT

RECENT_DAYS = 56
"""Stock and old policy are assumed from the mean sales of this many days to as_of."""

M5_TABLES = (
    "sales", "stock", "items", "locations", "vendors", "lead_times", "assortment", "prices", "calendar",
)  # fmt: skip
"""What M5 fills, and what is assumed instead."""
_IDS = ("item_id", "dept_id", "cat_id", "store_id", "state_id")


@dataclass(frozen=True)
class _Wide:
    """The sales table: ``frame`` has a row per series and a column per day, ``days`` their names in order."""

    frame: DataFrame
    days: list[str]
    first: date
    last: date
    file: str


def read_m5(spark: SparkSession, folder: str, config: M5Config, *, as_of: date | None = None) -> dict[str, DataFrame]:
    """The raw frames that M5 can fill; ``stock`` and ``assortment`` hold assumptions as of ``as_of``.

    Args:
        folder: with ``calendar``, ``prices`` and ``sales_<selection>`` as Parquet, or M5's own CSV files
            (``calendar.csv``, ``sell_prices.csv``, ``sales_train_evaluation.csv``).
        as_of: the day that stock is assumed for; the last day of sales where not given.

    Raises:
        DataError: a file or column is missing, a selection is empty, or ``as_of`` is outside the sales' days.
        ConfigError: a category has no assumed lead time.
    """
    calendar = _read(spark, folder, "calendar", "calendar.csv", ("date", "wm_yr_wk", "d")).withColumn(
        "date", F.col("date").cast("date")
    )
    wide = _wide(spark, folder, config, calendar)
    as_of = _checked_as_of(wide, as_of or wide.last)
    # Each file is read once: what is derived from it more than once is held, a row per series or price period.
    sales = packed(wide.frame, _IDS, wide.days)
    series = _with_recent_sales(sales, wide, as_of, config.assumptions).localCheckpoint()
    _check_selection(series, config)
    _check_categories(series, config.assumptions)
    periods = price_periods(_prices(spark, folder, calendar, series)).localCheckpoint()
    frames = {
        "sales": (long_sales(sales, wide.first), wide.file),
        "stock": (_stock(series, as_of, config.assumptions), wide.file),
        "items": (_items(series, latest_prices(periods, as_of), config.assumptions), wide.file),
        "locations": (series.select(F.col("store_id").alias("location_id"), F.col("store_id").alias("name"),
                                    F.col("state_id").alias("region")).distinct(), wide.file),
        "vendors": (_vendors(series, config.assumptions), wide.file),
        "lead_times": (_lead_times(spark, series, config.assumptions), wide.file),
        "assortment": (_assortment(series, periods, wide.first, config.assumptions), wide.file),
        "prices": (periods.where(F.col("valid_to") >= F.lit(wide.first)), "prices"),
        "calendar": (_calendar(calendar), "calendar"),
    }  # fmt: skip
    return {name: _raw(frame, file) for name, (frame, file) in frames.items()}


def _read(spark: SparkSession, folder: str, stem: str, csv_name: str, needed: tuple[str, ...]) -> DataFrame:
    folder = folder.rstrip("/")
    try:
        frame = spark.read.parquet(f"{folder}/{stem}.parquet")
    except AnalysisException:
        try:
            frame = spark.read.csv(f"{folder}/{csv_name}", header=True)
        except AnalysisException as error:
            raise DataError(
                explain(
                    f"M5: no {stem} is there",
                    expected=f"{stem}.parquet or {csv_name} in {folder}",
                    found="neither",
                    do="set SCALEINV_DATA or ingest.data to the folder that holds M5",
                )
            ) from error
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise DataError(
            explain(f"M5: {stem} lacks columns", expected=", ".join(needed), found=frame.columns[:12], which=missing)
        )
    return frame


def _wide(spark: SparkSession, folder: str, config: M5Config, calendar: DataFrame) -> _Wide:
    stem = f"sales_{config.sales}"
    frame = _read(spark, folder, stem, "sales_train_evaluation.csv", _IDS)
    days = sorted((c for c in frame.columns if c.startswith("d_") and c[2:].isdigit()), key=lambda c: int(c[2:]))
    first, last = _day_dates(calendar, days, stem)
    if config.stores:
        frame = frame.where(F.col("store_id").isin(*config.stores))
    if config.departments:
        frame = frame.where(F.col("dept_id").isin(*config.departments))
    return _Wide(frame, days, first, last, stem)


def _check_selection(series: DataFrame, config: M5Config) -> None:
    if series.isEmpty():
        raise DataError(
            explain(
                f"M5: sales_{config.sales} holds no series of this selection",
                expected=f"stores {config.stores or 'all'}, departments {config.departments or 'all'}",
                do="correct ingest.m5.stores and ingest.m5.departments",
            )
        )


def _day_dates(calendar: DataFrame, days: list[str], stem: str) -> tuple[date, date]:
    """First and last day of the sales table; its columns must be consecutive days of the calendar."""
    dates = {row["d"]: row["date"] for row in calendar.select("d", "date").collect()}  # one row per day: bounded
    unknown = [day for day in days if day not in dates]
    if not days or unknown:
        raise DataError(explain(f"M5: {stem} has no day columns, or days that calendar does not know", which=unknown))
    first, last = dates[days[0]], dates[days[-1]]
    gaps = [day for i, day in enumerate(days) if dates[day] != first + timedelta(days=i)]
    if gaps:
        raise DataError(explain(f"M5: the day columns of {stem} are not consecutive days", which=gaps))
    return first, last


def _checked_as_of(wide: _Wide, as_of: date) -> date:
    if wide.first <= as_of <= wide.last:
        return as_of
    raise DataError(
        explain(
            f"M5: as_of {as_of} is without data",
            expected=f"a day from {wide.first} to {wide.last}",
            found=str(as_of),
            do="choose another --as-of, or another table with ingest.m5.sales",
        )
    )


def _prices(spark: SparkSession, folder: str, calendar: DataFrame, series: DataFrame) -> DataFrame:
    """``store_id, item_id, week_start, week_end, price`` of the selected series."""
    weekly = _read(spark, folder, "prices", "sell_prices.csv", ("store_id", "item_id", "wm_yr_wk", "sell_price"))
    weeks = calendar.groupBy(F.col("wm_yr_wk").cast("int").alias("wm_yr_wk")).agg(
        F.min("date").alias("week_start"), F.max("date").alias("week_end")
    )
    chosen = series.select("store_id", "item_id")
    return (
        weekly.withColumn("wm_yr_wk", F.col("wm_yr_wk").cast("int"))
        .join(F.broadcast(chosen), ["store_id", "item_id"], "left_semi")
        .join(F.broadcast(weeks), "wm_yr_wk")
        .select("store_id", "item_id", "week_start", "week_end", F.col("sell_price").cast("double").alias("price"))
    )


def _with_recent_sales(sales: DataFrame, wide: _Wide, as_of: date, assumed: Assumptions) -> DataFrame:
    """The series with ``_sold`` and ``_sold_before``: mean units a day of the last ``RECENT_DAYS`` days.

    The former are the days to ``as_of``, the latter those to the day on which the old policy's levels were made.
    """
    known = (as_of - wide.first).days + 1
    before = max(1, known - assumed.old_levels_age)
    return sales.select(
        *_IDS,
        mean_of_days(max(0, known - RECENT_DAYS), known).alias("_sold"),
        mean_of_days(max(0, before - RECENT_DAYS), before).alias("_sold_before"),
    )


def _stock(series: DataFrame, as_of: date, assumed: Assumptions) -> DataFrame:
    """At least one unit: an item that does not sell is on the shelf, it is not sold out."""
    on_hand = F.greatest(F.ceil(F.col("_sold") * assumed.opening_stock_days), F.lit(1))
    return series.select(
        F.col("item_id").alias("sku_id"), F.col("store_id").alias("location_id"), F.lit(as_of).alias("date"),
        on_hand.cast("double").alias("on_hand"), F.lit(0.0).alias("reserved"), F.lit(0.0).alias("backorders"),
    )  # fmt: skip


def _items(series: DataFrame, latest: DataFrame, assumed: Assumptions) -> DataFrame:
    category = F.col("cat_id")
    multiple = _by_category(category, assumed.order_multiple, 1)
    least = F.greatest(_by_category(category, assumed.min_order_quantity, 0), multiple)
    named = series.select(F.col("item_id").alias("sku_id"), "dept_id", "cat_id").distinct()
    items = named.join(latest, "sku_id", "left")
    price = F.coalesce(F.col("price"), F.lit(0.0))
    return items.select(
        "sku_id", F.lit(None).cast("string").alias("description"),
        category.alias("category"), F.col("dept_id").alias("department"), F.lit("EA").alias("unit"),
        F.lit(None).cast("string").alias("gtin"), _vendor(F.col("dept_id")).alias("vendor_id"),
        F.round(price * assumed.unit_cost_share, 4).alias("unit_cost"), price.alias("unit_price"),
        least.cast("double").alias("min_order_quantity"), multiple.cast("double").alias("order_multiple"),
    )  # fmt: skip


def _vendors(series: DataFrame, assumed: Assumptions) -> DataFrame:
    return series.select(
        _vendor(F.col("dept_id")).alias("vendor_id"), F.col("dept_id").alias("name"),
        F.lit(assumed.review_period).alias("review_period"), F.lit(None).cast("date").alias("review_date"),
        F.lit(assumed.currency).alias("currency"), F.lit(None).cast("boolean").alias("is_blocked"),
        F.lit(None).cast("double").alias("capacity"),
    ).distinct()  # fmt: skip


def _lead_times(spark: SparkSession, series: DataFrame, assumed: Assumptions) -> DataFrame:
    rows = [
        (category, day, weight)
        for category, quoted in assumed.lead_times.items()
        for day, weight in zip(quoted.days, quoted.weights, strict=True)
    ]
    quoted = spark.createDataFrame(rows, "cat_id string, lead_time int, weight double")
    vendors = series.select("cat_id", _vendor(F.col("dept_id")).alias("vendor_id")).distinct()
    return vendors.join(F.broadcast(quoted), "cat_id").select("vendor_id", "lead_time", "weight")


def _assortment(series: DataFrame, periods: DataFrame, first: date, assumed: Assumptions) -> DataFrame:
    """An item is on sale from its first week with a price; what came before the table's first day is not seen."""
    sold = F.col("_sold_before")
    listed = periods.groupBy("sku_id", "location_id").agg(F.min("valid_from").alias("_listed"))
    named = series.select(F.col("item_id").alias("sku_id"), F.col("store_id").alias("location_id"), sold)
    return named.join(listed, ["sku_id", "location_id"], "left").select(
        "sku_id", "location_id",
        F.when(F.col("_listed").isNotNull(), F.greatest("_listed", F.lit(first))).alias("listed_from"),
        F.lit(None).cast("date").alias("listed_to"),
        (sold * assumed.old_reorder_days).alias("reorder_point"),
        (sold * assumed.old_cover_days).alias("order_up_to_level"),
    )  # fmt: skip


def _calendar(calendar: DataFrame) -> DataFrame:
    states = [column for column in calendar.columns if column.startswith("snap_")]
    names = [F.col(c) for c in ("event_name_1", "event_name_2") if c in calendar.columns]
    event = F.concat_ws("+", *names) if names else F.lit("")
    per_state = [
        calendar.select(
            F.lit(state.removeprefix("snap_")).alias("region"), "date", F.when(event != "", event).alias("event"),
            (F.col(state).cast("int") == 1).alias("is_benefit_day"),
        )
        for state in states
    ]  # fmt: skip
    return reduce(DataFrame.unionByName, per_state)


def _check_categories(series: DataFrame, assumed: Assumptions) -> None:
    found = [row["cat_id"] for row in series.select("cat_id").distinct().orderBy("cat_id").collect()]  # a handful
    missing = [category for category in found if category not in assumed.lead_times]
    if missing:
        raise ConfigError(
            explain(
                "ingest.m5.assumptions.lead_times lacks categories of the selection",
                expected=", ".join(found),
                found=", ".join(assumed.lead_times),
                which=missing,
            )
        )


def _vendor(department: Column) -> Column:
    return F.concat(F.lit("V_"), department)


def _by_category(category: Column, values: Mapping[str, int], otherwise: int) -> Column:
    cases = [F.when(category == name, F.lit(value)) for name, value in values.items()]
    return F.coalesce(*cases, F.lit(otherwise))


def _raw(frame: DataFrame, file: str) -> DataFrame:
    cells = [F.col(name) for name in frame.columns]
    # Of the values as they are, not of their texts; a null counts, as xxhash64 passes it over.
    row = F.xxhash64(*cells, *[cell.isNull() for cell in cells])
    return frame.select(
        *cells, F.lit(file).alias("_file"), F.struct(*cells).alias("_received"), row.alias("_hash"),
        F.lit(None).cast("string").alias(CORRUPT),
    )  # fmt: skip
