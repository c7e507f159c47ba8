"""What a table is: columns with types and units, a key, partitions, one writer, and when a row became known."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa


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


@dataclass(frozen=True)
class Table:
    """A table of the lake.

    ``name`` is also its path under the lake's root (``silver/sales``); ``writer`` is the one stage that may
    write it; ``known_at`` names the date column after which a row did not exist yet for an older ``as_of``.
    """

    name: str
    writer: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partitions: tuple[str, ...] = ()
    known_at: str | None = None
    _by_name: dict[str, Column] = field(init=False, repr=False, compare=False, hash=False, default_factory=dict)

    def __post_init__(self) -> None:
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
