"""Independent readers: each gives a document's lines as the ERP would understand them, in one shape."""

from __future__ import annotations

import csv
import io
import json
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from lxml import etree
from pydifact.exceptions import MissingImplementationWarning
from pydifact.segmentcollection import Interchange
from pyx12.x12file import X12Reader

Row = dict[str, Any]
"""order, line, vendor, location, sku, quantity, unit, price, currency, delivery; others where the format has them."""


def _iso(text: str) -> str:
    digits = text.replace("/", "").replace("-", "")[:8]
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"


def read_csv(content: bytes) -> Iterator[Row]:
    for row in csv.DictReader(io.StringIO(content.decode(), newline="")):
        yield {
            "order": row["order_id"], "line": int(row["line"]), "vendor": row["vendor_id"],
            "location": row["location_id"], "sku": row["sku_id"], "quantity": Decimal(row["quantity"]),
            "unit": row["unit"], "price": Decimal(row["unit_cost"]), "currency": row["currency"],
            "delivery": row["delivery_date"], "ordered": row["order_date"], "gtin": row["gtin"] or None,
            "value": Decimal(row["value"]), "order_quantity": Decimal(row["order_quantity"]),
            "order_unit": row["order_unit"], "order_price": Decimal(row["order_price"]),
        }  # fmt: skip


def read_orders05(content: bytes) -> Iterator[Row]:
    for idoc in etree.fromstring(content).iterfind("IDOC"):
        for item in idoc.findall("E1EDP01"):
            yield {
                "order": idoc.findtext("E1EDK01/BELNR"), "line": int(item.findtext("POSEX")) // 10,
                "vendor": idoc.xpath("string(E1EDKA1[PARVW='LF']/PARTN)"),
                "location": idoc.xpath("string(E1EDKA1[PARVW='WE']/PARTN)"),
                "sku": item.xpath("string(E1EDP19[QUALF='001']/IDTNR)"), "quantity": Decimal(item.findtext("MENGE")),
                "unit": item.findtext("MENEE"),
                "price": Decimal(item.findtext("VPREI")) / Decimal(item.findtext("PEINH")),
                "currency": idoc.findtext("E1EDK01/CURCY"), "delivery": _iso(item.findtext("E1EDP20/EDATU")),
                "ordered": _iso(idoc.xpath("string(E1EDK03[IDDAT='012']/DATUM)")),
                "gtin": item.xpath("string(E1EDP19[QUALF='003']/IDTNR)") or None,
                "value": Decimal(item.findtext("NETWR")),
            }  # fmt: skip


def read_preqcr(content: bytes) -> Iterator[Row]:
    for idoc in etree.fromstring(content).iterfind("IDOC"):
        for item in idoc.findall("E1PREQCR/E1BPEBANC"):
            assert item.findtext("PREQ_NAME") == idoc.findtext("EDI_DC40/REFMES")
            yield {
                "order": item.findtext("PREQ_NAME"), "line": int(item.findtext("PREQ_ITEM")) // 10,
                "vendor": item.findtext("FIXED_VEND"), "location": item.findtext("PLANT"),
                "sku": item.findtext("MATERIAL"), "quantity": Decimal(item.findtext("QUANTITY")),
                "unit": item.findtext("UNIT"), "price": Decimal(item.findtext("C_AMT_BAPI")),
                "currency": item.findtext("CURRENCY"), "delivery": _iso(item.findtext("DELIV_DATE")),
                "ordered": _iso(item.findtext("PREQ_DATE")),
            }  # fmt: skip


