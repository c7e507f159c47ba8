"""What is learnt of vendors: from which orders, lead times per lane for ``gold/lead_times``, and scorecards."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.pipeline.register import has_book, order_book
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from scaleinv.vendors import Orders


def record_of(walk: Walk, listed: DataFrame) -> DataFrame | None:
    """The order lines that vendors are judged by: those of the ERP's list, and own ones that it does not hold.

    ``None``: there are no own ones.

    An order that the list names, by our key or by the ERP's number, is the list's, whatever that says of it: an order
    counts once. Of the book the nights of ``vendors.history_days`` are read.

    Args:
        walk: the night.
        listed: ``silver/purchase_orders`` as it was known.
    """
    if not has_book(walk.config):
        return None
    from scaleinv.orderbook.record import vendor_record

    since = walk.as_of - timedelta(days=walk.config.vendors.history_days)
    with order_book(walk.config) as book:
        own = vendor_record(book, retailer=walk.config.retailer, since=since, as_of=walk.as_of)
    if not own.num_rows:
        return None
    names, rows = listed.select("order_id").distinct(), walk.spark().createDataFrame(own)
    rows = rows.join(names, "order_id", "left_anti")
    rows = rows.join(names.withColumnRenamed("order_id", "erp_number"), "erp_number", "left_anti")
    return listed.unionByName(rows.drop("erp_number"), allowMissingColumns=True)


def with_lanes(walk: Walk, known: DataFrame, orders: DataFrame) -> DataFrame:
    """``gold/lead_times`` with a row for every lane of the latest orders, predicted from all of them together."""
    from scaleinv.features.order_history import latest_orders

    config = walk.config.vendors
    lines = latest_orders(
        orders, as_of=walk.as_of, history_days=config.history_days, most=config.max_orders
    ).toArrow()  # fmt: skip
    made = lanes(walk, lines)
    if not made.num_rows:
        walk.progress.say("lead times are not predicted: no order of the latest was received")
        return known
    walk.progress.say(f"lead times of {made.num_rows:,} lanes predicted from {lines.num_rows:,} order lines")
    return known.unionByName(walk.spark().createDataFrame(made, known.schema))


def write_scorecards(walk: Walk, orders: DataFrame, items: DataFrame) -> None:
    """``gold/vendor_scorecards``: sums per vendor and month are made where the lines lie, and are few."""
    from scaleinv.features.vendor_months import vendor_months
    from scaleinv.vendors import scorecards

    made = scorecards(vendor_months(orders, items, as_of=walk.as_of).toArrow(), as_of=walk.as_of)
    walk.overwrite("gold/vendor_scorecards", made.cast(table("gold/vendor_scorecards").schema))


def lanes(walk: Walk, lines: pa.Table) -> pa.Table:
    """Rows of ``gold/lead_times`` of every lane (vendor, location) in ``lines``: that of its next order."""
    from scaleinv.vendors import Options, fit_chance, fit_lead_times, mean_shortfall

    config, longest = walk.config.vendors, walk.config.features.max_lead_time
    known, tonight = orders_of(lines), _day(walk)
    if not len(known) or known.is_open.all():
        none = np.zeros(0)
        return _rows(walk, known.take(none.astype(int)), np.zeros((0, longest + 1)), none.astype(int), none, none)
    options = Options(
        longest, min_orders=config.min_orders, max_orders=config.max_orders,
        calibration_share=config.calibration_share, seed=config.seed,
    )  # fmt: skip
    model = fit_lead_times(known, cut=tonight, options=options)
    names = np.char.add(np.char.add(known.vendor, "\x1f"), known.lane)
    # The lane's latest order says how it travels; of which article the next one is, is not known.
    latest = np.lexsort((known.order_day, names))
    last = latest[np.append(names[latest][1:] != names[latest][:-1], True)]
    received = np.bincount(np.unique(names, return_inverse=True)[1], ~known.is_open).astype(np.int64)
    asked = replace(
        known.take(last), item=np.full(len(last), ""), order_day=np.full(len(last), tonight + 1),
        received_day=np.full(len(last), np.iinfo(np.int64).max), promised_day=np.full(len(last), np.nan),
    )  # fmt: skip
    probability = model.probability(asked)
    probability[:, 1] += probability[:, 0]  # an order of tonight is on the shelf tomorrow at the earliest
    probability[:, 0] = 0.0
    late, short = (fit_chance(known, event, cut=tonight, options=options).chance(asked) for event in ("late", "short"))
    return _rows(walk, asked, probability, received, late, short * mean_shortfall(known, tonight))


def orders_of(lines: pa.Table) -> Orders:
    """Rows of ``silver/purchase_orders`` as arrays."""
    from scaleinv.vendors import NEVER, Orders

    def text(name: str) -> NDArray[np.str_]:
        return np.asarray(pc.fill_null(lines[name].cast(pa.string()), "").to_pylist(), dtype=np.str_)

    def day(name: str) -> NDArray[np.float64]:
        return number(lines[name].cast(pa.int32()))

    def number(column: pa.ChunkedArray) -> NDArray[np.float64]:
        return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)

    received = day("received_date")
    return Orders(
        vendor=text("vendor_id"), item=text("sku_id"), lane=text("location_id"), mode=text("mode"),
        order_day=day("order_date").astype(np.int64),
        received_day=np.where(np.isfinite(received), np.nan_to_num(received).astype(np.int64), NEVER),
        promised_day=day("promised_date"), quantity=number(lines["quantity"]),
        received_quantity=number(lines["received_quantity"]),
    )  # fmt: skip


def _day(walk: Walk) -> int:
    return int(np.datetime64(walk.as_of, "D").astype(np.int64))


def _rows(
    walk: Walk, asked: Orders, probability: NDArray[np.float64], received: NDArray[np.int64],
    late: NDArray[np.float64], short: NDArray[np.float64],
) -> pa.Table:  # fmt: skip
    rows = probability.astype(np.float32)
    return pa.table(
        {
            "as_of": pa.array([walk.as_of] * len(asked), pa.date32()),
            "vendor_id": pa.array(asked.vendor.tolist(), pa.string()),
            "location_id": pa.array(asked.lane.tolist(), pa.string()),
            "probability": pa.array(rows.tolist(), pa.list_(pa.float32())),
            "n_receipts": pa.array(received, pa.int64()),
            "late": pa.array(late, pa.float64(), from_pandas=True),  # nothing is known: null
            "short": pa.array(short, pa.float64(), from_pandas=True),
        }
    )
