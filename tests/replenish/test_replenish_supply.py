"""What counts as supply: in time, once, in the vendor's own units. Complaints of other systems' users are named."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.replenish.nights import AS_OF, Night, by_series, night

from scaleinv.errors import DataError
from scaleinv.replenish import Known, OwnOrders, gather, order_key, own_orders, with_own_orders
from scaleinv.schema.life import OPEN_LINES, OPEN_STATUSES, OWN_RECEIPTS

ONE_DAY = timedelta(days=1)


def facts_of(made: Night, own: OwnOrders | None = None) -> dict[str, Any]:
    facts = gather(made.policies, made.position, made.series, as_of=made.as_of)
    (row,) = with_own_orders(facts, own, as_of=made.as_of).columns.to_pylist()
    return dict(row)


def own_line(**changes: Any) -> dict[str, Any]:
    return {
        "order_id": "SIEARLIER", "as_of": AS_OF - 3 * ONE_DAY, "line": 1,
        "unique_id": "A@S1", "sku_id": "A", "location_id": "S1", "vendor_id": "V1",
        "status": "exported", "quantity_open": 30.0, "expected_date": AS_OF + ONE_DAY, "erp_number": None,
    } | changes  # fmt: skip


def own_of(*lines: dict[str, Any], erp: tuple[str, ...] = (), as_of: date = AS_OF, **options: Any) -> OwnOrders:
    rows = pa.Table.from_pylist(list(lines), schema=OPEN_LINES)
    return own_orders(rows, pa.array(erp, pa.string()), as_of=as_of, **options)


@pytest.mark.parametrize(("days", "counts"), [(1, True), (9, True), (10, False), (40, False)])
def test_supply_after_the_protection_interval_does_not_count_and_is_told(days: int, counts: bool) -> None:
    """odoo#76162, #19469: an open order beyond the lead time was counted, and nothing was ordered."""
    made = night({"on_order": 30.0, "supply": [(AS_OF + days * ONE_DAY, 30.0)]})
    found = facts_of(made)
    assert (found["on_order"], found["on_order_not_due"]) == ((30.0, 0.0) if counts else (0.0, 30.0))
    proposals = made.propose()
    assert proposals.lines["quantity"].to_pylist() == ([] if counts else [30.0])
    assert [r["kind"] for r in proposals.exceptions.to_pylist()] == ([] if counts else ["supply_not_in_time"])


def test_a_part_of_supply_may_be_in_time() -> None:
    supply = [(AS_OF + ONE_DAY, 4.0), (AS_OF + 9 * ONE_DAY, 2.5), (AS_OF + 10 * ONE_DAY, 7.0)]
    found = facts_of(night({"on_order": 15.5, "supply": supply}))  # 2 are overdue, and have no day ahead
    assert (found["on_order"], found["on_order_not_due"]) == (8.5, 7.0)


def test_overdue_supply_is_told_with_what_counts_of_it() -> None:
    made = night({"on_hand": 30.0, "on_order": 3.0, "overdue": 12.0, "discount": 9.0}).propose()
    (row,) = made.exceptions.to_pylist()
    assert (row["kind"], row["value_at_risk"], row["queue"]) == ("overdue_supply", 15.0, "vendor_management")
    assert row["detail"] == "12 units are overdue; by the vendor's record 3 of them are counted"


@pytest.mark.parametrize("status", OPEN_STATUSES)
def test_an_order_of_an_earlier_night_counts_once(status: str) -> None:
    """ERPNext #50475, #53085, odoo#31490: each run ordered the same need again."""
    made = night({})
    own = own_of(own_line(status=status))
    assert facts_of(made, own)["on_order"] == 30.0
    assert made.propose(known=Known(own=own)).lines.num_rows == 0


@pytest.mark.parametrize("known", ["SIEARLIER", "4500000017"])
def test_an_order_that_the_erp_knows_is_the_erps_to_count(known: str) -> None:
    """frePPLe 9.17.0: exported twice; odoo#78711: the quantity doubled. By our key or by the ERP's number."""
    made = night({"on_order": 30.0, "supply": [(AS_OF + ONE_DAY, 30.0)]})
    own = own_of(own_line(erp_number="4500000017"), erp=(known, "4500000001"))
    assert facts_of(made, own)["on_order"] == 30.0
    received = night({})  # it is in the ERP's list, and has come: our book has not heard of it yet
    assert facts_of(received, own)["on_order"] == 0.0


