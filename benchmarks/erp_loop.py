"""Each format of ``export.formats`` as one would write it at first: a Python loop over order lines, one by one.

What comes out is byte for byte what scaleinv writes; it checks nothing.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape

Row = dict[str, Any]
Code = Callable[[str, str], str]
CONTROL = "975900001"


def prepared(rows: list[Row]) -> list[list[Row]]:
    """Lines order by order, numbers exact."""
    for row in rows:
        row["quantity"] = Decimal(str(round(row["quantity"], 3))).quantize(Decimal("0.001"))
        row["unit_cost"] = Decimal(str(row["unit_cost"])).quantize(Decimal("0.0001"))
        row["value"] = Decimal(str(row["value"])).quantize(Decimal("0.01"))
        row |= {"order_quantity": row["quantity"], "order_unit": row["unit"], "order_price": row["unit_cost"]}
    rows.sort(
        key=lambda r: (r["vendor_id"], r["location_id"], r["currency"], r["order_date"], r["order_id"], r["line"])
    )
    return [list(lines) for _, lines in groupby(rows, key=lambda r: r["order_id"])]


def coder(path: Path, format: str) -> Code:
    """(kind, ours) -> theirs, or ours."""
    with path.open(newline="") as file:
        found = {(r["kind"], r["ours"]): r["theirs"] for r in csv.DictReader(file) if r["format"] == format}
    return lambda kind, ours: found.get((kind, ours), ours)


def plain(number: Decimal) -> str:
    """Without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def number(value: Decimal) -> int | float:
    """As JSON writes it."""
    return int(value) if value == value.to_integral_value() else float(value)


def priced(cost: Decimal) -> tuple[str, str]:
    """For one unit, or for a hundred."""
    if cost == cost.quantize(Decimal("0.01")):
        return f"{cost:.2f}", "1"
    return f"{cost * 100:.2f}", "100"


def compact(day: date) -> str:
    """YYYYMMDD."""
    return day.strftime("%Y%m%d")


def v2(day: date) -> str:
    """As OData V2 has dates."""
    return f"/Date({(day - date(1970, 1, 1)) // timedelta(days=1) * 86_400_000})/"


def request(key: str, path: str, body: Any) -> str:
    """A line of a file of requests."""
    one = {"key": key, "method": "POST", "path": path, "body": body}
    return json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n"


def as_csv(orders: list[list[Row]], code: Code) -> Iterator[bytes]:
    """Files of the format."""
    names = ["order_id", "line", "vendor_id", "location_id", "sku_id", "gtin", "quantity", "unit", "unit_cost",
             "currency", "value", "order_date", "delivery_date", "order_quantity", "order_unit",
             "order_price"]  # fmt: skip
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(names)
    for lines in orders:
        for r in lines:
            writer.writerow([r[name] for name in names])
    yield file.getvalue().encode()


def tag(name: str, value: object) -> str:
    """An XML element."""
    return f"<{name}>{escape(str(value))}</{name}>"


def control(idoc: str, message: str, r: Row, n: int) -> str:
    """EDI_DC40."""
    values = {
        "TABNAM": "EDI_DC40", "DOCNUM": f"{compact(r['as_of'])}{n:08d}", "DIRECT": "2", "IDOCTYP": idoc,
        "MESTYP": message, "SNDPOR": "SCALEINV", "SNDPRT": "LS", "SNDPRN": "SCALEINV", "RCVPOR": "SAPPRD",
        "RCVPRT": "LS", "RCVPRN": "PRDCLNT100", "CREDAT": compact(r["as_of"]), "CRETIM": "000000",
        "REFMES": r["order_id"],
    }  # fmt: skip
    return segment("EDI_DC40", **values)


def segment(name: str, /, inner: str = "", **values: object) -> str:
    """A segment of an IDoc."""
    return f'<{name} SEGMENT="1">{"".join(tag(k, v) for k, v in values.items())}{inner}</{name}>'


