"""Promises by a table of the retailer's: the most particular row holds, and a wrong table is refused by line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from tests.pipeline.test_pipeline_groups import rows

from scaleinv.config import Config, load_config
from scaleinv.errors import ConfigError
from scaleinv.pipeline.arrays import Rows
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.targets import targets_of
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table

FACTS = [("p1", "L1", "A", "food"), ("p1", "L2", "A", "food"), ("p2", "L1", "B", "food"), ("p3", "L1", "C", None)]


def config(path: Path | None) -> Config:
    classes = [
        f"inventory.targets.{name}={{fill_rate: {value}}}" for name, value in (("A", 0.98), ("B", 0.97), ("C", 0.9))
    ]
    return load_config("test", overrides=[*classes, *([f"inventory.policy_table={path}"] if path else [])])


def promised(tmp_path: Path, text: str | None) -> list[tuple[str, float]]:
    path = tmp_path / "promises.csv"
    if text is not None:
        path.write_text(text)
    series = rows(table("gold/series"), *(
        {"unique_id": f"{sku}@{shop}", "sku_id": sku, "location_id": shop, "abc_class": abc, "category": category}
        for sku, shop, abc, category in FACTS))  # fmt: skip
    none = np.zeros(0)
    group = Rows("g", series, np.zeros(5, np.int64), none.astype("datetime64[D]"), none.astype(np.float32), none > 0)
    kind, value = targets_of(Walk(config(path if text is not None else None), dt.date(2026, 1, 31)), group)
    return list(zip(kind.tolist(), value.tolist(), strict=True))


def test_without_a_table_classes_decide(tmp_path: Path) -> None:
    assert promised(tmp_path, None) == [("fill_rate", v) for v in (0.98, 0.98, 0.97, 0.9)]


def test_the_most_particular_row_holds_whatever_the_order(tmp_path: Path) -> None:
    lines = ["food,,,0.95,", ",p1,,,0.9", ",p1,L2,0.99,", ",,L1,,0.8"]
    expected = [
        ("cycle_service_level", 0.9),
        ("fill_rate", 0.99),
        ("cycle_service_level", 0.8),
        ("cycle_service_level", 0.8),
    ]
    for order in (lines, lines[::-1]):
        text = "\n".join(["category,sku_id,location_id,fill_rate,cycle_service_level", *order])
        assert promised(tmp_path, text) == expected


def test_a_changed_table_makes_the_stages_that_go_by_it_anew(tmp_path: Path) -> None:
    path = tmp_path / "promises.csv"
    states = []
    for value in (0.9, 0.95):
        path.write_text(f"sku_id,fill_rate\np1,{value}\n")
        walk = Walk(config(path), dt.date(2026, 1, 31))
        states.append({stage.name: walk.fingerprint(stage) for stage in STAGES})
    changed = {name for name, state in states[0].items() if states[1][name] != state}
    assert changed == {"evaluate", "optimize", "replenish"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sku_id,fill_rate\np1,98\n", r"promise what is not a share(.|\n)*line 2"),
        ("sku_id,fill_rate,cycle_service_level\np1,0.9,\np2,0.9,0.9\n", r"have not exactly one(.|\n)*line 3"),
        ("sku_id,fill_rate\np1,0.9\np1,0.8\n", r"the same series as an earlier one(.|\n)*line 3"),
        ("sku_id,fill_rate\np1,0.9\n,0.8\n", r"name no series(.|\n)*line 3"),
        ("sku,fill_rate\np1,0.9\n", r"other columns than a policy table(.|\n)*sku"),
        ("sku_id,fill_rate\np1,much\n", "is no policy table"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        promised(tmp_path, text)


def test_a_table_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    walk = Walk(config(tmp_path / "nowhere.csv"), dt.date(2026, 1, 31))
    with pytest.raises(ConfigError, match=r"policy_table cannot be read(.|\n)*nowhere"):
        walk.fingerprint(next(stage for stage in STAGES if stage.name == "optimize"))
