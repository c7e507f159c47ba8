"""Oracle Fusion's FBDI for purchase orders: the columns of its four files, in the order of Oracle's template.

Names, order and date format are those of Oracle's own loader (the control files of PO_HEADERS_INTERFACE,
PO_LINE_LOCATIONS_INTERFACE and PO_DISTRIBUTIONS_INTERFACE as customers have published them), of lines those of a
published copy of the template. Sizes are the loader's where it gives one, else the tables' in "Tables and Views for
Procurement" (docs.oracle.com/en/cloud/saas/procurement/25c/oedmp). Columns after the last one that is filled are left
away, which the loader allows (``trailing nullcols``). A release may add columns in between: ``export.oracle.columns``
overrides the order file by file.
"""

from __future__ import annotations

from typing import Any, Final

from scaleinv.erp.layout import Segment, segment

VERSION: Final = "PO-FBDI/2"
ACCOUNT_SEGMENTS: Final = 10


def _empty(*names: str) -> tuple[tuple[Any, ...], ...]:
    """Columns that are there for the place of the next one."""
    return tuple((name, None, "char", "empty", False) for name in names)


HEADERS: Final = segment(
    "PoHeadersInterfaceOrder",
    ("INTERFACE_HEADER_KEY", 50, "char", "order_id"),
    ("ACTION", 25, "char", "ORIGINAL"),
    ("BATCH_ID", 18, "digits", "as_of, YYYYMMDD"),
    ("INTERFACE_SOURCE_CODE", 25, "char", "export.oracle.source; the template calls it Import Source"),
    ("APPROVAL_ACTION", 25, "char", "export.oracle.approval"),
    ("DOCUMENT_NUM", 30, "char", "order_id"),
    ("DOCUMENT_TYPE_CODE", 25, "char", "STANDARD"),
    ("STYLE_DISPLAY_NAME", 240, "char", "export.oracle.style"),
    ("PRC_BU_NAME", 240, "char", "export.oracle.procurement_bu"),
    ("REQ_BU_NAME", 240, "char", "export.oracle.requisitioning_bu"),
    ("SOLDTO_LE_NAME", 240, "char", "export.oracle.sold_to"),
    ("BILLTO_BU_NAME", 240, "char", "export.oracle.bill_to_bu"),
    ("AGENT_NAME", 2000, "char", "export.oracle.buyer"),
    ("CURRENCY_CODE", 15, "char", "currency"),
    *_empty("RATE", "RATE_TYPE", "RATE_DATE", "COMMENTS", "BILL_TO_LOCATION", "SHIP_TO_LOCATION"),
    ("VENDOR_NAME", 360, "char", "vendor_id"),
    *_empty("VENDOR_NUM"),
    ("VENDOR_SITE_CODE", 240, "char", "code of kind vendor_site, or export.oracle.vendor_site"),
)
LINES: Final = segment(
    "PoLinesInterfaceOrder",
    ("INTERFACE_LINE_KEY", 50, "char", "order_id-line"),
    ("INTERFACE_HEADER_KEY", 50, "char", "order_id"),
    *_empty("ACTION"),
    ("LINE_NUM", 18, "digits", "line"),
    ("LINE_TYPE", 30, "char", "export.oracle.line_type"),
    ("ITEM", 300, "char", "sku_id"),
    *_empty("ITEM_DESCRIPTION", "ITEM_REVISION", "CATEGORY", "AMOUNT"),
    ("SHIPPING_UOM_QUANTITY", (18, 3), "decimal", "quantity"),
    ("SHIPPING_UNIT_OF_MEASURE", 25, "char", "Oracle's name of the unit"),
    ("UNIT_PRICE", (18, 4), "decimal", "price of one unit"),
)
LOCATIONS: Final = segment(
    "PoLineLocationsInterfaceOrder",
    ("INTERFACE_LINE_LOCATION_KEY", 50, "char", "order_id-line"),
    ("INTERFACE_LINE_KEY", 50, "char", "order_id-line"),
    ("SHIPMENT_NUM", 18, "digits", "1"),
    ("SHIP_TO_LOCATION", 60, "char", "location_id"),
    ("SHIP_TO_ORGANIZATION_CODE", 18, "char", "code of kind site, or the location's"),
    *_empty("AMOUNT"),
    ("SHIPPING_UOM_QUANTITY", (18, 3), "decimal", "quantity"),
    ("NEED_BY_DATE", 10, "char", "delivery_date, YYYY/MM/DD"),
)
DISTRIBUTIONS: Final = segment(
    "PoDistributionsInterfaceOrder",
    ("INTERFACE_DISTRIBUTION_KEY", 50, "char", "order_id-line"),
    ("INTERFACE_LINE_LOCATION_KEY", 50, "char", "order_id-line"),
    ("DISTRIBUTION_NUM", 18, "digits", "1"),
    *_empty("DELIVER_TO_LOCATION", "DELIVER_TO_PERSON_FULL_NAME", "DESTINATION_SUBINVENTORY", "AMOUNT_ORDERED"),
    ("SHIPPING_UOM_QUANTITY", (18, 3), "decimal", "quantity"),
    *(
        (f"CHARGE_ACCOUNT_SEGMENT{i}", 25, "char", "export.oracle.charge_account; empty where it is not given", False)
        for i in range(1, ACCOUNT_SEGMENTS + 1)
    ),
)
FILES: Final[dict[str, Segment]] = {
    "headers": HEADERS, "lines": LINES, "locations": LOCATIONS, "distributions": DISTRIBUTIONS
}  # fmt: skip
"""Name in ``export.oracle.columns`` -> file."""
