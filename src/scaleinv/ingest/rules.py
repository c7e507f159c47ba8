"""When a row is not accepted: the rules of every silver table, the first broken one wins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as F

from scaleinv.ingest.parse import CORRUPT, valid_gtin
from scaleinv.schema import Table
from scaleinv.schema.units import REC20
from scaleinv.schema.words import ID_SEPARATOR

HOURS: Final = 24
LARGEST: Final = 1e9
"""No quantity, price or weight of a retailer is larger; above it a cell is a slipped key or a wrong unit."""

PARENTS: Final[dict[str, dict[str, str]]] = {
    "items": {"vendor_id": "vendors"},
    "lead_times": {"vendor_id": "vendors"},
    "vendor_items": {"sku_id": "items", "vendor_id": "vendors"},
    "purchase_orders": {"vendor_id": "vendors", "sku_id": "items", "location_id": "locations"},
    "price_breaks": {"vendor_id": "vendors", "sku_id": "items"},
    "packs": {"vendor_id": "vendors", "sku_id": "items"},
    "transfers": {"sku_id": "items", "location_id": "locations", "from_location_id": "locations"},
    "item_embeddings": {"sku_id": "items"},
    "sensor_readings": {"location_id": "locations"},
    **{
        name: {"sku_id": "items", "location_id": "locations"}
        for name in ("sales", "hourly_sales", "stock", "assortment", "prices", "true_demand")
    },
}
"""Source -> its column -> the source where that key must have been accepted."""

USUAL: Final = "_usual"
"""Name of the column that holds what is usual among the rows that a row is compared with."""
COMPARED: Final[dict[str, tuple[str, Callable[[], Column]]]] = {
    "item_embeddings": ("model", lambda: F.mode(F.size("vector"), True)),
}
"""Source -> a column of few values, and what is usual among the rows of each."""
_EMPTY: Final = "the message has no value: one of null says that its key was deleted; bronze has the key at this offset"
"""No file brings such a line."""


@dataclass(frozen=True)
class Rule:
    """``broken`` is true where a row breaks the rule (null: kept); ``reason`` tells a person what was found."""

    name: str | Column
    broken: Column
    reason: Column


_HAPPENED: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("sales", "hourly_sales", "stock", "true_demand"), ("date",)),
    "purchase_orders": ("order_date", "received_date"),
    "transfers": ("order_date", "shipped_date", "received_date"),
    "sensor_readings": ("measured_at", "date"),
}
"""Source -> its dates that cannot lie ahead."""


def in_order(tables: Iterable[str]) -> list[str]:
    """Silver tables, parents before their children."""
    rank = {"vendors": 0, "items": 1, "locations": 1}
    return sorted(tables, key=lambda name: (rank.get(name.removeprefix("silver/"), 2), name))


def cell(column: str) -> str:
    """Name of the column that holds the trimmed text of ``column`` as received."""
    return f"_text_{column}"


def known(column: str) -> str:
    """Name of the flag that the key in ``column`` was found in its parent."""
    return f"_known_{column}"


def rules(table: Table, *, ordered: bool = False) -> list[Rule]:
    """All rules of a table in the order in which they are tried; ``ordered``: the states of a key have an order."""
    name = table.name.removeprefix("silver/")
    return [
        Rule("empty_message", F.trim(CORRUPT) == "", F.lit(_EMPTY)),
        Rule("malformed", F.col(CORRUPT).isNotNull(), F.lit("the line does not split into the columns of its header")),
        Rule(F.col("_broken"), F.col("_broken").isNotNull(), F.col("_why")),
        *[rule for column in table.received for rule in _cell_rules(table, column.name)],
        *[_not_ahead(column) for column in _HAPPENED.get(name, ())],
        *_own_rules(name),
        *([_no_order()] if ordered else []),
        *[
            _rule(f"unknown_{column.removesuffix('_id')}", column, F.col(known(column)).isNull(), f"not in {parent}")
            for column, parent in PARENTS.get(name, {}).items()
        ],
    ]


def first_broken(tried: list[Rule]) -> tuple[Column, Column]:
    """``(rule, reason)`` of the first broken rule of each row, null where all are kept."""
    rule = F.coalesce(*[F.when(r.broken, F.lit(r.name) if isinstance(r.name, str) else r.name) for r in tried])
    reason = F.coalesce(*[F.when(r.broken, r.reason) for r in tried])
    return rule, reason


def _rule(name: str, column: str, broken: Column, tail: str) -> Rule:
    found = F.coalesce(F.col(cell(column)), F.lit(""))
    return Rule(name, broken, F.concat(F.lit(f"{column} '"), found, F.lit(f"': {tail}")))


def _cell_rules(table: Table, column: str) -> list[Rule]:
    wanted, value, words = table[column].type, F.col(column), F.col(cell(column))
    found = []
    if not table[column].nullable:
        found.append(Rule("missing_value", words.isNull(), F.lit(f"{column} is empty")))
    if pa.types.is_string(wanted):
        # What a decoder puts where bytes are no text of the encoding that the contract names.
        found.append(_rule("wrong_encoding", column, words.contains("\ufffd"), "not in the encoding of the contract"))
    else:
        found.append(_rule("unparseable", column, words.isNotNull() & value.isNull(), f"not {_kind(wanted)}"))
    if pa.types.is_list(wanted):
        if table.name == "silver/hourly_sales":
            found.append(_rule("wrong_length", column, F.size(value) != HOURS, f"not {HOURS} values, one per hour"))
        if pa.types.is_floating(wanted.value_type):
            tail = f"not all between -{LARGEST:.0e} and {LARGEST:.0e}"
            found.append(_rule("out_of_range", column, F.exists(value, _is_wild), tail))
    if pa.types.is_floating(wanted):
        tail = f"no number between -{LARGEST:.0e} and {LARGEST:.0e}"
        found.append(_rule("out_of_range", column, _is_wild(value), tail))
    if pa.types.is_date(wanted) or pa.types.is_timestamp(wanted):
        last = "9999-12-31" if column in ("valid_to", "listed_to") else "2100-12-31"
        broken = ~value.cast("date").between(F.lit("1970-01-01").cast("date"), F.lit(last).cast("date"))
        found.append(_rule("out_of_range", column, broken, f"not between 1970-01-01 and {last}"))
    return found


def _is_wild(number: Column) -> Column:
    return F.isnan(number) | (F.abs(number) > LARGEST)


def _kind(wanted: pa.DataType) -> str:
    if pa.types.is_date(wanted) or pa.types.is_timestamp(wanted):
        return "a date in the format of the source"
    if pa.types.is_boolean(wanted):
        return "true or false"
    if pa.types.is_list(wanted):
        return "a list without gaps"
    return "a whole number" if pa.types.is_integer(wanted) else "a number"


def _not_negative(column: str, tail: str = "negative") -> Rule:
    return _rule(f"negative_{column}", column, F.col(column) < 0, tail)


def _not_before(later: str, earlier: str, name: str) -> Rule:
    reason = F.concat(
        F.lit(f"{later} "), F.col(later).cast("string"), F.lit(f" is before {earlier} "), F.col(earlier).cast("string")
    )
    return Rule(name, F.col(later) < F.col(earlier), reason)


def _not_ahead(column: str) -> Rule:
    # A day more: at the till it may be tomorrow already.
    return _rule("future_date", column, F.col(column) > F.date_add(F.current_date(), 1), "lies ahead of today")


def _no_separator(column: str) -> Rule:
    return _rule(
        "separator_in_id", column, F.col(column).contains(ID_SEPARATOR),
        f"holds {ID_SEPARATOR!r}, which separates SKU and location in a series' name",
    )  # fmt: skip


def _no_order() -> Rule:
    tail = "order_by gives nothing: it cannot be told which state of the key is the latest"
    return Rule("no_order", F.col("_order").isNull(), F.lit(tail))


def _sales() -> list[Rule]:
    tail = "negative, a return or a cancellation; returns are no demand, so they are not netted against it"
    return [_not_negative("quantity", tail)]


def _items() -> list[Rule]:
    return [
        _no_separator("sku_id"),
        _rule("unknown_unit", "unit", ~F.col("unit").isin(*REC20), f"no unit that is known ({', '.join(REC20)})"),
        _rule("invalid_gtin", "gtin", ~valid_gtin(F.col("gtin")), "no GTIN of 8, 12, 13 or 14 digits whose last fits"),
        *[_not_negative(column) for column in ("unit_cost", "unit_price", "min_order_quantity")],
        _rule("not_positive", "order_multiple", F.col("order_multiple") <= 0, "must be above 0"),
    ]


def _purchase_orders() -> list[Rule]:
    return [
        _not_negative("quantity"),
        _rule("not_positive", "line", F.col("line") < 1, "lines count from 1"),
        _not_before("received_date", "order_date", "received_before_ordered"),
    ]


def _item_embeddings() -> list[Rule]:
    length = F.size("vector")
    return [
        _rule("unknown_kind", "kind", ~F.col("kind").isin("text", "image"), "neither text nor image"),
        _rule("wrong_length", "vector", (length == 0) | (length != F.col(USUAL)), "not as long as most of its model"),
    ]


_OWN: Final[Mapping[str, Callable[[], list[Rule]]]] = {
    "sales": _sales,
    "hourly_sales": lambda: [
        _rule("negative_quantity", "sales", F.exists("sales", lambda units: units < 0), "an hour below zero"),
    ],
    "true_demand": lambda: [_not_negative("quantity")],
    "stock": lambda: [_not_negative("reserved"), _not_negative("backorders")],
    "purchase_orders": _purchase_orders,
    "items": _items,
    "locations": lambda: [_no_separator("location_id")],
    "vendors": lambda: [
        _rule("not_positive", "review_period", F.col("review_period") < 1, "must be at least 1 day"),
        _rule("unknown_currency", "currency", ~F.col("currency").rlike("^[A-Z]{3}$"), "no ISO 4217 code"),
    ],
    "lead_times": lambda: [
        _rule("not_positive", "lead_time", F.col("lead_time") < 1, "must be at least 1 day"),
        _rule("not_positive", "weight", F.col("weight") <= 0, "must be above 0"),
    ],
    "price_breaks": lambda: [
        _rule("not_positive", "min_quantity", F.col("min_quantity") <= 0, "must be above 0"),
        _not_negative("unit_cost"),
    ],
    "vendor_items": lambda: [
        _rule("not_positive", "order_multiple", F.col("order_multiple") <= 0, "must be above 0"),
        *[
            _not_negative(name)
            for name in ("unit_cost", "min_order_quantity", "freight_per_order", "freight_per_unit", "min_share")
        ],
        _rule("out_of_range", "max_share", ~F.col("max_share").between(0, 1), "not between 0 and 1"),
        _rule("out_of_range", "min_share", F.col("min_share") > F.coalesce("max_share", F.lit(1.0)), "above max_share"),
    ],
    "packs": lambda: [
        _rule("not_positive", "order_units", F.col("order_units") < 1, "must be a whole number from 1"),
        _rule("not_positive", "stock_units", F.col("stock_units") < 1, "must be a whole number from 1"),
    ],
    "transfers": lambda: [
        _not_negative("quantity"),
        _rule("not_positive", "line", F.col("line") < 1, "lines count from 1"),
        _not_before("shipped_date", "order_date", "shipped_before_ordered"),
        _not_before("received_date", "order_date", "received_before_ordered"),
    ],
    "weather": lambda: [
        _rule("out_of_range", "temperature", ~F.col("temperature").between(-90, 60), "not between -90 and 60 degrees"),
        _not_negative("precipitation"),
    ],
    "sensor_readings": lambda: [
        _rule(
            "out_of_range", "temperature", ~F.col("temperature").between(-100, 150), "not between -100 and 150 degrees"
        ),
        Rule("no_reading", F.coalesce("temperature", "motion").isNull(), F.lit("neither temperature nor motion")),
    ],
    "item_embeddings": _item_embeddings,
    "assortment": lambda: [_not_before("listed_to", "listed_from", "period_reversed")],
    "prices": lambda: [_not_negative("price"), _not_before("valid_to", "valid_from", "period_reversed")],
}
"""Source -> its own rules. Stock on hand may be negative: ERPs know it, and replenishment makes an exception of it."""


def _own_rules(name: str) -> list[Rule]:
    return _OWN[name]() if name in _OWN else []
