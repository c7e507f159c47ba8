"""What the tables' contracts are spelt with: types, common columns, and columns with a unit."""

from __future__ import annotations

import pyarrow as pa

from scaleinv.schema.table import Column

TEXT = pa.string()
DATE = pa.date32()
FLOAT = pa.float64()
SMALL = pa.float32()
INT = pa.int32()
LONG = pa.int64()
BOOL = pa.bool_()
TIMESTAMP = pa.timestamp("us", tz="UTC")
FLAGS = pa.list_(pa.field("element", pa.bool_()))
DATES = pa.list_(pa.field("element", DATE))
DOUBLES = pa.list_(pa.field("element", FLOAT))
FLOATS = pa.list_(pa.field("element", pa.float32()))
TEXTS = pa.list_(pa.field("element", TEXT))

SKU = Column("sku_id", TEXT, "the product, one identifier over all systems")
LOCATION = Column("location_id", TEXT, "the store or warehouse that holds the stock")
VENDOR = Column("vendor_id", TEXT, "who delivers")
DAY = Column("date", DATE, "the business day")
AS_OF = Column("as_of", DATE, "the last day known when this was computed, inclusive")
CUTOFF = Column("cutoff", DATE, "the last day the model was shown; equals as_of except in a backtest")
GROUP = Column("group_id", TEXT, "training group")
SERIES = Column("unique_id", TEXT, "series: <sku_id>@<location_id>")
REVIEW_DATE = Column(
    "review_date", DATE,
    "a day on which the vendor takes orders; every review_period days before and after it is one too; "
    "null: counted from Monday 1970-01-05",
    nullable=True,
)  # fmt: skip


def units(name: str, meaning: str, *, nullable: bool = False, type: pa.DataType = FLOAT) -> Column:
    """A quantity in the item's unit of sale."""
    return Column(name, type, meaning, nullable=nullable, unit="sales_unit")


def money(name: str, meaning: str, *, nullable: bool = False, type: pa.DataType = FLOAT) -> Column:
    """An amount in the vendor's currency."""
    return Column(name, type, meaning, nullable=nullable, unit="currency")


def days(name: str, meaning: str, *, nullable: bool = False, type: pa.DataType = FLOAT) -> Column:
    """A length of time in days."""
    return Column(name, type, meaning, nullable=nullable, unit="day")
