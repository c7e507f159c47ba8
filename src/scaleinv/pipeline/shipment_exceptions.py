"""Shipments that a person should see as exceptions of the series whose goods they carry."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.pipeline.arrivals import Foreseen, in_stock_units
from scaleinv.replenish import FOUND


def shipment_exceptions(seen: Foreseen | None) -> pa.Table:
    """``FOUND``: of each series and kind one row, for shipments that carry something that is still open.

    A shipment of which the book knows no order line is told by its own name, without money.
    """
    if seen is None:
        return FOUND.empty_table()
    return by_series(seen.told, seen.rows.filter(pc.fill_null(seen.rows["is_open"], True)).combine_chunks())


def by_series(told: pa.Table, rows: pa.Table) -> pa.Table:
    """``FOUND`` from what is told of shipments and what they carry (``orderbook.carried.CARRIED``)."""
    units = in_stock_units(rows)
    value = units * pc.fill_null(rows["unit_cost"].cast(pa.float64()), 0.0).to_numpy()
    own = pc.binary_join_element_wise("shipment ", rows["shipment_id"], "")
    carried = pa.table(
        {
            "shipment_id": rows["shipment_id"], "unique_id": pc.coalesce(rows["unique_id"], own),
            "units": units, "value": value,
        }
    )  # fmt: skip
    # A shipment may carry a series in several lines.
    carried = carried.group_by(["shipment_id", "unique_id"]).aggregate([("units", "sum"), ("value", "sum")])
    both = told.select(["shipment_id", "kind", "detail"]).join(carried, "shipment_id", join_type="inner")
    if not both.num_rows:
        return FOUND.empty_table()
    both = both.sort_by(
        [("unique_id", "ascending"), ("kind", "ascending"), ("value_sum", "descending"), ("shipment_id", "ascending")]
    ).combine_chunks()
    key = pc.binary_join_element_wise(both["unique_id"], both["kind"], "\x1f").combine_chunks().dictionary_encode()
    group = key.indices.to_numpy()
    first = np.flatnonzero(np.diff(group, prepend=-1))
    number = np.bincount(group)
    dearest = both.take(pa.array(first))
    more = [f" and {n - 1:,} more" if n > 1 else "" for n in range(int(number.max()) + 1)]
    detail = pc.binary_join_element_wise(
        "shipment ", dearest["shipment_id"], pa.array(more).take(pa.array(number)), ": ", dearest["detail"], ""
    )
    at_risk = np.round(np.bincount(group, both["value_sum"].to_numpy()), 2)
    return pa.table([dearest["unique_id"], dearest["kind"], detail, at_risk], schema=FOUND)
