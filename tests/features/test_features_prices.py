"""Prices of days: spans against a loop over days and periods."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleinv.features.prices import compared_spans, spans

START = dt.date(2026, 1, 1)
SCHEMA = pa.schema(
    [("sku_id", pa.string()), ("location_id", pa.string()), ("valid_from", pa.date32()), ("valid_to", pa.date32()),
     ("price", pa.float64()), ("is_promotion", pa.bool_()), ("promotion_type", pa.string())]
)  # fmt: skip
WAS = pa.field("was", pa.bool_())
TYPES = [(False, None), (False, "leaflet"), (True, None), (True, "leaflet"), (True, "coupon")]
"""Whether it is a promotion, and what the source calls it."""
PERIODS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 30), st.integers(-1, 15),
              st.sampled_from([1.0, 2.0, 4.0]), st.sampled_from(TYPES)),
    min_size=1, max_size=9, unique_by=lambda period: period[:3],
)  # fmt: skip


def day(n: int) -> dt.date:
    return START + dt.timedelta(days=n)


@settings(max_examples=100, deadline=None)
@given(PERIODS)
def test_each_day_has_the_price_that_a_loop_finds(drawn: list[tuple[Any, ...]]) -> None:
    rows = [
        {"sku_id": sku, "location_id": shop, "valid_from": day(start), "valid_to": day(start + length),
         "price": price, "is_promotion": promotion, "promotion_type": kind}
        for sku, shop, start, length, price, (promotion, kind) in drawn
    ]  # fmt: skip
    found = spans(pa.Table.from_pylist(rows, schema=SCHEMA)).to_pylist()
    real = [row for row in rows if row["valid_from"] <= row["valid_to"]]
    assert {(row["sku_id"], row["location_id"]) for row in found} == {(r["sku_id"], r["location_id"]) for r in real}
    for sku, shop in {(row["sku_id"], row["location_id"]) for row in real}:
        periods = sorted(
            (row for row in real if (row["sku_id"], row["location_id"]) == (sku, shop)),
            key=lambda row: row["valid_from"],
        )
        price, regular = periods[0]["price"], periods[0]["price"]
        for n in range(-3, 60):
            holds = [row for row in periods if row["valid_from"] <= day(n) <= row["valid_to"]]
            promotion = bool(holds) and holds[-1]["is_promotion"]
            kind = holds[-1]["promotion_type"] if promotion else None
            price = holds[-1]["price"] if holds else price
            regular = regular if promotion else price
            (span,) = [
                row for row in found if (row["sku_id"], row["location_id"]) == (sku, shop)
                and row["start"] <= day(n) <= row["end"]
            ]  # fmt: skip
            assert (span["price"], span["is_promotion"], span["promotion_type"]) == (price, promotion, kind)
            assert abs(span["depth"] - (max(0.0, 1 - price / regular) if promotion else 0.0)) < 1e-6


@settings(max_examples=100, deadline=None)
@given(PERIODS, PERIODS, st.sets(st.sampled_from([(sku, shop) for sku in "ab" for shop in "xy"])))
def test_the_first_day_of_another_price_is_the_one_that_a_loop_finds(
    now: list[tuple[Any, ...]], before: list[tuple[Any, ...]], touched: set[tuple[str, str]]
) -> None:
    def table(drawn: list[tuple[Any, ...]], was: bool) -> pa.Table:
        rows = [
            {"sku_id": sku, "location_id": shop, "valid_from": day(start), "valid_to": day(start + length),
             "price": price, "is_promotion": promotion, "promotion_type": kind, "is_touched": (sku, shop) in touched,
             "was": was}
            for sku, shop, start, length, price, (promotion, kind) in drawn if not was or (sku, shop) in touched
        ]  # fmt: skip
        return pa.Table.from_pylist(rows, schema=SCHEMA.append(pa.field("is_touched", pa.bool_())).append(WAS))

    def prices(of: pa.Table) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
        found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        for row in spans(of).to_pylist():
            key = (row["sku_id"], row["location_id"])
            held = [n for n in range(-3, 60) if row["start"] <= day(n) <= row["end"]]
            said = (row["price"], row["is_promotion"], row["promotion_type"], row["depth"])
            found.setdefault(key, []).extend((n, *said) for n in held)
        return found

    parts = [table(now, False), table(before, True)]
    ours, theirs = map(prices, parts)
    for row in compared_spans(pa.concat_tables(parts)).to_pylist():
        key = (row["sku_id"], row["location_id"])
        different = set(ours[key]) ^ set(theirs.get(key, []))
        if key not in touched or not different:
            assert row["changes"] is None
        elif key not in theirs:
            assert row["changes"] == dt.date(1900, 1, 1)
        else:
            assert max(row["changes"], day(-3)) == day(min(n for n, *_ in different))
