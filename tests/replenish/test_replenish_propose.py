"""Orders from policies: the rule against a plain loop, grouping, keys, exceptions and refusals."""

from __future__ import annotations

import dataclasses
import math
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleinv.config.models import ReplenishConfig
from scaleinv.config.rules import rules_version
from scaleinv.errors import DataError
from scaleinv.replenish import Changes, Part, Proposals, Wanted, order_key, propose, unchanged
from scaleinv.replenish import keys as keys_module
from scaleinv.replenish import lines as lines_module
from scaleinv.schema import check, series_id, table

AS_OF = date(2026, 9, 20)
_DEFAULTS: dict[str, Any] = {
    "sku": "A", "loc": "S1", "vendor": "V1", "lead": 2.0, "rop": 20.0, "oul": 42.0, "on_hand": 12.0, "on_order": 0.0,
    "reserved": 0.0, "backorders": 0.0, "stock_date": AS_OF, "moq": 6.0, "multiple": 6.0, "cost": 1.25, "unit": "EA",
    "demand_class": "smooth", "interval": 9.0, "review": 1, "review_date": None,
}  # fmt: skip


@dataclass
class Night:
    policies: pa.Table
    position: pa.Table
    series: pa.Table
    items: pa.Table
    vendors: pa.Table

    def propose(self, **options: Any) -> Proposals:
        return self.propose_parts([(self.policies, self.position, self.series)], **options)

    def propose_parts(self, parts: list[Part], **options: Any) -> Proposals:
        common = {"retailer": "retailer", "as_of": AS_OF, "config": ReplenishConfig()}
        return propose(parts, self.items, self.vendors, **{**common, **options})


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows in the table's schema; a column not given gets a value that plays no part."""
    filler = {pa.string(): "x", pa.float64(): 0.0, pa.int32(): 1, pa.date32(): AS_OF, pa.int64(): 1}
    contract = table(name)
    columns = {
        c.name: pa.array([row.get(c.name, None if c.nullable else filler.get(c.type)) for row in rows], c.type)
        for c in contract.columns
    }
    return check(pa.table(columns), contract, unique=False)


def night(*overrides: dict[str, Any]) -> Night:
    rows = [{**_DEFAULTS, **o} for o in overrides]
    base = [{"as_of": AS_OF, "unique_id": series_id(r["sku"], r["loc"]), "sku_id": r["sku"], "location_id": r["loc"],
             "vendor_id": r["vendor"], "group_id": "g", "level_limit": r.get("limit"),
             "problem": r.get("problem")} for r in rows]  # fmt: skip
    policies = [
        {**b, "lead_time": r["lead"], "protection_interval": r["interval"], "expected_demand": 10.0,
         "reorder_point": r["rop"], "order_up_to_level": r["oul"]}
        for b, r in zip(base, rows, strict=True)
    ]  # fmt: skip
    position = [
        {**b, **{k: r[k] for k in ("on_hand", "on_order", "reserved", "backorders", "stock_date")}}
        for b, r in zip(base, rows, strict=True)
    ]
    series = [
        {**b, "unit": r["unit"], "unit_cost": r["cost"], "min_order_quantity": r["moq"],
         "order_multiple": r["multiple"], "demand_class": r["demand_class"], "review_period": r["review"],
         "review_date": r["review_date"]}
        for b, r in zip(base, rows, strict=True)
    ]  # fmt: skip
    skus = sorted({r["sku"] for r in rows})
    items = [{"sku_id": s, "vendor_id": "V1", "gtin": None if s == "A" else f"gtin-{s}"} for s in skus]
    vendors = [{"vendor_id": v, "currency": "EUR" if v == "V1" else "USD"} for v in sorted({r["vendor"] for r in rows})]
    return Night(
        _table("gold/policies", policies), _table("gold/stock_position", position), _table("gold/series", series),
        _table("silver/items", items), _table("silver/vendors", vendors),
    )  # fmt: skip


