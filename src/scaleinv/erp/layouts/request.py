"""The line around each body of the formats that are posted to a web address."""

from __future__ import annotations

from typing import Final

from scaleinv.erp.layout import segment

REQUEST: Final = segment(
    "request",
    ("key", 180, "key", "order_id, and /line where a line is a request of its own: send each key once"),
    ("method", None, "char", "POST"),
    ("path", None, "char", "where to, below the address of the ERP"),
    ("body", None, "object", "what to send"),
)
