"""An order on its way: exported, announced, late, lost, and received all the same; night after night."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.erp.answer_documents import x12
from tests.pipeline.limited_night import AS_OF, by_name, made
from tests.pipeline.test_pipeline_groups import rows as filled
from tests.server.signing import KEY, TOKEN, encoded, headers

from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.erp.answers import read_answers
from scaleinv.orderbook import Book, apply, claim, close, history, listing, sets_of
from scaleinv.orderbook.shipment_reads import expected_arrivals, shipment, shipments
from scaleinv.pipeline import replenish
from scaleinv.pipeline.answer import answer_files
from scaleinv.pipeline.exceptions import decide
from scaleinv.pipeline.follow import follow_answers
from scaleinv.pipeline.register import order_book
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.life import Answer
from scaleinv.server.app import app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

SENT = {"senders": {"fast": {"keys": [KEY]}}, "reader_tokens": [TOKEN], "arrival": {"every_seconds": None}}


def later(walk: Walk, days: int, listed: dict[str, float] | None = None) -> Walk:
    """The same stock, levels and series another evening; ``listed``: units of the ERP's list, due 3 days after."""
    then = Walk(walk.config, AS_OF + dt.timedelta(days=days))
    for name in ("gold/policies", "gold/stock_position", "gold/series", "gold/lead_times"):
        rows = walk.read(name)
        if name == "gold/stock_position" and listed:
            supply = rows.to_pylist()
            for row in supply:
                if row["unique_id"] in listed:
                    units = listed[row["unique_id"]]
                    due = [AS_OF + dt.timedelta(days=3)]
                    row |= {"on_order": units, "supply_dates": due, "supply_units": [units]}
            rows = pa.Table.from_pylist(supply, schema=rows.schema)
        day = pa.repeat(pa.scalar(then.as_of, pa.date32()), rows.num_rows)
        then.overwrite(name, rows.set_column(rows.schema.get_field_index("as_of"), rows.schema.field("as_of"), day))
    replenish.work(then)
    then.lake.put(f"_walk/{then.as_of}/replenish.json", b"{}")
    return then


def own(walk: Walk, order_id: str) -> list[tuple[float, int]]:
    """What the night counts of an order, and in how many days after ``AS_OF``."""
    found = replenish.known_beside(walk).own
    rows = [] if found is None else found.lines.filter(pc.equal(found.lines["order_id"], order_id)).to_pylist()
    return [(row["quantity_open"], (row["expected_date"] - AS_OF).days) for row in rows]


def told(walk: Walk) -> dict[str, dict[str, Any]]:
    rows = walk.read("gold/exceptions").to_pylist()
    return {row["kind"]: row for row in rows if row["kind"].startswith("shipment_")}


class Way:
    """An order of one line that is on its way, and the server that is told."""

    def __init__(self, walk: Walk, book: Book, client: TestClient, folder: Path) -> None:
        self.walk, self.book, self.client, self.folder = walk, book, client, folder
        self.now = dt.datetime.combine(AS_OF, dt.time(22), dt.UTC)
        orders = [row["order_id"] for row in listing(book, retailer=walk.config.retailer)]
        self.order_id = min(orders, key=lambda name: len(history(book, name).lines))
        self.lines = history(book, self.order_id).lines

    def clock(self) -> float:
        return self.now.timestamp()

    def day(self, days: float) -> str:
        return (dt.datetime.combine(AS_OF, dt.time(12), dt.UTC) + dt.timedelta(days=days)).isoformat()

    def says(self, event_id: str, kind: str, days: float, **more: Any) -> int:
        body = encoded(
            {"event_id": event_id, "shipment_id": "SHIP-1", "kind": kind, "event_time": self.day(days), **more}
        )
        sent = self.client.post("/v1/shipments/events", content=body, headers=headers(body, at=int(self.clock())))
        return int(sent.status_code)

    def answers(self, name: str, content: bytes) -> Any:
        path = self.folder / name
        path.write_bytes(content)
        return answer_files(self.walk.config, [path])

    def notice(self, days: int) -> bytes:
        items = "".join(
            f"HL*{n + 3}*2*I~LIN**IN*{row['sku_id']}~SN1**{row['ordered'].normalize():f}*EA~"
            for n, row in enumerate(self.lines)
        )
        day = AS_OF + dt.timedelta(days=days)
        return x12(
            f"856|BSN*00*SHIP-1*{AS_OF:%Y%m%d}*1010*0001~HL*1**S~DTM*017*{day:%Y%m%d}~HL*2*1*O~PRF*{self.order_id}~"
            f"{items}CTT*{len(self.lines) + 2}~",
            kind="SH",
        ).replace(b"20260921", f"{AS_OF:%Y%m%d}".encode())


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    walk = made(tmp_path)
    with order_book(walk.config) as book:
        claim(book, walk.config.retailer, AS_OF)
        for part in sets_of(book, walk.config.retailer):
            close(book, part, [])
        found: list[Way] = []
        made_app = app(book, ShipmentsConfig.model_validate(SENT), clock=lambda: found[0].clock())
        with TestClient(made_app) as client:
            found.append(Way(walk, book, client, tmp_path))
            yield found[0]