def test_one_line_says_all_there_is_to_say() -> None:
    (line,) = night({}).propose().lines.to_pylist()
    assert line == {
        "as_of": AS_OF, "order_id": order_key("retailer", AS_OF, "V1", "S1"), "line": 1, "vendor_id": "V1",
        "location_id": "S1", "sku_id": "A", "unique_id": "A@S1", "quantity": 30.0, "need": 30.0, "rounding": 0.0,
        "constraint_change": 0.0, "constraint": None, "unit": "EA", "unit_cost": 1.25,
        "value": 37.5, "currency": "EUR", "gtin": None, "order_date": AS_OF,
        "delivery_date": date(2026, 9, 22), "inventory_position": 12.0, "reorder_point": 20.0,
        "order_up_to_level": 42.0,
        "reason": "position 12 below reorder point 20; brought to 42 (order-up-to 42, minimum 6, multiple 6)",
        "disposition": "approve",
        "rule": f"base@{rules_version(())}",
        "rules": None, "queue": None, "order_quantity": None, "order_unit": None, "vendor_reason": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("on_hand", "on_order", "backorders", "reserved", "quantity"),
    [
        (20.0, 0.0, 0.0, 0.0, None),  # at the reorder point: not below it
        (19.999, 0.0, 0.0, 0.0, 24.0),
        (0.0, 20.0, 0.0, 0.0, None),  # an open order counts once
        (25.0, 0.0, 6.0, 0.0, 24.0),
        (25.0, 0.0, 0.0, 6.0, 24.0),
        (0.1 + 0.2 + 19.7, 0.0, 0.0, 0.0, None),  # a float's last digit is no reason to order
        (-8.0, 12.0, 0.0, 0.0, 30.0),  # a negative record is an empty shelf
    ],
)
def test_the_position_decides(
    on_hand: float, on_order: float, backorders: float, reserved: float, quantity: float | None
) -> None:
    made = night({"on_hand": on_hand, "on_order": on_order, "backorders": backorders, "reserved": reserved}).propose()
    assert made.lines["quantity"].to_pylist() == ([] if quantity is None else [quantity])


_SOME = st.fixed_dictionaries(
    {
        "sku": st.sampled_from(["A", "B", "ü", "Z9"]),
        "loc": st.sampled_from(["S1", "S2"]),
        "vendor": st.sampled_from(["V1", "V2"]),
        "lead": st.floats(0, 40),
        "rop": st.integers(-2, 30).map(float),
        "cost": st.decimals("0", "99", places=3).map(float),
        "on_hand": st.integers(-5, 40).map(float),
        "on_order": st.integers(0, 20).map(float),
        "reserved": st.integers(0, 5).map(float),
        "backorders": st.integers(0, 5).map(float),
        "stock_date": st.sampled_from([AS_OF, AS_OF - timedelta(days=7), AS_OF - timedelta(days=8), None]),
        "review": st.integers(1, 4),
        "review_date": st.sampled_from([None, *(AS_OF + timedelta(days=d) for d in (-9, -2, 0, 1, 8))]),
        "moq": st.integers(1, 30).map(float),
        "multiple": st.integers(1, 12).map(float),
        "more": st.integers(1, 40).map(float),
    }
)


