"""Scenarios beside the night as it is, on the small night of the limits' tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.pipeline.test_pipeline_limits import AS_OF, NAMES, made

from scaleinv.config import load_config
from scaleinv.config.whatif import Scenario, load_scenarios
from scaleinv.errors import ConfigError
from scaleinv.pipeline.picture import write_report
from scaleinv.pipeline.targets import promote
from scaleinv.pipeline.walk import Walk
from scaleinv.pipeline.whatif import FIGURES, saved, what_if

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
