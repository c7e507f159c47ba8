"""Rules and exceptions on a lake: tried without a trace, decided by a person, kept by the next run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.pipeline.test_pipeline_groups import rows
from tests.pipeline.test_pipeline_limits import AS_OF, NAMES, by_name, made

from scaleinv import orderbook
from scaleinv.config.rules_file import changed_rules
from scaleinv.errors import ConfigError
from scaleinv.pipeline import replenish
from scaleinv.pipeline.book import book_of
from scaleinv.pipeline.exceptions import decide, history, listed
from scaleinv.pipeline.rules import moved
from scaleinv.pipeline.walk import Walk
from scaleinv.replenish import OPEN_LINES
from scaleinv.schema import table


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    return made(tmp_path_factory.mktemp("night"))


def rules_in(folder: Path, text: str) -> Path:
    file = folder / "rules.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_dry_run_shows_what_would_move_and_changes_nothing(night: Walk, tmp_path: Path) -> None:
    before = by_name(night, "gold/order_proposals")
    file = rules_in(tmp_path, "rules: [{name: no_v2, when: \"vendor_id = 'V2'\", do: hold}, "
                              "{name: less, when: sku_id = 's01', do: cap, units: order_multiple}]")  # fmt: skip
    found = moved(night, changed_rules(file, night.config.replenish))
    moves = {row["unique_id"]: row for row in found.rows.to_pylist()}
    v2 = {name for name, row in before.items() if row["vendor_id"] == "V2"}
    assert set(moves) == v2 | {"s01@L1"}
    assert moves["s01@L1"]["quantity_after"] == 2.0
    assert moves["s01@L1"]["change"] == pytest.approx(2 * 3.0 - before["s01@L1"]["value"])
    assert all(moves[name]["disposition_after"] == "hold" for name in v2)
    assert found.totals[0]["dispositions"] == {"approve": len(before)}
    assert found.totals[1]["dispositions"] == {"approve": len(before) - len(v2), "hold": len(v2)}
    assert by_name(night, "gold/order_proposals") == before
    text = found.text(2)
    assert "lines move" in text
    assert f"… and {len(moves) - 2} more" in text


def test_rules_that_cannot_be_used_are_refused_by_file_name_and_place(night: Walk, tmp_path: Path) -> None:
    file = rules_in(tmp_path, "rules: [{name: bad, when: on_hnd < 3, do: hold}]")
    with pytest.raises(ConfigError, match=r"rules of (.|\n)*rule bad: there is no column 'on_hnd' at character 1"):
        changed_rules(file, night.config.replenish)
    with pytest.raises(ConfigError, match=r"sections that are no rules(.|\n)*budget"):
        changed_rules(rules_in(tmp_path, "budget: 3"), night.config.replenish)


def test_a_decision_of_a_person_is_kept_by_the_next_night_and_ends(night: Walk) -> None:
    name = NAMES[0]
    kinds = ["supply_shortage"]
    (row,) = [r for r in listed(night, kinds=kinds).to_pylist() if r["unique_id"] == name]
    assert (row["kind"], row["queue"], row["decision"]) == ("supply_shortage", "buying", None)
    assert decide(night, name, row["kind"], "dismiss", who="ada", note="on its way by van", after=0) == 1
    assert name not in {r["unique_id"] for r in listed(night, kinds=kinds).to_pylist()}, "it is put away at once"
    assert name in {r["unique_id"] for r in listed(night, kinds=kinds, every=True).to_pylist()}
    found, decisions = history(night, name)
    assert {r["kind"]: r["decision"] for r in found}["supply_shortage"] == "dismiss"
    assert [(d["decision"], d["who"], d["note"]) for d in decisions] == [("dismiss", "ada", "on its way by van")]


def test_an_override_of_tomorrow_does_not_change_tonight(night: Walk) -> None:
    before = by_name(night, "gold/order_proposals")
    decide(night, NAMES[5], "supply_shortage", "override", who="ada", quantity="8", days=2)
    replenish.work(night)
    assert by_name(night, "gold/order_proposals") == before
    night_after = replenish.known_beside(Walk(night.config, AS_OF + timedelta(days=1)))
    assert [r["quantity"] for r in night_after.decisions.to_pylist() if r["decision"] == "override"] == [8.0]


def test_the_stage_run_twice_leaves_the_same_tables(night: Walk) -> None:
    names = ("gold/order_proposals", "gold/exceptions", "gold/transfer_proposals")
    first: dict[str, Any] = {name: night.read(name) for name in names}
    replenish.work(night)
    for name in names:
        assert night.read(name).equals(first[name]), name


def test_open_orders_of_the_book_count_beside_the_erps(night: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = by_name(night, "gold/order_proposals")
    (first, second), one = sorted(before)[:2], {"line": 1, "erp_number": None, "status": "exported"}
    lines = [
        one | {name: before[series][name] for name in ("unique_id", "sku_id", "location_id", "vendor_id")}
        | {"order_id": f"SI{n}", "quantity_open": 500.0, "expected_date": AS_OF - timedelta(days=n)}
        for n, series in enumerate((first, second))
    ]  # fmt: skip
    late = {"as_of": AS_OF, "vendor_id": before[second]["vendor_id"], "chance": [1.0, 0.0]}
    night.overwrite("gold/late_supply", rows(table("gold/late_supply"), late))
    monkeypatch.setattr(
        orderbook, "open_lines", lambda _: pa.Table.from_pylist(lines, schema=OPEN_LINES), raising=False
    )
    with book_of(night.config):  # there is one, if only with nothing in it
        pass
    replenish.work(night)
    after = by_name(night, "gold/order_proposals")
    assert set(before) - set(after) == {first}
    assert after[second]["quantity"] == before[second]["quantity"], "its chance is none: it counts for nothing"
    overdue = [r for r in night.read("gold/exceptions").to_pylist() if r["kind"] == "overdue_supply"]
    assert [r["unique_id"] for r in overdue] == [second]
