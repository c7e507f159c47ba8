"""From policies to grouped, vendor-assigned, rule-checked orders: a million proposals, beside a plain loop over rows.

Run: ``python benchmarks/replenish.py [--series 1000000] [--sample 20000] [--offers 3]``

Every article is offered by so many vendors, a third of the offers with two price breaks; every fourth vendor has a
capacity of two thirds of what it would be asked for, every tenth offer a most share. ``--offers 0``: one vendor each.
"""

from __future__ import annotations

import argparse
import math
import resource
import time
from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from result import tell
from scaleinv.config.models import ReplenishConfig
from scaleinv.replenish import Conditions, Known, Market, Part, Proposals, order_key, own_orders, propose
from scaleinv.schema import table
from scaleinv.schema.life import OPEN_LINES

AS_OF = date(2026, 9, 20)
RULES = [
    {"name": "slow_and_dear", "when": "abc_class = 'C' and value > 400", "do": "route", "queue": "buying"},
    {"name": "long_cover", "when": "days_of_stock > 6 and demand_class in ('lumpy', 'intermittent')", "do": "hold"},
    {"name": "cap_new", "when": "confidence < 0.55", "do": "cap", "units": "2 * order_multiple + daily_demand * 14"},
    {"name": "large_order", "when": "order_value > 55000 and not vendor_id like 'V1%'", "do": "hold", "priority": 2},
    {"name": "fresh_empty", "when": "category = 'fresh' and on_hand = 0 and on_order > 0", "do": "expedite"},
]
CONFIG = ReplenishConfig.model_validate(
    {"rules": RULES, "approval": {"max_line_value": 900, "max_vendor_value": {"V7": 1e6}, "min_confidence": 0.52}}
)
N_GROUPS, N_VENDORS, N_SKUS = 16, 200, 50_000