def test_an_order_is_followed_until_it_is_there(way: Way) -> None:
    book, order_id, series = way.book, way.order_id, way.lines[0]["unique_id"]
    quantity = float(way.lines[0]["ordered"])
    for _ in range(2):  # the same notice again changes nothing
        way.answers("856.x12", way.notice(3))
        (row,) = shipments(book, ended=False).to_pylist()
        order = history(book, order_id).order
        assert (row["shipment_id"], row["events"], row["vendor_id"]) == ("SHIP-1", 1, order["vendor_id"])
        assert row["destination"] == order["location_id"]
        assert expected_arrivals(book).num_rows == len(way.lines)
    assert history(book, order_id).order["status"] == "shipped"
    night = later(way.walk, 1)
    assert (quantity, 3) in own(night, order_id)
    assert series not in by_name(night, "gold/order_proposals"), "what is on its way is enough"
    assert told(night) == {}

    assert way.says("1", "delayed", 0.2, eta=way.day(40)) == 200
    night = later(way.walk, 1)
    ((_, days), *_) = own(night, order_id)
    assert 30 < days < 50
    assert series in by_name(night, "gold/order_proposals"), "it comes too late, so more is ordered"
    late = told(night)["shipment_late"]
    assert late["detail"].startswith("shipment SHIP-1: planned_arrival")
    cost = sum(float(row["ordered"] * row["unit_cost"]) for row in way.lines if row["unique_id"] == late["unique_id"])
    assert late["value_at_risk"] == pytest.approx(cost)
    assert (late["queue"], late["days_open"]) == ("buying", 1)
    decide(night, late["unique_id"], "shipment_late", "accept", who="ada", days=2)
    night = later(way.walk, 2)
    rows = {
        row["unique_id"]: row for row in night.read("gold/exceptions").to_pylist() if row["kind"] == "shipment_late"
    }
    assert (rows[late["unique_id"]]["days_open"], rows[late["unique_id"]]["decision"]) == (2, "accept")
    before = shipment(book, "SHIP-1")
    assert later(way.walk, 2).read("gold/exceptions").equals(night.read("gold/exceptions"))
    assert shipment(book, "SHIP-1") == before, "a night looks, and leaves shipments as they are"

    assert way.says("2", "lost", 0.4) == 200
    night = later(way.walk, 3)
    assert own(night, order_id) == []
    assert set(told(night)) == {"shipment_lost"}
    assert told(night)["shipment_lost"]["value_at_risk"] > 0

    receipt = f"sender,message,kind,order_id,at\nERP,R1,received,{order_id},2026-02-02T08:00:00Z\nend,1\n"
    way.answers("receipt.csv", receipt.encode())
    assert history(book, order_id).order["status"] == "received"
    assert shipment(book, "SHIP-1")["status"] == "arrived"  # type: ignore[index]
    night = later(way.walk, 4)
    assert own(night, order_id) == []
    assert told(night) == {}