def as_idoc(orders: list[list[Row]], code: Code) -> Iterator[bytes]:
    """Files of the format."""
    for part in range(0, len(orders), 1000):
        out = ['<?xml version="1.0" encoding="UTF-8"?>\n<ORDERS05>\n']
        for n, lines in enumerate(orders[part : part + 1000], start=part + 1):
            r = lines[0]
            out.append('<IDOC BEGIN="1">' + control("ORDERS05", "ORDERS", r, n))
            out.append(segment("E1EDK01", ACTION="000", CURCY=r["currency"], BSART="NB", BELNR=r["order_id"]))
            for qualifier, value in (("014", "1000"), ("009", "001"), ("011", "1000")):
                out.append(segment("E1EDK14", QUALF=qualifier, ORGID=value))
            out.append(segment("E1EDK03", IDDAT="012", DATUM=compact(r["order_date"])))
            out.append(segment("E1EDK03", IDDAT="002", DATUM=compact(min(x["delivery_date"] for x in lines))))
            out.append(segment("E1EDKA1", PARVW="LF", PARTN=r["vendor_id"]))
            out.append(segment("E1EDKA1", PARVW="WE", PARTN=r["location_id"]))
            for r in lines:
                price, per = priced(r["unit_cost"])
                inner = segment("E1EDP20", WMENG=r["quantity"], EDATU=compact(r["delivery_date"]))
                inner += segment("E1EDP19", QUALF="001", IDTNR=r["sku_id"])
                if r["gtin"] is not None:
                    inner += segment("E1EDP19", QUALF="003", IDTNR=r["gtin"])
                out.append(segment("E1EDP01", inner, POSEX=f"{10 * r['line']:06d}", ACTION="001", MENGE=r["quantity"],
                                   MENEE="PCE", VPREI=price, PEINH=per, NETWR=r["value"]))  # fmt: skip
            out.append(segment("E1EDS01", SUMID="001", SUMME=len(lines)) + "</IDOC>\n")
        yield "".join([*out, "</ORDERS05>\n"]).encode()


def as_preqcr(orders: list[list[Row]], code: Code) -> Iterator[bytes]:
    """Files of the format."""
    for part in range(0, len(orders), 1000):
        out = ['<?xml version="1.0" encoding="UTF-8"?>\n<PREQCR01>\n']
        for n, lines in enumerate(orders[part : part + 1000], start=part + 1):
            out.append(f'<IDOC BEGIN="1">{control("PREQCR01", "PREQCR", lines[0], n)}<E1PREQCR SEGMENT="1">')
            for r in lines:
                out.append(segment(
                    "E1BPEBANC", PREQ_ITEM=f"{10 * r['line']:05d}", DOC_TYPE="NB", PUR_GROUP="001",
                    PREQ_NAME=r["order_id"], PREQ_DATE=compact(r["order_date"]), MATERIAL=r["sku_id"],
                    PLANT=r["location_id"], QUANTITY=r["quantity"], UNIT="PCE", DEL_DATCAT="1",
                    DELIV_DATE=compact(r["delivery_date"]), C_AMT_BAPI=r["unit_cost"], PRICE_UNIT="1",
                    FIXED_VEND=r["vendor_id"], PURCH_ORG="1000", CURRENCY=r["currency"],
                ))  # fmt: skip
            out.append("</E1PREQCR></IDOC>\n")
        yield "".join([*out, "</PREQCR01>\n"]).encode()


def jsonl(orders: list[list[Row]], lines_of: Callable[[list[Row]], str]) -> Iterator[bytes]:
    """A thousand orders a file."""
    for part in range(0, len(orders), 1000):
        yield "".join(lines_of(lines) for lines in orders[part : part + 1000]).encode()


