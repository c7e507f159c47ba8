"""Files of events, expected arrivals and findings, over one order book."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from scaleinv.cli import main
from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.errors import DataError
from scaleinv.orderbook import Book, opened
from scaleinv.orderbook.shipment_intake import record
from scaleinv.orderbook.shipment_reads import expected_arrivals, refused_events, shipment, shipments
from scaleinv.pipeline.shipments import load_files, shipment_findings, update_arrivals
from scaleinv.schema.life import Answer, AnswerLine
from scaleinv.shipments.notices import announcement

NOW = datetime.datetime(2026, 9, 10, 12, tzinfo=datetime.UTC)
CONFIG = ShipmentsConfig.model_validate(
    {
        "places": {
            "HAM": {"latitude": 53.5, "longitude": 10.0},
            "DC1": {"location": "DC1", "latitude": 50.0, "longitude": 8.5},
            "0614141000005": {"location": "DC2"},
        },
        "senders": {"slow": {"keys": []}},
        "webhooks": {
            "slowship": {
                "sender": "slow", "fields": {"shipment_id": "Tracking", "event_time": "When", "kind": "Code"},
                "kinds": {"PU": "departed", "DL": "arrived"},
            }
        },
        "arrival": {"min_arrivals": 1},
    }
)  # fmt: skip


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with opened(f"sqlite:///{tmp_path}/book.db") as found:
        yield found


def moment(days: float) -> str:
    return (NOW + datetime.timedelta(days=days)).isoformat()


def event(event_id: str, shipment_id: str, kind: str, days: float, **more: Any) -> dict[str, Any]:
    return {"event_id": event_id, "shipment_id": shipment_id, "kind": kind, "event_time": moment(days), **more}


def take(book: Book, folder: Path, *events: dict[str, Any]) -> None:
    path = folder / f"{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps(list(events)))
    assert load_files(book, CONFIG, [path], sender="test")["accepted"] == len(events)


def announced(name: str, **more: Any) -> dict[str, Any]:
    line = {"order_id": "O1", "line": 1, "sku_id": "A", "quantity": "10"}
    of = {"origin": "HAM", "destination": "DC1", "carrier": "fast", "mode": "road", "lines": [line]}
    return event(f"n-{name}", name, "announced", -5, **of | more)


def test_files_of_every_kind_each_event_once(book: Book, tmp_path: Path) -> None:
    gps = tmp_path / "gps.csv"
    gps.write_text(
        "shipment_id,event_time,latitude,longitude\nS1,2026-09-09T08:00:00Z,51.0,9.0\nS1,yesterday,51.0,9.0\n"
    )
    own = tmp_path / "own.jsonl"
    own.write_text(json.dumps(event("e", "S1", "departed", -3)) + "\nnot json\n\n")
    carrier = tmp_path / "carrier.csv"
    carrier.write_text(
        "\ufeffTracking,When,Code\nS2,2026-09-09T08:00:00Z,DL\nS2,2026-09-08T08:00:00Z,XX\n", encoding="utf-8"
    )
    epcis = tmp_path / "rfid.json"
    epcis.write_text(
        json.dumps(
            {
                "type": "EPCISDocument",
                "epcisBody": {
                    "eventList": [
                        {
                            "type": "ObjectEvent", "eventTime": "2026-09-09T08:30:00Z", "eventTimeZoneOffset": "+00:00",
                            "action": "OBSERVE", "bizStep": "receiving",
                            "epcList": ["https://id.gs1.org/00/006141411234567890"],
                        }
                    ]
                },
            }
        )
    )  # fmt: skip
    expected = {"accepted": 3, "refused": 2}
    assert load_files(book, CONFIG, [gps, own, epcis], sender="test") == expected
    assert load_files(book, CONFIG, [gps, own, epcis], sender="test") == {"duplicate": 3, "refused": 2}
    assert load_files(book, CONFIG, [carrier], sender="test", carrier="slowship") == {"accepted": 1, "refused": 1}
    assert len(refused_events(book)) == 3
    assert [one["sender"] for one in shipment(book, "S2")["log"]] == ["slow"]  # type: ignore[index]
    assert shipment(book, "006141411234567890")["status"] == "arrived"  # type: ignore[index]
    with pytest.raises(DataError, match="lacks columns"):
        load_files(book, CONFIG, [carrier], sender="test")
    with pytest.raises(DataError, match="no file of events"):
        load_files(book, CONFIG, [tmp_path / "a.pdf"], sender="test")


def test_a_file_that_was_half_taken_is_taken_to_its_end(book: Book, tmp_path: Path) -> None:
    lines = [f"S{n % 9},2026-09-0{1 + n % 8}T08:00:{n % 60:02}Z,{n / 100},9.0" for n in range(2_500)]
    whole, half = tmp_path / "whole.csv", tmp_path / "half.csv"
    head = "shipment_id,event_time,latitude,longitude\n"
    whole.write_text(head + "\n".join(lines))
    half.write_text(head + "\n".join(lines[:1_300]))
    load_files(book, CONFIG, [half], sender="test")
    assert load_files(book, CONFIG, [whole], sender="test") == {"accepted": 1_200, "duplicate": 1_300, "refused": 0}
    assert sum(shipments(book, ended=False)["events"].to_pylist()) == 2_500


def test_arrivals_follow_the_lanes_past_the_position_and_the_carriers_word(book: Book, tmp_path: Path) -> None:
    past = [
        part
        for n in range(30)
        for part in (
            announced(f"P{n}"),
            event(f"d{n}", f"P{n}", "departed", -30),
            event(f"a{n}", f"P{n}", "arrived", -30 + 4 + n % 2),
        )
    ]
    take(book, tmp_path, *past)
    take(
        book, tmp_path,
        announced("LANE"), event("l1", "LANE", "departed", -2),
        announced("ETA"), event("e1", "ETA", "departed", -2), event("e2", "ETA", "delayed", -1, eta=moment(9)),
        announced("GPS"), event("g1", "GPS", "departed", -2),
        event("g2", "GPS", "in_transit", 0, latitude=50.2, longitude=8.6),
        event("u1", "UNKNOWN", "departed", -2),
    )  # fmt: skip
    assert update_arrivals(book, CONFIG, at=NOW) == 4
    found = {row["shipment_id"]: row for row in shipments(book, ended=False).to_pylist()}
    days = {name: (row["expected_arrival"] - NOW).total_seconds() / 86_400 for name, row in found.items()}
    assert days["LANE"] == pytest.approx(3.0, abs=0.3)  # 4 or 5 whole days, 2 are over
    assert days["ETA"] == pytest.approx(9, abs=1)  # no shipment of the lane took so long
    assert days["GPS"] < days["LANE"]
    coming = {row["shipment_id"]: row["expected_date"] for row in expected_arrivals(book).to_pylist()}
    assert coming["LANE"] == datetime.date(2026, 9, 13)
    assert set(coming) == {"LANE", "ETA", "GPS"}
    first = found["LANE"]["arrival_quantiles"]
    update_arrivals(book, CONFIG, at=NOW)
    assert shipment(book, "LANE")["arrival_quantiles"] == json.loads(first)  # type: ignore[index]


def test_what_a_person_should_see_with_the_money_it_carries(book: Book, tmp_path: Path) -> None:
    plan = moment(1)
    take(
        book, tmp_path,
        announced("LATE", planned_arrival=plan), event("1", "LATE", "delayed", 0, eta=moment(6)),
        announced("FINE", planned_arrival=plan), event("2", "FINE", "departed", -4),
        announced("LOST"), event("3", "LOST", "lost", -1),
        announced("SILENT", planned_arrival=moment(-40)) | {"event_time": moment(-50)},
        announced("AWAY"), event("5", "AWAY", "diverted", -1, destination="DC9"),
        announced("ELSEWHERE"), event("6", "ELSEWHERE", "arrived", -1, place="0614141000005"),
        announced("HOME"), event("7", "HOME", "arrived", -1, place="DC1"),
        announced("WARM", lowest_allowed=2.0, highest_allowed=8.0),
        event("8", "WARM", "condition", -1, lowest_temperature=4.0, highest_temperature=9.5),
        announced("COOL", lowest_allowed=2.0, highest_allowed=8.0),
        event("9", "COOL", "condition", -1, lowest_temperature=2.0, highest_temperature=8.0),
    )  # fmt: skip
    update_arrivals(book, CONFIG, at=NOW)
    costs = pa.table({"order_id": ["O1"], "line": [1], "unit_cost": pa.array([Decimal("3.2550")])})
    rows = shipment_findings(book, CONFIG, at=NOW, costs=costs).to_pylist()
    assert {(row["shipment_id"], row["kind"]) for row in rows} == {
        ("LATE", "shipment_late"), ("LOST", "shipment_lost"), ("SILENT", "shipment_lost"), ("SILENT", "shipment_late"),
        ("AWAY", "shipment_diverted"), ("ELSEWHERE", "shipment_diverted"), ("WARM", "temperature_incident"),
    }  # fmt: skip
    values = {row["shipment_id"]: row["value_at_risk"] for row in rows}
    assert values["LATE"] == Decimal("32.55")
    assert values["ELSEWHERE"] is None  # it has arrived: nothing of it is on the way
    assert "highest_temperature 9.5" in next(row["detail"] for row in rows if row["shipment_id"] == "WARM")
    coming = {row["shipment_id"]: row for row in expected_arrivals(book).to_pylist()}
    assert coming["LOST"]["expected_date"] is None
    assert coming["LATE"]["expected_date"] > (NOW + datetime.timedelta(days=3)).date()


def test_a_ship_notice_announces_its_shipment_once(book: Book) -> None:
    lines = (
        AnswerLine("shipped", line=1, quantity=Decimal(7), unit="EA", date=datetime.date(2026, 9, 14), lot="L1"),
        AnswerLine("shipped", sku_id="B", quantity=None),
    )
    answer = Answer("856-1", "shipped", "O1", shipment_id="BOL-1", lines=lines)
    for _ in range(2):
        made = announcement(answer, sender="vendor:V1", received_at=NOW, vendor_id="V1", destination="DC1")
        assert made is not None
        record(book, [made], received_at=NOW)
    (row,) = expected_arrivals(book).to_pylist()
    assert (row["order_id"], row["line"], row["quantity"]) == ("O1", 1, Decimal("7.000"))
    assert (row["expected_date"], row["location_id"]) == (datetime.date(2026, 9, 14), "DC1")
    assert announcement(Answer("855-1", "confirmed", "O1"), sender="v", received_at=NOW) is None


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "events.json"
    path.write_text(json.dumps([announced("S", planned_arrival=moment(2)), event("x", "S", "exploded", 0)]))
    of = ["--env", "test", "--book", f"sqlite:///{tmp_path}/book.db"]

    def said(*command: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["shipments", *command, *of])
        assert ended.value.code == 0
        return capsys.readouterr().out

    assert said("load", str(path)) == "1 accepted, 0 duplicate, 0 conflict, 1 refused\n"
    assert said("update", "--at", "2026-09-10T12:00:00").startswith("1 shipments have an expected arrival, 0 findings")
    assert "kind: Input should be" in said("refused")
