"""Oracle Fusion's FBDI for purchase orders: the columns of its four files.

The order of the columns depends on the release: ``export.oracle.columns`` overrides it file by file.
"""

from __future__ import annotations

from typing import Final

from scaleinv.erp.layout import Segment, segment

VERSION: Final = "PO-FBDI/1"
ACCOUNT_SEGMENTS: Final = 10

HEADERS: Final = segment(
    "PoHeadersInterfaceOrder",
    ("INTERFACE_HEADER_KEY", 50, "char", "order_id"),
    ("ACTION", 25, "char", "ORIGINAL"),
    ("BATCH_ID", 18, "digits", "as_of, YYYYMMDD"),
    ("IMPORT_SOURCE", 25, "char", "export.oracle.source"),
    ("APPROVAL_ACTION", 25, "char", "export.oracle.approval"),
    ("DOCUMENT_NUM", 30, "char", "order_id"),
    ("DOCUMENT_TYPE_CODE", 25, "char", "STANDARD"),
    ("STYLE", 240, "char", "export.oracle.style"),
    ("PRC_BU_NAME", 240, "char", "export.oracle.procurement_bu"),
    ("REQ_BU_NAME", 240, "char", "export.oracle.requisitioning_bu"),
    ("SOLDTO_LE_NAME", 240, "char", "export.oracle.sold_to"),
    ("BILLTO_BU_NAME", 240, "char", "export.oracle.bill_to_bu"),
    ("AGENT_NAME", 240, "char", "export.oracle.buyer"),
    ("CURRENCY_CODE", 15, "char", "currency"),
    ("VENDOR_NAME", 360, "char", "vendor_id"),
    ("VENDOR_SITE_CODE", 15, "char", "code of kind vendor_site, or export.oracle.vendor_site"),
)
LINES: Final = segment(
    "PoLinesInterfaceOrder",
    ("INTERFACE_LINE_KEY", 50, "char", "order_id-line"),
    ("INTERFACE_HEADER_KEY", 50, "char", "order_id"),
    ("LINE_NUM", 18, "digits", "line"),
    ("LINE_TYPE", 30, "char", "export.oracle.line_type"),
    ("ITEM", 300, "char", "sku_id"),
    ("UNIT_OF_MEASURE", 25, "char", "Oracle's name of the unit"),
    ("QUANTITY", (18, 3), "decimal", "quantity"),
    ("UNIT_PRICE", (18, 4), "decimal", "price of one unit"),
)
LOCATIONS: Final = segment(
    "PoLineLocationsInterfaceOrder",
    ("INTERFACE_LINE_LOCATION_KEY", 50, "char", "order_id-line"),
    ("INTERFACE_LINE_KEY", 50, "char", "order_id-line"),
    ("SHIPMENT_NUM", 18, "digits", "1"),
    ("SHIP_TO_LOCATION", 60, "char", "location_id"),
    ("SHIP_TO_ORGANIZATION_CODE", 18, "char", "code of kind site, or the location's"),
    ("QUANTITY", (18, 3), "decimal", "quantity"),
    ("NEED_BY_DATE", 10, "char", "delivery_date, YYYY/MM/DD"),
)
DISTRIBUTIONS: Final = segment(
    "PoDistributionsInterfaceOrder",
    ("INTERFACE_DISTRIBUTION_KEY", 50, "char", "order_id-line"),
    ("INTERFACE_LINE_LOCATION_KEY", 50, "char", "order_id-line"),
    ("DISTRIBUTION_NUM", 18, "digits", "1"),
    ("QUANTITY_ORDERED", (18, 3), "decimal", "quantity"),
    *(
        (f"CHARGE_ACCOUNT_SEGMENT{i}", 25, "char", "export.oracle.charge_account; empty where it is not given", False)
        for i in range(1, ACCOUNT_SEGMENTS + 1)
    ),
)
FILES: Final[dict[str, Segment]] = {
    "headers": HEADERS, "lines": LINES, "locations": LOCATIONS, "distributions": DISTRIBUTIONS
}  # fmt: skip
"""Name in ``export.oracle.columns`` -> file."""