def as_sap_order(orders: list[list[Row]], code: Code) -> Iterator[bytes]:
    """Files of the format."""

    def one(lines: list[Row]) -> str:
        r, items = lines[0], []
        for x in lines:
            price, per = priced(x["unit_cost"])
            quantity = plain(x["quantity"])
            items.append({
                "PurchaseOrderItem": str(10 * x["line"]), "Plant": x["location_id"], "Material": x["sku_id"],
                "OrderQuantity": quantity, "PurchaseOrderQuantityUnit": "EA", "NetPriceAmount": price,
                "NetPriceQuantity": per,
                "to_ScheduleLine": [{"ScheduleLine": "1", "ScheduleLineDeliveryDate": v2(x["delivery_date"]),
                                     "ScheduleLineOrderQuantity": quantity}],
            })  # fmt: skip
        body = {
            "CompanyCode": "1000", "PurchaseOrderType": "NB", "Supplier": r["vendor_id"],
            "PurchasingOrganization": "1000", "PurchasingGroup": "001", "PurchaseOrderDate": v2(r["order_date"]),
            "DocumentCurrency": r["currency"], "CorrespncInternalReference": r["order_id"],
            "to_PurchaseOrderItem": items,
        }  # fmt: skip
        return request(r["order_id"], "/sap/opu/odata/sap/API_PURCHASEORDER_PROCESS_SRV/A_PurchaseOrder", body)

    return jsonl(orders, one)


def as_sap_requisition(orders: list[list[Row]], code: Code) -> Iterator[bytes]:
    """Files of the format."""

    def one(lines: list[Row]) -> str:
        items = []
        for x in lines:
            price, per = priced(x["unit_cost"])
            items.append({
                "PurchaseRequisitionItem": str(10 * x["line"]), "Material": x["sku_id"], "Plant": x["location_id"],
                "RequestedQuantity": plain(x["quantity"]), "BaseUnit": "EA", "PurchaseRequisitionPrice": price,
                "PurReqnPriceQuantity": per, "PurReqnItemCurrency": x["currency"],
                "DeliveryDate": v2(x["delivery_date"]), "PurchasingOrganization": "1000", "PurchasingGroup": "001",
                "FixedSupplier": x["vendor_id"], "RequisitionerName": "SCALEINV",
            })  # fmt: skip
        key = lines[0]["order_id"]
        body = {"PurchaseRequisitionType": "NB", "PurReqnDescription": key, "SourceDetermination": True,
                "to_PurchaseReqnItem": items}  # fmt: skip
        return request(key, "/sap/opu/odata/sap/API_PURCHASEREQ_PROCESS_SRV/A_PurchaseRequisitionHeader", body)

    return jsonl(orders, one)


def as_x12(orders: list[list[Row]], code: Code) -> Iterator[bytes]:
    """Files of the format."""
    day = orders[0][0]["as_of"]
    for part in range(0, len(orders), 1000):
        control = f"{CONTROL[:4]}{part // 1000 + 1:05d}"
        isa = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'BUYERID':15}*ZZ*{'NETWORK':15}"
        out = [f"{isa}*{day:%y%m%d}*0000*U*00401*{control}*0*P*>~"
               f"GS*PO*BUYERID*NETWORK*{compact(day)}*0000*{int(control)}*X*004010~"]  # fmt: skip
        some = orders[part : part + 1000]
        for n, lines in enumerate(some, start=1):
            r = lines[0]
            out.append(f"ST*850*{n:04d}~BEG*00*SA*{r['order_id']}**{compact(r['order_date'])}~CUR*BY*{r['currency']}~"
                       f"DTM*002*{compact(min(x['delivery_date'] for x in lines))}~"
                       f"N1*VN**92*{r['vendor_id']}~N1*ST**92*{r['location_id']}~")  # fmt: skip
            for x in lines:
                gtin = f"*EN*{x['gtin']}" if x["gtin"] is not None else ""
                out.append(f"PO1*{x['line']}*{plain(x['quantity'])}*EA*{plain(x['unit_cost'])}**IN*{x['sku_id']}{gtin}~"
                           f"DTM*002*{compact(x['delivery_date'])}~")  # fmt: skip
            out.append(f"CTT*{len(lines)}*{plain(sum(x['quantity'] for x in lines))}~"
                       f"AMT*TT*{plain(sum(x['value'] for x in lines))}~SE*{2 * len(lines) + 9}*{n:04d}~")  # fmt: skip
        out.append(f"GE*{len(some)}*{int(control)}~IEA*1*{control}~")
        yield "".join(out).encode("ascii")


