"""The order's key: the same night, vendor and place always give the same one, so that an ERP takes an order once."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from scaleinv.errors import DataError, explain
from scaleinv.schema.words import Disposition

MAX_LINES: Final = 9_999
"""Lines of one order: SAP numbers items in steps of ten with five digits. A longer order is split into parts."""


def order_key(
    retailer: str, as_of: date, vendor_id: str, location_id: str, part: int = 1, disposition: Disposition = "approve"
) -> str:
    """``SI`` and ten characters of base32 (RFC 4648) of a SHA-256: twelve, as many as SAP's reference field takes.

    >>> order_key("retailer", date(2026, 9, 20), "V1", "S1")
    'SIU7BZRIKT6F'
    """
    words = [retailer, as_of.isoformat(), vendor_id, location_id]
    if part > 1:
        words.append(str(part))
    if disposition != "approve":  # the others have keys of their own: a line moves, an order never changes its fate
        words.append(disposition)
    digest = hashlib.sha256(json.dumps(words, ensure_ascii=False, separators=(",", ":")).encode()).digest()
    return "SI" + base64.b32encode(digest)[:10].decode()


Order = tuple[str, str, int, Disposition]
"""Vendor, location, part and what becomes of it."""


def order_keys(retailer: str, as_of: date, orders: Iterable[Order]) -> list[str]:
    """The key of every order.

    Raises:
        DataError: two of them share a key (at 100,000 orders a night: one night in 225,000).
    """
    parts = list(orders)
    keys = [order_key(retailer, as_of, *part) for part in parts]
    check_distinct(keys, parts)
    return keys


def check_distinct(keys: Sequence[str], orders: Sequence[Order]) -> None:
    """Nothing, if no two orders share a key.

    Raises:
        DataError: two do.
    """
    if len(set(keys)) == len(keys):
        return
    shared = {key for key, count in Counter(keys).items() if count > 1}
    which = [
        f"{key} ({v} at {loc}, part {p}, {fate})"
        for key, (v, loc, p, fate) in zip(keys, orders, strict=True)
        if key in shared
    ]
    raise DataError(
        explain(
            f"{len(which)} orders share a key; an ERP would take only one of them",
            expected="one key per vendor, location, part and disposition",
            which=which,
            do="set another `retailer` for this night (it is part of every key)",
        )
    )
