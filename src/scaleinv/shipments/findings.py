"""Shipments that a person should see: late, diverted, lost, too warm or too cold; with the money they carry."""

from __future__ import annotations

import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.shipments import ArrivalConfig, PlaceConfig

FINDINGS: Final = pa.schema(
    [
        ("shipment_id", pa.string()),
        ("kind", pa.string()),
        ("detail", pa.string()),
        ("value_at_risk", pa.decimal128(20, 2)),
    ]
)


def findings(
    shipments: pa.Table,
    value: pa.Table | None,
    config: ArrivalConfig,
    *,
    places: dict[str, PlaceConfig],
    at: datetime.datetime,
) -> pa.Table:
    """``shipment_id, kind, detail, value_at_risk``, the most money first.

    Args:
        shipments: rows of the order book's ``shipments``.
        value: ``shipment_id, value``: what a shipment's goods cost; one that is not here, or of ``None``, has no price.
        config: what is late and what is lost.
        places: which location a place is.
        at: now.
    """
    now = pa.scalar(at, pa.timestamp("us", tz="UTC"))
    found = [
        _rows(shipments, "shipment_late", _late(shipments, config), "planned_arrival", "expected_arrival"),
        _rows(
            shipments, "shipment_diverted", _diverted(shipments, places), "destination", "diverted_to", "arrived_place"
        ),
        _rows(shipments, "shipment_lost", _lost(shipments, config, now), "last_event_at", "planned_arrival"),
        _rows(
            shipments, "temperature_incident", _temperature(shipments), "lowest_allowed", "lowest_temperature",
            "highest_allowed", "highest_temperature",
        ),
    ]  # fmt: skip
    rows = pa.concat_tables(found)
    if value is None:
        rows = rows.append_column("value", pa.nulls(rows.num_rows, pa.decimal128(20, 2)))
    else:
        rows = rows.join(value, "shipment_id", join_type="left outer")
    rows = rows.rename_columns(["shipment_id", "kind", "detail", "value_at_risk"]).cast(FINDINGS)
    return rows.sort_by([("value_at_risk", "descending"), ("shipment_id", "ascending"), ("kind", "ascending")])


def _late(rows: pa.Table, config: ArrivalConfig) -> Any:
    late = pc.greater_equal(rows["late_probability"], config.late_probability)
    return pc.and_(_open(rows), pc.fill_null(late, False))


def _diverted(rows: pa.Table, places: dict[str, PlaceConfig]) -> Any:
    to = pc.fill_null(pc.not_equal(rows["diverted_to"], rows["destination"]), True)
    told = pc.and_(pc.equal(rows["status"], "diverted"), to)
    ours = {name: place.location for name, place in places.items() if place.location is not None}
    known = pa.array(list(ours), pa.string()), pa.array(list(ours.values()), pa.string())
    where = pc.take(known[1], pc.index_in(rows["arrived_place"], known[0]))
    meant = pc.coalesce(rows["diverted_to"], rows["destination"])
    elsewhere = pc.and_(pc.equal(rows["status"], "arrived"), pc.not_equal(where, meant))
    return pc.or_(told, pc.fill_null(elsewhere, False))


def _lost(rows: pa.Table, config: ArrivalConfig, now: Any) -> Any:
    """Said to be lost; or it should be here, and nothing was heard of it."""
    limit = pc.subtract(now, pa.scalar(datetime.timedelta(days=config.lost_after_days), pa.duration("us")))
    silent = pc.less(rows["last_event_at"], limit)
    due = pc.less(pc.coalesce(rows["eta"], rows["planned_arrival"]), limit)
    gone = pc.and_(_open(rows), pc.and_(pc.fill_null(silent, False), pc.fill_null(due, False)))
    return pc.or_(pc.equal(rows["status"], "lost"), gone)


def _temperature(rows: pa.Table) -> Any:
    warm = pc.greater(rows["highest_temperature"], rows["highest_allowed"])
    cold = pc.less(rows["lowest_temperature"], rows["lowest_allowed"])
    return pc.or_(pc.fill_null(warm, False), pc.fill_null(cold, False))


def _open(rows: pa.Table) -> Any:
    return pc.invert(pc.is_in(rows["status"], pa.array(["arrived", "lost"])))


def _rows(shipments: pa.Table, kind: str, chosen: Any, *columns: str) -> pa.Table:
    """Rows of one kind; the detail says what these columns hold."""
    rows = shipments.filter(chosen)
    parts = [
        pc.binary_join_element_wise(name, pc.fill_null(pc.cast(rows[name], pa.string()), "unknown"), " ")
        for name in columns
    ]
    detail = pc.binary_join_element_wise(*parts, ", ")
    kinds = pa.array(np.full(rows.num_rows, kind), pa.string())
    return pa.table({"shipment_id": rows["shipment_id"], "kind": kinds, "detail": detail})
