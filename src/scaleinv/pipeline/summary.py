"""What a planner wants to know of a night, in a few lines."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.pipeline.export import orders_folder
from scaleinv.pipeline.walk import Walk
from scaleinv.schema.words import POOLED

_NAMES = {
    "quantile": "quantile of cumulative demand",
    "root": "z * sqrt(tau sd² + mu² sd_L²)",
    "seed": "z * sd_lead + z * sd_demand",
    "old": "the retailer's present policy",
}
_SHOWN = ("wql", "wape", "bias", "mase", "coverage_0.5", "coverage_0.9", "coverage_0.975")


def summary(walk: Walk) -> str:
    """The night's orders, the replay against the present policy, accuracy by model, and where the files are."""
    currency = _currency(walk)
    return "\n".join(
        [
            "",
            f"{walk.config.retailer}, as of {walk.as_of}",
            *_orders(walk, currency),
            "",
            *_replay(walk, currency),
            "",
            *_accuracy(walk),
            "",
            "Files",
            f"  orders for the ERP  {orders_folder(walk)}",
            f"  tables              {walk.config.lake.root} (scaleinv tables --env {walk.config.env})",
        ]
    )


def _currency(walk: Walk) -> str:
    lines = walk.read("gold/order_proposals", columns=["currency"])
    return lines["currency"][0].as_py() if lines.num_rows else ""


def _orders(walk: Walk, currency: str) -> list[str]:
    lines = walk.read("gold/order_proposals", columns=["order_id", "value"])
    n_series = walk.read("gold/series", columns=["unique_id"]).num_rows
    exceptions = walk.read("gold/exceptions", columns=["kind"])
    value = pc.sum(lines["value"]).as_py() or 0.0
    kinds = {item["values"].as_py(): item["counts"].as_py() for item in exceptions["kind"].value_counts()}
    detail = ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items()))
    orders = pc.count_distinct(lines["order_id"]).as_py()
    return [
        f"  SKU-locations       {n_series:,}",
        f"  orders proposed     {orders:,} purchase orders, {lines.num_rows:,} lines, value {value:,.2f} {currency}",
        f"  for a person        {exceptions.num_rows:,} exceptions" + (f" ({detail})" if detail else ""),
    ]


def _replay(walk: Walk, currency: str) -> list[str]:
    rows = walk.read("gold/replay").to_pylist()
    overall = [row for row in rows if row["slice"] == "overall"]
    if not overall:
        return ["The replay has no series"]
    overall.sort(key=lambda row: list(_NAMES).index(row["policy"]))
    lines = [
        f"Replay of the last {overall[0]['n_days']} days, which no model was trained on",
        f"  {'policy':<32}{'fill rate':>10}{'stock-outs':>11}{'mean stock':>14}{'holding':>12}{'lost margin':>13}"
        f"{'ordering':>11}{'cost':>12}  {currency}",
    ]
    for row in overall:
        cost = row["holding_cost"] + row["stockout_cost"] + row["ordering_cost"]
        lines.append(
            f"  {_NAMES[row['policy']]:<32}{_percent(row['fill_rate']):>10}{_percent(row['stockout_share']):>11}"
            f"{row['mean_stock_value']:>14,.0f}{row['holding_cost']:>12,.0f}{row['stockout_cost']:>13,.0f}"
            f"{row['ordering_cost']:>11,.0f}{cost:>12,.0f}"
        )
    method = walk.config.inventory.method
    kept = [row for row in rows if row["slice"] == "target" and row["policy"] == method]
    for row in kept:
        lines.append(f"  promised {row['value']}: replayed fill rate {_percent(row['fill_rate'])}")
    return lines


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _accuracy(walk: Walk) -> list[str]:
    found = walk.read("gold/accuracy")
    scores: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in _rows(found):
        scores.setdefault((row["slice"], row["value"], row["model"]), {})[row["metric"]] = row["score"]
    cutoff = found["cutoff"][0].as_py() if found.num_rows else walk.as_of
    lines = [
        f"Accuracy on the days after {cutoff}, the models' last training day",
        f"  {'slice':<24}{'model':<18}" + "".join(f"{name.replace('coverage_', 'cover '):>12}" for name in _SHOWN),
    ]
    order = {"overall": 0, "demand_class": 1, "category": 2}
    keys = [key for key in scores if key[0] in order]
    slices: set[tuple[str, str]] = set()
    for key in sorted(keys, key=lambda key: (order[key[0]], key[1], scores[key].get("wql") or 9e9, POOLED in key[2])):
        is_best = key[:2] not in slices
        slices.add(key[:2])
        if POOLED in key[2] and not is_best:  # there are many of them
            continue
        label = "all" if key[0] == "overall" else key[1]
        values = "".join(_score(scores[key].get(name)) for name in _SHOWN)
        lines.append(f"  {label:<24}{key[2]:<18}{values}")
    return lines


def _rows(found: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def _score(value: float | None) -> str:
    return f"{'-':>12}" if value is None else f"{value:>12.4f}"
