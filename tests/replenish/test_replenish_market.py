"""Vendors of a night's lines beside rules, persons and how the night is parted."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from tests.replenish.nights import AS_OF, Night, by_series, night, rows_in

from scaleinv.errors import DataError
from scaleinv.replenish import DECISIONS, Known, Market, Proposals

SKUS = ("A", "B", "C", "D")


def market(**of_b: Any) -> Market:
    """V1 as the articles have it, and V2 for less."""
    common = {"min_order_quantity": 6.0, "order_multiple": 6.0}
    offers = [common | {"sku_id": sku, "vendor_id": "V1", "unit_cost": 1.25} for sku in SKUS]
    offers += [common | {"sku_id": sku, "vendor_id": "V2", "unit_cost": 1.0} | of_b for sku in SKUS]
    lead = [{"vendor_id": name, "location_id": None, "probability": [0.0, 0, 1.0]} for name in ("V1", "V2")]
    return Market(rows_in("silver/vendor_items", offers), rows_in("gold/lead_times", lead))


def proposed(one: Night, *rules: dict[str, Any], known: Known, capacity: float | None = None, **more: Any) -> Proposals:
    vendors = [
        {"vendor_id": "V1", "currency": "EUR"},
        {"vendor_id": "V2", "currency": "EUR", "capacity": capacity},
    ]
    one.vendors = rows_in("silver/vendors", vendors)
    return one.propose(*rules, known=known, **more)


def test_how_a_night_is_parted_and_sorted_changes_nothing() -> None:
    """All lines cost the same, and there is room for two of four."""
    one = night(*({"sku": sku} for sku in SKUS))
    whole = proposed(one, known=Known(market=market()), capacity=60.0)
    vendors = [line["vendor_id"] for line in by_series(whole.lines).values()]
    assert sorted(vendors) == ["V1", "V1", "V2", "V2"]
    tables = (one.policies, one.position, one.series)
    parts: list[Any] = [tuple(table.slice(at, 1) for table in tables) for at in (3, 1, 0, 2)]
    again = proposed(one, known=Known(market=market()), capacity=60.0, parts=parts)
    assert again.lines.equals(whole.lines)
    assert again.exceptions.equals(whole.exceptions)


def test_what_a_person_has_set_is_ordered_from_the_chosen_vendor_as_it_is() -> None:
    decision = {"unique_id": "A@S1", "kind": "x", "decision": "override", "quantity": 7.0, "until": AS_OF, "who": "ada"}
    decisions = pa.Table.from_pylist([decision | {"note": ""}], schema=DECISIONS)
    made = proposed(night({"sku": "A"}, {"sku": "B"}), known=Known(market=market(), decisions=decisions))
    lines = by_series(made.lines)
    assert {line["vendor_id"] for line in lines.values()} == {"V2"}
    assert (lines["A@S1"]["quantity"], lines["A@S1"]["constraint"], lines["A@S1"]["value"]) == (7.0, "override", 7.0)
    assert lines["B@S1"]["quantity"] == 30.0


def test_rules_come_first_and_late_ones_see_the_chosen_vendor() -> None:
    rules = (
        {"name": "instead", "when": "sku_id = 'A'", "do": "substitute", "skus": {"A": "B"}},
        {"name": "less", "when": "sku_id = 'C'", "do": "cap", "units": "12"},
        {"name": "new", "when": "vendor_id = 'V2' and value > 20", "do": "hold"},
    )
    one = night(*({"sku": sku} for sku in SKUS))
    lines = by_series(proposed(one, *rules, known=Known(market=market())).lines)
    assert sorted(lines) == ["B@S1", "C@S1", "D@S1"]
    assert {line["vendor_id"] for line in lines.values()} == {"V2"}
    assert lines["B@S1"]["need"] == 60.0
    assert (lines["C@S1"]["quantity"], lines["C@S1"]["disposition"]) == (12.0, "approve")
    assert lines["D@S1"]["disposition"] == "hold"
    packs = market(order_multiple=24.0, min_order_quantity=24.0)
    capped = by_series(proposed(one, *rules, known=Known(market=packs)).lines)
    assert capped["C@S1"]["vendor_id"] == "V1", "the cheaper one's pack is above the cap"
    assert capped["D@S1"]["quantity"] == 48.0


def test_two_offers_of_one_vendor_are_a_mistake() -> None:
    one = market()
    with pytest.raises(DataError, match=r"two offers of one vendor[\s\S]*A of V1"):
        Market(pa.concat_tables([one.vendor_items, one.vendor_items.slice(0, 1)]), one.lead_times)