@settings(max_examples=40, deadline=None)
@given(st.lists(_SOME, min_size=1, max_size=12, unique_by=lambda r: (r["sku"], r["loc"])), st.randoms())
def test_against_a_plain_loop_in_any_row_order(rows: list[dict[str, Any]], random: Any) -> None:
    rows = [{**r, "oul": r["rop"] + r.pop("more")} for r in [dict(r) for r in rows]]
    made = night(*rows)
    expected: dict[str, tuple[float, Decimal, date]] = {}
    for r in rows:
        position = max(r["on_hand"], 0) + r["on_order"] - r["backorders"] - r["reserved"]
        is_known = r["stock_date"] is not None and (AS_OF - r["stock_date"]).days <= 7
        is_review = (AS_OF - (r["review_date"] or date(1970, 1, 5))).days % r["review"] == 0
        if is_known and is_review and position < r["rop"]:
            quantity = math.ceil(max(r["oul"] - position, r["moq"]) / r["multiple"]) * r["multiple"]
            value = (Decimal(repr(quantity)) * Decimal(repr(r["cost"]))).quantize(Decimal("0.01"), ROUND_HALF_UP)
            day = AS_OF + timedelta(days=math.ceil(r["lead"] - 1e-9))
            expected[series_id(r["sku"], r["loc"])] = (quantity, value, day)
    lines = made.propose().lines
    assert lines["order_date"].to_pylist() == [AS_OF] * lines.num_rows
    found = {
        row["unique_id"]: (row["quantity"], Decimal(repr(row["value"])), row["delivery_date"])
        for row in lines.to_pylist()
    }
    assert found == expected
    shuffled = Night(*(_shuffled(t, random) for t in vars(made).values()))
    assert shuffled.propose().lines.equals(lines)
    parts: list[Part] = [
        (policies, shuffled.position, shuffled.series)
        for policies in (shuffled.policies.slice(0, 3), shuffled.policies.slice(3, 0), shuffled.policies.slice(3))
    ]
    parted = shuffled.propose_parts(parts)
    assert parted.lines.equals(lines)
    assert parted.exceptions.equals(made.propose().exceptions)
    assert shuffled.propose().exceptions.equals(made.propose().exceptions)


def _shuffled(data: pa.Table, random: Any) -> pa.Table:
    rows = list(range(data.num_rows))
    random.shuffle(rows)
    return data.take(pa.array(rows, pa.int64()))


def test_orders_are_grouped_per_vendor_and_location_and_numbered_by_sku() -> None:
    made = night(
        {"sku": "B"}, {"sku": "A"}, {"sku": "A", "loc": "S2"}, {"sku": "C", "vendor": "V2"}, {"sku": "D"},
    ).propose()  # fmt: skip
    rows = [(r["vendor_id"], r["location_id"], r["line"], r["sku_id"], r["currency"]) for r in made.lines.to_pylist()]
    assert rows == [
        ("V1", "S1", 1, "A", "EUR"), ("V1", "S1", 2, "B", "EUR"), ("V1", "S1", 3, "D", "EUR"),
        ("V1", "S2", 1, "A", "EUR"), ("V2", "S1", 1, "C", "USD"),
    ]  # fmt: skip
    keys = {(r["vendor_id"], r["location_id"]): r["order_id"] for r in made.lines.to_pylist()}
    assert keys == {place: order_key("retailer", AS_OF, *place) for place in keys}


def test_an_order_too_long_for_the_erp_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "MAX_LINES", 3)
    made = night(*({"sku": f"A{i}"} for i in range(7))).propose().lines.to_pylist()
    assert [r["line"] for r in made] == [1, 2, 3, 1, 2, 3, 1]
    assert [r["order_id"] for r in made][::3] == [order_key("retailer", AS_OF, "V1", "S1", part) for part in (1, 2, 3)]
    assert len({r["order_id"] for r in made}) == 3


def test_a_key_depends_on_every_word_and_words_do_not_run_together() -> None:
    assert len(order_key("r", AS_OF, "V", "S")) == 12
    words = [("r", "V", "S"), ("q", "V", "S"), ("r", "W", "S"), ("r", "V", "T"), ("r", "VS", ""), ("r", 'V","S', "")]
    assert len({order_key(r, AS_OF, v, s) for r, v, s in words}) == len(words)
    assert order_key("r", AS_OF, "V", "S") != order_key("r", AS_OF + timedelta(days=1), "V", "S")


def test_two_orders_with_one_key_stop_the_night(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "order_key", lambda *_: "SI2222222222")
    with pytest.raises(DataError, match=r"2 orders share a key(.|\n)*V1 at S1, part 1(.|\n)*V1 at S2"):
        night({}, {"loc": "S2"}).propose()


def test_an_unknown_stock_is_named_and_not_ordered() -> None:
    made = night({"stock_date": None, "on_hand": 0.0}).propose()
    assert made.lines.num_rows == 0
    assert made.lines.schema == table("gold/order_proposals").schema
    (row,) = made.exceptions.to_pylist()
    assert (row["kind"], row["value_at_risk"]) == ("no_stock_record", 42 * 1.25)
    assert row["detail"] == "no stock record: nothing is ordered, the rule would have ordered 42"


