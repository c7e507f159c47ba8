"""JSON schemas of the bodies, written from the ERPs' published sizes and not from the layouts."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def text(most: int) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": most}


def digits(most: int) -> Schema:
    return {"type": "string", "pattern": rf"^[0-9]{{1,{most}}}$"}


def decimal(precision: int, scale: int) -> Schema:
    """A number as a string, as OData V2 has it."""
    return {"type": "string", "pattern": rf"^[0-9]{{1,{precision - scale}}}(\.[0-9]{{1,{scale}}})?$" if scale
            else rf"^[0-9]{{1,{precision}}}$"}  # fmt: skip


def objects(**properties: Schema) -> Schema:
    """Exactly these."""
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False
    }  # fmt: skip


def listed(items: Schema, most: int | None = None) -> Schema:
    return {"type": "array", "items": items, "minItems": 1} | ({"maxItems": most} if most else {})


V2_DATE: Schema = {"type": "string", "pattern": r"^/Date\([0-9]{12,14}\)/$"}
DAY: Schema = {"type": "string", "pattern": r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]$"}
NOON: Schema = {"type": "string", "pattern": r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]T12:00:00Z$"}
MIDDAY: Schema = {"type": "string", "pattern": r"^20[0-9]{2}-[01][0-9]-[0-3][0-9] 12:00:00$"}
ID: Schema = objects(id=digits(18))
VALUE: Schema = objects(value=digits(18))
NUMBER: Schema = {"type": "number", "minimum": 0}
POSITIVE: Schema = {"type": "number", "exclusiveMinimum": 0}
WHOLE: Schema = {"type": "integer", "minimum": 1}

SAP_ORDER = objects(
    CompanyCode=text(4), PurchaseOrderType=text(4), Supplier=text(10), PurchasingOrganization=text(4),
    PurchasingGroup=text(3), PurchaseOrderDate=V2_DATE, DocumentCurrency=text(5), CorrespncInternalReference=text(12),
    to_PurchaseOrderItem=listed(objects(
        PurchaseOrderItem=digits(5), Plant=text(4), Material=text(40), OrderQuantity=decimal(13, 3),
        PurchaseOrderQuantityUnit=text(3), NetPriceAmount=decimal(12, 3), NetPriceQuantity=decimal(5, 0),
        to_ScheduleLine=listed(objects(
            ScheduleLine=digits(4), ScheduleLineDeliveryDate=V2_DATE, ScheduleLineOrderQuantity=decimal(13, 3)), 1),
    )),
)  # fmt: skip
SAP_REQUISITION = objects(
    PurchaseRequisitionType=text(4), PurReqnDescription=text(40), SourceDetermination={"const": True},
    to_PurchaseReqnItem=listed(objects(
        PurchaseRequisitionItem=digits(5), Material=text(40), Plant=text(4), RequestedQuantity=decimal(13, 3),
        BaseUnit=text(3), PurchaseRequisitionPrice=decimal(12, 3), PurReqnPriceQuantity=decimal(5, 0),
        PurReqnItemCurrency=text(5), DeliveryDate=V2_DATE, PurchasingOrganization=text(4), PurchasingGroup=text(3),
        FixedSupplier=text(10), RequisitionerName=text(12),
    )),
)  # fmt: skip
DYNAMICS_HEADER = objects(
    dataAreaId=text(4), PurchaseOrderNumber=text(20), OrderVendorAccountNumber=text(20), CurrencyCode=text(3),
    AccountingDate=NOON, RequestedDeliveryDate=NOON, VendorOrderReference=text(60),
)  # fmt: skip
DYNAMICS_LINE = objects(
    dataAreaId=text(4), PurchaseOrderNumber=text(20), LineNumber=WHOLE, ItemNumber=text(20),
    OrderedPurchaseQuantity=POSITIVE, PurchaseUnitSymbol=text(10), PurchasePrice=NUMBER, ReceivingSiteId=text(10),
    ReceivingWarehouseId=text(10), RequestedDeliveryDate=NOON,
)  # fmt: skip
NETSUITE = objects(
    externalId=text(255), entity=ID, subsidiary=ID, location=ID, currency=ID, tranDate=DAY,
    item=objects(items=listed(objects(
        line=WHOLE, item=ID, quantity=POSITIVE, units=ID, rate=NUMBER, expectedReceiptDate=DAY))),
)  # fmt: skip
ODOO = objects(vals_list=listed(objects(
    partner_id=WHOLE, partner_ref=text(255), currency_id=WHOLE, picking_type_id=WHOLE, date_order=MIDDAY,
    order_line=listed({
        "type": "array", "minItems": 3, "maxItems": 3,
        "prefixItems": [{"const": 0}, {"const": 0}, objects(
            sequence=WHOLE, product_id=WHOLE, product_qty=POSITIVE, product_uom_id=WHOLE, price_unit=NUMBER,
            date_planned=MIDDAY)],
    }),
), 1))  # fmt: skip
ERPNEXT = objects(
    title=text(140), supplier=text(140), company=text(140), transaction_date=DAY, schedule_date=DAY,
    currency=text(140), conversion_rate=POSITIVE,
    items=listed(objects(
        idx=WHOLE, item_code=text(140), qty=POSITIVE, uom=text(140), conversion_factor=POSITIVE, rate=NUMBER,
        schedule_date=DAY, warehouse=text(140))),
)  # fmt: skip
QUICKBOOKS = objects(
    APAccountRef=VALUE, VendorRef=VALUE, DocNumber=text(21), TxnDate=DAY, DueDate=DAY,
    CurrencyRef=objects(value=text(3)), ShipAddr=objects(Line1=text(500)),
    Line=listed(objects(
        LineNum=WHOLE, Description=text(4000), Amount=NUMBER, DetailType={"const": "ItemBasedExpenseLineDetail"},
        ItemBasedExpenseLineDetail=objects(ItemRef=VALUE, Qty=POSITIVE, UnitPrice=NUMBER))),
)  # fmt: skip


def gid(kind: str) -> Schema:
    return {"type": "string", "pattern": rf"^gid://shopify/{kind}/[0-9]+$"}


def shopify(name: str, list_name: str, item: Schema) -> Schema:
    given = {
        "name": {"enum": ["incoming", "on_hand"]}, "reason": {"enum": ["movement_created", "correction"]},
        "referenceDocumentUri": {"type": "string", "pattern": "^gid://scaleinv/[A-Za-z]+/.+$"},
        list_name: listed(item, 250),
    }  # fmt: skip
    query = {"type": "string", "pattern": rf"{name}\(input: \$input\) @idempotent\(key: \$key\)"}
    return objects(query=query, variables=objects(key={"type": "string", "format": "uuid"}, input=objects(**given)))


SHOPIFY = shopify("inventoryAdjustQuantities", "changes", objects(
    inventoryItemId=gid("InventoryItem"), locationId=gid("Location"), delta=WHOLE,
    changeFromQuantity={"type": "null"},
    ledgerDocumentUri={"type": "string", "pattern": "^gid://scaleinv/PurchaseOrderLine/.+$"}))  # fmt: skip
SHOPIFY_STOCK = shopify("inventorySetQuantities", "quantities", objects(
    inventoryItemId=gid("InventoryItem"), locationId=gid("Location"), quantity={"type": "integer"},
    changeFromQuantity={"type": "integer"}))  # fmt: skip
SCHEMAS: dict[str, list[Schema]] = {
    "sap-order": [SAP_ORDER], "sap-requisition": [SAP_REQUISITION], "dynamics-365": [DYNAMICS_HEADER, DYNAMICS_LINE],
    "netsuite": [NETSUITE], "odoo": [ODOO], "erpnext": [ERPNEXT], "quickbooks": [QUICKBOOKS], "shopify": [SHOPIFY],
}  # fmt: skip
"""Format -> schemas of its bodies; a body keeps one of them."""
