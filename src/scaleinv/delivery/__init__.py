"""Brings documents to where the ERP takes them, each once, and fetches its answers: folder, SFTP, HTTP."""

from scaleinv.delivery.connect import connect
from scaleinv.delivery.deliver import deliver, next_try
from scaleinv.delivery.item import (
    Clock,
    Destination,
    Item,
    Receipt,
    RejectedError,
    Result,
    TryAgainError,
    UndeliveredError,
)
from scaleinv.delivery.media import media_type_of

__all__ = [
    "Clock",
    "Destination",
    "Item",
    "Receipt",
    "RejectedError",
    "Result",
    "TryAgainError",
    "UndeliveredError",
    "connect",
    "deliver",
    "media_type_of",
    "next_try",
]