def test_a_persons_order_in_the_erp_is_supply_and_stays_as_it_is() -> None:
    """odoo#165030, OCA#1209: lines were added to purchase orders that somebody had written by hand."""
    manual = "4500000999"
    own = own_of(erp=(manual,))  # its list has it, and our book has no order of this number
    (alone,) = night({}).propose(known=Known(own=own)).lines.to_pylist()
    (line,) = (
        night({"on_order": 6.0, "supply": [(AS_OF + ONE_DAY, 6.0)]}).propose(known=Known(own=own)).lines.to_pylist()
    )
    assert (alone["inventory_position"], alone["quantity"]) == (12.0, 30.0)
    assert (line["inventory_position"], line["quantity"]) == (18.0, 24.0), "the rest, not the whole"
    assert line["order_id"] == alone["order_id"] == order_key("retailer", AS_OF, "V1", "S1") != manual
    covered = night({"on_order": 30.0, "supply": [(AS_OF + ONE_DAY, 30.0)]}).propose(known=Known(own=own))
    assert covered.lines.num_rows == 0


def test_an_unknown_number_is_nobodys() -> None:
    own = own_of(own_line(erp_number=None), erp=("x",))
    assert facts_of(night({}), own)["on_order"] == 30.0


def came_of(*days: int, erp: tuple[str, ...] = (), **changes: Any) -> OwnOrders:
    """8 of an own order on each of these days."""
    one = {"order_id": "SIEARLIER", "erp_number": None, "unique_id": "A@S1", "quantity": 8.0} | changes
    rows = [one | {"received_date": AS_OF + day * ONE_DAY} for day in days]
    return own_of(erp=erp, came=pa.Table.from_pylist(rows, schema=OWN_RECEIPTS))


def test_what_came_of_an_own_order_after_the_stock_record_is_on_the_shelf() -> None:
    """Neither in the record nor on its way, it would be ordered again. What the record holds is there once."""
    yesterday = night({"stock_date": AS_OF - ONE_DAY})
    assert yesterday.propose().lines["quantity"].to_pylist() == [30.0]
    own = came_of(-2, -1, 0, 1)
    assert facts_of(yesterday, own)["on_hand"] == 12.0 + 8.0, "of four receipts, one on each day"
    assert facts_of(night({"stock_date": AS_OF - 3 * ONE_DAY}), own)["on_hand"] == 12.0 + 24.0
    assert facts_of(night({}), own)["on_hand"] == 12.0, "tonight's record holds what came today"
    assert yesterday.propose(known=Known(own=own)).lines.num_rows == 0
    assert facts_of(night({"stock_date": None, "on_hand": 0.0}), own)["on_hand"] == 0.0
    assert facts_of(yesterday, came_of(0, unique_id="B@S1"))["on_hand"] == 12.0


def test_what_is_taken_back_after_the_stock_record_is_off_the_shelf_and_no_more_than_lies_there() -> None:
    yesterday = night({"stock_date": AS_OF - ONE_DAY})
    for units, left in ((-5.0, 7.0), (-20.0, 0.0)):
        assert facts_of(yesterday, came_of(0, quantity=units))["on_hand"] == left
    assert facts_of(night({}), came_of(0, quantity=-5.0))["on_hand"] == 12.0


@pytest.mark.parametrize("known", ["SIEARLIER", "4500000017"])
def test_what_came_of_an_order_that_the_erps_list_names_is_the_lists_to_count(known: str) -> None:
    made = night({"stock_date": AS_OF - ONE_DAY, "on_hand": 20.0})  # features have added it
    own = came_of(0, erp_number="4500000017", erp=(known,))
    assert facts_of(made, own)["on_hand"] == 20.0


