"""Shipments: files of events into the order book, expected arrivals made anew, and what a person should see."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.orderbook import Book
from scaleinv.orderbook.shipment_intake import record
from scaleinv.orderbook.shipment_reads import lane_history, lines_on_the_way, shipments, store_arrivals
from scaleinv.schema.shipping import Refusal, ShipmentEvent
from scaleinv.shipments.arrival import Arrival, Floats, Progress, arrivals, distance
from scaleinv.shipments.files import events_in
from scaleinv.shipments.findings import findings
from scaleinv.shipments.lanes import lane_times
from scaleinv.shipments.own_form import too_early

_DAY: Final = 86_400.0
_LANES: Final = (("origin", "destination", "carrier", "mode"), ("origin", "destination"), ("carrier", "mode"))
"""What makes a lane, from the closest to the widest."""


def load_files(
    book: Book, config: ShipmentsConfig, paths: Iterable[Path], *, sender: str, carrier: str | None = None
) -> Counter[str]:
    """Takes the events of files; how many were accepted, duplicate, in conflict, refused.

    Killed and run again it goes on: what it had taken is then a duplicate. A piece is on disk before the next is read.
    """
    counts: Counter[str] = Counter()
    if carrier is not None and carrier in config.webhooks:
        sender = config.webhooks[carrier].sender
    for path in paths:
        for piece in events_in(path, config, sender=sender, carrier=carrier):
            now = datetime.datetime.now(datetime.UTC)
            latest = now.timestamp() + config.ahead_seconds
            found = [too_early(one, latest, path.name) or one for one in piece]
            events = [one for one in found if isinstance(one, ShipmentEvent)]
            refusals = [one for one in found if isinstance(one, Refusal)]
            counts.update(record(book, events, refusals, received_at=now))
            counts["refused"] += len(refusals)
    return counts


def update_arrivals(book: Book, config: ShipmentsConfig, *, at: datetime.datetime) -> int:
    """Makes the expected arrival of each shipment on its way anew, as known at ``at``; of how many."""
    rows = shipments(book, ended=False)
    if not rows.num_rows:
        return 0
    found = _foreseen(book, rows, config, at)
    store_arrivals(book, _stored(rows["shipment_id"], found, config.arrival.quantile_levels, at))
    return int(np.isfinite(found.expected).sum())


def shipments_at(book: Book, config: ShipmentsConfig, *, at: datetime.datetime) -> pa.Table:
    """Shipments on their way as they are foreseen at ``at``, and those that ended of late; nothing is written."""
    rows = shipments(book, ended=False)
    if rows.num_rows:
        found = _foreseen(book, rows, config, at)
        after = pa.array(np.nan_to_num(found.expected) * 1e6 * _DAY).cast(pa.int64(), safe=False)
        moments = pc.add(pa.scalar(at, pa.timestamp("us", tz="UTC")), after.cast(pa.duration("us")))
        values = {
            "expected_arrival": pc.if_else(pa.array(np.isfinite(found.expected)), moments, None),
            "late_probability": pa.array(found.late, mask=~np.isfinite(found.late)),
        }
        for name, column in values.items():
            rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), column)
    return pa.concat_tables([rows, _ended(book, config, at)])


def _ended(book: Book, config: ShipmentsConfig, at: datetime.datetime) -> pa.Table:
    return shipments(book, ended=True, since=at - datetime.timedelta(days=config.arrival.ended_days))


def _foreseen(book: Book, rows: pa.Table, config: ShipmentsConfig, at: datetime.datetime) -> Arrival:
    """When ``rows`` arrive, by what those before them took."""
    past = lane_history(book, since=at - datetime.timedelta(days=config.arrival.lane_days))
    took = _days_between(past["departed_at"], past["arrived_at"])
    past, took = past.filter(pa.array(took >= 0)), took[took >= 0]
    wide, narrow = _lane_codes(past, rows)
    settings = config.arrival
    lane, known = lane_times(took, wide, narrow, max_days=settings.max_days, weight=settings.min_arrivals)
    return arrivals(lane, known, _progress(rows, config, at), settings)


def shipment_findings(
    book: Book, config: ShipmentsConfig, *, at: datetime.datetime, costs: pa.Table | None = None
) -> pa.Table:
    """What a person should see: ``shipment_id, kind, detail, value_at_risk``, the most money first.

    ``costs``: ``order_id, line, unit_cost`` of the order lines; without it no shipment has a value.
    """
    rows = pa.concat_tables([shipments(book, ended=False), _ended(book, config, at)])
    return findings(rows, _values(lines_on_the_way(book), costs), config.arrival, places=config.places, at=at)


def _values(lines: pa.Table, costs: pa.Table | None) -> pa.Table:
    schema = pa.schema([("shipment_id", pa.string()), ("value", pa.decimal128(20, 2))])
    if costs is None:
        return schema.empty_table()
    costs = costs.select(["order_id", "line", "unit_cost"]).cast(
        pa.schema([("order_id", pa.string()), ("line", pa.int32()), ("unit_cost", pa.decimal128(15, 4))])
    )
    priced = lines.join(costs, ["order_id", "line"], join_type="inner")
    value = pc.multiply(priced["quantity"], priced["unit_cost"])
    summed = (
        pa.table({"shipment_id": priced["shipment_id"], "value": value})
        .group_by("shipment_id")
        .aggregate([("value", "sum")])
    )
    rounded = pc.round(summed["value_sum"], 2)
    return pa.table({"shipment_id": summed["shipment_id"], "value": rounded.cast(pa.decimal128(20, 2))})


def _progress(rows: pa.Table, config: ShipmentsConfig, at: datetime.datetime) -> Progress:
    """What is known of each shipment, in days from now. One that has not left counts as leaving now."""
    now = pa.scalar(at, pa.timestamp("us", tz="UTC"))
    left = pc.if_else(pc.less(rows["departed_at"], now), rows["departed_at"], now)
    left = pc.fill_null(left, now)
    to = pc.coalesce(rows["diverted_to"], rows["destination"])
    here = (_floats(rows["latitude"]), _floats(rows["longitude"]))
    start, end = _points(rows["origin"], config), _points(to, config)
    with np.errstate(invalid="ignore", divide="ignore"):
        way_left = np.clip(distance(*here, *end) / distance(*start, *end), 0.0, 1.0)
    diverted = pc.is_valid(rows["diverted_at"]).to_numpy()
    # The plan of a diverted shipment was another way's.
    planned = np.where(diverted, np.nan, _days_between(now, rows["planned_arrival"]))
    return Progress(
        elapsed=np.maximum(_days_between(left, now), 0.0),
        eta=_days_between(now, rows["eta"]),
        eta_age=np.maximum(_days_between(rows["eta_said_at"], now), 0.0),
        planned=planned,
        fix_elapsed=np.maximum(_days_between(left, rows["position_at"]), 0.0),
        way_left=way_left,
    )


def _points(names: Any, config: ShipmentsConfig) -> tuple[Floats, Floats]:
    """(n,) latitude and longitude of places by name, or by the location that they are."""
    by_name: dict[str, tuple[float, float]] = {}
    for name, place in config.places.items():
        if place.latitude is not None and place.longitude is not None:
            by_name[name] = (place.latitude, place.longitude)
            by_name.setdefault(place.location or name, by_name[name])
    at = pc.index_in(names, pa.array(list(by_name), pa.string()))
    points = np.array([*by_name.values(), (np.nan, np.nan)])
    found = points[pc.fill_null(at, len(by_name)).to_numpy()]
    return found[:, 0], found[:, 1]


def _lane_codes(past: pa.Table, rows: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(m, n_levels) and (n, n_levels): the lanes of both by the same numbers."""
    both = pa.concat_tables([past.select(_LANES[0]), rows.select(_LANES[0])]).combine_chunks()
    codes = []
    for names in _LANES:
        parts = [pc.fill_null(both[name].cast(pa.string()), "") for name in names]
        joined = pc.binary_join_element_wise(*parts, "\x1f")
        codes.append(
            pa.chunked_array([joined.combine_chunks()]).combine_chunks().dictionary_encode().indices.to_numpy()
        )
    stacked = np.stack(codes, axis=1).astype(np.int64)
    return stacked[: past.num_rows], stacked[past.num_rows :]


def _days_between(start: Any, end: Any) -> Floats:
    """(n,) days, not a number where one is unknown."""
    return _floats(pc.divide(pc.cast(pc.cast(pc.subtract(end, start), pa.int64()), pa.float64()), 1e6 * _DAY))


def _floats(column: Any) -> Floats:
    return np.asarray(pc.fill_null(column, np.nan).to_numpy(), dtype=np.float64)


def _stored(ids: Any, found: Any, levels: Sequence[float], at: datetime.datetime) -> list[dict[str, Any]]:
    def moment(days: float) -> datetime.datetime | None:
        return at + datetime.timedelta(days=days) if np.isfinite(days) else None

    return [
        {
            "shipment_id": name,
            "computed_at": at,
            "expected_arrival": moment(expected),
            "late_probability": float(late) if np.isfinite(late) else None,
            "arrival_quantiles": {
                str(level): after.isoformat()
                for level, days in zip(levels, row, strict=True)
                if (after := moment(days))
            },
        }
        for name, expected, late, row in zip(ids.to_pylist(), found.expected, found.late, found.quantiles, strict=True)
    ]
