"""A small retailer's files, written as its systems would."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scaleinv.config import IngestConfig

FILES: dict[str, str] = {
    "sales.csv": "sku;shop;day;units;receipt\nA;S1;31.01.2026;2;r1\nA;S1;31.01.2026;3;r2\nB;S1;01.02.2026;1,5;r3\n",
    "items.csv": "sku_id,category,department,unit,gtin,vendor_id,unit_cost,unit_price,"
    "min_order_quantity,order_multiple\n"
    "A,food,d,EA,4006381333931,V1,1,2,1,1\nB,food,d,KGM,,V1,1,2,1,1\n",
    "locations.csv": "location_id,region\nS1,N\n",
    "vendors.json": json.dumps({"vendor_id": "V1", "review_period": 1, "currency": "EUR"}) + "\n",
}
SOURCES: dict[str, Any] = {
    "sales": {
        "path": "sales*.csv",
        "options": {"sep": ";"},
        "columns": {"sku_id": "sku", "location_id": "shop", "date": "day", "quantity": "units"},
        "date_format": "dd.MM.yyyy",
        "decimal_comma": True,
    },
    "items": {"path": "items.csv"},
    "locations": {"path": "locations.csv"},
    "vendors": {"path": "vendors.json", "format": "json"},
}
Retailer = Callable[..., IngestConfig]


@pytest.fixture
def retailer(tmp_path: Path) -> Retailer:
    """Writes the files, some of them replaced, and gives the configuration that reads them."""

    def write(files: dict[str, str] | None = None, **sources: dict[str, Any]) -> IngestConfig:
        for name, content in {**FILES, **(files or {})}.items():
            (tmp_path / name).write_text(content)
        return IngestConfig.model_validate({"data": str(tmp_path), "sources": {**SOURCES, **sources}})

    return write


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``host:port`` of a real Kafka, started once."""
    from tests.kafka_broker import kafka_broker

    with kafka_broker(tmp_path_factory.mktemp("kafka")) as address:
        yield address