def test_a_reader_sees_an_order_and_its_history(way: Way) -> None:
    may = {"Authorization": f"Bearer {TOKEN}"}
    way.answers("856.x12", way.notice(3))
    found = way.client.get(f"/v1/orders/{way.order_id}", headers=may)
    assert found.status_code == 200
    said = found.json()
    assert (said["order_id"], said["status"]) == (way.order_id, "shipped")
    steps = [event["new_status"] for event in said["history"]]
    assert list(dict.fromkeys(steps)) == ["proposed", "approved", "exported", "shipped"]
    assert [event["version"] for event in said["history"]] == list(range(1, said["version"] + 1))
    assert said["history"][-1]["changes"]["lines"]["1"]["shipped"][1] == said["lines"][0]["shipped"].rstrip("0").rstrip(
        "."
    )
    assert said["lines"][0]["ordered"] == f"{way.lines[0]['ordered']:f}"
    assert way.client.get(f"/v1/orders/{way.order_id}").status_code == 401
    assert way.client.get("/v1/orders/SINONE", headers=may).status_code == 404
    assert len(way.client.get(f"/v1/orders/{way.order_id}/arrivals", headers=may).json()) == len(way.lines)


def test_a_night_takes_up_notices_that_came_another_way_and_a_diversion_moves_the_supply(way: Way) -> None:
    apply(way.book, list(read_answers(way.notice(3), name="856", orders_of=lambda _: [])))  # type: ignore[arg-type]
    assert shipment(way.book, "SHIP-1") is None
    later(way.walk, 1)
    assert shipment(way.book, "SHIP-1") is not None
    assert follow_answers(way.book, retailer=way.walk.config.retailer) == 0
    assert way.says("1", "diverted", 0.2, destination="L9") == 200
    night = later(way.walk, 2)
    found = replenish.known_beside(night).own
    assert found is not None
    mine = found.lines.filter(pc.equal(found.lines["order_id"], way.order_id)).to_pylist()
    assert {row["location_id"] for row in mine} == {"L9"}
    assert {row["unique_id"] for row in mine} == {f"{row['sku_id']}@L9" for row in way.lines}
    assert set(told(night)) == {"shipment_diverted"}


@pytest.mark.parametrize("promised", [True, False])
def test_an_order_of_the_erps_list_comes_when_its_shipment_does(way: Way, promised: bool) -> None:
    """The list goes on to say 3 days; without a promise that is what the vendor takes."""
    lead = pa.Table.from_pylist(
        [{"as_of": AS_OF, "vendor_id": v, "location_id": None, "probability": [0.0, 0.0, 0.5, 0.5], "n_receipts": 9}
         for v in ("V1", "V2")], schema=table("gold/lead_times").schema
    )  # fmt: skip
    way.walk.overwrite("gold/lead_times", lead)
    way.answers("856.x12", way.notice(3))
    apply(way.book, [Answer("997", "taken", way.order_id, erp_number="4500000001")])
    order, contract = history(way.book, way.order_id).order, table("silver/purchase_orders")
    day = AS_OF + dt.timedelta(days=3) if promised else None
    row = {
        "order_id": "4500000001", "vendor_id": order["vendor_id"], "location_id": order["location_id"],
        "order_date": AS_OF, "received_date": None, "received_quantity": None, "source": "x", "load": 1,
        "known_on": AS_OF + dt.timedelta(days=1),
    }  # fmt: skip
    listed = [
        row | {"line": 10 * n, "sku_id": one["sku_id"], "quantity": float(one["ordered"]), "promised_date": day}
        for n, one in enumerate(way.lines, start=1)
    ]
    gone = listed[0] | {"order_id": "4500000000", "received_date": AS_OF}
    was = listed[0] | {"known_on": AS_OF, "source": "w", "promised_date": AS_OF}
    way.walk.lake.overwrite(contract, filled(contract, *listed, gone), where={"source": "x"})
    way.walk.lake.overwrite(contract, filled(contract, was), where={"source": "w"})
    units = {one["unique_id"]: float(one["ordered"]) for one in way.lines}

    night = later(way.walk, 1, units)
    assert not set(units) & set(by_name(night, "gold/order_proposals"))
    assert sum(quantity for quantity, _ in own(night, way.order_id)) == 0
    assert way.says("1", "delayed", 0.2, eta=way.day(40)) == 200
    night = later(way.walk, 1, units)
    found = by_name(night, "gold/order_proposals")
    assert set(units) <= set(found)
    assert {found[name]["inventory_position"] for name in units} == {0.0}
    taken = sorted(own(night, way.order_id))[: len(units)]
    assert taken == sorted((-quantity, 3) for quantity in units.values())
    assert way.says("2", "lost", 0.4) == 200
    night = later(way.walk, 1, units)
    assert sorted(own(night, way.order_id)) == taken
    assert {found[name]["inventory_position"] for name in units} == {0.0}