def released(text: str) -> str:
    """With EDIFACT's own signs released."""
    return "".join(f"?{sign}" if sign in "?'+:" else sign for sign in text)


def as_edifact(orders: list[list[Row]], code: Code) -> Iterator[bytes]:
    """Files of the format."""
    day = orders[0][0]["as_of"]
    for part in range(0, len(orders), 1000):
        control = f"{compact(day)}{part // 1000 + 1:06d}"
        out = [f"UNA:+.? 'UNB+UNOC:3+5412345000013:14+NETWORK:ZZ+{day:%y%m%d}:0000+{control}'"]
        some = orders[part : part + 1000]
        for n, lines in enumerate(some, start=1):
            r = lines[0]
            out.append(f"UNH+{n}+ORDERS:D:96A:UN:EAN008'BGM+220+{released(r['order_id'])}+9'"
                       f"DTM+137:{compact(r['order_date'])}:102'"
                       f"DTM+2:{compact(min(x['delivery_date'] for x in lines))}:102'"
                       f"NAD+BY+5412345000013::9'NAD+SU+{released(r['vendor_id'])}::92'"
                       f"NAD+DP+{released(r['location_id'])}::92'CUX+2:{r['currency']}:9'")  # fmt: skip
            for x in lines:
                gtin, more = (f"++{x['gtin']}:EN", "1") if x["gtin"] is not None else ("", "5")
                out.append(f"LIN+{x['line']}{gtin}'PIA+{more}+{released(x['sku_id'])}:IN'"
                           f"QTY+21:{plain(x['quantity'])}:PCE'"
                           f"DTM+2:{compact(x['delivery_date'])}:102'MOA+203:{plain(x['value'])}'"
                           f"PRI+AAA:{plain(x['unit_cost'])}'")  # fmt: skip
            out.append(f"UNS+S'MOA+86:{plain(sum(x['value'] for x in lines))}'CNT+2:{len(lines)}'"
                       f"UNT+{6 * len(lines) + 12}+{n}'")  # fmt: skip
        out.append(f"UNZ+{len(some)}+{control}'")
        yield "".join(out).encode("latin-1")


def as_fbdi(orders: list[list[Row]], code: Code) -> Iterator[bytes]:
    """Files of the format."""
    for part in range(0, len(orders), 1000):
        tables = {name: io.StringIO(newline="") for name in ("Headers", "Lines", "LineLocations", "Distributions")}
        write = {name: csv.writer(file).writerow for name, file in tables.items()}
        for lines in orders[part : part + 1000]:
            r = lines[0]
            write["Headers"]([r["order_id"], "ORIGINAL", compact(r["as_of"]), "SCALEINV", "SUBMIT", r["order_id"],
                              "STANDARD", "Purchase Order", "BU", "BU", "LE", "BU", "Doe, J", r["currency"],
                              *[""] * 6, r["vendor_id"], "", "MAIN"])  # fmt: skip
            for x in lines:
                key, quantity = f"{x['order_id']}-{x['line']}", plain(x["quantity"])
                write["Lines"]([key, x["order_id"], "", x["line"], "Goods", x["sku_id"], *[""] * 4, quantity, "Each",
                                plain(x["unit_cost"])])  # fmt: skip
                write["LineLocations"]([key, key, 1, x["location_id"], x["location_id"], "", quantity,
                                        x["delivery_date"].strftime("%Y/%m/%d")])  # fmt: skip
                write["Distributions"]([key, key, 1, *[""] * 4, quantity, *[""] * 10])
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for name, table in tables.items():
                file.writestr(f"Po{name}InterfaceOrder.csv", table.getvalue())
        yield archive.getvalue()