@pytest.mark.parametrize("review_date", [date(2026, 9, 13), date(2026, 10, 4), None])
def test_a_weekly_vendor_is_asked_on_its_review_night_only(review_date: date | None) -> None:
    """None: a Monday; the others: Sundays, before and after."""
    asked = []
    for day in range(14):
        tonight = AS_OF + timedelta(days=day)
        made = night({"review": 7, "review_date": review_date, "stock_date": tonight})
        for name in ("policies", "position", "series"):
            data = getattr(made, name)
            place = data.column_names.index("as_of")
            setattr(made, name, data.set_column(place, data.schema.field(place), pa.array([tonight], pa.date32())))
        found = made.propose(as_of=tonight)
        assert found.exceptions.num_rows == 0
        asked += found.lines["order_date"].to_pylist()
    first = AS_OF + timedelta(days=1 if review_date is None else 0)
    assert asked == [first, first + timedelta(days=7)]


def test_daily_and_weekly_vendors_of_one_night_are_told_apart() -> None:
    weekly = {"review": 7, "review_date": AS_OF + timedelta(days=1)}
    made = night({"sku": "A"}, {"sku": "B", "vendor": "V2", **weekly}).propose()
    assert made.lines["sku_id"].to_pylist() == ["A"]
    assert made.n_waiting == 1


@pytest.mark.parametrize(("age", "is_ordered"), [(0, True), (3, True), (4, False), (400, False)])
def test_an_old_stock_record_is_named_and_not_ordered(age: int, is_ordered: bool) -> None:
    counted = AS_OF - timedelta(days=age)
    made = night({"stock_date": counted}).propose(config=ReplenishConfig(max_stock_age_days=3))
    assert made.lines.num_rows == is_ordered
    found = [(row["kind"], row["detail"], row["value_at_risk"]) for row in made.exceptions.to_pylist()]
    detail = f"the last stock record is of {counted}: nothing is ordered, the rule would have ordered 30"
    assert found == ([] if is_ordered else [("stale_stock", detail, 37.5)])


@pytest.mark.parametrize(
    ("row", "kind", "detail", "value"),
    [
        (
            {"on_hand": -4.0, "on_order": 12.0},
            "negative_stock",
            "stock on hand is -4; counted as 0, count the shelf",
            5.0,
        ),
        ({"demand_class": "no_demand", "rop": 0.0, "oul": 1.0}, "no_demand", "never sold; 12 on hand", 15.0),
        (
            {"oul": 20.0, "moq": 144.0},
            "rounded_far_above_need",
            "needed 8, ordered 144 because of minimum 144 and multiple 6",
            170.0,
        ),
        (
            {"interval": 30.5},
            "long_lead_time",
            "protection interval of 30.5 days; the forecast reaches 28 days only",
            12.5,
        ),
    ],
)
def test_each_exception(row: dict[str, Any], kind: str, detail: str, value: float) -> None:
    (found,) = night(row).propose(horizon=28).exceptions.to_pylist()
    assert (found["kind"], found["detail"], found["value_at_risk"]) == (kind, detail, value)
    assert found["kind"] in table("gold/exceptions")["kind"].meaning


def test_a_quiet_night_has_no_lines_and_no_exceptions() -> None:
    made = night({"on_hand": 99.0}).propose(horizon=28)
    assert (made.lines.num_rows, made.exceptions.num_rows) == (0, 0)
    assert made.exceptions.schema == table("gold/exceptions").schema


@pytest.mark.parametrize("name", ["position", "series", "items", "vendors"])
def test_a_missing_row_is_refused(name: str) -> None:
    made = night({"sku": "A"}, {"sku": "B", "vendor": "V2"})
    data = getattr(made, name)
    setattr(made, name, data.slice(0, 1))
    with pytest.raises(DataError, match=r"1 of the policies' \w+s have no row there(.|\n)*which: +(B@S1|B|V2)"):
        made.propose()


