"""Scenarios beside the night as it is, on the small night of the limits' tests."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.pipeline.limited_night import AS_OF, NAMES, made
from tests.pipeline.test_pipeline_groups import rows
from tests.pipeline.test_pipeline_rules import ordered_before

from scaleinv.config import load_config
from scaleinv.config.whatif import Scenario, load_scenarios
from scaleinv.errors import ConfigError
from scaleinv.pipeline import replenish, whatif
from scaleinv.pipeline.picture import write_report
from scaleinv.pipeline.targets import promote
from scaleinv.pipeline.walk import Walk
from scaleinv.pipeline.whatif import FIGURES, saved, what_if
from scaleinv.schema import table

FILE = """
scenarios:
  - {name: as before}
  - {name: spike, demand: [{factor: 2.0, which: {category: [fresh]}, first_day: 2026-02-01, last_day: 2026-02-03}]}
  - {name: twice, demand: [{factor: 2.0}]}
  - {name: delay, delays: [{vendors: [V1], days: 5}]}
  - {name: outage, outages: [{days: 6}]}
  - {name: dear, costs: [{factor: 1.5}], prices: [{factor: 1.2, which: {sku: [s00]}}]}
  - {name: modest, targets: {A: {fill_rate: 0.7}, B: {fill_rate: 0.7}, C: {fill_rate: 0.7}}}
  - {name: poor, budget: 100}
  - {name: rich, budget: 1000000}
sweeps:
  - {targets: [0.7, 0.99]}
