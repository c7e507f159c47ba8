"""What a table is: columns with types and units, a key, partitions, one writer, and when a row became known."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

import pyarrow as pa

Engine = Literal["Spark", "delta-rs"]
Loads = Literal["add", "latest", "whole"]
"""How several loads of a table go together: quantities of a key add up; of a key the latest known row stands; or the
last load of a source is all there is."""

_OF_SPARK: Final = ("ingest", "features")
"""Stages that write by Spark."""


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, whether it may be null, its unit (a word of ``schema.units``) and its meaning.

    ``measured`` marks wall-clock facts (seconds, attempts) that two runs of the same work do not share.
    """

    name: str
    type: pa.DataType
    meaning: str
    nullable: bool = False
    unit: str | None = None
    measured: bool = False


STAMPS: Final = (
    Column("source", pa.string(), "the source it came from"),
    Column("load", pa.int32(), "which load of the source brought it, from 0"),
    Column("known_on", pa.date32(), "the day from which it was known: an earlier as_of does not see it"),
)
"""What the loader adds to each row of the history."""


@dataclass(frozen=True)
class Table:
    """A table of the lake.

    ``name`` is also its path under the lake's root (``silver/sales``); ``writer`` is the one stage that may
    write it. ``loads`` is set where rows come load by load: they bear :data:`STAMPS` too, lie apart by source, and
    ``key`` is unique within a load. ``known_at`` names the date column on which a row of the first load, the history,
    became known; where it is ``None``, such a row has always been known. ``plain`` marks what a stage of Spark writes
    without it.
    """

    name: str
    writer: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partitions: tuple[str, ...] = ()
    known_at: str | None = None
    loads: Loads | None = None
    plain: bool = False
    _by_name: dict[str, Column] = field(init=False, repr=False, compare=False, hash=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.loads:
            object.__setattr__(self, "columns", (*self.columns, *STAMPS))
            object.__setattr__(self, "partitions", ("source",))
        self._by_name.update({column.name: column for column in self.columns})
        unknown = {*self.key, *self.partitions, *filter(None, [self.known_at])} - set(self._by_name)
        if unknown:
            raise ValueError(f"{self.name}: key, partition or known_at names no column: {sorted(unknown)}")

    def __getitem__(self, column: str) -> Column:
        return self._by_name[column]

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [column.name for column in self.columns]

    @property
    def engine(self) -> Engine:
        """Whose commits its rows come by; that empty tables are made, rows go and files are compacted is delta-rs's."""
        return "Spark" if self.writer in _OF_SPARK and not self.plain else "delta-rs"

    @property
    def received(self) -> tuple[Column, ...]:
        """Columns that a source brings: all without what the loader stamps on."""
        return tuple(column for column in self.columns if column not in STAMPS) if self.loads else self.columns

    @property
    def measured(self) -> list[str]:
        """Columns that differ between two runs of the same work."""
        return [column.name for column in self.columns if column.measured]

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, with nullability."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])


def empty(table: Table) -> pa.Table:
    """A table with no rows and the right columns."""
    return table.schema.empty_table()