def as_dynamics(orders: list[list[Row]], code: Code) -> Iterator[bytes]:
    """Files of the format."""

    def one(lines: list[Row]) -> str:
        r = lines[0]
        head = {
            "dataAreaId": "usmf", "PurchaseOrderNumber": r["order_id"], "OrderVendorAccountNumber": r["vendor_id"],
            "CurrencyCode": r["currency"], "AccountingDate": f"{r['order_date']}T12:00:00Z",
            "RequestedDeliveryDate": f"{min(x['delivery_date'] for x in lines)}T12:00:00Z",
            "VendorOrderReference": r["order_id"],
        }  # fmt: skip
        out = [request(r["order_id"], "/data/PurchaseOrderHeadersV2", head)]
        for x in lines:
            body = {
                "dataAreaId": "usmf", "PurchaseOrderNumber": x["order_id"], "LineNumber": x["line"],
                "ItemNumber": x["sku_id"], "OrderedPurchaseQuantity": number(x["quantity"]),
                "PurchaseUnitSymbol": "ea", "PurchasePrice": number(x["unit_cost"]), "ReceivingSiteId": "1",
                "ReceivingWarehouseId": x["location_id"],
                "RequestedDeliveryDate": f"{x['delivery_date']}T12:00:00Z",
            }  # fmt: skip
            out.append(request(f"{x['order_id']}/{x['line']}", "/data/PurchaseOrderLinesV2", body))
        return "".join(out)

    return jsonl(orders, one)


def as_netsuite(orders: list[list[Row]], code: Code) -> Iterator[bytes]:
    """Files of the format."""

    def one(lines: list[Row]) -> str:
        r = lines[0]
        items = [
            {"line": x["line"], "item": {"id": code("sku", x["sku_id"])}, "quantity": number(x["quantity"]),
             "units": {"id": code("unit", x["unit"])}, "rate": number(x["unit_cost"]),
             "expectedReceiptDate": str(x["delivery_date"])}
            for x in lines
        ]  # fmt: skip
        body = {
            "externalId": r["order_id"], "entity": {"id": code("vendor", r["vendor_id"])}, "subsidiary": {"id": "1"},
            "location": {"id": code("location", r["location_id"])},
            "currency": {"id": code("currency", r["currency"])}, "tranDate": str(r["order_date"]),
            "item": {"items": items},
        }  # fmt: skip
        return request(r["order_id"], "/services/rest/record/v1/purchaseOrder", body)

    return jsonl(orders, one)


def as_odoo(orders: list[list[Row]], code: Code) -> Iterator[bytes]:
    """Files of the format."""

    def one(lines: list[Row]) -> str:
        r = lines[0]
        items = [
            [0, 0, {"sequence": x["line"], "product_id": int(code("sku", x["sku_id"])),
                    "product_qty": number(x["quantity"]), "product_uom_id": int(code("unit", x["unit"])),
                    "price_unit": number(x["unit_cost"]), "date_planned": f"{x['delivery_date']} 12:00:00"}]
            for x in lines
        ]  # fmt: skip
        order = {
            "partner_id": int(code("vendor", r["vendor_id"])), "partner_ref": r["order_id"],
            "currency_id": int(code("currency", r["currency"])),
            "picking_type_id": int(code("location", r["location_id"])), "date_order": f"{r['order_date']} 12:00:00",
            "order_line": items,
        }  # fmt: skip
        return request(r["order_id"], "/json/2/purchase.order/create", {"vals_list": [order]})

    return jsonl(orders, one)