def test_orders_of_the_night_and_of_later_nights_do_not_count() -> None:
    """odoo#31490: +5 units with each run of the scheduler."""
    own = own_of(own_line(as_of=AS_OF), own_line(order_id="SILATER", as_of=AS_OF + ONE_DAY))
    assert facts_of(night({}), own)["on_order"] == 0.0


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=8), st.sampled_from(OPEN_STATUSES),
    st.integers(2, 6),
)  # fmt: skip
def test_no_need_is_ordered_twice_over_many_nights(sold: list[int], status: str, lead: int) -> None:
    """Open orders of all nights, known to the book alone, then to both: stock + open never goes above the level."""
    on_hand, book = 30.0, []
    for day, units in enumerate(sold):
        tonight = AS_OF + day * ONE_DAY
        on_hand = max(on_hand - units, 0.0)
        in_erp = [line for line in book if line["expected_date"] < tonight + 2 * ONE_DAY]
        row = {
            "on_hand": on_hand, "on_order": sum(line["quantity_open"] for line in in_erp), "lead": float(lead),
            "supply": [(line["expected_date"], line["quantity_open"]) for line in in_erp],
        }  # fmt: skip
        own = own_of(*book, erp=tuple(line["order_id"] for line in in_erp), as_of=tonight) if book else None
        made = night(row, as_of=tonight).propose(known=Known(own=own))
        for line in made.lines.to_pylist():
            assert line["inventory_position"] == on_hand + sum(one["quantity_open"] for one in book)
            book.append(
                own_line(order_id=line["order_id"], as_of=tonight, status=status, quantity_open=line["quantity"],
                         expected_date=line["delivery_date"])
            )  # fmt: skip
        assert on_hand + sum(line["quantity_open"] for line in book) <= 42 + 6
        book = [line for line in book if line["expected_date"] > tonight]
        on_hand += sum(0.0 for _ in book)
        arrived = [line for line in book if line["expected_date"] == tonight + ONE_DAY]
        on_hand += sum(line["quantity_open"] for line in arrived)
        book = [line for line in book if line not in arrived]


def test_an_own_order_that_is_overdue_counts_by_its_vendors_record() -> None:
    chances = {"V1": np.asarray([1.0, 0.6, 0.25])}
    for days, counts in ((0, 30.0), (1, 18.0), (2, 7.5), (50, 7.5)):
        own = own_of(own_line(expected_date=AS_OF - days * ONE_DAY), chances=chances)
        found = facts_of(night({}), own)
        assert (found["on_order"], found["on_order_discount"]) == (counts, 30.0 - counts)
    own = own_of(own_line(vendor_id="V9", expected_date=AS_OF - 50 * ONE_DAY), chances=chances)
    assert facts_of(night({}), own)["on_order"] == 30.0  # of a vendor without a record


_OWN = st.fixed_dictionaries(
    {
        "unique_id": st.sampled_from(["A@S1", "B@S1", "Z@S9"]),
        "quantity_open": st.integers(1, 40).map(float), "order_id": st.sampled_from(["O1", "O2", "O3"]),
        "expected_date": st.integers(-20, 20).map(lambda n: AS_OF + n * ONE_DAY),
        "erp_number": st.sampled_from([None, "E1"]),
    }
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(_OWN, max_size=8), st.sets(st.sampled_from(["O1", "E1", "O3"])), st.randoms())
def test_the_position_conserves_every_open_unit(lines: list[dict[str, Any]], erp: set[str], chance: Any) -> None:
    """on order + not due + discount = all that is open and not in the ERP's list, whatever the order of lines."""
    made = night({"sku": "A"}, {"sku": "B"})
    rows = [own_line(**line) for line in lines]
    chances = {"V1": np.linspace(1, 0, 10)}
    facts = gather(made.policies, made.position, made.series, as_of=AS_OF)
    found = with_own_orders(facts, own_of(*rows, erp=tuple(erp), chances=chances), as_of=AS_OF).columns
    chance.shuffle(rows)
    again = with_own_orders(facts, own_of(*rows, erp=tuple(erp), chances=chances), as_of=AS_OF).columns
    for row, other in zip(found.to_pylist(), again.to_pylist(), strict=True):
        mine = [
            line["quantity_open"] for line in rows
            if line["unique_id"] == row["unique_id"]
            and not {line["order_id"], line["erp_number"]} & erp
        ]  # fmt: skip
        assert row["on_order"] + row["on_order_not_due"] + row["on_order_discount"] == pytest.approx(sum(mine))
        assert {n: round(v, 5) for n, v in row.items() if isinstance(v, float)} == {
            n: round(v, 5) for n, v in other.items() if isinstance(v, float)
        }


def packs(*rows: tuple[str, str, int, int]) -> pa.Table:
    names = ("sku_id", "order_unit", "order_units", "stock_units")
    return pa.Table.from_pylist([{"vendor_id": "V1", **dict(zip(names, row, strict=True))} for row in rows])


