"""Every row read is accepted, set aside with a reason, or counted as a duplicate."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import random
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyspark.sql import Observation
from tests.ingest.reading import cleansed, read

from scaleinv.config import IngestConfig
from scaleinv.errors import DataError, EngineError
from scaleinv.schema import Table, table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from tests.ingest.conftest import Retailer

    from scaleinv.ingest import Cleansed
pytestmark = pytest.mark.spark


Done = dict[str, "Cleansed"]


def run(spark: SparkSession, config: IngestConfig) -> Done:
    return cleansed(read(spark, config), config)


def counts(done: Done, source: str) -> tuple[int, ...]:
    found = done[source].counts
    return tuple(found[name] for name in ("read", "accepted", "quarantined", "duplicates"))


def broken(done: Done, source: str) -> list[tuple[str, str]]:
    rows = done[source].quarantine.toArrow().to_pylist()
    assert len(rows) == done[source].counts["quarantined"] == sum(done[source].rules.values())
    return sorted((r["rule"], r["reason"]) for r in rows)


def accepted(done: Done, source: str) -> pa.Table:
    contract = table(f"silver/{source}")
    found = done[source].accepted.toArrow()
    assert found.column_names == [column.name for column in contract.received]
    return found.sort_by([(k, "ascending") for k in contract.key])


def release(done: Done) -> None:
    for one in done.values():
        one.release()


def test_good_files_are_accepted_whole_and_keep_the_contract(spark: SparkSession, retailer: Retailer) -> None:
    done = run(spark, retailer())
    assert counts(done, "sales") == (3, 3, 0, 0)
    assert counts(done, "items") == (2, 2, 0, 0)
    assert accepted(done, "sales").to_pylist() == [
        {"sku_id": "A", "location_id": "S1", "date": dt.date(2026, 1, 31), "quantity": 5.0},
        {"sku_id": "B", "location_id": "S1", "date": dt.date(2026, 2, 1), "quantity": 1.5},
    ]
    for name in done:
        accepted(done, name)
    release(done)


SALES_HEADER = "sku;shop;day;units;receipt\n"
BAD_SALES = {
    "A;S1;01.02.2026;;r": ("missing_value", "quantity is empty"),
    "A;S1;01.02.2026;1.5;r": ("unparseable", "quantity '1.5': not a number"),
    "A;S1;01.02.2026;2d;r": ("unparseable", "quantity '2d': not a number"),
    "A;S1;2026-02-01;1;r": ("unparseable", "date '2026-02-01': not a date in the format of the source"),
    "A;S1;30.02.2026;1;r": ("unparseable", "date '30.02.2026': not a date in the format of the source"),
    "A;S1;01.02.0026;1;r": ("out_of_range", "date '01.02.0026': not between 1970-01-01 and 2100-12-31"),
    "A;S1;01.02.2026;9999999999;r": ("out_of_range", "quantity '9999999999': no number between -1e+09 and 1e+09"),
    "A;S1;01.02.2026;-1;r": (
        "negative_quantity",
        "quantity '-1': negative, a return or a cancellation; returns are no demand, so they are not netted against it",
    ),
    "X;S1;01.02.2026;1;r": ("unknown_sku", "sku_id 'X': not in items"),
    "A;S9;01.02.2026;1;r": ("unknown_location", "location_id 'S9': not in locations"),
    ";S1;nonsense;1;r": ("missing_value", "sku_id is empty"),
    "A;S1;01.02.2026;1;r;too;many": ("malformed", "the line does not split into the columns of its header"),
}


def test_each_bad_sales_line_is_set_aside_with_its_rule(spark: SparkSession, retailer: Retailer) -> None:
    lines = SALES_HEADER + "A;S1;01.02.2026;1.234,5;good\n" + "".join(f"{line}\n" for line in BAD_SALES)
    done = run(spark, retailer({"sales.csv": lines}))
    assert broken(done, "sales") == sorted(BAD_SALES.values())
    assert accepted(done, "sales")["quantity"].to_pylist() == [1234.5]
    assert counts(done, "sales") == (13, 1, 12, 0)
    kept = [
        json.loads(r["row"]) for r in done["sales"].quarantine.toArrow().to_pylist() if r["rule"] == "negative_quantity"
    ]
    assert kept == [{"sku": "A", "shop": "S1", "day": "01.02.2026", "units": "-1", "receipt": "r"}]
    release(done)


ITEM = "{sku},food,d,{unit},{gtin},{vendor},1,2,1,{multiple}\n"


def item(sku: str, **other: str) -> str:
    return ITEM.format(**{"sku": sku, "unit": "EA", "gtin": "", "vendor": "V1", "multiple": "1", **other})


def test_each_bad_master_record_is_set_aside_with_its_rule(spark: SparkSession, retailer: Retailer) -> None:
    header = "sku_id,category,department,unit,gtin,vendor_id,unit_cost,unit_price,min_order_quantity,order_multiple\n"
    good = item("A") + item("B", gtin="96385074") + item("C", gtin="614141007349") + item("D", gtin="10614141007346")
    bad = (
        item("E", gtin="4006381333932") + item("F", unit="box") + item("G", multiple="0") + item("H", vendor="V9")
        + item("A", multiple="2") + item("A", multiple="2") + item("A") + item("a@b")
    )  # fmt: skip
    config = retailer(
        {
            "items.csv": header + good + bad,
            "vendors.json": "\n".join(
                json.dumps({"vendor_id": v, "review_period": p, "currency": c})
                for v, p, c in [("V1", 1, "EUR"), ("V2", 0, "EUR"), ("V3", 1.5, "EUR"), ("V4", 1, "euro")]
            ),
            "lead.csv": "vendor_id,lead_time,weight\nV1,2,1\nV1,3,0\nV1,0,1\nV4,2,1\n",
        },
        lead_times={"path": "lead.csv"},
    )
    done = run(spark, config)
    rules = [rule for rule, _ in broken(done, "items")]
    assert rules == [
        "conflicting_key", "conflicting_key", "invalid_gtin", "not_positive", "separator_in_id", "unknown_unit",
        "unknown_vendor",
    ]  # fmt: skip
    assert counts(done, "items") == (12, 4, 7, 1)
    assert accepted(done, "items")["order_multiple"].to_pylist() == [1.0] * 4
    assert [rule for rule, _ in broken(done, "vendors")] == ["not_positive", "unknown_currency", "unparseable"]
    assert [rule for rule, _ in broken(done, "lead_times")] == ["not_positive", "not_positive", "unknown_vendor"]
    release(done)


def test_each_bad_movement_is_set_aside_with_its_rule(spark: SparkSession, retailer: Retailer) -> None:
    orders = "order_id,line,vendor_id,sku_id,location_id,order_date,promised_date,received_date,quantity\n"
    config = retailer(
        {
            "po.csv": orders
            + "1,1,V1,A,S1,2026-01-05,,2026-01-07,3\n"
            + "2,1,V1,A,S1,2026-01-05,,,3\n"
            + "3,1,V1,A,S1,2026-01-05,,2026-01-01,3\n"
            + "4,1,V1,A,S1,2026-01-05,,Date Not Captured,3\n"
            + "5,0,V1,A,S1,2026-01-05,,,3\n",
            "prices.csv": "sku_id,location_id,valid_from,valid_to,price,is_promotion\n"
            + "A,S1,2026-01-01,9999-12-31,2,no\nA,S1,2026-02-01,2026-01-01,2,yes\nA,S1,2026-03-01,2026-03-02,-1,1\n"
            + "B,S1,2026-01-01,2026-01-02,2,perhaps\n",
            "stock.csv": "sku_id,location_id,date,on_hand,reserved,backorders\nA,S1,2026-01-01,-2,0,0\n"
            + "A,S1,2026-01-02,5,-1,0\n",
            "assort.csv": "sku_id,location_id,listed_from,listed_to\nA,S1,,\nB,S1,2026-02-01,2026-01-01\n",
        },
        purchase_orders={"path": "po.csv"},
        prices={"path": "prices.csv"},
        stock={"path": "stock.csv"},
        assortment={"path": "assort.csv"},
    )
    done = run(spark, config)
    assert broken(done, "purchase_orders") == [
        ("not_positive", "line '0': lines count from 1"),
        ("received_before_ordered", "received_date 2026-01-01 is before order_date 2026-01-05"),
        ("unparseable", "received_date 'Date Not Captured': not a date in the format of the source"),
    ]
    assert accepted(done, "purchase_orders")["received_date"].to_pylist() == [dt.date(2026, 1, 7), None]
    assert [rule for rule, _ in broken(done, "prices")] == ["negative_price", "period_reversed", "unparseable"]
    assert accepted(done, "stock")["on_hand"].to_pylist() == [-2.0], "an ERP knows negative stock; it is an exception"
    assert [rule for rule, _ in broken(done, "stock")] == ["negative_reserved"]
    assert [rule for rule, _ in broken(done, "assortment")] == ["period_reversed"]
    release(done)


def test_lines_equal_a_loop_whatever_the_order_and_the_files(spark: SparkSession, retailer: Retailer) -> None:
    chance = random.Random(5)
    lines = [
        f"{chance.choice('AB')};S1;0{chance.randint(1, 3)}.02.2026;{chance.choice(['0,1', '0,2', '3', '-1', 'x'])};"
        f"r{chance.randint(1, 9)}"
        for _ in range(120)
    ]
    expected: dict[tuple[str, str], int] = defaultdict(int)
    good = {line for line in lines if line.split(";")[3] not in ("-1", "x")}
    for line in good:
        sku, _, day, units, _ = line.split(";")
        expected[sku, day] += {"0,1": 1, "0,2": 2, "3": 30}[units]
    n_bad = sum(line.split(";")[3] in ("-1", "x") for line in lines)
    outcomes: list[Any] = []
    for cut in (120, 47):
        chance.shuffle(lines)
        files = {f"sales{'' if i == 0 else i}.csv": part for i, part in enumerate((lines[:cut], lines[cut:]))}
        texts = {name: SALES_HEADER + "".join(f"{line}\n" for line in part) for name, part in files.items()}
        done = run(spark, retailer(texts))
        assert counts(done, "sales") == (120, len(good), n_bad, 120 - n_bad - len(good))
        outcomes.append(accepted(done, "sales"))
        release(done)
    assert outcomes[0].equals(outcomes[1])
    found = {(r["sku_id"], f"{r['date']:%d.%m.%Y}"): r["quantity"] for r in outcomes[0].to_pylist()}
    assert found == {key: tenths / 10 for key, tenths in expected.items()}


def limits(**options: Any) -> IngestConfig:
    source = {"path": "x"} | {k: options.pop(k) for k in ("own",) if k in options}.get("own", {})
    return IngestConfig.model_validate({"data": "", "sources": {"sales": source}, **options})


@pytest.mark.parametrize(
    ("change", "found"),
    [("sku_id = 'A'", "2 + 0 + 0 = 2"), ("false", "0 + 0 + 0 = 0")],
)
def test_rows_that_are_lost_on_the_way_stop_the_load(
    spark: SparkSession, retailer: Retailer, monkeypatch: pytest.MonkeyPatch, change: str, found: str
) -> None:
    cleansing = importlib.import_module("scaleinv.ingest.cleanse")
    config, judged = retailer(), cleansing._judged

    def lossy(typed: DataFrame, into: Table, parents: Mapping[str, DataFrame]) -> DataFrame:
        kept = judged(typed, into, parents)
        return kept.where(change) if into.name == "silver/sales" else kept

    monkeypatch.setattr(cleansing, "_judged", lossy)
    with pytest.raises(EngineError, match=r"expected: *3 rows read") as caught:
        run(spark, config)
    assert found in str(caught.value)


def test_what_was_counted_twice_on_its_way_is_counted_again(
    spark: SparkSession, retailer: Retailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Doubled(Observation):
        @property
        def get(self) -> dict[str, Any]:
            return {name: 2 * n for name, n in super().get.items()}

    monkeypatch.setattr(importlib.import_module("scaleinv.ingest.cleanse"), "Observation", Doubled)
    done = run(spark, retailer())
    assert counts(done, "sales") == (3, 3, 0, 0)
    release(done)


def test_too_many_bad_rows_stop_the_load_and_name_the_rules() -> None:
    from scaleinv.ingest import check_load

    counts = {"read": 1000, "accepted": 890, "quarantined": 110, "duplicates": 0}
    rules = {"unknown_sku": 30, "negative_quantity": 80}
    with pytest.raises(DataError, match="source sales: too many rows were set aside") as caught:
        check_load("sales", table("silver/sales"), counts, rules, limits())
    assert "110 of 1,000 rows (11.0%); most of them negative_quantity 80, unknown_sku 30" in str(caught.value)
    check_load("sales", table("silver/sales"), counts, rules, limits(max_quarantine_share=0.11))
    check_load("sales", table("silver/sales"), counts, rules, limits(own={"max_quarantine_share": 0.2}))


def test_too_many_equal_lines_stop_the_load_and_say_what_to_do() -> None:
    from scaleinv.ingest import check_load

    counts = {"read": 1000, "accepted": 400, "quarantined": 0, "duplicates": 600}
    with pytest.raises(DataError, match="equal another one") as caught:
        check_load("sales", table("silver/sales"), counts, {}, limits())
    assert "600 of 1,000 rows (60.0%)" in str(caught.value)
    assert "a receipt and line number" in str(caught.value)
    check_load("items", table("silver/items"), counts, {}, limits())
    check_load("sales", table("silver/sales"), counts, {}, limits(max_duplicate_share=0.6))
