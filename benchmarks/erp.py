"""100,000 order lines as documents of every format, beside a Python loop over lines that writes the same bytes.

    python benchmarks/erp.py [--lines 100000] [--repeats 3]

40 vendors, 50 locations, 50 lines an order, a code for each SKU where a format wants one. scaleinv checks every value,
writes the files to disk with their hashes and the manifest; the loop checks nothing and writes the files. Times are of
the processor (the clock's are beside them), the best of the repeats. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from erp_loop import LOOPS, coder, prepared
from scaleinv.config.export import (
    DynamicsConfig,
    EdifactConfig,
    ErpNextConfig,
    ExportConfig,
    NetSuiteConfig,
    OracleConfig,
    QuickBooksConfig,
    X12Config,
)
from scaleinv.erp import write_documents
from scaleinv.schema import check, table

DAY = date(2026, 9, 20)
LINES_OF_AN_ORDER = 50
N_VENDORS, N_LOCATIONS, N_SKUS = 40, 50, 20_000
NUMBERED = ("netsuite", "odoo", "quickbooks", "shopify")


def order_lines(n: int) -> pa.Table:
    """Lines of ``gold/order_proposals``."""
    rng = np.random.default_rng(7)
    order = np.arange(n) // LINES_OF_AN_ORDER
    sku = rng.integers(0, N_SKUS, n)
    quantity = rng.integers(1, 500, n).astype(float)
    cost = rng.integers(1_00, 100_00, n) / 100 + rng.choice([0.0, 0.0025], n, p=[0.8, 0.2])
    location = [f"{1000 + k // N_VENDORS % N_LOCATIONS}" for k in order]
    values: dict[str, Any] = {
        "as_of": [DAY] * n, "order_id": [f"SI{k:010d}" for k in order], "line": np.arange(n) % LINES_OF_AN_ORDER + 1,
        "vendor_id": [f"V{k % N_VENDORS:03d}" for k in order], "location_id": location,
        "sku_id": [f"SKU{k:06d}" for k in sku], "unique_id": [f"{k}" for k in range(n)], "quantity": quantity,
        "need": quantity, "rounding": np.zeros(n), "constraint_change": np.zeros(n),
        "unit": ["EA"] * n, "unit_cost": cost, "value": np.floor(quantity * cost * 100 + 0.5 + 1e-7) / 100,
        "currency": ["EUR"] * n, "gtin": [f"{4_000_000_000_000 + k}" if k % 2 else None for k in sku],
        "order_date": [DAY] * n, "delivery_date": [date(2026, 9, 25 + k % 5) for k in range(n)],
        "inventory_position": np.ones(n), "reorder_point": np.ones(n), "order_up_to_level": np.ones(n),
        "reason": ["position 1 below 2"] * n, "disposition": ["approve"] * n,
    }  # fmt: skip
    contract, nothing = table("gold/order_proposals"), [None] * n
    return check(pa.table({c.name: pa.array(values.get(c.name, nothing), c.type) for c in contract.columns}), contract)


def write_codes(path: Path) -> None:
    """A code for every key of the formats that want one."""
    rows = ["kind,format,ours,theirs"]
    for name in NUMBERED:
        sku, place = ("gid://shopify/InventoryItem/", "gid://shopify/Location/") if name == "shopify" else ("", "")
        rows += [f"sku,{name},SKU{k:06d},{sku}{k + 1}" for k in range(N_SKUS)]
        rows += [f"vendor,{name},V{k:03d},{k + 1}" for k in range(N_VENDORS)]
        if name != "quickbooks":
            rows += [f"location,{name},{1000 + k},{place}{k + 1}" for k in range(N_LOCATIONS)]
        if name in ("netsuite", "odoo"):
            rows += [f"unit,{name},EA,1", f"currency,{name},EUR,4"]
    path.write_text("\n".join(rows) + "\n")


def configuration(codes: Path) -> ExportConfig:
    """Every format is configured."""
    return ExportConfig(
        folder="orders", codes=str(codes), x12=X12Config(sender="BUYERID", receiver="NETWORK"),
        edifact=EdifactConfig(sender="5412345000013", receiver="NETWORK"),
        oracle=OracleConfig(procurement_bu="BU", requisitioning_bu="BU", sold_to="LE", bill_to_bu="BU", buyer="Doe, J"),
        dynamics=DynamicsConfig(company="usmf"), netsuite=NetSuiteConfig(subsidiary="1"),
        erpnext=ErpNextConfig(company="Shop", currency="EUR"),
        quickbooks=QuickBooksConfig(realm="1", payable_account="33"),
    )  # fmt: skip


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it gives, seconds of the processor and of the clock."""
    clock, processor = time.perf_counter(), time.process_time()
    found = work()
    return found, time.process_time() - processor, time.perf_counter() - clock


def same(ours: bytes, theirs: bytes) -> bool:
    """The same bytes; of archives the same files."""
    if not ours.startswith(b"PK"):
        return ours == theirs
    with zipfile.ZipFile(io.BytesIO(ours)) as one, zipfile.ZipFile(io.BytesIO(theirs)) as other:
        return {n: one.read(n) for n in one.namelist()} == {n: other.read(n) for n in other.namelist()}


def measured(name: str, lines: pa.Table, config: ExportConfig, folder: Path, repeats: int) -> dict[str, float]:
    """Seconds of both, and how much faster the one is."""
    config = config.model_copy(update={"formats": (name,)})

    def vectorised() -> list[bytes]:
        rows = write_documents(lines, config, folder / "ours", as_of=DAY)
        return [(folder / "ours" / str(row["file"])).read_bytes() for row in rows]

    def loop() -> list[bytes]:
        contents = list(LOOPS[name](prepared(lines.to_pylist()), coder(Path(str(config.codes)), name)))
        (folder / "loop").mkdir(exist_ok=True)
        for i, content in enumerate(contents):
            (folder / "loop" / f"{i}").write_bytes(content)
        return contents

    ours, theirs = [timed(vectorised) for _ in range(repeats)], [timed(loop) for _ in range(repeats)]
    assert all(same(a, b) for a, b in zip(ours[0][0], theirs[0][0], strict=True)), name
    fast, slow = min(one[1] for one in ours), min(one[1] for one in theirs)
    return {
        "seconds": round(fast, 2), "clock": round(min(one[2] for one in ours), 2), "loop_seconds": round(slow, 2),
        "ratio": round(slow / fast, 1), "files": len(ours[0][0]), "bytes": sum(map(len, ours[0][0])),
    }  # fmt: skip


def main() -> None:
    """Every format, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    lines = order_lines(options.lines)
    with tempfile.TemporaryDirectory() as folder:
        codes = Path(folder) / "codes.csv"
        write_codes(codes)
        found = {}
        for name in LOOPS:
            found[name] = measured(name, lines, configuration(codes), Path(folder), options.repeats)
            print(f"{name:<16} {found[name]}", flush=True)
    print(json.dumps({"lines": options.lines, "formats": found}))


if __name__ == "__main__":
    main()