@pytest.mark.parametrize(
    ("row", "pack", "quantity", "unit"),
    [
        ({"multiple": 12.0, "oul": 48.0}, ("A", "CS", 1, 12), 3.0, "CS"),
        # ERPNext #37164: 150 kg became 0.150
        (
            {"unit": "GRM", "multiple": 1.0, "moq": 1.0, "on_hand": 0.0, "oul": 150_000.0},
            ("A", "KGM", 1, 1000),
            150.0,
            "KGM",
        ),
        (
            {"unit": "KGM", "multiple": 0.1, "moq": 0.1, "on_hand": 0.0, "rop": 0.2, "oul": 0.3},
            ("A", "GRM", 1000, 1),
            300.0,
            "GRM",
        ),
        ({"multiple": 3.0, "moq": 3.0, "oul": 42.0}, ("A", "MTR", 10, 3), 100.0, "MTR"),  # three pieces are ten metres
        ({}, ("B", "CS", 1, 12), None, None),  # another article's
    ],
)
def test_orders_are_said_exactly_in_the_vendors_unit(row: dict[str, Any], pack: Any, quantity: Any, unit: Any) -> None:
    (line,) = night(row).propose(known=Known(packs=packs(pack))).lines.to_pylist()
    assert (line["order_quantity"], line["order_unit"]) == (quantity, unit)


def test_a_fraction_of_a_case_is_an_exception_and_no_rounding() -> None:
    """ERPNext #18391: "Quantity (0.9) cannot be a fraction"; #11297."""
    made = night({}, {"sku": "B"}).propose(known=Known(packs=packs(("A", "CS", 1, 7))))
    found = {line["sku_id"]: line for line in made.lines.to_pylist()}
    assert found["A"]["quantity"] == found["B"]["quantity"] == 30.0, "documents are in units of stock: they can say it"
    assert (found["A"]["order_quantity"], found["A"]["order_unit"]) == (None, None)
    (row,) = made.exceptions.to_pylist()
    assert (row["kind"], row["value_at_risk"]) == ("unit_does_not_fit", 37.5)
    assert row["detail"] == "30 EA come out uneven: 7 of stock are 1 CS; ordered in units of stock"


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 400), st.integers(1, 60), st.integers(1, 60), st.sampled_from(["CS", "KGM"]))
def test_units_of_order_against_fractions(packs_needed: int, order_units: int, stock_units: int, unit: str) -> None:
    units = float(packs_needed)
    made = night({"on_hand": 0.0, "rop": units, "oul": units, "moq": 1.0, "multiple": 1.0})
    made = made.propose(known=Known(packs=packs(("A", unit, order_units, stock_units))))
    exact = Fraction(packs_needed) * order_units / stock_units
    fits = (exact * (1000 if unit == "KGM" else 1)).denominator == 1
    assert made.lines["order_quantity"].to_pylist() == [float(exact) if fits else None]
    kinds = [r["kind"] for r in made.exceptions.to_pylist()]
    assert ("unit_does_not_fit" in kinds) != fits


def test_a_pack_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match=r"a pack holds nothing(.|\n)*A of V1"):
        night({}).propose(known=Known(packs=packs(("A", "CS", 1, 0))))


@pytest.mark.parametrize(
    ("moq", "multiple", "limit", "quantity"),
    [(6.0, 6.0, None, 30.0), (17.0, 6.0, None, 30.0), (31.0, 6.0, None, 36.0), (6.0, 7.0, None, 35.0),
     (6.0, 6.0, 36.0, 24.0), (24.0, 6.0, 30.0, None), (6.0, 6.0, 17.0, None)],
)  # fmt: skip
def test_minimum_multiple_and_maximum_together(
    moq: float, multiple: float, limit: float | None, quantity: float | None
) -> None:
    """odoo#202372, #168898, #175876: wrong or no order where they meet. Where they contradict each other it is said."""
    made = night({"moq": moq, "multiple": multiple, "limit": limit}).propose()
    assert made.lines["quantity"].to_pylist() == ([] if quantity is None else [quantity])
    named = [r["kind"] for r in made.exceptions.to_pylist()]
    assert ("cut_by_max_stock" in named) == (limit is not None)


def test_why_this_quantity_can_be_reckoned_from_the_line() -> None:
    """odoo#190668, #130978: forecast and order did not agree, and nobody could say why."""
    (line,) = night({"on_order": 3.0, "reserved": 2.0, "backorders": 1.0}).propose().lines.to_pylist()
    assert line["order_up_to_level"] - line["inventory_position"] == line["need"] == 30.0
    assert line["need"] + line["rounding"] + line["constraint_change"] == line["quantity"]
    assert by_series(night({}).propose().lines)["A@S1"]["reason"].startswith("position 12 below reorder point 20")
