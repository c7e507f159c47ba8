"""The life of a purchase order, and what the outside says about it: words that several rooms share."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, get_args

import pyarrow as pa

OrderStatus = Literal[
    "proposed", "held", "approved", "exported", "acknowledged", "rejected", "shipped", "received", "cancelled"
]
ORDER_STATUSES: Final[tuple[OrderStatus, ...]] = get_args(OrderStatus)
TRANSITIONS: Final[dict[OrderStatus, tuple[OrderStatus, ...]]] = {
    "proposed": ("held", "approved", "cancelled", "acknowledged", "rejected", "shipped", "received"),
    "held": ("proposed", "approved", "cancelled", "acknowledged", "rejected", "shipped", "received"),
    "approved": ("proposed", "held", "exported", "cancelled", "acknowledged", "rejected", "shipped", "received"),
    "exported": ("held", "acknowledged", "rejected", "shipped", "received", "cancelled"),
    "acknowledged": ("held", "rejected", "shipped", "received", "cancelled"),
    "shipped": ("acknowledged", "received", "cancelled"),
    "rejected": ("shipped", "received"),
    "received": ("shipped", "acknowledged", "rejected"),
    "cancelled": ("proposed", "shipped", "received"),
}
"""Status -> those that may follow. Goods may come without a word before; an order lost on its way is cancelled.

What the ERP could not take is held until a person has looked: sent again at once it would fail again. That order may
yet be posted in the ERP by hand, so answers move it on, also when it was released and waits to go out again. Goods that
come although they were cancelled or rejected, or on top of what was received, are on their way all the same. Receipts
and notices that are taken back leave the order as it was: shipped, acknowledged or rejected. What was cancelled before
it was ever exported may be proposed again.
"""
PERSON_STATUSES: Final[tuple[OrderStatus, ...]] = ("proposed", "held", "approved", "cancelled")
"""What a person may make of an order; the rest follows from documents and answers."""
OPEN_STATUSES: Final[tuple[OrderStatus, ...]] = ("approved", "exported", "acknowledged", "shipped")
"""Supply that is to come, and counts in the inventory position."""
ENDED_STATUSES: Final[tuple[OrderStatus, ...]] = ("rejected", "received", "cancelled")
"""Nothing of these is still to come."""

OPEN_LINES: Final = pa.schema(
    [
        pa.field("order_id", pa.string(), nullable=False),
        pa.field("as_of", pa.date32(), nullable=False),
        pa.field("line", pa.int32(), nullable=False),
        pa.field("unique_id", pa.string(), nullable=False),
        pa.field("sku_id", pa.string(), nullable=False),
        pa.field("location_id", pa.string(), nullable=False),
        pa.field("vendor_id", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("quantity_open", pa.float64(), nullable=False),
        pa.field("expected_date", pa.date32(), nullable=False),
        pa.field("erp_number", pa.string()),
    ]
)
"""Lines of open orders that are still to come, in units of stock: what an inventory position counts.

``as_of`` is the night that proposed the order.
"""
OWN_RECEIPTS: Final = pa.schema(
    [
        pa.field("order_id", pa.string(), nullable=False),
        pa.field("erp_number", pa.string()),
        pa.field("unique_id", pa.string(), nullable=False),
        pa.field("received_date", pa.date32(), nullable=False),
        pa.field("quantity", pa.float64(), nullable=False),
    ]
)
"""What came of own orders, in units of stock: of a line as many rows as receipts, each on its day."""

AnswerKind = Literal[
    "taken",  # the ERP has it: 997 A, CONTRL 7, IDoc status 53, OData 201
    "failed",  # the ERP could not read or post it: 997 R, CONTRL 4, IDoc status 51, OData error
    "confirmed",  # the vendor accepts, changes or rejects lines: 855, ORDRSP
    "shipped",  # advance ship notice: 856, DESADV
    "received",  # goods receipt
    "rejected",  # the vendor wants none of it
    "cancelled",  # the ERP or the vendor gave it up
]
LineAnswer = Literal["accepted", "changed", "rejected", "backordered", "shipped", "received"]


@dataclass(frozen=True)
class AnswerLine:
    """What an answer says of one line; ``None``: it does not say.

    The line is found by its number, or else by SKU or GTIN.
    ``quantity`` is in ``unit`` (UN/CEFACT Rec 20); of a receipt, below 0 it takes earlier ones back. A GTIN has 8 to 14
    digits as the document writes it: compare it with zeros before it.
    """

    status: LineAnswer
    line: int | None = None
    sku_id: str | None = None
    gtin: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unit_cost: Decimal | None = None
    date: datetime.date | None = None
    """When it is to come, or came."""
    lot: str | None = None
    expiry: datetime.date | None = None
    reason: str = ""
    sscc: str | None = None
    """The pallet or carton that it is packed in: 18 digits."""


@dataclass(frozen=True)
class Answer:
    """One statement about one order, whatever document it came in.

    ``message_id`` names the statement (sender, control numbers, order): the same id twice is the same statement.
    """

    message_id: str
    kind: AnswerKind
    order_id: str
    at: datetime.datetime | None = None
    """When the sender made it; ``None``: it does not say."""
    erp_number: str | None = None
    """The number that the ERP gave the order."""
    shipment_id: str | None = None
    lines: tuple[AnswerLine, ...] = ()
    """Empty: it speaks of the whole order."""
    reason: str = ""
    sender: str | None = None
    """Whose interchange it came in, as a partner is known there; ``None``: no partner's."""
    vendors: tuple[str, ...] | None = None
    """Whose orders the sender may speak of; ``None``: anybody's."""
