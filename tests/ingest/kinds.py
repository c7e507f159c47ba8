"""A day's delivery of a retailer of many systems, each row with what is to become of it."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OK: Final = "accepted"
SAME: Final = "duplicates"
Rows = list[tuple[str, Any]]
"""What is to become of a row (accepted, duplicates, or the rule that it breaks), and the row."""
DAY: Final = dt.date(2026, 2, 1)
_NOON: Final = dt.datetime(2026, 2, 1, 12, tzinfo=dt.UTC)

TILLS: Rows = [
    (OK, "MILK;S1;01.02.2026;2;VERKAUF;;r1"),
    (OK, "MILK;S1;01.02.2026;1.000,5;VERKAUF;;r2"),
    (OK, "Käse;S1;01.02.2026;0,25;VERKAUF;;r3"),
    (SAME, "MILK;S1;01.02.2026;2;VERKAUF;;r1"),
    ("voided", "MILK;S1;01.02.2026;2;VERKAUF;S;r4"),
    ("returned", "MILK;S1;01.02.2026;1;RETOURE;;r5"),
    ("negative_quantity", "MILK;S1;01.02.2026;-1;VERKAUF;;r6"),
    ("unparseable", "MILK;S1;01.02.2026;1.5;VERKAUF;;r7"),
    ("unparseable", "MILK;S1;31.02.2026;1;VERKAUF;;r8"),
    ("future_date", "MILK;S1;01.02.2099;1;VERKAUF;;r9"),
    ("out_of_range", "MILK;S1;01.02.2026;4006381333931;VERKAUF;;r10"),
    ("missing_value", "-;S1;01.02.2026;1;VERKAUF;;r11"),
    ("unknown_sku", "BRIE;S1;01.02.2026;1;VERKAUF;;r12"),
    ("unknown_location", "MILK;S7;01.02.2026;1;VERKAUF;;r13"),
    ("malformed", "MILK;S1;01.02.2026;1;VERKAUF;;r14;x"),
]
TILLS_LATER: Rows = [  # the till was updated, its columns stand in another order now, and it sent a line again
    (SAME, "r2;;VERKAUF;1.000,5;01.02.2026;S1;MILK;"),
    (OK, "r15;;VERKAUF;3;01.02.2026;S1;MILK;card"),
]
SCALES: Rows = [
    (OK, "Käse\t250\t20260201101500"),
    (OK, "Käse\t1250.5\t20260201101501"),
    ("unparseable", "Käse\t250 g\t20260201101502"),
    ("missing_value", "Käse\t250\t2026-02-01"),
]


def _order(number: int, **other: Any) -> str:
    order = {"order": f"w{number}", "sku": "MILK", "qty": 1, "currency": "EUR", "placed_at": "2026-02-01T08:00:00"}
    return json.dumps(order | other)


WEB: Rows = [
    *[(OK, _order(n)) for n in range(10_100)],
    # A name that no line before it has.
    ("cancelled", _order(20_001, cancelled_at="2026-02-01T09:00:00")),
    (SAME, _order(7)),
    (OK, _order(20_002, note="a second carton, please")),
    (OK, _order(20_002, note="and a third one")),
    ("foreign_currency", _order(20_003, currency="USD")),
    ("negative_quantity", _order(20_004, qty=-1)),
    ("unparseable", _order(20_005, qty="one")),
    ("unknown_sku", _order(20_006, sku={"code": "MILK"})),
    ("missing_value", _order(20_007, placed_at=None)),
    ("malformed", _order(20_008)[:-5]),
    ("malformed", "[]"),
]


def _day(**other: Any) -> dict[str, Any]:
    return {"product": "MILK", "shop": "S2", "sold_on": DAY, "units": 41.0} | other


DAILY: Rows = [
    (OK, _day()),
    (SAME, _day()),
    (OK, _day(units=1.5)),  # a correction by addition
    (OK, _day(product="EGGS", sold_on=DAY - dt.timedelta(days=1), units=0.0)),
    ("negative_quantity", _day(units=-3.0)),
    ("missing_value", _day(units=None)),
    ("out_of_range", _day(units=math.inf)),
    ("future_date", _day(sold_on=dt.date(2099, 1, 1))),
    ("out_of_range", _day(sold_on=dt.date(1900, 1, 1))),
    ("unknown_location", _day(shop="S9")),
    ("unknown_sku", _day(product="TEA")),
]


def _hours(**other: Any) -> dict[str, Any]:
    row = {"product": "MILK", "store": "S1", "units": [1.0] * 24, "empty_shelf": [0] * 23 + [1]}
    return row | {"closed_at": _NOON.replace(microsecond=123_456)} | other


HOURS: Rows = [
    (OK, _hours()),
    (SAME, _hours()),
    (OK, _hours(product="EGGS", units=[0.0] * 24)),
    ("counted", _hours(store="S2", units=[999.0] + [1.0] * 23)),
    ("wrong_length", _hours(store="S2", units=[1.0] * 23)),
    ("wrong_length", _hours(store="S2", empty_shelf=[0] * 25)),
    ("unparseable", _hours(store="S2", units=[None] + [1.0] * 23)),
    ("negative_quantity", _hours(store="S2", units=[-1.0] * 24)),
    ("out_of_range", _hours(store="S2", units=[math.nan] + [1.0] * 23)),
    ("unknown_sku", _hours(product="NEW", units=[0.1, 2.5] * 12)),
    ("missing_value", _hours(closed_at=None)),
    ("future_date", _hours(closed_at=_NOON.replace(year=2099))),
]


def _stock(**other: Any) -> str:
    row = {"material": "MILK", "plant": "S1", "day": "2026-02-01", "free": 5, "reserved": 1, "backorders": 0}
    return json.dumps(row | other)


STOCK: Rows = [  # in the order of their offsets: the last state of a record stands
    (SAME, _stock()),
    (OK, _stock(material="EGGS", free=-2)),
    (SAME, _stock(free=7)),
    (SAME, _stock()),
    (OK, _stock(free=6, reserved=2)),
    ("negative_reserved", _stock(reserved=-1)),
    ("negative_backorders", _stock(backorders=-1)),
    ("unknown_location", _stock(plant="S9")),
    ("unparseable", _stock(free="5 pcs")),
    ("malformed", "no json"),
]


def _line(po: str, hour: int | None, **other: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "po": po, "pos": 1, "supplier": "V1", "material": "MILK", "plant": "S1", "sent": dt.date(2026, 1, 20),
        "promised": dt.date(2026, 1, 27), "received": None, "qty": 10.0, "currency": "EUR",
        "changed_at": None if hour is None else dt.datetime(2026, 1, 28, hour, 0, 0, 500),
    }  # fmt: skip
    return row | other


ORDERS: Rows = [
    (OK, _line("P1", 3, qty=12.0, received=dt.date(2026, 1, 28))),
    (SAME, _line("P1", 1)),
    (SAME, _line("P1", 2, qty=12.0, promised=dt.date(2026, 1, 29))),
    (SAME, _line("P1", 2, qty=12.0, promised=dt.date(2026, 1, 29))),
    (SAME, _line("P1", 3, qty=12.0, received=dt.date(2026, 1, 28))),
    (OK, _line("P2", 1, qty=4.0)),
    ("conflicting_key", _line("P2", 1, qty=5.0)),  # two states of one moment
    (SAME, _line("P2", 0, qty=5.0)),
    (OK, _line("P3", 1)),
    ("no_order", _line("P3", None, qty=11.0)),
    ("foreign_currency", _line("P4", 1, currency="USD")),
    ("received_before_ordered", _line("P5", 1, received=dt.date(2026, 1, 19))),
    ("future_date", _line("P6", 1, sent=dt.date(2099, 1, 1))),
    ("negative_quantity", _line("P7", 1, qty=-5.0)),
    ("unknown_vendor", _line("P8", 1, supplier="V9")),
    ("unknown_sku", _line("P9", 1, material="NEW", qty=3.25)),
    ("not_positive", _line("P10", 1, pos=0)),
    ("missing_value", _line("P11", 1, sent=None)),
]


def item(article: str, **other: Any) -> dict[str, Any]:
    """A row of the product tree."""
    return {
        "article": article, "text": None, "tree": "Food > Dairy > Fresh", "uom": "EA", "ean": None, "supplier": "V1",
        "unit_cost": Decimal("0.80"), "unit_price": Decimal("1.20"), "min_order_quantity": 1.0, "order_multiple": 6.0,
    } | other  # fmt: skip


def _picture(product: str | None, *pixels: float | None) -> dict[str, Any]:
    return {"product": product, "pixels": list(pixels)}


PICTURES: Rows = [
    (OK, _picture("MILK", 0.1, 0.2, 0.3, 0.4)),
    (SAME, _picture("MILK", 0.1, 0.2, 0.3, 0.4)),
    (OK, _picture("EGGS", -1.0, 0.0, 1e-6, 1.0)),
    ("conflicting_key", _picture("EGGS", 1.0, 0.0, 1e-6, 1.0)),
    ("wrong_length", _picture("Käse", 0.1, 0.2, 0.3)),
    ("wrong_length", _picture("Käse")),
    ("out_of_range", _picture("Käse", math.nan, 0.2, 0.3, 0.4)),
    ("out_of_range", _picture("Käse", 0.1, -math.inf, 0.3, 0.4)),
    ("unparseable", _picture("Käse", 0.1, None, 0.3, 0.4)),
    ("missing_value", {"product": "Käse", "pixels": None}),
    ("missing_value", _picture(None, 0.1, 0.2, 0.3, 0.4)),
    ("unknown_sku", _picture("TEA", 0.1, 0.2, 0.3, 0.4)),
]


ITEMS: Rows = [
    (OK, item("MILK", ean="4006381333931")),
    (OK, item("EGGS", tree="Food > Eggs", order_multiple=12.0)),
    (OK, item("Käse", uom="KGM", supplier="V2")),
    (SAME, item("MILK", ean="4006381333931")),
    ("conflicting_key", item("Käse", uom="KGM", supplier="V2", unit_cost=Decimal("9.90"))),
    ("invalid_gtin", item("I1", ean="4006381333932")),
    ("unknown_unit", item("I2", uom="BOX")),
    ("missing_value", item("I3", tree="Food")),
    ("negative_unit_price", item("I4", unit_price=Decimal("-1.00"))),
    ("not_positive", item("I5", order_multiple=0.0)),
    ("unknown_vendor", item("I6", supplier="V9")),
    ("separator_in_id", item("I@7")),
]
DOZENS: Rows = [
    (OK, {"code": "EGGS", "from": 10, "price": Decimal("2.40"), "currency": "EUR"}),
    (OK, {"code": "EGGS", "from": 100, "price": Decimal("1.80"), "currency": "EUR"}),
    (SAME, {"code": "EGGS", "from": 100, "price": Decimal("1.80"), "currency": "EUR"}),
    ("conflicting_key", {"code": "EGGS", "from": 10, "price": Decimal("2.52"), "currency": "EUR"}),
    ("foreign_currency", {"code": "EGGS", "from": 10, "price": Decimal("2.90"), "currency": "CHF"}),
    ("not_positive", {"code": "EGGS", "from": 0, "price": Decimal("2.40"), "currency": "EUR"}),
    ("negative_unit_cost", {"code": "EGGS", "from": 1, "price": Decimal("-2.40"), "currency": "EUR"}),
    ("unknown_sku", {"code": "DUCK", "from": 1, "price": Decimal("2.40"), "currency": "EUR"}),
    ("missing_value", {"code": "EGGS", "from": 1, "price": None, "currency": "EUR"}),
]
TEXTS: dict[str, tuple[str, str, Rows]] = {
    "sales": ("tills/1.csv", "ARTIKEL;FILIALE;TAG;MENGE;ART;STATUS;BON", TILLS),
    "sales later": ("tills/2.csv", "BON;STATUS;ART;MENGE;TAG;FILIALE;ARTIKEL;ZAHLUNG", TILLS_LATER),
    "scales": ("scales/1.txt", "plu\tgrams\tweighed_at", SCALES),
    "web": ("web/1.jsonl", "", WEB),
    "locations": ("stores.csv", "location_id,name,region", [
        (OK, "S1,Hauptstraße,N"), (OK, 'S2,"Bahnhof, links",N'), (OK, "WEB,,N"), (SAME, "WEB,,N"),
        ("separator_in_id", "S@3,,N"), ("missing_value", "S4,,"), ("malformed", "S5,,N,x"),
    ]),
    "vendors": ("vendors.csv", "vendor_id,every_days,currency,name", [
        (OK, "V1,1,EUR,"), (OK, "V2,7,EUR,"), ("unknown_currency", "V3,1,euro,"), ("not_positive", "V4,0,EUR,"),
        ("unparseable", "V5,1.5,EUR,"), ("conflicting_key", "V1,2,EUR,"),
    ]),
    "lead_times": ("promised.csv", "vendor,days,percent", [
        (OK, "V1,2,70"), (OK, "V1,3,30"), (OK, "V2,7,100"), ("not_positive", "V1,0,10"), ("not_positive", "V1,4,0"),
        ("unknown_vendor", "V9,2,100"), ("unparseable", "V1,two,100"),
    ]),
    "grams": ("grams.csv", "code,from_grams,per_gram", [
        (OK, "Käse,5000,0.012"), (SAME, "Käse,5000,0.012"), ("not_positive", "Käse,0,0.011"),
        ("unparseable", 'Käse,"5.000,0",0.012'), ("unknown_sku", "BRIE,5000,0.012"),
    ]),
    "sensor_readings": ("sensors/1.jsonl", "", [
        (OK, '{"sensor": "t1", "at": "2026-02-01T10:00:00Z", "store": "S1", "lot": "L7", "degf": 39.2}'),
        (SAME, '{"at": "2026-02-01T10:00:00Z", "sensor": "t1", "lot": "L7", "store": "S1", "degf": 39.2}'),
        ("conflicting_key", '{"sensor": "t1", "at": "2026-02-01T10:00:00Z", "store": "S1", "lot": "L7", "degf": 39.4}'),
        (OK, '{"sensor": "m1", "at": "2026-02-01T12:00:00+02:00", "store": "S1", "g": 2}'),
        ("out_of_range", '{"sensor": "t1", "at": "2026-02-01T11:00:00Z", "store": "S1", "degf": 999.9}'),
        ("no_reading", '{"sensor": "t1", "at": "2026-02-01T11:01:00Z", "store": "S1"}'),
        ("unparseable", '{"sensor": "t1", "at": "2026-02-01 11:02", "store": "S1", "degf": 39}'),
        ("unparseable", '{"sensor": "t1", "at": "2026-02-01T11:03:00Z", "store": "S1", "degf": "ERR"}'),
        ("future_date", '{"sensor": "t1", "at": "2099-02-01T11:00:00Z", "store": "S1", "degf": 39}'),
        ("missing_value", '{"at": "2026-02-01T11:00:00Z", "store": "S1", "degf": 39}'),
        ("unknown_location", '{"sensor": "t1", "at": "2026-02-01T11:00:00Z", "store": "truck 4", "degf": 39}'),
        ("malformed", '{"sensor": "t1", "at": "2026-02-01T11:00:00Z", "store": "S1", "degf": 39'),
    ]),
    "weather": ("weather/1.csv", "region,date,degf,inches,percent,knots", [
        (OK, "N,2026-02-01,50,0.1,80,10"), (OK, "N,2026-02-02,n/a,0,n/a,n/a"), ("out_of_range", "S,2026-02-01,212,0,,"),
        ("negative_precipitation", "S,2026-02-02,50,-1,,"), ("unparseable", "S,2026-02-03,mild,0,,"),
        ("conflicting_key", "N,2026-02-01,51,0.1,80,10"), ("missing_value", ",2026-02-01,50,0,,"),
    ]),
    "prices": ("prices/1.csv", "sku_id;location_id;valid_from;price", [
        (OK, "MILK;S1;2026-01-01;1,20"), (OK, "EGGS;S1;2026-01-01;2,40"), ("negative_price", "MILK;S2;2026-01-01;-1"),
        ("unparseable", "MILK;S2;2026-01-01;1.20"), ("unknown_sku", "TEA;S1;2026-01-01;1"),
        ("unparseable", "MILK;S1;2026;1"), ("conflicting_key", "MILK;S1;2026-01-01;1,30"),
    ]),
    "promotions": ("promotions/1.csv", "sku_id|location_id|valid_from|valid_to|price", [
        (OK, "MILK|S1|2026-02-02|2026-02-08|0.99"), ("period_reversed", "MILK|S1|2026-02-08|2026-02-02|0.99"),
        ("missing_value", "MILK|S1|2026-02-09||0.99"), ("unknown_location", "MILK|S9|2026-02-02|2026-02-08|0.99"),
    ]),
    "coupons": ("coupons/1.jsonl", "", [
        (OK, '{"sku": "EGGS", "from": "2026-02-03", "until": "2026-02-04", "list_price": "2.40", "percent_off": 25}'),
        ("more_than_all",
         '{"sku": "EGGS", "from": "2026-02-05", "until": "2026-02-06", "list_price": 2.4, "percent_off": 250}'),
        ("missing_value",
         '{"sku": "EGGS", "from": "2026-02-07", "until": "2026-02-08", "list_price": 2.4, "percent_off": "half"}'),
        ("unparseable",
         '{"sku": "EGGS", "from": "2026-02-09", "until": "20260-02-10", "list_price": 2.4, "percent_off": 5}'),
    ]),
    "calendar": ("calendar.jsonl", "", [
        (OK, '{"region": "N", "day": "2026-02-16", "event": "Rosenmontag", "benefits_paid": false}'),
        (OK, '{"region": "N", "day": "2026-02-27", "benefits_paid": "yes"}'),
        ("unparseable", '{"region": "N", "day": "2026-02-30", "event": "no day", "benefits_paid": false}'),
        ("unparseable", '{"region": "N", "day": "2026-03-01", "benefits_paid": "perhaps"}'),
        ("missing_value", '{"day": "2026-03-02", "event": "nowhere", "benefits_paid": false}'),
    ]),
    "snapshots": ("snapshots/1.csv", "item;warehouse;counted_on;qty;held", [
        (OK, "MILK;S2;20260201;1.200,5;3"), (SAME, "MILK;S2;20260201;1.200,5;3"), (OK, "EGGS;S2;20260201;-4;0"),
        ("conflicting_key", "EGGS;S2;20260201;5;0"), ("unparseable", "Käse;S2;20260201;1200.5;0"),
        ("unparseable", "Käse;S2;2026-02-01;1;0"), ("missing_value", "Käse;S2;20260201;;0"),
        ("negative_reserved", "Käse;S2;20260201;1;-1"), ("future_date", "Käse;S2;20990201;1;0"),
        ("unknown_sku", "TEA;S2;20260201;1;0"), ("unknown_location", "MILK;S9;20260201;1;0"),
        ("malformed", "Käse;S2;20260201;1;0;x"),
    ]),
    "item_embeddings": ("vectors/1.jsonl", "", [
        (OK, '{"sku": "MILK", "kind": "text", "model": "small", "values": [0.5, -1, 2e-1]}'),
        (SAME, '{"kind": "text", "model": "small", "values": [0.5, -1, 2e-1], "sku": "MILK"}'),
        (OK, '{"sku": "EGGS", "kind": "text", "model": "small", "values": [0, 0.25, 1]}'),
        (OK, '{"sku": "EGGS", "kind": "text", "model": "large", "values": [1, 2, 3, 4, 5]}'),
        (OK, '{"sku": "EGGS", "kind": "image", "model": "large", "values": [5, 4, 3, 2, 1]}'),
        ("conflicting_key", '{"sku": "MILK", "kind": "text", "model": "small", "values": [0.5, -1, 0.3]}'),
        ("wrong_length", '{"sku": "Käse", "kind": "text", "model": "small", "values": [0.5, -1]}'),
        ("wrong_length", '{"sku": "Käse", "kind": "text", "model": "large", "values": [1, 2, 3]}'),
        ("wrong_length", '{"sku": "Käse", "kind": "text", "model": "small", "values": []}'),
        ("out_of_range", '{"sku": "Käse", "kind": "text", "model": "small", "values": ["NaN", 0, 1]}'),
        ("out_of_range", '{"sku": "Käse", "kind": "text", "model": "small", "values": ["Infinity", 0, 1]}'),
        ("unparseable", '{"sku": "Käse", "kind": "text", "model": "small", "values": [null, 0, 1]}'),
        ("unparseable", '{"sku": "Käse", "kind": "text", "model": "small", "values": ["half", 0, 1]}'),
        ("unparseable", '{"sku": "Käse", "kind": "text", "model": "small", "values": "0.5 0 1"}'),
        ("missing_value", '{"sku": "Käse", "kind": "text", "model": "small", "values": null}'),
        ("missing_value", '{"sku": "Käse", "kind": "text", "values": [0.5, 0, 1]}'),
        ("unknown_kind", '{"sku": "Käse", "kind": "smell", "model": "small", "values": [0.5, 0, 1]}'),
        ("unknown_sku", '{"sku": "TEA", "kind": "text", "model": "small", "values": [0.5, 0, 1]}'),
        ("malformed", '{"sku": "Käse", "kind": "text", "model": "small", "values": [0.5, 0, 1'),
    ]),
    "assortment": ("assortment.csv", "ARTICLE|STORE|FROM|TO", [
        (OK, "MILK|S1||"), (OK, "EGGS|S1|20260101|"), (OK, "Käse|S1|20260101|20261231"),
        ("period_reversed", "MILK|S2|20260201|20260101"), ("unparseable", "EGGS|S2|2026-01-01|"),
        ("unknown_sku", "TEA|S1||"),
    ]),
}  # fmt: skip
"""Source -> its file, the header (of lines of JSON: none), and its lines."""
_ENCODINGS: Final = {"tills/1.csv": "latin-1", "tills/2.csv": "latin-1", "assortment.csv": "cp1252"}
STRUCTURED: Final[dict[str, Rows]] = {
    "hourly_sales": HOURS, "stock": STOCK, "purchase_orders": ORDERS, "items": ITEMS, "dozens": DOZENS,
    "daily": DAILY, "pictures": PICTURES,
}  # fmt: skip
_ORDERS_SCHEMA: Final = (
    "po STRING, pos INT, supplier STRING, material STRING, plant STRING, sent DATE, promised DATE, received DATE, "
    "qty DOUBLE, currency STRING, changed_at TIMESTAMP"
)
_ITEMS_SCHEMA: Final = (
    "article STRING, text STRING, tree STRING, uom STRING, ean STRING, supplier STRING, unit_cost DECIMAL(9,2), "
    "unit_price DECIMAL(9,2), min_order_quantity DOUBLE, order_multiple DOUBLE"
)


def rows_of(source: str) -> Rows:
    """All rows that the source delivers."""
    later = TEXTS["sales later"][2] if source == "sales" else []
    return STRUCTURED[source] if source in STRUCTURED else [*TEXTS[source][2], *later]


def deliver(spark: SparkSession, data: Path) -> None:
    """Writes all files but the messages of Kafka."""
    for path, header, rows in TEXTS.values():
        file = data / path
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = [header] if header else []
        text = "".join(f"{line}\n" for line in [*lines, *[row for _, row in rows]])
        file.write_text(text, encoding=_ENCODINGS.get(path, "utf-8"))
    tables = {"hours": HOURS, "dozens": DOZENS, "daily": DAILY, "pictures": PICTURES}
    for folder, rows in tables.items():
        (data / folder).mkdir()
        pq.write_table(pa.Table.from_pylist([row for _, row in rows]), data / folder / "1.parquet")
    orders = spark.createDataFrame([row for _, row in ORDERS], _ORDERS_SCHEMA)
    orders.coalesce(1).write.format("avro").save(str(data / "orders"))
    deliver_items(spark, data, [row for _, row in ITEMS])


def deliver_items(spark: SparkSession, data: Path, rows: list[dict[str, Any]]) -> None:
    """Adds rows to the product tree."""
    spark.createDataFrame(rows, _ITEMS_SCHEMA).coalesce(1).write.format("delta").mode("append").save(
        str(data / "products")
    )
