"""When a row is not accepted: the rules of every silver table, the first broken one wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as F

from scaleinv.ingest.parse import CORRUPT, valid_gtin
from scaleinv.schema import Table
from scaleinv.schema.units import REC20
from scaleinv.schema.words import ID_SEPARATOR

LARGEST: Final = 1e9
"""No quantity, price or weight of a retailer is larger; above it a cell is a slipped key or a wrong unit."""

PARENTS: Final[dict[str, dict[str, str]]] = {
    "items": {"vendor_id": "vendors"},
    "lead_times": {"vendor_id": "vendors"},
    "purchase_orders": {"vendor_id": "vendors", "sku_id": "items", "location_id": "locations"},
    **{
        name: {"sku_id": "items", "location_id": "locations"}
        for name in ("sales", "stock", "assortment", "prices", "true_demand")
    },
}
"""Source -> its column -> the source where that key must have been accepted."""


@dataclass(frozen=True)
class Rule:
    """``broken`` is true where a row breaks the rule (null: kept); ``reason`` tells a person what was found."""

    name: str
    broken: Column
    reason: Column


def cell(column: str) -> str:
    """Name of the column that holds the trimmed text of ``column`` as received."""
    return f"_text_{column}"


def known(column: str) -> str:
    """Name of the flag that the key in ``column`` was found in its parent."""
    return f"_known_{column}"


def rules(table: Table) -> list[Rule]:
    """All rules of a table in the order in which they are tried."""
    name = table.name.removeprefix("silver/")
    return [
        Rule("malformed", F.col(CORRUPT).isNotNull(), F.lit("the line does not split into the columns of its header")),
        *[rule for column in table.names for rule in _cell_rules(table, column)],
        *_own_rules(name),
        *[
            _rule(f"unknown_{column.removesuffix('_id')}", column, F.col(known(column)).isNull(), f"not in {parent}")
            for column, parent in PARENTS.get(name, {}).items()
        ],
    ]


def first_broken(tried: list[Rule]) -> tuple[Column, Column]:
    """``(rule, reason)`` of the first broken rule of each row, null where all are kept."""
    rule = F.coalesce(*[F.when(r.broken, F.lit(r.name)) for r in tried])
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
    if not pa.types.is_string(wanted):
        found.append(_rule("unparseable", column, words.isNotNull() & value.isNull(), f"not {_kind(wanted)}"))
    if pa.types.is_floating(wanted):
        broken = F.isnan(value) | (F.abs(value) > LARGEST)
        found.append(_rule("out_of_range", column, broken, f"no number between -{LARGEST:.0e} and {LARGEST:.0e}"))
    if pa.types.is_date(wanted):
        last = "9999-12-31" if column in ("valid_to", "listed_to") else "2100-12-31"
        broken = ~value.between(F.lit("1970-01-01").cast("date"), F.lit(last).cast("date"))
        found.append(_rule("out_of_range", column, broken, f"not between 1970-01-01 and {last}"))
    return found


def _kind(wanted: pa.DataType) -> str:
    if pa.types.is_date(wanted):
        return "a date in the format of the source"
    if pa.types.is_boolean(wanted):
        return "true or false"
    return "a whole number" if pa.types.is_integer(wanted) else "a number"


def _not_negative(column: str, tail: str = "negative") -> Rule:
    return _rule(f"negative_{column}", column, F.col(column) < 0, tail)


def _not_before(later: str, earlier: str, name: str) -> Rule:
    reason = F.concat(
        F.lit(f"{later} "), F.col(later).cast("string"), F.lit(f" is before {earlier} "), F.col(earlier).cast("string")
    )
    return Rule(name, F.col(later) < F.col(earlier), reason)


def _no_separator(column: str) -> Rule:
    return _rule(
        "separator_in_id", column, F.col(column).contains(ID_SEPARATOR),
        f"holds {ID_SEPARATOR!r}, which separates SKU and location in a series' name",
    )  # fmt: skip


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


_OWN: Final[Mapping[str, Callable[[], list[Rule]]]] = {
    "sales": _sales,
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
    "assortment": lambda: [_not_before("listed_to", "listed_from", "period_reversed")],
    "prices": lambda: [_not_negative("price"), _not_before("valid_to", "valid_from", "period_reversed")],
}
"""Source -> its own rules. Stock on hand may be negative: ERPs know it, and replenishment makes an exception of it."""


def _own_rules(name: str) -> list[Rule]:
    return _OWN[name]() if name in _OWN else []
