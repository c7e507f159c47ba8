"""SAP OData V2: bodies of A_PurchaseOrder and A_PurchaseRequisitionHeader, with the sizes of SAP's metadata.

``to_ScheduleLine[0].ScheduleLine`` is a field of the one object in the list ``to_ScheduleLine``.
"""

from __future__ import annotations

from typing import Final

from scaleinv.erp.layout import segment

ORDER_VERSION: Final = "A_PurchaseOrder/1"
REQUISITION_VERSION: Final = "A_PurchaseRequisitionHeader/1"

ORDER: Final = segment(
    "A_PurchaseOrder",
    ("CompanyCode", 4, "char", "export.company_code"),
    ("PurchaseOrderType", 4, "char", "NB: standard purchase order"),
    ("Supplier", 10, "char", "vendor_id"),
    ("PurchasingOrganization", 4, "char", "export.purchasing_organization"),
    ("PurchasingGroup", 3, "char", "export.purchasing_group"),
    ("PurchaseOrderDate", None, "v2date", "order_date"),
    ("DocumentCurrency", 5, "char", "currency"),
    ("CorrespncInternalReference", 12, "char", "order_id"),
    ("to_PurchaseOrderItem", None, "list", "the lines"),
)
ORDER_ITEM: Final = segment(
    "to_PurchaseOrderItem",
    ("PurchaseOrderItem", 5, "digits", "10 * line"),
    ("Plant", 4, "char", "location_id"),
    ("Material", 40, "char", "sku_id"),
    ("OrderQuantity", (13, 3), "decimal", "quantity"),
    ("PurchaseOrderQuantityUnit", 3, "char", "SAP's unit"),
    ("NetPriceAmount", (12, 3), "decimal", "price of NetPriceQuantity units, 2 decimals"),
    ("NetPriceQuantity", (5, 0), "decimal", "1; 100 where the price of one unit has more than two decimals"),
    ("to_ScheduleLine[0].ScheduleLine", 4, "digits", "1"),
    ("to_ScheduleLine[0].ScheduleLineDeliveryDate", None, "v2date", "delivery_date"),
    ("to_ScheduleLine[0].ScheduleLineOrderQuantity", (13, 3), "decimal", "quantity"),
)
REQUISITION: Final = segment(
    "A_PurchaseRequisitionHeader",
    ("PurchaseRequisitionType", 4, "char", "NB: standard requisition"),
    ("PurReqnDescription", 40, "char", "order_id"),
    ("SourceDetermination", None, "boolean", "true"),
    ("to_PurchaseReqnItem", None, "list", "the lines"),
)
REQUISITION_ITEM: Final = segment(
    "to_PurchaseReqnItem",
    ("PurchaseRequisitionItem", 5, "digits", "10 * line"),
    ("Material", 40, "char", "sku_id"),
    ("Plant", 4, "char", "location_id"),
    ("RequestedQuantity", (13, 3), "decimal", "quantity"),
    ("BaseUnit", 3, "char", "SAP's unit"),
    ("PurchaseRequisitionPrice", (12, 3), "decimal", "price of PurReqnPriceQuantity units, 2 decimals"),
    ("PurReqnPriceQuantity", (5, 0), "decimal", "1; 100 where the price of one unit has more than two decimals"),
    ("PurReqnItemCurrency", 5, "char", "currency"),
    ("DeliveryDate", None, "v2date", "delivery_date"),
    ("PurchasingOrganization", 4, "char", "export.purchasing_organization"),
    ("PurchasingGroup", 3, "char", "export.purchasing_group"),
    ("FixedSupplier", 10, "char", "vendor_id"),
    ("RequisitionerName", 12, "char", "export.requisitioner"),
)
