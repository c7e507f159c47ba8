"""EPCIS documents: which shipment, what happened, how warm; errors declared; what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.errors import DataError
from scaleinv.schema.shipping import Refusal, ShipmentEvent
from scaleinv.shipments.epcis import events
from scaleinv.shipments.files import events_in

SSCC = "https://id.gs1.org/00/006141411234567890"


def said(**more: Any) -> dict[str, Any]:
    return {
        "type": "ObjectEvent", "eventID": "urn:uuid:1", "eventTime": "2026-09-20T08:30:00+02:00",
        "eventTimeZoneOffset": "+02:00", "action": "OBSERVE", "bizStep": "departing", "epcList": [SSCC], **more,
    }  # fmt: skip


def warm(value: Any, unit: str) -> dict[str, Any]:
    return {"sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": value, "uom": unit}]}]}


def read(*listed: Any, limit: int = 100) -> list[ShipmentEvent | Refusal]:
    document = {"type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": list(listed)}}
    return events(document, sender="fast", source="test", limit=limit)


def one(*listed: Any) -> ShipmentEvent:
    (found,) = read(*listed)
    assert isinstance(found, ShipmentEvent), found
    return found


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("shipping", "departed"), ("urn:epcglobal:cbv:bizstep:departing", "departed"), ("arriving", "in_transit"),
        ("https://ref.gs1.org/cbv/BizStep-receiving", "arrived"), ("transporting", "in_transit"),
    ],
)  # fmt: skip
def test_the_business_step_says_what_happened(step: str, kind: str) -> None:
    found = one(said(bizStep=step))
    assert (found.kind, found.shipment_id, found.event_time.isoformat()) == (
        kind, "006141411234567890", "2026-09-20T06:30:00+00:00",
    )  # fmt: skip


def test_a_bill_of_lading_names_the_shipment_before_its_pallets_do() -> None:
    papers = [
        {"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:0614141000005:PO-000123"},
        {"type": "urn:epcglobal:cbv:btt:bol", "bizTransaction": "urn:epcglobal:cbv:bt:0614141000005:BOL-77"},
    ]
    assert one(said(bizTransactionList=papers)).shipment_id == "BOL-77"


def test_pallets_are_shipments_each() -> None:
    found = read(
        said(type="AggregationEvent", epcList=[], parentID=SSCC, childEPCs=["urn:epc:id:sscc:0614141.1234567890"])
    )
    assert [event.shipment_id for event in found if isinstance(event, ShipmentEvent)] == [
        "006141411234567890", "106141412345678908",
    ]  # fmt: skip
    assert len({event.event_id for event in found}) == 2


def test_places_and_points() -> None:
    assert one(said(readPoint={"id": "urn:epc:id:sgln:0614141.00000.0"})).place == "0614141000005"
    found = one(said(readPoint={"id": "geo:50.03,8.56"}))
    assert (found.latitude, found.longitude, found.place) == (50.03, 8.56, None)


def test_temperatures_in_any_unit_are_degrees_celsius() -> None:
    reports = [
        {"type": "Temperature", "value": 41.0, "uom": "FAH"},
        {"type": "gs1:Temperature", "maxValue": 281.15, "uom": "KEL"},
    ]
    found = one(said(bizStep="storing", sensorElementList=[{"sensorReport": reports}]))
    assert (found.kind, found.lowest_temperature, found.highest_temperature) == ("condition", 5.0, 8.0)


@pytest.mark.parametrize("named", [True, False])
def test_an_error_declaration_voids_the_event_it_repeats(named: bool) -> None:
    content = said() if named else {key: value for key, value in said().items() if key != "eventID"}
    wrong = one(content)
    void = one(
        {
            **content,
            "recordTime": "2026-09-21T00:00:00Z",
            "errorDeclaration": {"declarationTime": "2026-09-21T00:00:00Z"},
        }
    )
    assert (void.kind, void.voids) == ("void", wrong.event_id)
    assert void.event_id != wrong.event_id


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "TransformationEvent"}, "type is none of"), ({"action": "LOOK"}, "action is none of"),
        ({"eventTime": "yesterday"}, "event_time"),
        ({"epcList": ["urn:epc:id:sgtin:0614141.1.2"]}, "names no shipment"),
        ({"bizStep": "commissioning"}, "says nothing of a shipment's way"), ({"epcList": 7}, "iterable"),
        (warm("hot", "CEL"), "could not"),
        (warm(4, "X"), "unit of a temp"),
        ({"bizTransactionList": [{"type": "bol"}]}, "bizTransaction"),
        ({"bizTransactionList": [{"type": "bol", "bizTransaction": "\ud800"}]}, ""),
        ({"bizStep": "\ud800\x00"}, ""),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_alone(change: dict[str, Any], reason: str) -> None:
    good, bad = read(said(eventID="ok"), said(**change))
    assert isinstance(good, ShipmentEvent)
    assert isinstance(bad, Refusal)
    assert reason in bad.reason
    assert bad.reason.isascii()


@pytest.mark.parametrize(
    "document", [None, [], {}, {"type": "EPCISDocument"}, {"type": "EPCISDocument", "epcisBody": []}]
)
def test_other_documents_are_none(document: Any) -> None:
    with pytest.raises(DataError, match="no EPCIS document"):
        events(document, sender="fast", source="test", limit=5)
    with pytest.raises(DataError, match="too many"):
        read(*[said()] * 6, limit=5)


def test_what_was_sent_is_kept_once_however_many_pallets_it_names() -> None:
    pallets = [f"https://id.gs1.org/00/{n:018d}" for n in range(150)]
    found = [event for event in read(said(epcList=pallets)) if isinstance(event, ShipmentEvent)]
    assert len({event.digest for event in found}) == len(found) == 150
    assert "epcList" in found[0].payload
    assert sum(len(event.payload) for event in found[1:]) < 150 * 60


def test_too_many_pallets_are_counted_before_any_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scaleinv.shipments.epcis.read", lambda *_, **__: pytest.fail("one was read"))
    pallets = [f"https://id.gs1.org/00/{n:018d}" for n in range(201)]
    with pytest.raises(DataError, match="too many shipments"):
        read(said(epcList=pallets))


def test_a_number_of_400_digits_is_refused() -> None:
    (found,) = read(said(**warm(10**400, "CEL")))
    assert isinstance(found, Refusal)
    assert "too large" in found.reason


def test_a_file_that_no_machine_reads_to_its_end_is_refused_and_not_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {"type": "EPCISDocument", "epcisBody": {"eventList": [said()]}}
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(document))
    for error in (RecursionError, OverflowError):
        monkeypatch.setattr("scaleinv.shipments.epcis.events", _raising(error))
        ((found,),) = events_in(file, ShipmentsConfig(), sender="fast", carrier=None)
        assert isinstance(found, Refusal)


def _raising(error: type[Exception]) -> Any:
    def raising(*_: Any, **__: Any) -> None:
        raise error

    return raising
