"""docs/replenishment.md: its example is a configuration, its kinds and tests exist, and it names every action."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml
from tests.replenish.nights import by_series, night

from scaleinv.config.models import ReplenishConfig
from scaleinv.schema.exceptions import KINDS
from scaleinv.schema.facts import Action

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "replenishment.md").read_text(encoding="utf-8")


def example() -> ReplenishConfig:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    return ReplenishConfig.model_validate(yaml.safe_load(text)["replenish"])


def test_the_example_can_be_used_and_does_what_the_page_says() -> None:
    config = example()
    made = night(
        {"sku": "A1"}, {"sku": "A2", "on_hand": 60.0}, {"sku": "OLD7"}, {"sku": "W", "loc": "S2"},
        {"sku": "W", "loc": "W1", "on_hand": 90.0}, {"sku": "N", "vendor": "V7", "cost": 40.0, "price": 60.0},
        {"sku": "E", "on_hand": 0.0, "on_order": 6.0},
    ).propose(*[rule.model_dump() for rule in config.rules], approval=config.approval.model_dump())  # fmt: skip
    lines = by_series(made.lines)
    assert "A1@S1" not in lines
    assert lines["OLD7@S1"]["quantity"] == 12.0
    assert lines["N@S1"]["rule"].startswith("new_vendor@")
    assert (lines["N@S1"]["disposition"], lines["N@S1"]["queue"]) == ("propose", "buying")
    assert "empty_shelf" in lines["E@S1"]["rules"]
    assert [(r["from_location_id"], r["to_location_id"]) for r in made.transfers.to_pylist()] == [("W1", "S2")]


def test_every_action_of_the_page_is_one_and_the_other_way_round() -> None:
    table = PAGE[PAGE.index("| `do` |") : PAGE.index("No rule orders")]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) - {"do"} == set(get_args(Action))


def test_kinds_that_the_page_names_exist() -> None:
    table = PAGE[PAGE.index("| kind | found") : PAGE.index("The same series and kind")]
    rows = [line.split("|")[1] for line in table.splitlines()[2:] if line.startswith("|")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named <= set(KINDS)
    assert len(named) > 12


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", PAGE))))
def test_a_test_that_answers_a_complaint_exists(name: str) -> None:
    files = (ROOT / "tests").rglob("test_*.py")
    assert any(f"def {name}(" in file.read_text(encoding="utf-8") for file in files)
