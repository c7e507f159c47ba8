"""The contract that docs/lake.md shows, taken out of the document, loads what it says: a new source is a file."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from scaleinv.config import load_config
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
pytestmark = pytest.mark.spark

ROOT = Path(__file__).parents[2]
HEADER = "ARTICLE;STORE;DAY;QTY;STATUS"
LINES = [
    ("accepted", "Käse;S1;31.01.2026;1.250,5;"),
    ("duplicates", "Käse;S1;31.01.2026;1.250,5;"),
    ("accepted", "Käse;S1;31.01.2026;249,5;"),
    ("accepted", "Käse;S1;01.02.2026;100;B"),
    ("voided", "Käse;S1;31.01.2026;100;V"),
    ("missing_value", "NA;S1;31.01.2026;100;"),
    ("missing_value", "Käse;S1;31.01.2026;-;"),
    ("missing_value", "Käse;;31.01.2026;100;"),
    ("unparseable", "Käse;S1;2026-01-31;100;"),
    ("unparseable", "Käse;S1;31.01.2026;1.25;"),
    ("negative_quantity", "Käse;S1;31.01.2026;-100;"),
    ("unknown_sku", "BRIE;S1;31.01.2026;100;"),
    ("unknown_location", "Käse;S2;31.01.2026;100;"),
    ("malformed", "Käse;S1;31.01.2026;100;;x"),
]
MASTER = {
    "items": "sku_id,category,department,unit,vendor_id,unit_cost,unit_price,min_order_quantity,order_multiple\n"
    "Käse,food,dairy,KGM,V1,9,14,1,1\n",
    "locations": "location_id,region\nS1,N\n",
    "vendors": "vendor_id,review_period,currency\nV1,1,EUR\n",
}


def documented() -> str:
    """The first contract under the heading that says how a source is added."""
    chapter = (ROOT / "docs" / "lake.md").read_text(encoding="utf-8").partition("\n## A new source is a file\n")[2]
    found = re.search(r"```yaml\n(.*?)```", chapter, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_contract_of_the_document_loads_a_dirty_file(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = documented()
    assert len(contract.splitlines()) == 10, "ten lines, says the document"
    conf, data = tmp_path / "conf", tmp_path / "data"
    for folder in (conf / "env", conf / "sources" / "shops", data / "tills"):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / "conf" / "base.yaml", conf)
    (conf / "sources" / "shops" / "tills.yaml").write_text(contract, encoding="utf-8")
    for name, content in MASTER.items():
        (conf / "sources" / "shops" / f"{name}.yaml").write_text(f"path: {name}.csv\n")
        (data / f"{name}.csv").write_text(content, encoding="utf-8")
    ingest = {"data": str(data), "contracts": "shops", "max_quarantine_share": 1.0, "max_duplicate_share": 1.0}
    (conf / "env" / "shops.yaml").write_text(yaml.safe_dump({"spark": {"master": None}, "ingest": ingest}))
    text = "".join(f"{line}\n" for line in (HEADER, *[line for _, line in LINES]))
    (data / "tills" / "1.csv").write_text(text, encoding="iso-8859-1")

    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path / "home"))
    walk = Walk(load_config("shops", folder=conf), dt.date(2026, 2, 2))
    walk.run(STAGES[:1])

    wanted = Counter(label for label, _ in LINES)
    (row,) = walk.lake.read(table("ingest_log"), where={"source": "tills"}).to_pylist()
    aside = walk.lake.read(table("quarantine"), where={"source": "tills"}).to_pylist()
    assert Counter(one["rule"] for one in aside) == {
        label: n for label, n in wanted.items() if label not in ("accepted", "duplicates")
    }
    assert (row["read"], row["accepted"], row["quarantined"], row["duplicates"]) == (
        len(LINES), wanted["accepted"], len(aside), wanted["duplicates"],
    )  # fmt: skip
    assert {one["reason"] for one in aside if one["rule"] == "voided"} == {"the cashier took it back"}
    sold = walk.lake.read(table("silver/sales")).sort_by("date").to_pylist()
    assert [(one["sku_id"], one["location_id"], one["date"], one["quantity"]) for one in sold] == [
        ("Käse", "S1", dt.date(2026, 1, 31), pytest.approx(1.5)), ("Käse", "S1", dt.date(2026, 2, 1), 0.1),
    ]  # fmt: skip
