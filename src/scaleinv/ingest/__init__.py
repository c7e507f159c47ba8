"""Spark: the retailer's sources to cleansed tables; what is not accepted goes to quarantine with a reason."""

from scaleinv.ingest.cleanse import Cleansed, cleanse, stamped
from scaleinv.ingest.limits import check_load
from scaleinv.ingest.m5 import M5_TABLES, read_m5
from scaleinv.ingest.read import message_place, read_again, read_messages, read_source
from scaleinv.ingest.rules import PARENTS, in_order

__all__ = [
    "M5_TABLES",
    "PARENTS",
    "Cleansed",
    "check_load",
    "cleanse",
    "in_order",
    "message_place",
    "read_again",
    "read_m5",
    "read_messages",
    "read_source",
    "stamped",
]