def test_a_doubled_row_is_refused() -> None:
    made = night({})
    made.position = pa.concat_tables([made.position, made.position])
    with pytest.raises(DataError, match=r"stock_position: 1 keys occur more than once(.|\n)*A@S1"):
        made.propose()


def test_another_nights_row_is_refused() -> None:
    with pytest.raises(DataError, match=r"gold/policies: rows of another night(.|\n)*2026-09-20"):
        night({}).propose(as_of=AS_OF + timedelta(days=1))


@pytest.mark.parametrize(
    ("row", "kind", "detail"),
    [
        ({"rop": math.nan}, "bad_levels", "reorder_point is nan, expected a finite number"),
        ({"oul": math.inf}, "bad_levels", "order_up_to_level is inf, expected a finite number"),
        ({"oul": 19.0}, "bad_levels", "order_up_to_level is 19, expected at least the reorder point"),
        ({"multiple": 0.0}, "bad_order_terms", "order_multiple is 0, expected more than zero"),
        (
            {"multiple": 0.5},
            "bad_order_terms",
            "order_multiple is 0.5, expected whole pieces, for a unit that is counted",
        ),
        ({"moq": -1.0}, "bad_order_terms", "min_order_quantity is -1, expected zero or more"),
        ({"review": 0}, "bad_review_period", "review_period is 0, expected at least one day"),
        ({"cost": -1.0}, "bad_unit_cost", "unit_cost is -1, expected zero or more"),
        ({"on_hand": math.nan}, "bad_stock", "on_hand is nan, expected a finite number"),
        ({"on_order": -3.0}, "bad_stock", "on_order is -3, expected zero or more"),
        ({"problem": "demand_unknown"}, "demand_unknown", "no policy could be made of it"),
        ({"problem": "minimum_above_maximum"}, "minimum_above_maximum", "no policy could be made of it"),
    ],
)
def test_numbers_that_cannot_be_ordered_by_are_named_and_not_ordered(
    row: dict[str, Any], kind: str, detail: str
) -> None:
    """And the others are ordered as if these were not there."""
    made = night({"sku": "A", **row}, {"sku": "B"}).propose(horizon=28)
    assert made.lines["unique_id"].to_pylist() == ["B@S1"]
    assert made.lines.drop(["line"]).equals(night({"sku": "B"}).propose().lines.drop(["line"]))
    found = [(r["unique_id"], r["kind"], r["detail"]) for r in made.exceptions.to_pylist()]
    assert found == [("A@S1", kind, f"{detail}: nothing is ordered")]
    assert kind in table("gold/exceptions")["kind"].meaning


def test_a_lead_time_of_nothing_is_ordered_by_and_hides_no_other_problem() -> None:
    made = night(
        {"sku": "A", "problem": "zero_lead_time"}, {"sku": "B", "problem": "zero_lead_time", "on_hand": math.nan}
    )
    found = made.propose()
    assert [(line["sku_id"], line["quantity"]) for line in found.lines.to_pylist()] == [("A", 30.0)]
    assert [(row["unique_id"], row["kind"]) for row in found.exceptions.to_pylist()] == [("B@S1", "bad_stock")]


@pytest.mark.parametrize(
    ("got", "limit", "told"), [(0.0, "budget", None), (144.0, None, ""), (150.0, "trucks", "trucks")]
)
def test_far_above_the_need_is_what_is_ordered_after_all(got: float, limit: str | None, told: str | None) -> None:
    def change(wanted: Wanted) -> Changes:
        before = unchanged(wanted.decision)
        return dataclasses.replace(before, quantity=np.array([got]), constraint=pa.array([limit], pa.string()))

    rows = night({"oul": 20.0, "moq": 144.0}).propose(change=change).exceptions.to_pylist()
    end = f"; changed by {told}" if told else ""
    expected = f"needed 8, ordered {got:g} because of minimum 144 and multiple 6{end}"
    assert [(row["kind"], row["detail"]) for row in rows] == (
        [] if told is None else [("rounded_far_above_need", expected)]
    )


