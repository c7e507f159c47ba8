"""Lead times of a real supply chain predicted by time split, against the mean, the vendor's record and the quote.

    SCALEINV_DATA=... python benchmarks/lead_times.py > benchmarks/results/lead_times.json

The data are USAID's SCMS order lines to 2013. At each cut-off everybody knows the same: lines sent and received by then
(and which are open). Scored are the lines sent in the quarter after it. Lines whose order date nobody wrote down, or
that came from stock, say nothing of a vendor; lines received before they were sent are left out. The last line is one
JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from scaleinv.vendors import NEVER, LeadTimeModel, Options, Orders, fit_chance, fit_lead_times

LEVELS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99])
COVERED = (0.5, 0.8, 0.9, 0.95)
LONGEST = 400
CUTS = [
    date(year, month, day)
    for year in (2009, 2010, 2011, 2012)
    for month, day in ((3, 31), (6, 30), (9, 30), (12, 31))
    if date(2009, 9, 1) <= date(year, month, day) <= date(2012, 9, 30)
]
QUARTER = 91


def read_orders(folder: Path) -> tuple[Orders, dict[str, int]]:
    """Order lines as arrays, and how many of the file's lines are left out, and why."""
    rows, left = [], {"from stock": 0, "no order date": 0, "received before sent": 0}
    with (folder / "delivery_history.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            sent = row["PO Sent to Vendor Date"]
            if not sent[:1].isdigit():
                left["from stock" if "RDC" in sent else "no order date"] += 1
                continue
            days = [
                date.fromisoformat(row[name]).toordinal() - 719163
                for name in ("PO Sent to Vendor Date", "Scheduled Delivery Date", "Delivered to Client Date")
            ]
            if days[2] < days[0]:
                left["received before sent"] += 1
                continue
            rows.append((row["Vendor"], row["Item Description"], row["Country"], row["Shipment Mode"], *days,
                         float(row["Line Item Quantity"])))  # fmt: skip
    vendor, item, lane, mode, sent_day, promised, received, quantity = (
        list(column) for column in zip(*rows, strict=True)
    )
    return Orders(
        vendor=np.asarray(vendor), item=np.asarray(item), lane=np.asarray(lane), mode=np.asarray(mode),
        order_day=np.asarray(sent_day), received_day=np.asarray(received),
        promised_day=np.asarray(promised, dtype=np.float64), quantity=np.asarray(quantity),
        received_quantity=np.full(len(rows), np.nan),
    ), left  # fmt: skip


# --- who competes: (n, n_levels) quantiles ----------------------------------------------------------------------------


def of_model(model: LeadTimeModel, asked: Orders) -> np.ndarray:
    """The model's."""
    return of_probability(model.probability(asked))


def of_probability(probability: np.ndarray) -> np.ndarray:
    """First number of days whose probability reaches each level."""
    cdf = np.cumsum(probability, axis=1)
    return np.stack([(cdf < level - 1e-9).sum(axis=1) for level in LEVELS], axis=1).astype(np.float64)


def normal(known: Orders, asked: Orders) -> np.ndarray:
    """The vendor's mean and normal spread; of all vendors together where it has fewer than two receipts."""
    return _by_vendor(known, asked, lambda days: np.maximum(
        days.mean() + stats.norm.ppf(LEVELS) * days.std(ddof=1), 0.0), least=2)  # fmt: skip


def empirical(known: Orders, asked: Orders) -> np.ndarray:
    """The vendor's received orders; all vendors' where it has fewer than five."""
    return _by_vendor(known, asked, lambda days: np.quantile(days, LEVELS, method="inverted_cdf"), least=5)


def usual_quote(known: Orders, asked: Orders) -> np.ndarray:
    """What the vendor quoted on average in the last year, one number: what is known before an order is placed."""
    latest = known.take(known.order_day > known.order_day.max() - 365)
    return _by_vendor(latest, asked, lambda days: np.full(LEVELS.size, np.median(days)), least=1, of=latest.quoted)


def quote(known: Orders, asked: Orders) -> np.ndarray:
    """The line's own promised date, one number."""
    return np.repeat(asked.quoted[:, None], LEVELS.size, axis=1)


def quote_normal(known: Orders, asked: Orders) -> np.ndarray:
    """The line's own promised date, with the vendor's mean delay and its normal spread."""
    done = known.take(~known.is_open)
    delay = done.received_day - done.promised_day
    return asked.quoted[:, None] + _by_vendor(
        done, asked, lambda d: d.mean() + stats.norm.ppf(LEVELS) * d.std(ddof=1), least=2, of=delay
    )


def quote_empirical(known: Orders, asked: Orders) -> np.ndarray:
    """The line's own promised date, with the vendor's empirical distribution of delays."""
    done = known.take(~known.is_open)
    delay = done.received_day - done.promised_day
    return asked.quoted[:, None] + _by_vendor(
        done, asked, lambda d: np.quantile(d, LEVELS, method="inverted_cdf"), least=5, of=delay
    )


def _by_vendor(
    known: Orders, asked: Orders, make: Callable[[np.ndarray], np.ndarray], *, least: int, of: np.ndarray | None = None
) -> np.ndarray:
    """Receipts known by now, of all that the vendor sent; ``make`` of the values of each vendor, else of all."""
    values = known.received_day - known.order_day if of is None else of
    use = ~known.is_open if of is None else np.isfinite(of)
    out = np.tile(make(values[use].astype(np.float64)), (len(asked), 1))
    for vendor in np.unique(asked.vendor):
        mine = values[use & (known.vendor == vendor)].astype(np.float64)
        if mine.size >= least:
            out[asked.vendor == vendor] = make(mine)
    return out


# --- how good ---------------------------------------------------------------------------------------------------------


def pinball(quantiles: np.ndarray, days: np.ndarray) -> np.ndarray:
    """(n,) mean over the levels, days."""
    over = days[:, None] - quantiles
    return np.maximum(LEVELS * over, (LEVELS - 1) * over).mean(axis=1)


def score(quantiles: np.ndarray, days: np.ndarray) -> dict[str, Any]:
    """Pinball loss in days, and which share of lines took no longer than each quantile."""
    over = days[:, None] - quantiles
    loss = np.maximum(LEVELS * over, (LEVELS - 1) * over)
    return {
        "pinball_days": round(float(loss.mean()), 3),
        "pinball_by_level": {
            f"{level:g}": round(float(x), 3) for level, x in zip(LEVELS, loss.mean(axis=0), strict=True)
        },
        "share_at_or_below": {
            f"{level:g}": round(float((days <= quantiles[:, LEVELS.tolist().index(level)]).mean()), 3)
            for level in COVERED
        },
    }


def wins(loss: np.ndarray, other: np.ndarray, group: np.ndarray) -> int:
    """Cut-offs whose mean loss is below the other's."""
    return int(sum(loss[group == name].mean() < other[group == name].mean() for name in np.unique(group)))


def interval(loss: np.ndarray, other: np.ndarray, group: np.ndarray) -> list[float]:
    """95 % interval of the mean difference; whole cut-offs are drawn, since a quarter's lines resemble each other."""
    rng = np.random.default_rng(7)
    names = np.unique(group)
    sums = np.array([(loss - other)[group == name].sum() for name in names])
    sizes = np.array([(group == name).sum() for name in names])
    drawn = rng.integers(0, len(names), (4000, len(names)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return [round(float(x), 3) for x in np.quantile(means, [0.025, 0.975])]


def chance_scores(said: np.ndarray, happened: np.ndarray) -> dict[str, float]:
    """Brier score and log loss of chances."""
    p = np.clip(said, 1e-3, 1 - 1e-3)
    log = -(happened * np.log(p) + (1 - happened) * np.log(1 - p)).mean()
    return {"brier": round(float(((said - happened) ** 2).mean()), 5), "log_loss": round(float(log), 5),
            "mean_said": round(float(said.mean()), 4)}  # fmt: skip


def vendor_rate(known: Orders, asked: Orders, cut: int) -> np.ndarray:
    """Share of the vendor's lines promised up to the cut that came late, with one late and one punctual line more."""
    due = known.take(known.promised_day <= cut)
    late = due.received_day > due.promised_day
    out = np.full(len(asked), (late.sum() + 1) / (len(due) + 2))
    for vendor in np.unique(asked.vendor):
        mine = late[due.vendor == vendor]
        if mine.size:
            out[asked.vendor == vendor] = (mine.sum() + 1) / (mine.size + 2)
    return out


def main() -> None:
    """Measures and prints."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    orders, left = read_orders(Path(os.environ["SCALEINV_DATA"]) / "scms_usaid")
    quantiles: dict[str, list[np.ndarray]] = {}
    chances: dict[str, list[np.ndarray]] = {}
    truth, group, happened, weights, cpu = [], [], [], [], 0.0
    for cut_date in CUTS:
        cut = cut_date.toordinal() - 719163
        known = orders.known_at(cut)
        asked = orders.take((orders.order_day > cut) & (orders.order_day <= cut + QUARTER))
        begun = time.process_time()
        models = {
            clock: fit_lead_times(orders, cut=cut, options=Options(LONGEST, clock)) for clock in ("order", "promise")
        }
        late = fit_chance(orders, "late", cut=cut, options=Options(LONGEST))
        hidden = Orders(**vars(asked) | {"received_day": np.full(len(asked), NEVER)})  # nothing of what came of them
        made = {
            "next order: model": of_model(models["order"], hidden),
            "next order: vendor's mean and normal spread": normal(known, hidden),
            "next order: vendor's empirical distribution": empirical(known, hidden),
            "next order: vendor's usual quote": usual_quote(known, hidden),
            "promised: model": of_model(models["promise"], hidden),
            "promised: quote": quote(known, hidden),
            "promised: quote with vendor's mean delay and normal spread": quote_normal(known, hidden),
            "promised: quote with vendor's empirical delays": quote_empirical(known, hidden),
        }
        said = {
            "model": late.chance(hidden),
            "model of the promised line's lead time": models["promise"].late(hidden),
            "vendor's rate": vendor_rate(known, hidden, cut),
            "rate of all vendors": np.full(
                len(asked), (known.received_day > known.promised_day)[known.promised_day <= cut].mean()
            ),
        }
        cpu += time.process_time() - begun
        for name, values in made.items():
            quantiles.setdefault(name, []).append(values)
        for name, values in said.items():
            chances.setdefault(name, []).append(values)
        truth.append((asked.received_day - asked.order_day).astype(np.float64))
        happened.append((asked.received_day > asked.promised_day).astype(np.float64))
        group.append(np.full(len(asked), cut))
        weights.append([models["order"].survival.weight, models["promise"].survival.weight])
        print(cut_date, len(known), len(asked), *[round(float(pinball(v, truth[-1]).mean()), 2) for v in made.values()],
              flush=True)  # fmt: skip
    days, cuts = np.concatenate(truth), np.concatenate(group)
    loss = {name: pinball(np.concatenate(values), days) for name, values in quantiles.items()}
    result = {
        "lines": len(orders), "left_out": left, "cut_offs": [str(cut) for cut in CUTS], "scored_lines": len(days),
        "share_delivered_on_the_promised_day": round(float((orders.received_day == orders.promised_day).mean()), 4),
        "share_late_scored": round(float(np.concatenate(happened).mean()), 4),
        "weight_of_trees": weights,
        "lead_time": {name: score(np.concatenate(values), days) for name, values in quantiles.items()},
        "model_minus_other_95": {
            name: interval(loss[f"{name.split(':')[0]}: model"], values, cuts)
            for name, values in loss.items() if not name.endswith(": model")
        },
        "cut_offs_won": {
            name: f"{wins(loss[name.split(':')[0] + ': model'], values, cuts)} of {len(CUTS)}"
            for name, values in loss.items()
            if not name.endswith(": model")
        },
        "late": {name: chance_scores(np.concatenate(v), np.concatenate(happened)) for name, v in chances.items()},
        "cpu_seconds": round(cpu, 1),
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
