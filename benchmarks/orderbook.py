"""100,000 order lines through the order book: registered, done again, read as open supply, exported, answered.

``python benchmarks/orderbook.py [--orders 2000] [--lines 50] [--url sqlite:///FILE]``: prints JSON as its last line.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scaleinv.orderbook import apply, claim, close, lines_of_set, open_lines, opened, register, sets_of
from scaleinv.schema import check, table
from scaleinv.schema.life import Answer

NIGHT = dt.date(2026, 1, 31)


def proposals(n_orders: int, n_lines: int) -> pa.Table:
    """A night's lines, all approved by rule."""
    n = n_orders * n_lines
    order = np.repeat(np.arange(n_orders), n_lines)
    line = np.tile(np.arange(1, n_lines + 1), n_orders)
    quantity = np.random.default_rng(7).integers(1, 50, n).astype(float)
    days = {"as_of": NIGHT, "order_date": NIGHT, "delivery_date": NIGHT + dt.timedelta(days=3)}
    contract = table("gold/order_proposals")
    columns: dict[str, Any] = {
        **{column.name: pa.nulls(n, column.type) for column in contract.columns if column.nullable},
        **{name: pa.repeat(pa.scalar(day, pa.date32()), n) for name, day in days.items()},
        **dict.fromkeys(("quantity", "need", "inventory_position", "reorder_point", "order_up_to_level"), quantity),
        **{name: np.zeros(n) for name in ("rounding", "constraint_change")},
        **{name: pa.repeat(pa.scalar(text), n) for name, text in {
            "unit": "EA", "currency": "EUR", "reason": "position 1 below reorder point 2", "disposition": "approve",
        }.items()},
        "order_id": [f"SI{number:010}" for number in order],
        "line": pa.array(line, pa.int32()),
        "vendor_id": [f"V{number % 50}" for number in order],
        "location_id": [f"L{number}" for number in order],
        "sku_id": [f"s{number}" for number in line],
        "unique_id": [f"s{a}@L{b}" for a, b in zip(line, order, strict=True)],
        "unit_cost": np.full(n, 2.5),
        "value": quantity * 2.5,
    }  # fmt: skip
    return check(pa.table({name: columns[name] for name in contract.names}), contract)


def main() -> None:
    """Times each step by the clock and by this process' CPU."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", type=int, default=2_000)
    parser.add_argument("--lines", type=int, default=50)
    parser.add_argument("--url")
    given = parser.parse_args()
    lines = proposals(given.orders, given.lines)
    result: dict[str, Any] = {"orders": given.orders, "order_lines": lines.num_rows, "cpu_count": os.cpu_count()}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        found = work()
        result[name] = {"seconds": round(time.perf_counter() - wall, 2), "cpu": round(time.process_time() - cpu, 2)}
        return found

    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{Path(folder) / 'orderbook.db'}"
        result["database"] = url.partition(":")[0]
        with opened(url) as book:
            night = {"retailer": "r", "as_of": NIGHT}
            timed("register", lambda: register(book, lines, **night))
            timed("register_again", lambda: register(book, lines, **night))
            assert timed("open_lines", lambda: open_lines(book)).num_rows == lines.num_rows
            timed("claim", lambda: claim(book, "r", NIGHT))
            part = sets_of(book, "r")[0]
            assert timed("lines_of_set", lambda: lines_of_set(book, part)).num_rows == lines.num_rows
            timed("close", lambda: close(book, part, []))
            ids = lines["order_id"].unique().to_pylist()
            receipts = [Answer(f"m{order_id}", "received", order_id) for order_id in ids]
            found = timed("receipts_of_all_lines", lambda: apply(book, receipts))
            assert found.applied == len(ids)
            assert open_lines(book).num_rows == 0
    print(json.dumps(result))


if __name__ == "__main__":
    main()