@pytest.mark.parametrize(
    ("limit", "quantity"), [(42.0, 30.0), (41.0, 24.0), (20.0, 6.0), (18.0, 6.0), (17.0, None), (3.0, None)]
)
def test_stock_and_orders_stay_under_their_limit(limit: float, quantity: float | None) -> None:
    made = night({"limit": limit}).propose()
    assert made.lines["quantity"].to_pylist() == ([] if quantity is None else [quantity])
    assert [r["kind"] for r in made.exceptions.to_pylist()] == (["cut_by_max_stock"] if limit < 42 else [])
    for line in made.lines.to_pylist():
        assert line["need"] + line["rounding"] + line["constraint_change"] == line["quantity"]
        assert line["constraint"] == ("max_stock" if limit < 42 else None)


def test_a_vendor_with_a_calendar_is_asked_by_it() -> None:
    made = night({"sku": "A"}, {"sku": "B", "vendor": "V2"})
    for open_tonight, expected in (({"V1": False}, ["B"]), ({"V2": False}, ["A"]), ({"V1": True}, ["A", "B"])):
        found = made.propose(open_tonight=open_tonight)
        assert sorted(found.lines["sku_id"].to_pylist()) == expected
        assert found.n_waiting == 2 - len(expected)


def test_goods_of_a_vendor_with_a_calendar_come_on_its_day() -> None:
    made = night({"sku": "A"}, {"sku": "B", "vendor": "V2"}).propose(arrivals={"V1": date(2026, 9, 25)})
    found = dict(zip(made.lines["sku_id"].to_pylist(), made.lines["delivery_date"].to_pylist(), strict=True))
    assert found == {"A": date(2026, 9, 25), "B": date(2026, 9, 22)}


def test_goods_by_weight_are_ordered_in_fractions() -> None:
    row = {"unit": "KGM", "multiple": 0.1, "moq": 0.1, "on_hand": 0.0, "rop": 0.2, "oul": 0.3}
    (line,) = night(row).propose().lines.to_pylist()
    assert line["quantity"] == 0.3  # three packs of 0.1, not 0.30000000000000004


def _many(n: int) -> Night:
    """Series of 50,000 SKUs at as many locations as that makes, of 40 vendors."""
    i = np.arange(n)
    template = night({})
    sku, loc = np.char.add("SKU", (i % 50_000).astype(str)), np.char.add("S", (i // 50_000).astype(str))
    ids = {
        "unique_id": pa.array(np.char.add(np.char.add(sku, "@"), loc)), "sku_id": pa.array(sku),
        "location_id": pa.array(loc), "vendor_id": pa.array(np.char.add("V", (i % 40).astype(str))),
    }  # fmt: skip

    def wide(one: pa.Table, columns: dict[str, pa.Array]) -> pa.Table:
        rows = one.take(pa.array(np.zeros(len(next(iter(columns.values()))), dtype=np.int64)))
        for name in one.column_names:
            if name in columns:
                rows = rows.set_column(rows.column_names.index(name), name, columns[name])
        return rows

    items = wide(template.items, {"sku_id": ids["sku_id"].slice(0, 50_000)})
    vendors = wide(template.vendors, {"vendor_id": ids["vendor_id"].slice(0, 40)})
    return Night(*(wide(t, ids) for t in (template.policies, template.position, template.series)), items, vendors)


def test_more_series_make_no_more_calls_of_python() -> None:
    """Nothing is done series by series: what orders of forty vendors take does not grow with their lines."""

    def calls(n: int) -> int:
        made, seen = _many(n), 0

        def count(_: object, event: str, __: object) -> None:
            nonlocal seen
            seen += event == "call"

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            found = made.propose()
        finally:
            sys.setprofile(before)
        assert found.lines.num_rows == n
        return seen

    calls(400)  # what is made once and kept
    assert calls(40_000) < calls(400) + 400


@pytest.mark.slow
def test_a_million_series_are_lines_of_their_orders() -> None:
    n = 1_000_000
    i = np.arange(n)
    lines = _many(n).propose().lines
    assert lines.num_rows == n
    assert len(lines["order_id"].unique()) == len(set(zip(i % 40, i // 50_000, strict=True)))