def columns_of(n: int, random: np.random.Generator) -> dict[str, Any]:
    """Every column that the three tables have, of all series; every one of them is below its reorder point."""
    at = np.arange(n)
    sku = pa.array(np.char.add("SKU", (at % N_SKUS).astype(str)))
    location = pa.array(np.char.add("S", (at // N_SKUS).astype(str)))
    point = np.round(random.gamma(2, 20, n)) + 2
    expected = np.round(point * random.uniform(0.3, 0.9, n), 2)
    names = {"demand_class": ["smooth", "erratic", "lumpy", "intermittent"], "abc_class": list("ABC"),
             "category": ["fresh", "dry", "frozen"]}  # fmt: skip
    return {
        "as_of": pa.repeat(pa.scalar(AS_OF), n), "group_id": pa.array((at % N_GROUPS).astype(str)), "sku_id": sku,
        "location_id": location, "unique_id": pa.compute.binary_join_element_wise(sku, location, "@"),
        "vendor_id": pa.array(np.char.add("V", (at % N_SKUS % N_VENDORS).astype(str))),
        "lead_time": random.integers(2, 15, n) + 0.4, "protection_interval": random.integers(9, 20, n) + 0.4,
        "expected_demand": expected, "demand_safety_stock": point - expected, "reorder_point": point,
        "order_up_to_level": point + random.integers(6, 90, n), "on_hand": np.floor(point * random.uniform(0, 0.6, n)),
        "on_order": np.floor(point * 0.2), "reserved": np.zeros(n), "backorders": np.zeros(n),
        "stock_date": pa.repeat(pa.scalar(AS_OF), n), "unit": pa.repeat("EA", n),
        "unit_cost": np.round(random.gamma(2, 3, n) + 0.1, 2), "unit_price": np.round(random.gamma(2, 6, n) + 7, 2),
        "min_order_quantity": random.choice([1.0, 6.0, 12.0], n), "order_multiple": random.choice([1.0, 6.0, 12.0], n),
        "review_period": np.ones(n, dtype=np.int32), "review_date": pa.nulls(n, pa.date32()),
        **{name: pa.array(np.asarray(values)[random.integers(0, len(values), n)]) for name, values in names.items()},
    }  # fmt: skip


def tables_of(columns: dict[str, Any], n: int) -> dict[str, pa.Table]:
    """The three tables of the night."""
    made = {}
    for name in ("gold/policies", "gold/stock_position", "gold/series"):
        schema = pa.schema([(c.name, c.type) for c in table(name).columns])
        cells = {f.name: columns[f.name] if f.name in columns else pa.nulls(n, f.type) for f in schema}
        made[name] = pa.table(cells).cast(schema)
    return made


def parts_of(tables: dict[str, pa.Table]) -> list[Part]:
    """Group by group, as a night reads them."""
    group = tables["gold/policies"]["group_id"]
    masks = [pa.compute.equal(group, str(name)) for name in range(N_GROUPS)]
    names = ("gold/policies", "gold/stock_position", "gold/series")
    return [tuple(tables[name].filter(mask).combine_chunks() for name in names) for mask in masks]  # type: ignore[misc]


def master() -> tuple[pa.Table, pa.Table]:
    """silver/items and silver/vendors."""
    items = pa.table({"sku_id": [f"SKU{n}" for n in range(N_SKUS)], "gtin": pa.nulls(N_SKUS, pa.string())})
    vendors = pa.table({"vendor_id": [f"V{n}" for n in range(N_VENDORS)], "currency": ["EUR"] * N_VENDORS})
    return items, vendors


def market_of(columns: dict[str, Any], random: np.random.Generator, n_offers: int) -> tuple[Market, pa.Table]:
    """Offers of the vendor that an article has and of others, and silver/vendors."""
    n = N_SKUS * n_offers
    sku, place = np.repeat(np.arange(N_SKUS), n_offers), np.tile(np.arange(n_offers), N_SKUS)
    vendor = (sku % N_VENDORS + place * (1 + sku % 7)) % N_VENDORS
    # Prices of an article are those of its first series, and around it.
    price = columns["unit_cost"][: min(N_SKUS, len(columns["unit_cost"]))]
    cost = np.round(price[sku % len(price)] * random.uniform(0.9, 1.1, n), 2) + 0.01
    has_breaks = np.repeat(np.flatnonzero(random.random(n) < 1 / 3), 2)
    names = pa.array([f"V{number}" for number in range(N_VENDORS)])
    offers = {
        "sku_id": pa.array(np.char.add("SKU", sku.astype(str))), "vendor_id": names.take(pa.array(vendor)),
        "unit_cost": cost, "min_order_quantity": random.choice([1.0, 6.0, 12.0, 48.0], n),
        "order_multiple": random.choice([1.0, 6.0, 12.0], n), "freight_per_order": random.uniform(0, 2, n),
        "freight_per_unit": random.uniform(0, 0.1, n), "min_share": pa.nulls(n, pa.float64()),
        "max_share": pa.array(np.full(n, 0.6), mask=random.random(n) > 0.1),
    }  # fmt: skip
    breaks = {
        **{name: offers[name].take(pa.array(has_breaks)) for name in ("vendor_id", "sku_id")},
        "min_quantity": np.tile([24.0, 60.0], len(has_breaks) // 2),
        "unit_cost": np.round(cost[has_breaks] * np.tile([0.95, 0.9], len(has_breaks) // 2), 2),
    }  # fmt: skip
    days = np.arange(31)
    chances = [np.exp(-0.5 * ((days - random.uniform(2, 14)) / random.uniform(0.5, 4)) ** 2) for _ in range(N_VENDORS)]
    lead = {
        "vendor_id": names, "location_id": pa.nulls(N_VENDORS, pa.string()),
        "probability": pa.array([(p / p.sum()).tolist() for p in chances]),
        "late": pa.nulls(N_VENDORS, pa.float64()), "short": pa.nulls(N_VENDORS, pa.float64()),
    }  # fmt: skip
    records = {
        "vendor_id": names,
        "late": random.uniform(0, 0.3, N_VENDORS),
        "short": random.uniform(0, 0.05, N_VENDORS),
    }
    each = len(columns["unit_cost"]) * 60 / N_VENDORS
    capacity = pa.array(np.full(N_VENDORS, round(each / 2)), pa.float64(), mask=np.arange(N_VENDORS) % 4 > 0)
    vendors = pa.table({
        "vendor_id": names, "currency": pa.repeat("EUR", N_VENDORS), "capacity": capacity,
        "review_period": pa.repeat(pa.scalar(1, pa.int32()), N_VENDORS),
        "review_date": pa.nulls(N_VENDORS, pa.date32()), "is_blocked": pa.nulls(N_VENDORS, pa.bool_()),
    })  # fmt: skip
    conditions = Conditions(price_breaks=pa.table(breaks), records=pa.table(records), late_line_cost=1.0)
    return Market(pa.table(offers), pa.table(lead), conditions), vendors


def own_lines(columns: dict[str, Any], random: np.random.Generator, n: int) -> pa.Table:
    """Open orders of earlier nights."""
    rows = pa.array(np.sort(random.choice(len(columns["sku_id"]), n, replace=False)))
    some = {name: columns[name].take(rows) for name in ("unique_id", "sku_id", "location_id", "vendor_id")}
    rest = {
        "order_id": pa.array([f"SIOLD{n}" for n in range(n)]),
        "as_of": pa.repeat(pa.scalar(AS_OF - timedelta(days=3)), n), "line": pa.array([1] * n, pa.int32()),
        "status": pa.repeat("exported", n), "quantity_open": pa.array(np.full(n, 2.0)),
        "expected_date": pa.repeat(pa.scalar(AS_OF + timedelta(days=2)), n), "erp_number": pa.nulls(n, pa.string()),
    }  # fmt: skip
    return pa.table({**some, **rest}).select(OPEN_LINES.names).cast(OPEN_LINES)


def plain(data: pa.Table, own: dict[str, float]) -> int:
    """The same rules, written out for one row after the other, from table to table; money in Decimal.

    Of the exceptions it makes the three that these rows have most of; its texts and its checks are fewer.
    """
    rows = data.to_pylist()
    told: list[dict[str, Any]] = []
    lines: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    vendor_value: dict[str, float] = defaultdict(float)
    for row in rows:
        position = max(row["on_hand"], 0) + row["on_order"] + own.get(row["unique_id"], 0.0)
        position -= row["backorders"] + row["reserved"]
        if row["stock_date"] is None or (AS_OF - row["stock_date"]).days > 7 or position >= row["reorder_point"]:
            continue
        need, multiple = row["order_up_to_level"] - position, row["order_multiple"]
        quantity = math.ceil(max(need, row["min_order_quantity"]) / multiple - 1e-9) * multiple
        daily = row["expected_demand"] / max(row["protection_interval"], 1)
        confidence = row["expected_demand"] / (row["expected_demand"] + max(row["demand_safety_stock"], 0))
        names = []
        short = row["lead_time"] * daily - position
        if short > 0:
            lost = round(short * (row["unit_price"] - row["unit_cost"]), 2)
            told.append({"unique_id": row["unique_id"], "kind": "supply_shortage", "value_at_risk": lost,
                         "detail": f"{short:.3f} more units are expected to be asked for than are there"})  # fmt: skip
        if quantity > 5 * need:
            told.append({"unique_id": row["unique_id"], "kind": "rounded_far_above_need", "detail": f"needed {need:g}",
                         "value_at_risk": (quantity - need) * row["unit_cost"]})  # fmt: skip
        if confidence < 0.55:
            names.append("cap_new")
            most = math.floor((2 * multiple + daily * 14) / multiple + 1e-9) * multiple
            quantity = min(quantity, most if most >= row["min_order_quantity"] else 0)
        if quantity <= 0:
            continue
        value = (Decimal(repr(quantity)) * Decimal(repr(row["unit_cost"]))).quantize(Decimal("0.01"), ROUND_HALF_UP)
        days = position / daily if daily else None
        if row["abc_class"] == "C" and value > 400:
            names.append("slow_and_dear")
        if days is not None and days > 6 and row["demand_class"] in ("lumpy", "intermittent"):
            names.append("long_cover")
        if row["category"] == "fresh" and row["on_hand"] == 0 and row["on_order"] > 0:
            names.append("fresh_empty")
        if value > 900:
            names.append("approval_line_value")
        if confidence < 0.52:
            names.append("approval_confidence")
        reason = (
            f"position {position:g} below reorder point {row['reorder_point']:g}; brought to {position + quantity:g}"
        )
        line = {"as_of": AS_OF, "unit_cost": row["unit_cost"], "sku_id": row["sku_id"], "unit": row["unit"],
                "location_id": row["location_id"], "vendor_id": row["vendor_id"], "currency": "EUR",
                "inventory_position": position, "reorder_point": row["reorder_point"], "order_date": AS_OF,
                "order_up_to_level": row["order_up_to_level"], "unique_id": row["unique_id"],
                "quantity": quantity, "value": value, "need": need, "rules": names,
                "reason": reason, "delivery_date": AS_OF + timedelta(days=math.ceil(row["lead_time"]))}  # fmt: skip
        lines[row["vendor_id"], row["location_id"]].append(line)
        vendor_value[row["vendor_id"]] += float(value)
    orders: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for (vendor, location), some in lines.items():
        whole = sum(line["value"] for line in some)
        for line in sorted(some, key=lambda one: one["unique_id"]):
            if whole > 55_000 and not vendor.startswith("V1"):
                line["rules"].append("large_order")
            if vendor == "V7" and vendor_value[vendor] > 1e6:
                line["rules"].append("approval_vendor_value_1")
            fate = "approve"
            if {"large_order", "long_cover"} & {*line["rules"]}:
                fate = "hold"
            elif {"slow_and_dear"} & {*line["rules"]} or any(name.startswith("approval") for name in line["rules"]):
                fate = "propose"
            orders[vendor, location, fate].append(line)
    for (vendor, location, fate), some in orders.items():
        key = order_key("retailer", AS_OF, vendor, location, 1, fate)  # type: ignore[arg-type]
        for number, line in enumerate(some):
            line["order_id"], line["line"], line["disposition"] = key, number + 1, fate
            line["rules"], line["value"] = ", ".join(line["rules"]), float(line["value"])
            if fate == "hold":
                told.append({"unique_id": line["unique_id"], "kind": "held_by_rule", "value_at_risk": line["value"],
                             "detail": f"{line['quantity']:g} are proposed, and held"})  # fmt: skip
    told.sort(key=lambda row: -row["value_at_risk"])
    for rank, row in enumerate(told):
        row |= {"rank": rank + 1, "as_of": AS_OF, "first_seen": AS_OF, "days_open": 1, "queue": "buying"}
    told.sort(key=lambda row: (row["unique_id"], row["kind"]))
    pa.Table.from_pylist(told)
    return int(pa.Table.from_pylist([line for some in orders.values() for line in some]).num_rows)


def assigned_of(made: Proposals, columns: dict[str, Any]) -> dict[str, int]:
    """How many lines went to another vendor than they have, and for how many none had room."""
    at = pa.compute.index_in(made.lines["unique_id"], value_set=columns["unique_id"])
    before = columns["vendor_id"].take(at.combine_chunks() if isinstance(at, pa.ChunkedArray) else at)
    full = pa.compute.equal(made.exceptions["kind"], "vendor_over_capacity")
    lines = pa.compute.is_in(made.exceptions["unique_id"], value_set=made.lines["unique_id"].combine_chunks())
    return {
        "to_another_vendor": pa.compute.sum(pa.compute.not_equal(made.lines["vendor_id"], before)).as_py(),
        "without_a_vendor": pa.compute.sum(pa.compute.and_(full, pa.compute.invert(lines))).as_py() or 0,
    }


def main() -> None:
    """Measures, and prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=20_000)
    parser.add_argument("--offers", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    random = np.random.default_rng(7)
    columns = columns_of(options.series, random)
    items, vendors = master()
    lines = own_lines(columns, random, options.series // 100)
    parts = parts_of(tables_of(columns, options.series))
    market = None
    if options.offers:
        market, vendors = market_of(columns, random, options.offers)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    began, cpu = time.perf_counter(), time.process_time()
    own = own_orders(lines, pa.array(["4500000001"]), as_of=AS_OF)
    made = propose(
        parts,
        items,
        vendors,
        retailer="retailer",
        as_of=AS_OF,
        config=CONFIG,
        horizon=28,
        known=Known(own=own, market=market),
    )
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    some = random.choice(options.series, options.sample, replace=False)
    names = [name for name in columns if name not in ("as_of", "group_id")]
    rows = pa.table({name: columns[name] for name in names}).take(pa.array(np.sort(some)))
    counts = dict(zip(lines["unique_id"].to_pylist(), lines["quantity_open"].to_pylist(), strict=True))
    began = time.process_time()
    n_plain = plain(rows, counts)
    plain_seconds = time.process_time() - began
    fates = {row["values"]: row["counts"] for row in pa.compute.value_counts(made.lines["disposition"]).to_pylist()}
    result = {
        "series": options.series, "lines": made.lines.num_rows, "orders": len(made.lines["order_id"].unique()),
        "dispositions": fates, "exceptions": made.exceptions.num_rows, "rules": len(CONFIG.every_rule),
        "offers": options.offers,
        **assigned_of(made, columns),
        "seconds": round(seconds, 1), "cpu_seconds": round(cpu_seconds, 1), "peak_gib": round(peak, 2),
        "gib_of_the_tables": round(before, 2),
        "plain_sample": options.sample, "plain_lines": n_plain, "plain_cpu_seconds": round(plain_seconds, 2),
        "plain_scaled_seconds": round(plain_seconds * options.series / options.sample, 1),
        "ratio_cpu": round(plain_seconds * options.series / options.sample / cpu_seconds, 1),
    }  # fmt: skip
    tell(result, options.out)


if __name__ == "__main__":
    main()
