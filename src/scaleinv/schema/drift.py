"""What loads looked like, and in what they differed from the last one that was accepted."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from scaleinv.schema.columns import DATE, FLOAT, INT, LONG, TEXT, TEXTS
from scaleinv.schema.table import Column, Table

_FLOATS: Final = pa.list_(pa.field("element", FLOAT))
_LONGS: Final = pa.list_(pa.field("element", LONG))

DRIFT = (
    Table(
        "profiles", "ingest", "Per source: the accepted profile, and the last load's where it is not accepted yet.",
        ("source", "status", "column"),
        (
            Column("source", TEXT, "the source"),
            Column("status", TEXT, "accepted: loads are compared with it; waiting: of the last load, that had drifted"),
            Column("load", INT, "which load of the source, from 0"),
            Column("day", DATE, "the last day known when it was loaded"),
            Column("accepted_by", TEXT, "a person, or scaleinv if nothing had drifted; null: waiting", nullable=True),
            Column("position", INT, "of the column in the source, from 0"),
            Column("column", TEXT, "as named in the source"),
            Column("type", TEXT, "Spark's type as received"),
            Column("rows", LONG, "rows of the load, all counted"),
            Column("counted", LONG, "rows in which nulls were counted; 0: the column was not looked at"),
            Column("nulls", LONG, "null and empty cells in these"),
            Column("cells", LONG, "cells of the sample that are not null: what follows is about these"),
            Column("kind", TEXT, "what they read as: integer, number, a date's format … or text"),
            Column("kinds", TEXTS, "kinds that some of them read as"),
            Column("kind_shares", _FLOATS, "their shares"),
            Column("distinct", LONG, "different values"),
            Column("lengths", _FLOATS, "shortest, mean and longest, characters"),
            Column("mean", FLOAT, "of those that are numbers", nullable=True),
            Column("sd", FLOAT, "their standard deviation", nullable=True),
            Column("negative", FLOAT, "share of them below 0", nullable=True),
            Column("zero", FLOAT, "share of them that is 0", nullable=True),
            Column("quantiles", _FLOATS, "(201,): their quantiles at 0, 0.005 … 1; empty: mostly no numbers"),
            Column("values", TEXTS, "the most frequent values"),
            Column("value_shares", _FLOATS, "their shares"),
            Column("sketch", _LONGS, "smallest hashes of the different values, for likeness"),
        ),
        partitions=("source",),
        plain=True,
    ),
    Table(
        "drift_log", "ingest", "What had drifted in a load against the last accepted one.",
        ("source", "load", "kind", "column"),
        (
            Column("source", TEXT, "the source"),
            Column("load", INT, "which load of the source, from 0"),
            Column("day", DATE, "the last day known when it was loaded"),
            Column("kind", TEXT, "added, missing, renamed, retyped, unit_changed, new_values, shifted, null_share …"),
            Column("column", TEXT, "as named in the source; empty: the load as a whole"),
            Column("policy", TEXT, "warn, quarantine or stop"),
            Column("detail", TEXT, "what was found, for a person"),
            Column("evidence", TEXT, "the figures behind it, as JSON"),
            Column("accepted_by", TEXT, "who accepted it; null: nobody has", nullable=True),
            Column("accepted_on", DATE, "the day it was accepted", nullable=True),
        ),
        partitions=("source",),
        plain=True,
    ),
)  # fmt: skip
