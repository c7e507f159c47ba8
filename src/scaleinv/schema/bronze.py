"""What a stream lands in: messages as they were received, one table per source."""

from __future__ import annotations

import re
from functools import cache

from scaleinv.errors import ConfigError, explain
from scaleinv.schema.columns import DATE, INT, LONG, TEXT, TIMESTAMP
from scaleinv.schema.table import Column, Table


@cache
def bronze_table(source: str) -> Table:
    """The table ``bronze/<source>``.

    Raises:
        ConfigError: the name would be no folder of the lake.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", source):
        raise ConfigError(
            explain(f"a stream cannot be named {source!r}", expected="letters, digits, _ and -", do="name it otherwise")
        )
    return Table(
        f"bronze/{source}", "ingest", "Messages of a stream as they were received.",
        ("topic", "partition", "offset"),
        (
            Column("topic", TEXT, "the topic"),
            Column("partition", INT, "partition of the topic"),
            Column("offset", LONG, "position in the partition; gaps are the broker's"),
            Column("timestamp", TIMESTAMP, "as the broker keeps it: when it was produced, or appended"),
            Column("key", TEXT, "the message's key", nullable=True),
            Column("value", TEXT, "the message; bytes that are no UTF-8 became U+FFFD", nullable=True),
            Column("landed_on", DATE, "UTC day on which its batch was formed"),
        ),
        partitions=("landed_on",),
    )  # fmt: skip
