"""A small retailer as frames of ``silver``, and its night's tables."""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from scaleinv.config import FeaturesConfig
from scaleinv.schema import check, table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

START, AS_OF, HORIZON = dt.date(2026, 1, 1), dt.date(2026, 3, 1), 5
N_DAYS = (AS_OF - START).days + 1
Rows = dict[str, list[dict[str, Any]]]


def day(n: int) -> dt.date:
    return START + dt.timedelta(days=n)


def demand() -> dict[str, list[float]]:
    random = np.random.default_rng(3)
    return {
        "steady": [5 + int(x) for x in random.integers(0, 3, N_DAYS)],
        "lumpy": [float(x) for x in random.choice([0, 0, 0, 0.7, 15.1], N_DAYS)],
        "never": [0] * N_DAYS,
        "new": [0] * 40 + [int(x) for x in random.integers(1, 4, N_DAYS - 40)],
    }


def retailer() -> Rows:
    key = {"location_id": "S1"}
    items = ["steady", "lumpy", "never", "new", "gone"]
    sales = [
        key | {"sku_id": sku, "date": day(n), "quantity": float(q)}
        for sku, units in demand().items()
        for n, q in enumerate(units)
        if q
    ]
    sales.append(key | {"sku_id": "gone", "date": day(0), "quantity": 1.0})
    stock = [
        key
        | {"sku_id": "steady", "date": day(n), "on_hand": 0.0 if n == 7 else 9.0, "reserved": 1.0, "backorders": 0.0}
        for n in range(N_DAYS)
    ]
    order = {"vendor_id": "V1", "promised_date": None, "quantity": 6.0}
    orders = [
        order | key | {"order_id": f"o{n}", "line": 1, "sku_id": "steady", "order_date": day(n % 20),
                       "received_date": day(n % 20 + 2 + n % 2)}
        for n in range(40)
    ]  # fmt: skip
    orders.append(orders[0] | {"order_id": "open", "order_date": day(58), "received_date": None})
    facts = {"description": None, "unit": "EA", "gtin": None, "unit_cost": 1.0, "unit_price": 2.0}
    terms = {"min_order_quantity": 1.0, "order_multiple": 1.0, "department": "d"}
    return {
        "sales": sales,
        "stock": stock,
        "purchase_orders": orders,
        "items": [
            facts | terms | {"sku_id": sku, "category": "Food & more", "vendor_id": "V2" if sku == "new" else "V1"}
            for sku in items
        ],
        "locations": [{"location_id": "S1", "name": None, "region": "N"}],
        "vendors": [
            {"vendor_id": v, "name": None, "review_period": n, "review_date": date, "currency": "EUR"}
            for v, n, date in (("V1", 7, day(3)), ("V2", 1, None))
        ],
        "lead_times": [{"vendor_id": "V2", "lead_time": 3 + 2 * n, "weight": 1.0 + 2 * n} for n in range(2)],
        "assortment": [
            key | {"sku_id": sku, "listed_from": START if sku != "new" else None,
                   "listed_to": day(30) if sku == "gone" else None, "reorder_point": 3.0, "order_up_to_level": 9.0}
            for sku in items
        ],
        "prices": [
            key | {"sku_id": "steady", "valid_from": day(10), "valid_to": day(19), "price": 1.5, "is_promotion": True},
            key | {"sku_id": "steady", "valid_from": day(20), "valid_to": day(99), "price": 2.5, "is_promotion": False},
        ],
        "calendar": [{"region": "N", "date": AS_OF + dt.timedelta(days=2), "event": "Easter", "is_benefit_day": True}],
        "weather": [{"region": "N", "date": day(3), "temperature": 4.5, "precipitation": None, "humidity": None,
                     "wind_speed": None}],
    }  # fmt: skip


def frames(spark: SparkSession, rows: Rows, *, shuffled: bool = False) -> dict[str, DataFrame]:
    made = {}
    for name, content in rows.items():
        contract = table(f"silver/{name}")
        columns = pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in contract.received])
        data = pa.Table.from_pylist(content, schema=columns)
        if shuffled:
            data = data.take(np.random.default_rng(1).permutation(data.num_rows))
        frame = spark.createDataFrame(data)
        made[name] = frame.repartition(5) if shuffled else frame
    return made


def build(
    spark: SparkSession, rows: Rows, *, as_of: dt.date = AS_OF, shuffled: bool = False, plans: list[str] | None = None
) -> dict[str, pa.Table]:
    """The tables; how Spark means to compute the panel goes into ``plans``."""
    from pyspark.sql import functions as F

    from scaleinv.features import build as build_features

    config = FeaturesConfig(max_lead_time=10)
    panel: dict[str, DataFrame] = {}

    def keep(rows: DataFrame, is_whole: bool) -> tuple[DataFrame, None]:
        assert is_whole
        if plans is not None:
            plans.append(rows._jdf.queryExecution().executedPlan().toString())
        panel["gold/panel"] = rows.persist()
        return panel["gold/panel"].where(F.col("ds") <= F.lit(as_of)), None

    silver = frames(spark, rows, shuffled=shuffled)
    with ExitStack() as held:
        n_sales, n_prices = len(rows["sales"]), len(rows["prices"])
        gold = build_features(
            silver, keep, held, as_of=as_of, horizon=HORIZON, config=config, n_sales=n_sales, n_prices=n_prices
        )
        return {
            name: check(frame.toArrow(), table(name)).sort_by([(k, "ascending") for k in table(name).key])
            for name, frame in (panel | gold).items()
        }