def read_x12(content: bytes) -> Iterator[Row]:
    """Also that pyx12 finds no error in envelope and counts, and that sums are those of the lines."""
    reader = X12Reader(io.StringIO(content.decode("ascii")))
    head: Row = {}
    lines: list[Row] = []
    seen: list[str] = []
    for segment in reader:
        name = segment.get_seg_id()
        seen.append(name)
        value = segment.get_value
        if name == "ST":
            head, lines, seen = {}, [], ["ST"]
        elif name == "BEG":
            head |= {"order": value("BEG03"), "ordered": _iso(value("BEG05"))}
        elif name == "CUR":
            head["currency"] = value("CUR02")
        elif name == "N1":
            head["vendor" if value("N101") == "VN" else "location"] = value("N104")
            head["location_is_gln"] = value("N103") == "UL"
        elif name == "PO1":
            gtin = value("PO109")
            lines.append({
                "line": int(value("PO101")), "quantity": Decimal(value("PO102")), "unit": value("PO103"),
                "price": Decimal(value("PO104")), "sku": value("PO107"), "gtin": gtin or None,
                "gtin_is": value("PO108"), "sku_is": value("PO106"),
            })  # fmt: skip
        elif name == "DTM":
            if lines:
                lines[-1]["delivery"] = _iso(value("DTM02"))
            else:
                head["earliest"] = _iso(value("DTM02"))
        elif name == "CTT":
            assert int(value("CTT01")) == len(lines)
            assert Decimal(value("CTT02")) == sum(line["quantity"] for line in lines)
        elif name == "AMT":
            head["total"] = Decimal(value("AMT02"))
        elif name == "SE":
            assert int(value("SE01")) == len(seen)
            assert head["earliest"] == min(line["delivery"] for line in lines)
            yield from ({**head, **line} for line in lines)
    assert reader.pop_errors() == []
    reader.cleanup()
    assert reader.pop_errors() == []


def read_edifact(content: bytes) -> Iterator[Row]:
    """Also the counts of UNT, CNT and UNZ, and the sum of values."""
    with warnings.catch_warnings():  # it has no directory of segments with it, and says so for each
        warnings.simplefilter("ignore", MissingImplementationWarning)
        interchange = Interchange.from_str(content.decode("latin-1"))
        messages = list(interchange.get_messages())
    assert f"UNZ+{len(messages)}+{interchange.control_reference}'" in content.decode("latin-1")
    raw = [part for part in _edifact_segments(content.decode("latin-1")) if part[:3] not in ("UNA", "UNB", "UNZ")]
    counts = [index for index, part in enumerate(raw) if part.startswith("UNT")]
    starts = [0, *(index + 1 for index in counts)]
    assert [int(raw[i].split("+")[1]) for i in counts] == [
        end - start + 1 for start, end in zip(starts, counts, strict=False)
    ]
    for message in messages:
        head: Row = {}
        lines: list[Row] = []
        for segment in message.segments:
            first = segment.elements[0]
            if segment.tag == "BGM":
                head["order"] = segment.elements[1]
            elif segment.tag == "DTM" and not lines:
                head["ordered" if first[0] == "137" else "earliest"] = _iso(first[1])
            elif segment.tag == "NAD":
                head[{"BY": "buyer", "SU": "vendor", "DP": "location"}[first]] = segment.elements[1][0]
            elif segment.tag == "CUX":
                head["currency"] = first[1]
            elif segment.tag == "LIN":
                gtin = segment.elements[2][0] if len(segment.elements) > 2 else None
                lines.append({"line": int(first), "gtin": gtin})
            elif segment.tag == "PIA":
                lines[-1] |= {"sku": segment.elements[1][0], "sku_is": segment.elements[1][1]}
            elif segment.tag == "QTY":
                lines[-1] |= {"quantity": Decimal(first[1]), "unit": first[2]}
            elif segment.tag == "DTM":
                lines[-1]["delivery"] = _iso(first[1])
            elif segment.tag == "MOA" and first[0] == "203":
                lines[-1]["value"] = Decimal(first[1])
            elif segment.tag == "MOA":
                head["total"] = Decimal(first[1])
            elif segment.tag == "PRI":
                lines[-1]["price"] = Decimal(first[1])
            elif segment.tag == "CNT":
                assert int(first[1]) == len(lines)
        assert head["total"] == sum(line["value"] for line in lines)
        assert head["earliest"] == min(line["delivery"] for line in lines)
        yield from ({**head, **line} for line in lines)


def _edifact_segments(text: str) -> Iterator[str]:
    segment, released = "", False
    for sign in text:
        if sign == "'" and not released:
            yield segment
            segment = ""
            continue
        segment += sign
        released = sign == "?" and not released and not segment.startswith("UNA")


