"""A plain loop over lines writes the same bytes: every format beside the oracle of benchmarks/erp_loop.py."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from benchmarks.erp_loop import LOOPS, coder, prepared
from tests.erp.test_erp_formats import written

from scaleinv.config.export import EdifactConfig, ExportConfig, OracleConfig, X12Config
from scaleinv.erp import FORMATS

Lines = Callable[..., pa.Table]
CODES = """\
kind,format,ours,theirs
vendor,F,V0,1
vendor,F,V1,2
location,F,L0,3
location,F,L1,4
sku,F,S"0,5
sku,F,S1,6
unit,F,EA,7
currency,F,EUR,8
"""


@pytest.fixture(scope="module")
def orders() -> list[dict[str, object]]:
    """1,500 orders of one to three lines: more than a hash table takes at once, so that no order of groups is luck."""
    rng = np.random.default_rng(3)
    rows: list[dict[str, object]] = []
    for order, number in enumerate(rng.permutation(1_500)):
        for line in range(1, int(rng.integers(2, 5))):
            quantity, cost = float(rng.integers(1, 900)), float(rng.integers(1, 10**6)) / 10_000
            value = (Decimal(str(quantity)) * Decimal(str(cost))).quantize(Decimal("0.01"))
            rows.append({
                "order_id": f"SI{number:010d}", "line": line, "vendor_id": f"V{order % 2}",
                "location_id": f"L{order // 2 % 2}", "sku_id": ('S"0', "S1")[line % 2], "quantity": quantity,
                "unit_cost": cost, "value": float(value), "gtin": "4000862141404" if line % 2 else None,
                "delivery_date": date(2026, 9, 21) + timedelta(int(rng.integers(30))),
            })  # fmt: skip
    return rows


def unpacked(content: bytes) -> object:
    if not content.startswith(b"PK"):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_bytes_as_a_loop(
    format: str, orders: list[dict[str, object]], lines: Lines, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    table = lines(*orders)
    path = tmp_path / "codes.csv"
    numbered = format in ("netsuite", "odoo", "quickbooks", "shopify")
    path.write_text(CODES.replace("F,", f"{format},") if numbered else CODES.split("\n")[0] + "\n")
    update = {
        "codes": str(path), "x12": X12Config(sender="BUYERID", receiver="NETWORK"),
        "edifact": EdifactConfig(sender="5412345000013", receiver="NETWORK"),
        "oracle": OracleConfig(procurement_bu="BU", requisitioning_bu="BU", sold_to="LE", bill_to_bu="BU",
                               buyer="Doe, J"),
    }  # fmt: skip
    ours = written(table, full.model_copy(update=update), format, tmp_path / "out", as_of)
    theirs = list(LOOPS[format](prepared(table.to_pylist()), coder(path, format)))
    assert [unpacked(one) for one in ours] == [unpacked(one) for one in theirs]