def as_erpnext(orders: list[list[Row]], code: Code) -> Iterator[bytes]:
    """Files of the format."""

    def one(lines: list[Row]) -> str:
        r = lines[0]
        items = [
            {"idx": x["line"], "item_code": x["sku_id"], "qty": number(x["quantity"]), "uom": "Nos",
             "conversion_factor": 1, "rate": number(x["unit_cost"]), "schedule_date": str(x["delivery_date"]),
             "warehouse": x["location_id"]}
            for x in lines
        ]  # fmt: skip
        body = {
            "title": r["order_id"], "supplier": r["vendor_id"], "company": "Shop",
            "transaction_date": str(r["order_date"]), "schedule_date": str(min(x["delivery_date"] for x in lines)),
            "currency": r["currency"], "conversion_rate": 1, "items": items,
        }  # fmt: skip
        return request(r["order_id"], "/api/resource/Purchase%20Order", body)

    return jsonl(orders, one)


def as_quickbooks(orders: list[list[Row]], code: Code) -> Iterator[bytes]:
    """Files of the format."""

    def one(lines: list[Row]) -> str:
        r = lines[0]
        items = [
            {"LineNum": x["line"], "Description": str(x["delivery_date"]), "Amount": number(x["value"]),
             "DetailType": "ItemBasedExpenseLineDetail",
             "ItemBasedExpenseLineDetail": {"ItemRef": {"value": code("sku", x["sku_id"])},
                                            "Qty": number(x["quantity"]), "UnitPrice": number(x["unit_cost"])}}
            for x in lines
        ]  # fmt: skip
        body = {
            "APAccountRef": {"value": "33"}, "VendorRef": {"value": code("vendor", r["vendor_id"])},
            "DocNumber": r["order_id"], "TxnDate": str(r["order_date"]),
            "DueDate": str(min(x["delivery_date"] for x in lines)), "CurrencyRef": {"value": r["currency"]},
            "ShipAddr": {"Line1": code("location", r["location_id"])}, "Line": items,
        }  # fmt: skip
        return request(r["order_id"], f"/v3/company/1/purchaseorder?requestid={r['order_id']}", body)

    return jsonl(orders, one)


QUERY = ("mutation scaleinv($input: InventoryAdjustQuantitiesInput!, $key: String!) "
         "{ inventoryAdjustQuantities(input: $input) @idempotent(key: $key) "
         "{ inventoryAdjustmentGroup { id } userErrors { field code message } } }")  # fmt: skip


def as_shopify(orders: list[list[Row]], code: Code) -> Iterator[bytes]:
    """Files of the format."""

    def one(lines: list[Row]) -> str:
        r = lines[0]
        changes = [
            {"inventoryItemId": code("sku", x["sku_id"]), "locationId": code("location", x["location_id"]),
             "delta": int(x["quantity"]), "changeFromQuantity": None,
             "ledgerDocumentUri": f"gid://scaleinv/PurchaseOrderLine/{x['order_id']}-{x['line']}"}
            for x in lines
        ]  # fmt: skip
        given = {"name": "incoming", "reason": "movement_created",
                 "referenceDocumentUri": f"gid://scaleinv/PurchaseOrder/{r['order_id']}",
                 "changes": changes}  # fmt: skip
        said = "\n".join(
            f"{x['order_id']} {x['line']} {c['inventoryItemId']} {c['locationId']} {c['delta']}"
            for x, c in zip(lines, changes, strict=True)
        )
        body = {"query": QUERY, "variables": {"key": str(uuid5(NAMESPACE_URL, said)), "input": given}}
        return request(r["order_id"], "/admin/api/2026-04/graphql.json", body)

    return jsonl(orders, one)


LOOPS: dict[str, Callable[[list[list[Row]], Code], Iterator[bytes]]] = {
    "csv": as_csv, "idoc": as_idoc, "preqcr": as_preqcr, "sap-order": as_sap_order,
    "sap-requisition": as_sap_requisition, "x12-850": as_x12, "edifact-orders": as_edifact, "oracle-fbdi": as_fbdi,
    "dynamics-365": as_dynamics, "netsuite": as_netsuite, "odoo": as_odoo, "erpnext": as_erpnext,
    "quickbooks": as_quickbooks, "shopify": as_shopify,
}  # fmt: skip