def read_fbdi(content: bytes) -> Iterator[Row]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        tables = {
            name.removesuffix("InterfaceOrder.csv"): list(
                csv.reader(io.StringIO(archive.read(name).decode(), newline=""))
            )
            for name in archive.namelist()
        }
    assert list(tables) == ["PoHeaders", "PoLines", "PoLineLocations", "PoDistributions"]
    headers = {row[0]: row for row in tables["PoHeaders"]}
    locations = {row[1]: row for row in tables["PoLineLocations"]}
    distributions = {row[1]: row for row in tables["PoDistributions"]}
    assert len(tables["PoLines"]) == len(locations) == len(distributions)
    for key, order, action, number, kind, item, *unsaid, quantity, unit, price in tables["PoLines"]:
        header, place = headers[order], locations[key]
        assert [action, *unsaid, *header[14:20], header[21], place[5], *distributions[place[0]][3:7]] == [""] * 17
        assert header[1] == "ORIGINAL"
        assert header[5] == order
        assert header[6] == "STANDARD"
        assert kind == "Goods"
        assert distributions[place[0]][7] == place[6] == quantity
        yield {
            "order": order, "line": int(number), "vendor": header[20], "site": header[22], "location": place[3],
            "sku": item, "quantity": Decimal(quantity), "unit": unit, "price": Decimal(price), "currency": header[13],
            "delivery": _iso(place[7]), "account": distributions[place[0]][8:10],
        }  # fmt: skip


def requests(content: bytes) -> list[dict[str, Any]]:
    """JSON lines, numbers exact; no key twice in a file."""
    found = [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in content.decode().split("\n") if line]
    assert len({one["key"] for one in found}) == len(found)
    assert all(one["method"] == "POST" and list(one) == ["key", "method", "path", "body"] for one in found)
    return found


def _v2(text: str) -> str:
    ms = int(text.removeprefix("/Date(").removesuffix(")/"))
    return datetime.fromtimestamp(ms / 1000, UTC).date().isoformat()


def read_sap_order(content: bytes) -> Iterator[Row]:
    for request in requests(content):
        body = request["body"]
        assert request["key"] == body["CorrespncInternalReference"]
        for item in body["to_PurchaseOrderItem"]:
            (schedule,) = item["to_ScheduleLine"]
            assert schedule["ScheduleLineOrderQuantity"] == item["OrderQuantity"]
            yield {
                "order": request["key"], "line": int(item["PurchaseOrderItem"]) // 10, "vendor": body["Supplier"],
                "location": item["Plant"], "sku": item["Material"], "quantity": Decimal(item["OrderQuantity"]),
                "unit": item["PurchaseOrderQuantityUnit"],
                "price": Decimal(item["NetPriceAmount"]) / Decimal(item["NetPriceQuantity"]),
                "currency": body["DocumentCurrency"], "delivery": _v2(schedule["ScheduleLineDeliveryDate"]),
                "ordered": _v2(body["PurchaseOrderDate"]),
            }  # fmt: skip


def read_sap_requisition(content: bytes) -> Iterator[Row]:
    for request in requests(content):
        assert request["key"] == request["body"]["PurReqnDescription"]
        for item in request["body"]["to_PurchaseReqnItem"]:
            yield {
                "order": request["key"], "line": int(item["PurchaseRequisitionItem"]) // 10,
                "vendor": item["FixedSupplier"], "location": item["Plant"], "sku": item["Material"],
                "quantity": Decimal(item["RequestedQuantity"]), "unit": item["BaseUnit"],
                "price": Decimal(item["PurchaseRequisitionPrice"]) / Decimal(item["PurReqnPriceQuantity"]),
                "currency": item["PurReqnItemCurrency"], "delivery": _v2(item["DeliveryDate"]),
            }  # fmt: skip


def read_dynamics(content: bytes) -> Iterator[Row]:
    """A line's header stands before it."""
    headers: dict[str, Row] = {}
    for request in requests(content):
        body = request["body"]
        if request["path"].endswith("HeadersV2"):
            headers[body["PurchaseOrderNumber"]] = body
            continue
        header = headers[body["PurchaseOrderNumber"]]
        assert request["key"] == f"{header['VendorOrderReference']}/{body['LineNumber']}"
        yield {
            "order": body["PurchaseOrderNumber"], "line": int(body["LineNumber"]),
            "vendor": header["OrderVendorAccountNumber"], "location": body["ReceivingWarehouseId"],
            "sku": body["ItemNumber"], "quantity": Decimal(body["OrderedPurchaseQuantity"]),
            "unit": body["PurchaseUnitSymbol"], "price": Decimal(body["PurchasePrice"]),
            "currency": header["CurrencyCode"], "delivery": body["RequestedDeliveryDate"][:10],
            "ordered": header["AccountingDate"][:10], "site": body["ReceivingSiteId"],
        }  # fmt: skip


