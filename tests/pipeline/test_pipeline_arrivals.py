"""What shipments say of open order lines: split, moved, taken away; against a plain loop."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.orderbook.nights import exported, key, registered

from scaleinv.config import load_config
from scaleinv.orderbook import opened
from scaleinv.orderbook.carried import CARRIED
from scaleinv.orderbook.shipment_intake import record
from scaleinv.pipeline.arrivals import ARRIVALS, Coming, coming, foreseen, in_stock_units, with_arrivals
from scaleinv.pipeline.erp_arrivals import erp_moves
from scaleinv.pipeline.shipment_exceptions import by_series
from scaleinv.schema import table as schema_of
from scaleinv.schema.exceptions import KINDS
from scaleinv.schema.life import OPEN_LINES
from scaleinv.schema.shipping import SHIPMENT_PROBLEMS, Notice, ShipmentEvent, ShippedLine
from scaleinv.shipments.findings import FINDINGS

DAY = dt.date(2026, 9, 20)
Rows = list[dict[str, Any]]


def line(order_id: str, number: int, units: float, days: int = 0) -> dict[str, Any]:
    return {
        "order_id": order_id, "line": number, "unique_id": f"s{number}@L1", "sku_id": f"s{number}",
        "location_id": "L1", "vendor_id": "V1", "status": "shipped", "quantity_open": units, "as_of": DAY,
        "expected_date": DAY + dt.timedelta(days=days), "erp_number": None,
    }  # fmt: skip


def arrival(order_id: str, number: int, units: float, days: int | None, **more: Any) -> dict[str, Any]:
    day = None if days is None else DAY + dt.timedelta(days=days)
    of = {"order_id": order_id, "line": number, "quantity": units, "expected_date": day, "location_id": None}
    return of | {"is_gone": False} | more


def lines_of(rows: Rows) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=OPEN_LINES)


def arrivals_of(rows: Rows) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=ARRIVALS)


def plainly(lines: Rows, arrivals: Rows) -> Rows:
    """The same, line by line and by hand, in whole millionths."""
    found: Rows = []
    for one in lines:
        mine = [(n, a) for n, a in enumerate(arrivals) if (a["order_id"], a["line"]) == (one["order_id"], one["line"])]
        left = round(one["quantity_open"] * 1e6)
        parts = []
        mine.sort(
            key=lambda it: (it[1]["is_gone"], -(it[1]["expected_date"] or one["expected_date"]).toordinal(), it[0])
        )
        for n, a in mine:
            units = min(left, round(a["quantity"] * 1e6))
            left -= units
            if units and not a["is_gone"]:
                to = a["location_id"] or one["location_id"]
                unique_id = one["unique_id"] if to == one["location_id"] else f"{one['sku_id']}@{to}"
                day = a["expected_date"] or one["expected_date"]
                parts.append((day, n, one | {"quantity_open": units / 1e6, "expected_date": day, "location_id": to,
                                             "unique_id": unique_id}))  # fmt: skip
        if left > 0 or one["quantity_open"] == 0:
            found.append(one | {"quantity_open": left / 1e6})
        found += [part for _, _, part in sorted(parts, key=lambda it: it[:2])]
    return found


UNITS = st.sampled_from([0.1, 0.3, 1.0, 2.0, 2.5, 7.0, 40.0])


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 3), UNITS, st.integers(-3, 9)), max_size=6,
                   unique_by=lambda it: it[:2]),
    arrivals=st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(1, 3), UNITS, st.none() | st.integers(-3, 9),
                  st.sampled_from([None, "L1", "L2"]), st.booleans()),
        max_size=9,
    ),
)  # fmt: skip
def test_it_is_what_a_plain_loop_makes(lines: list[Any], arrivals: list[Any]) -> None:
    given_lines = [line(*one) for one in lines]
    given_arrivals = [arrival(*one[:4], location_id=one[4], is_gone=one[5]) for one in arrivals]
    found = with_arrivals(lines_of(given_lines), arrivals_of(given_arrivals))
    assert found.schema.equals(OPEN_LINES)
    assert found.to_pylist() == [{name: row[name] for name in OPEN_LINES.names}
                                 for row in plainly(given_lines, given_arrivals)]  # fmt: skip
    for one in given_lines:
        rows = [r for r in found.to_pylist() if (r["order_id"], r["line"]) == (one["order_id"], one["line"])]
        assert sum(round(r["quantity_open"] * 1e6) for r in rows) <= round(one["quantity_open"] * 1e6)


def test_a_line_on_two_ways_is_split_and_the_rest_stays_as_ordered() -> None:
    found = with_arrivals(
        lines_of([line("A", 1, 10.0, days=2), line("A", 2, 5.0)]),
        arrivals_of([arrival("A", 1, 4.0, 9), arrival("A", 1, 3.0, 1)]),
    )
    told = [(r["line"], r["quantity_open"], (r["expected_date"] - DAY).days) for r in found.to_pylist()]
    assert told == [(1, 3.0, 2), (1, 3.0, 1), (1, 4.0, 9), (2, 5.0, 0)]


def test_what_is_lost_is_no_supply_and_what_is_diverted_is_supply_elsewhere() -> None:
    found = with_arrivals(
        lines_of([line("A", 1, 10.0)]),
        arrivals_of([arrival("A", 1, 6.0, None, is_gone=True), arrival("A", 1, 4.0, 3, location_id="L2")]),
    )
    (row,) = found.to_pylist()
    assert (row["unique_id"], row["location_id"], row["quantity_open"]) == ("s1@L2", "L2", 4.0)


def test_goods_that_were_received_already_are_those_that_were_to_come_first() -> None:
    """6 of 12 are received, and no carrier has said that the first shipment arrived."""
    found = with_arrivals(
        lines_of([line("A", 1, 6.0)]), arrivals_of([arrival("A", 1, 6.0, -2), arrival("A", 1, 6.0, 5)])
    )
    assert [(r["quantity_open"], (r["expected_date"] - DAY).days) for r in found.to_pylist()] == [(6.0, 5)]


def test_units_of_a_shipment_become_those_of_the_order() -> None:
    rows = [{"quantity": Decimal(quantity), "unit": unit, "stock_unit": "EA"} for quantity, unit in
            (("2", "DZN"), ("2", None), ("2", "EA"), ("2", "KGM"), ("2", "XCT"))]  # fmt: skip
    assert in_stock_units(pa.Table.from_pylist(rows, schema=CARRIED)).tolist() == [24.0, 2.0, 2.0, 0.0, 0.0]
    packed = [row | {"order_unit": "CT", "order_units": 1, "stock_units": 12} for row in rows]
    assert in_stock_units(pa.Table.from_pylist(packed, schema=CARRIED)).tolist() == [24.0, 2.0, 2.0, 0.0, 24.0]


def carrying(shipment_id: str, status: str, units: int, **more: Any) -> dict[str, Any]:
    return {
        "shipment_id": shipment_id, "status": status, "order_id": "A", "line": 1, "unique_id": "s1@L1",
        "location_id": "L1", "sku_id": "s1", "quantity": Decimal(units), "stock_unit": "EA",
        "unit_cost": Decimal("2.5"), "is_open": True,
    } | more  # fmt: skip


def shipments_and_findings(*problems: tuple[str, str]) -> pa.Table:
    rows = [{"shipment_id": name, "kind": kind, "detail": f"why of {name}"} for name, kind in problems]
    return pa.Table.from_pylist(rows, schema=FINDINGS)


def test_an_exception_is_a_series_and_kind_once_with_the_money_of_all_its_shipments() -> None:
    rows = [
        carrying("S1", "delayed", 4), carrying("S1", "delayed", 2), carrying("S2", "delayed", 10),
        carrying("S2", "delayed", 1, unique_id="s2@L1"), carrying("S3", "lost", 1),
        carrying("S4", "lost", 3, unique_id=None, stock_unit=None, unit_cost=None, is_open=None),
    ]  # fmt: skip
    told = shipments_and_findings(
        ("S1", "shipment_late"), ("S2", "shipment_late"), ("S3", "shipment_lost"), ("S4", "shipment_lost"),
        ("S9", "shipment_lost"),
    )  # fmt: skip
    found = by_series(told, pa.Table.from_pylist(rows, schema=CARRIED))
    assert found.to_pylist() == [
        {"unique_id": "s1@L1", "kind": "shipment_late", "detail": "shipment S2 and 1 more: why of S2",
         "value_at_risk": 40.0},
        {"unique_id": "s1@L1", "kind": "shipment_lost", "detail": "shipment S3: why of S3", "value_at_risk": 2.5},
        {"unique_id": "s2@L1", "kind": "shipment_late", "detail": "shipment S2: why of S2", "value_at_risk": 2.5},
        {"unique_id": "shipment S4", "kind": "shipment_lost", "detail": "shipment S4: why of S4", "value_at_risk": 0.0},
    ]  # fmt: skip
    assert by_series(FINDINGS.empty_table(), pa.Table.from_pylist(rows, schema=CARRIED)).num_rows == 0


def test_every_finding_about_shipments_is_a_kind_of_exception() -> None:
    assert set(SHIPMENT_PROBLEMS) <= set(KINDS)


def test_where_goods_go_is_known_by_the_places_of_the_configuration(tmp_path: Path) -> None:
    """GLN-2 is our L2. What has arrived at home waits to be booked; what has arrived elsewhere is stock there."""
    config = load_config("test", overrides=['shipments.places={"GLN-2": {location: L2}, "GLN-1": {location: L1}}'])
    with opened(f"sqlite:///{tmp_path}/book.db") as book:
        registered(book, 0, {"lines": {"s1": 40}})
        exported(book)
        names = ("AWAY", "THERE", "HERE", "PLAIN")
        parts = {name: (ShippedLine(key(0), Decimal(units), line=1),) for units, name in enumerate(names, start=1)}

        def event(name: str, kind: str, hour: int, **more: Any) -> ShipmentEvent:
            at = dt.datetime(2026, 2, 1, hour, tzinfo=dt.UTC)
            return ShipmentEvent("c", f"{name}{kind}", name, kind, at, "{}", "0", **more)  # type: ignore[arg-type]

        due = dt.datetime(2026, 2, 5, tzinfo=dt.UTC)
        said = [event(name, "announced", 1, notice=Notice(lines=lines, planned_arrival=due))
                for name, lines in parts.items()]  # fmt: skip
        said += [
            event("AWAY", "diverted", 2, destination="GLN-2"), event("THERE", "arrived", 3, place="GLN-2"),
            event("HERE", "arrived", 3, place="GLN-1"),
        ]  # fmt: skip
        record(book, said, received_at=due)
        config = config.model_copy(update={"retailer": "r"})
        seen = foreseen(book, config, as_of=dt.date(2026, 2, 1))
        assert seen is not None
        found = coming(seen, config).arrivals
    told = {row["quantity"]: (row["location_id"], row["is_gone"]) for row in found.to_pylist()}
    assert told == {1.0: ("L2", False), 2.0: (None, True), 4.0: (None, False)}


class Listed:
    """A night whose ERP lists these orders."""

    def __init__(self, *orders: dict[str, Any]) -> None:
        self.as_of, self.lake = DAY, self
        default = {"order_id": "45", "line": 10, "vendor_id": "V1", "sku_id": "s1", "location_id": "L1", "source": "x",
                   "order_date": DAY - dt.timedelta(days=1), "quantity": 10.0, "known_on": DAY, "load": 1}  # fmt: skip
        self.rows = pa.Table.from_pylist(
            [default | one for one in orders], schema=schema_of("silver/purchase_orders").schema
        )

    def exists(self, _: Any) -> bool:
        return True

    def read(self, name: Any, *, where: Any = None, columns: Any = None) -> pa.Table:
        if name == "gold/lead_times":
            row = {"as_of": DAY, "vendor_id": "V1", "location_id": None, "probability": [0.0, 0.0, 0.5, 0.5]}
            return pa.Table.from_pylist([row], schema=schema_of(name).schema)
        return self.rows.filter(pc.is_in(self.rows["order_id"], value_set=pa.array(where["order_id"]))).select(columns)


def moves(
    *orders: dict[str, Any], erp_number: str | None = "45", said: Rows | None = None
) -> list[tuple[str, float, int]]:
    """Of a line of 10, of which 6 come in 9 days and 1 is lost, where nothing else is said."""
    rows = pa.Table.from_pylist([carrying("S", "delayed", 6, erp_number=erp_number)] * 2, schema=CARRIED)
    said = said or [arrival("A", 1, 6.0, 9), arrival("A", 1, 1.0, None, is_gone=True)]
    way = Coming(rows, arrivals_of(said))
    found = erp_moves(Listed(*orders), way)  # type: ignore[arg-type]
    return [(r["unique_id"], r["quantity_open"], (r["expected_date"] - DAY).days) for r in found.to_pylist()]


def test_a_line_of_the_erps_list_is_taken_off_its_day_and_put_on_its_shipments() -> None:
    promised = {"promised_date": DAY + dt.timedelta(days=3)}
    moved = [("s1@L1", -10.0, 3), ("s1@L1", 3.0, 3), ("s1@L1", 6.0, 9)]
    assert moves(promised) == moved
    assert moves(promised | {"order_id": "A"}, erp_number=None) == moved, "the list may have our key"
    assert moves({}) == [("s1@L1", -10.0, 2), ("s1@L1", 3.0, 2), ("s1@L1", 6.0, 9)], "the mean lead time, rounded up"
    halves = promised | {"quantity": 5.0}
    assert moves(halves, halves | {"line": 20, "promised_date": DAY}) == [
        ("s1@L1", -5.0, 3), ("s1@L1", -5.0, 0), ("s1@L1", 3.0, 3), ("s1@L1", 6.0, 9)
    ]  # fmt: skip


def test_of_a_line_that_came_in_part_no_more_is_moved_than_is_to_come() -> None:
    """Of 48, 30 are received: 18 count as on their way (``features.position``), and no more is taken off its day."""
    promised = {"promised_date": DAY + dt.timedelta(days=3), "quantity": 48.0, "received_quantity": 30.0}
    whole = [arrival("A", 1, 48.0, 9)]
    assert moves(promised, said=whole) == [("s1@L1", -18.0, 3), ("s1@L1", 18.0, 9)]
    assert moves(promised, said=[arrival("A", 1, 48.0, None, is_gone=True)]) == [("s1@L1", -18.0, 3)]
    assert moves(promised) == [("s1@L1", -18.0, 3), ("s1@L1", 11.0, 3), ("s1@L1", 6.0, 9)], "6 of 18 on a way, 1 lost"
    unknown = promised | {"received_quantity": None}
    assert moves(unknown, said=whole) == [("s1@L1", -48.0, 3), ("s1@L1", 48.0, 9)]
    for came in (48.0, 50.0):
        assert moves(promised | {"received_quantity": came}, said=whole) == [], "nothing of it is to come"
    halves = {"quantity": 24.0, "line": 20, "promised_date": DAY + dt.timedelta(days=7), "received_quantity": 24.0}
    assert moves(promised, halves) == moves(promised), "the part that is there has no say in when the rest comes"


def test_of_the_list_counts_what_was_known_last_and_is_open() -> None:
    promised = {"promised_date": DAY + dt.timedelta(days=3)}
    before = {"known_on": DAY - dt.timedelta(days=1), "promised_date": DAY, "source": "w"}
    tomorrow = DAY + dt.timedelta(days=1)
    assert moves(before, promised) == moves(promised) == moves(promised, before)
    assert moves(promised, promised | {"known_on": tomorrow, "quantity": 99.0}) == moves(promised)
    assert moves(promised | {"received_date": DAY}) == []
    assert moves(promised | {"received_date": tomorrow}) == moves(promised)
    assert moves(promised | {"order_id": "46"}) == moves(promised | {"sku_id": "s9"}) == []
