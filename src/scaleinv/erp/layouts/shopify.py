"""Shopify's inventory: what is on its way (adjust), and what is there (set)."""

from __future__ import annotations

from typing import Final

from scaleinv.erp.layout import segment

VERSION: Final = "shopify-inventory/2"

_QUERY: Final = ("query", None, "char", "the mutation")
_KEY: Final = ("variables.key", 36, "key", "UUID of what is sent: the same request always has the same")

INCOMING: Final = segment(
    "inventoryAdjustQuantities",
    _QUERY,
    _KEY,
    ("variables.input.name", None, "char", "incoming"),
    ("variables.input.reason", None, "char", "movement_created"),
    ("variables.input.referenceDocumentUri", 255, "char", "gid://scaleinv/PurchaseOrder/ and order_id"),
    ("variables.input.changes", None, "list", "the lines"),
)
CHANGE: Final = segment(
    "changes",
    ("inventoryItemId", 255, "char", "SKU: gid of its inventory item, from export.codes"),
    ("locationId", 255, "char", "location: gid, from export.codes"),
    ("delta", 10, "integer", "quantity, in pieces"),
    ("changeFromQuantity", 4, "null", "null: what was on its way before does not matter"),
    ("ledgerDocumentUri", 255, "char", "gid://scaleinv/PurchaseOrderLine/, order_id and line"),
)
STOCK: Final = segment(
    "inventorySetQuantities",
    _QUERY,
    _KEY,
    ("variables.input.name", None, "char", "on_hand"),
    ("variables.input.reason", None, "char", "correction"),
    ("variables.input.referenceDocumentUri", 255, "char", "gid://scaleinv/Stock/, as_of, location and part"),
    ("variables.input.quantities", None, "list", "the items"),
)
QUANTITY: Final = segment(
    "quantities",
    ("inventoryItemId", 255, "char", "SKU: gid of its inventory item, from export.codes"),
    ("locationId", 255, "char", "location: gid, from export.codes"),
    ("quantity", 10, "integer", "on_hand"),
    ("changeFromQuantity", 10, "integer", "what Shopify must still have for the change to be made"),
)