def read_netsuite(content: bytes) -> Iterator[Row]:
    for request in requests(content):
        body = request["body"]
        for item in body["item"]["items"]:
            yield {
                "order": body["externalId"], "line": int(item["line"]), "vendor": body["entity"]["id"],
                "location": body["location"]["id"], "sku": item["item"]["id"], "quantity": item["quantity"],
                "unit": item["units"]["id"], "price": item["rate"], "currency": body["currency"]["id"],
                "delivery": item["expectedReceiptDate"], "ordered": body["tranDate"],
            }  # fmt: skip


def read_odoo(content: bytes) -> Iterator[Row]:
    for request in requests(content):
        (order,) = request["body"]["vals_list"]
        for command, zero, line in order["order_line"]:
            assert (command, zero) == (0, 0)
            yield {
                "order": order["partner_ref"], "line": int(line["sequence"]), "vendor": str(order["partner_id"]),
                "location": str(order["picking_type_id"]), "sku": str(line["product_id"]),
                "quantity": line["product_qty"], "unit": str(line["product_uom_id"]), "price": line["price_unit"],
                "currency": str(order["currency_id"]), "delivery": line["date_planned"][:10],
                "ordered": order["date_order"][:10],
            }  # fmt: skip


def read_erpnext(content: bytes) -> Iterator[Row]:
    for request in requests(content):
        body = request["body"]
        assert body["schedule_date"] == min(item["schedule_date"] for item in body["items"])
        for item in body["items"]:
            yield {
                "order": body["title"], "line": int(item["idx"]), "vendor": body["supplier"],
                "location": item["warehouse"], "sku": item["item_code"], "quantity": item["qty"], "unit": item["uom"],
                "price": item["rate"], "currency": body["currency"], "delivery": item["schedule_date"],
                "ordered": body["transaction_date"], "rate": body["conversion_rate"],
                "factor": item["conversion_factor"],
            }  # fmt: skip


def read_quickbooks(content: bytes) -> Iterator[Row]:
    for request in requests(content):
        body = request["body"]
        assert request["path"].endswith(f"?requestid={body['DocNumber']}")
        for line in body["Line"]:
            detail = line[line["DetailType"]]
            yield {
                "order": body["DocNumber"], "line": int(line["LineNum"]), "vendor": body["VendorRef"]["value"],
                "location": body["ShipAddr"]["Line1"], "sku": detail["ItemRef"]["value"], "quantity": detail["Qty"],
                "price": detail["UnitPrice"], "currency": body["CurrencyRef"]["value"],
                "delivery": line["Description"], "ordered": body["TxnDate"], "value": line["Amount"],
            }  # fmt: skip


def read_shopify(content: bytes) -> Iterator[Row]:
    for request in requests(content):
        given = request["body"]["variables"]["input"]
        order = given["referenceDocumentUri"].removeprefix("gid://scaleinv/PurchaseOrder/")
        assert given["name"] == "incoming"
        assert len(given["changes"]) <= 250
        for change in given["changes"]:
            line_order, line = change["ledgerDocumentUri"].removeprefix("gid://scaleinv/PurchaseOrderLine/").split("-")
            assert line_order == order
            yield {
                "order": order, "line": int(line), "location": change["locationId"], "sku": change["inventoryItemId"],
                "quantity": change["delta"],
            }  # fmt: skip


READERS: dict[str, Callable[[bytes], Iterable[Row]]] = {
    "csv": read_csv, "idoc": read_orders05, "preqcr": read_preqcr, "sap-order": read_sap_order,
    "sap-requisition": read_sap_requisition, "x12-850": read_x12, "edifact-orders": read_edifact,
    "oracle-fbdi": read_fbdi, "dynamics-365": read_dynamics, "netsuite": read_netsuite, "odoo": read_odoo,
    "erpnext": read_erpnext, "quickbooks": read_quickbooks, "shopify": read_shopify,
}  # fmt: skip
