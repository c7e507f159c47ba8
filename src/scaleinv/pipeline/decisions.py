"""What persons have decided about SKUs, as part of what a night depends on. No engine is needed."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config import Config
from scaleinv.lake import Lake
from scaleinv.schema import table

_US: Final = "scaleinv"
_LOG: Final = table("silver/sku_decisions")


def has_registry(config: Config) -> bool:
    """Whether codes are looked up: M5, as published, has one clean system."""
    return config.ingest.registry.enabled and config.ingest.m5 is None


def decisions_state(config: Config, lake: Lake) -> object:
    """The decisions of persons. What ingest decided itself follows from the files."""
    if not has_registry(config) or not lake.exists(_LOG):
        return []
    rows = lake.read(_LOG, columns=["merge_id", "who"])
    return sorted(rows.filter(pc.not_equal(rows["who"], _US))["merge_id"].to_pylist())


def in_force(log: pa.Table, day: date) -> list[Any]:
    """Names of the decisions that have begun on ``day``, sorted."""
    return sorted(log.filter(pc.less_equal(log["valid_from"], pa.scalar(day)))["merge_id"].to_pylist())