"""


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    return made(tmp_path_factory.mktemp("night"))


def test_scenarios_do_what_they_say(walk: Walk, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(FILE)
    before = {name: walk.lake.version(table) for name, table in _tables(walk).items()}
    told = what_if(walk, load_scenarios(tmp_path / "all.yaml"), name="all")
    assert {name: walk.lake.version(table) for name, table in _tables(walk).items()} == before
    assert told.n_series == len(NAMES)
    one = {result.name: result.figures for result in told.results}
    base = one["as it is"]
    lines = walk.read("gold/order_proposals").to_pylist()
    assert base["order_value"] == pytest.approx(sum(line["value"] for line in lines))
    assert base["order_lines"] == len(lines)
    policies = walk.read("gold/policies").to_pylist()
    costs = {row["unique_id"]: row["unit_cost"] for row in walk.read("gold/series").to_pylist()}
    stock = sum(row["safety_stock"] * costs[row["unique_id"]] for row in policies)
    assert base["safety_stock_value"] == pytest.approx(stock)
    assert one["as before"] == base
    assert base["order_value"] < one["spike"]["order_value"] < one["twice"]["order_value"]
    assert one["delay"]["order_value"] > base["order_value"]
    assert one["outage"]["order_value"] > base["order_value"]
    assert one["modest"]["safety_stock_value"] < base["safety_stock_value"]
    assert one["modest"]["lost_margin"] > base["lost_margin"]
    assert one["fill_rate 0.7"] == one["modest"]
    assert one["fill_rate 0.99"]["stock_value"] > base["stock_value"] > one["modest"]["stock_value"]
    assert one["dear"]["order_lines"] == base["order_lines"]
    assert one["poor"]["order_value"] <= 100
    assert one["poor"]["shadow_price"] > 0
    assert one["poor"]["lost_margin"] > base["lost_margin"]
    assert one["rich"]["order_value"] == pytest.approx(base["order_value"])
    assert one["rich"]["shadow_price"] == 0
    assert one["rich"]["lost_margin"] == pytest.approx(base["lost_margin"], rel=0.05, abs=1.0)

    again = saved(walk, "all")
    assert again.plain() == json.loads(json.dumps(told.plain()))
    both = told.beside([again])
    assert len(both.results) == 2 * len(told.results) - 1
    text = told.text().splitlines()
    assert text[0].startswith(f"12 SKU-locations on {AS_OF}")
    assert all(any(words in line for line in text) for words in FIGURES.values())
    write_report(told, tmp_path / "all.html")
    page = (tmp_path / "all.html").read_text()
    assert page.count("<svg") == 1
    assert all(f"<th>{result.name}</th>" in page for result in told.results)


@pytest.mark.parametrize("night", ["walk", "limited"])
def test_what_a_scenario_leaves_alone_is_as_if_worked_out_again(
    night: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "all.yaml").write_text(FILE)
    scenarios, walk = load_scenarios(tmp_path / "all.yaml"), request.getfixturevalue(night)
    told = what_if(walk, scenarios).plain()["scenarios"]
    monkeypatch.setattr(whatif, "_is_moved", lambda group, *_: np.ones(group.rows.n_series, dtype=np.bool_))
    monkeypatch.setattr(whatif, "side_by_side", map)
    assert what_if(walk, scenarios).plain()["scenarios"] == told


def twofold(mean: Any, daily: Any, cumulative: Any) -> None:
    for values in (mean, daily, cumulative):
        values *= 2


STOCK = {4: {"stock_date": AS_OF - dt.timedelta(days=30)}, 5: {"on_hand": math.nan}, 6: {"on_hand": -3.0}}
WEEKLY = {**{at: {"review_period": 7} for at in range(3)}, 8: {"review_period": 7, "review_date": AS_OF}}
LIMITED = (
    "inventory.limits.max_stock_days=9", "inventory.limits.shelf_life_days={fresh: 6}",
    "replenish.rounding=expected_cost", "inventory.calendars={V2: {order_days: [saturday, monday]}}",
)  # fmt: skip


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """Three series wait for Monday, a stock record is too old, one is none, limits bind."""
    return made(tmp_path_factory.mktemp("limited"), *LIMITED, stock=STOCK, series=WEEKLY)


def test_the_night_as_it_is_is_what_replenish_ordered(limited: Walk) -> None:
    lines = limited.read("gold/order_proposals").to_pylist()
    policies = limited.read("gold/policies").to_pylist()
    assert {line["unique_id"] for line in lines} == {NAMES[at] for at in range(12) if at not in (1, 2, 4, 5)}
    assert any(row["constraint_change"] < 0 for row in policies)
    base = what_if(limited, [Scenario(name="nothing else")]).results[0].figures
    assert base["order_lines"] == len(lines)
    assert base["order_value"] == pytest.approx(sum(line["value"] for line in lines))
    costs = {row["unique_id"]: row["unit_cost"] for row in limited.read("gold/series").to_pylist()}
    kept = [row for row in policies if row["unique_id"] != NAMES[5]]
    stock = sum((row["safety_stock"] + row["constraint_change"]) * costs[row["unique_id"]] for row in kept)
    assert base["safety_stock_value"] == pytest.approx(stock)


def test_own_orders_count_in_the_night_as_it_is(tmp_path: Path) -> None:
    night = made(tmp_path)
    before = what_if(night, []).results[0].figures
    ordered_before(night, 0, 500.0, *NAMES[:3])
    ordered_before(night, 1, 4.0, NAMES[5])
    replenish.work(night)
    lines = night.read("gold/order_proposals").to_pylist()
    base = what_if(night, []).results[0].figures
    assert base["order_lines"] == len(lines) == before["order_lines"] - 3
    assert base["order_value"] == pytest.approx(sum(line["value"] for line in lines))


def test_transfers_of_earlier_nights_count_in_the_night_as_it_is(tmp_path: Path) -> None:
    night = made(tmp_path)
    before = what_if(night, []).results[0].figures
    sku_id, location_id = NAMES[0].split("@")
    earlier = Walk(night.config, night.as_of - dt.timedelta(days=1))
    row = {
        "as_of": earlier.as_of, "unique_id": NAMES[0], "sku_id": sku_id, "from_location_id": "elsewhere",
        "to_location_id": location_id, "quantity": 500.0,
    }  # fmt: skip
    earlier.overwrite("gold/transfer_proposals", rows(table("gold/transfer_proposals"), row))
    replenish.work(night)
    lines = night.read("gold/order_proposals").to_pylist()
    base = what_if(night, []).results[0].figures
    assert base["order_lines"] == len(lines) == before["order_lines"] - 1
    assert base["order_value"] == pytest.approx(sum(line["value"] for line in lines))


def test_twice_the_demand_is_a_night_whose_forecasts_are_twice_as_high(limited: Walk, tmp_path: Path) -> None:
    """Limits of days grow with it."""
    forecasts = dict.fromkeys(range(12), twofold)
    other = made(tmp_path, *LIMITED, stock=STOCK, series=WEEKLY, forecasts=forecasts)
    scenario = Scenario.model_validate({"name": "twice", "demand": [{"factor": 2.0}]})
    twice, expected = what_if(limited, [scenario]).results[1], what_if(other, [scenario]).results[0]
    assert twice.figures == pytest.approx(expected.figures)
    assert twice.worst == expected.worst


def test_a_budget_keeps_only_what_is_wanted(limited: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counted(scenario: Scenario, result: whatif.Result) -> None:
        seen.append(sum(len(part["name"]) for part in result.to_cut))
        spend(scenario, result)

    spend = whatif._spend
    monkeypatch.setattr(whatif, "_spend", counted)
    base, rich = what_if(limited, [Scenario(name="rich", budget=1e6)]).results
    assert seen == [0, base.figures["order_lines"]]
    assert rich.figures["order_value"] == pytest.approx(base.figures["order_value"])
    assert rich.figures["lost_share"] == pytest.approx(base.figures["lost_share"], rel=0.02)
    assert [name for name, _ in rich.worst] == [name for name, _ in base.worst]


def _tables(walk: Walk) -> dict[str, object]:
    from scaleinv.schema import table

    return {name: table(name) for name in ("gold/policies", "gold/order_proposals", "gold/exceptions")}


def test_what_is_not_there_is_named(walk: Walk) -> None:
    scenario = Scenario.model_validate(
        {"name": "x", "demand": [{"factor": 2, "which": {"category": ["frish"]}}],
         "delays": [{"vendors": ["V9"], "days": 1}]}
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"not there(.|\n)*category frish(.|\n)*vendor V9"):
        what_if(walk, [scenario])
    with pytest.raises(ConfigError, match="no comparison 'y' of 2026-01-31"):
        saved(walk, "y")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scenarios: []", "at least 1"),
        ("scenarios: [{name: a}, {name: a}]", "names of their own"),
        ("scenarios: [{name: as it is}]", "names of their own"),
        ("scenarios: [{name: a, demand: [{factor: 0}]}]", "greater than 0"),
        ("scenarios: [{name: a, budgit: 3}]", "budgit is not a known key"),
        ("- 3", "must hold sections"),
    ],
)
def test_a_file_is_read_strictly(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_scenarios(tmp_path / "x.yaml")
    with pytest.raises(ConfigError, match="no such file"):
        load_scenarios(tmp_path / "y.yaml")


def test_only_a_scenario_of_promises_is_promoted_and_other_rows_of_the_table_stay(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(FILE)
    every = {one.name: one for one in load_scenarios(tmp_path / "all.yaml")}
    path = tmp_path / "promises" / "live.csv"
    config = load_config("test", overrides=[f"inventory.policy_table={path}"])
    promote(config, every["fill_rate 0.99"])
    path.write_text(path.read_text() + "s00,,,,,,,A,0.5,\n")
    promote(config, every["modest"])
    rows = [line.split(",") for line in path.read_text().replace('"', "").splitlines()]
    assert rows[0][0] == "sku_id"
    assert sorted((row[0], row[7], row[8]) for row in rows[1:]) == [
        ("", "A", "0.7"), ("", "B", "0.7"), ("", "C", "0.7"), ("s00", "A", "0.5"),
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="cannot be promoted"):
        promote(config, every["poor"])
    with pytest.raises(ConfigError, match="no policy table is configured"):
        promote(load_config("test"), every["modest"])
