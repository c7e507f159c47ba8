"""The registry's log against a day-by-day walk along its pointers, and its Spark parts against small retailers."""

from __future__ import annotations

import datetime as dt
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F
from stdnum import ean

from scaleinv.errors import DataError
from scaleinv.ingest.registry import (
    By,
    Rules,
    answers,
    automatic,
    canonical,
    certain,
    check_registry,
    codes_of,
    likely,
    meaning,
    merge,
    periods,
    proposals,
    registry,
    reject,
    split,
    supersede,
    undo,
    with_seen,
)
from scaleinv.ingest.registry.codes import code_key, code_key_of, gtin14
from scaleinv.ingest.registry.decisions import LOG, apart
from scaleinv.schema import check, table
from scaleinv.schema.registry import ALWAYS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ANN = By("ann", dt.date(2026, 1, 31))
EMPTY = LOG.schema.empty_table()
SKUS = "abcdef"
DAYS = [ALWAYS + dt.timedelta(days=n) for n in range(8)]
PAIRS = {
    "method": pa.string(), "group": pa.string(), "evidence": pa.string(), "peer_description": pa.string(),
    "kept": pa.string(), "kept_rank": pa.int64(), "kept_description": pa.string(),
    "other": pa.string(), "other_rank": pa.int64(), "other_description": pa.string(),
}  # fmt: skip


def together(*rows: pa.Table) -> pa.Table:
    return pa.concat_tables([EMPTY, *rows])


def day(n: int) -> dt.date:
    return ALWAYS + dt.timedelta(days=n)


def ids(log: pa.Table) -> list[str]:
    return log["merge_id"].to_pylist()


def walked(log: pa.Table, sku: str, on: dt.date) -> str:
    """The slow way: of the decisions in force about a SKU the last to begin, and again, until nobody decided."""
    rows = log.to_pylist()
    undone = {row["undoes"] for row in rows}
    while True:
        about = [
            row for row in rows
            if row["kind"] in ("merge", "supersede", "split") and row["merge_id"] not in undone
            and row["other"] == sku and row["valid_from"] <= on
        ]  # fmt: skip
        last = max(about, key=lambda row: row["valid_from"], default=None)
        if last is None or last["kind"] == "split":
            return sku
        sku = last["kept"]


# --- the log ------------------------------------------------------------------------------------------------------


@st.composite
def logs(draw: st.DrawFn) -> pa.Table:
    """What persons decided one after another, without what was refused."""
    log = EMPTY
    for _ in range(draw(st.integers(0, 9))):
        one, two = draw(st.sampled_from(SKUS)), draw(st.sampled_from(SKUS))
        since, kind = draw(st.sampled_from(DAYS)), draw(st.sampled_from(["merge", "supersede", "split", "undo"]))
        try:
            if kind == "merge":
                row = merge(log, one, two, ANN, since=since)
            elif kind == "supersede":
                row = supersede(log, one, two, ANN, since=since)
            elif kind == "split":
                row = split(log, one, ANN, since=since)
            else:
                row = undo(log, draw(st.sampled_from(ids(log) or ["none"])), ANN)
        except DataError:
            continue
        log = together(log, row)
    return log


@settings(max_examples=150, deadline=None)
@given(logs())
def test_every_sku_means_on_every_day_what_the_pointers_lead_to(log: pa.Table) -> None:
    found = periods(log)
    for on in DAYS:
        meant = meaning(pa.array(list(SKUS)), found, on).to_pylist()
        assert meant == [walked(log, sku, on) for sku in SKUS]


@settings(max_examples=100, deadline=None)
@given(logs())
def test_periods_follow_each_other_without_gap_or_overlap(log: pa.Table) -> None:
    rows = periods(log).to_pylist()
    for sku in {row["own_id"] for row in rows}:
        mine = [row for row in rows if row["own_id"] == sku]
        assert mine[0]["valid_from"] == ALWAYS
        assert mine[-1]["valid_to"] is None
        for before, after in itertools.pairwise(mine):
            assert after["valid_from"] == before["valid_to"] + dt.timedelta(days=1)
        assert all((row["merge_id"] is None) == (row["method"] == "identity") for row in mine)


@settings(max_examples=100, deadline=None)
@given(logs(), st.data())
def test_undoing_a_decision_gives_back_what_was_before_it(log: pa.Table, data: st.DataObject) -> None:
    one, two = data.draw(st.sampled_from(SKUS)), data.draw(st.sampled_from(SKUS))
    since = data.draw(st.sampled_from(DAYS))
    try:
        made = merge(log, one, two, ANN, since=since)
    except DataError:
        return
    after = together(log, made)
    assert periods(after) != periods(log)
    assert periods(together(after, undo(after, ids(made)[0], ANN))) == periods(log)


@settings(max_examples=60, deadline=None)
@given(logs(), st.randoms(use_true_random=False))
def test_the_order_of_the_log_does_not_matter(log: pa.Table, chance: Any) -> None:
    order = list(range(log.num_rows))
    chance.shuffle(order)
    assert periods(log.take(pa.array(order, pa.int64()))) == periods(log)


def test_a_long_chain_is_followed_to_its_end() -> None:
    names = [f"{n:03}" for n in range(300)]
    rows = [
        {
            "batch": "b", "merge_id": f"b-{n}", "decided_at": day(0), "kind": "supersede", "kept": names[n + 1],
            "other": names[n], "valid_from": day(n), "method": "supersession", "who": "ann", "evidence": "",
            "score": None, "proposal_id": None, "undoes": None,
        }
        for n in range(299)
    ]  # fmt: skip
    found = periods(pa.Table.from_pylist(rows, schema=LOG.schema))
    assert meaning(pa.array(["000", "000", "150"]), found, day(100)).to_pylist() == ["101", "101", "150"]
    assert meaning(pa.array(["000"]), found, day(5000)).to_pylist() == ["299"]


def test_supersessions_chain_from_their_dates() -> None:
    log = supersede(EMPTY, "a", "b", ANN, since=day(10))
    log = together(log, supersede(log, "b", "c", ANN, since=day(20)))
    rows = [(r["valid_from"], r["valid_to"], r["sku_id"], r["merge_id"]) for r in periods(log).to_pylist()]
    assert rows[:3] == [
        (day(0), day(9), "a", None), (day(10), day(19), "b", ids(log)[0]), (day(20), None, "c", ids(log)[1]),
    ]  # fmt: skip


def test_a_circle_is_refused_and_named() -> None:
    log = supersede(EMPTY, "a", "b", ANN, since=day(10))
    log = together(log, supersede(log, "b", "c", ANN, since=day(20)))
    with pytest.raises(DataError, match="circle from 1970-01-21") as caught:
        supersede(log, "c", "a", ANN, since=day(5))
    assert any(path in str(caught.value) for path in ("a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c"))


def test_two_decisions_of_one_day_about_one_sku_are_refused_and_named() -> None:
    left, right = merge(EMPTY, "b", "a", ANN), merge(EMPTY, "c", "a", ANN)
    with pytest.raises(DataError, match="two decisions about a begin on the same day") as caught:
        periods(together(left, right))
    assert all(merge_id in str(caught.value) for merge_id in (*ids(left), *ids(right)))


def test_what_is_replaced_later_goes_on() -> None:
    log = supersede(EMPTY, "old", "new", ANN, since=day(10))
    log = together(log, merge(log, "x", "old", ANN))
    assert log["kept"].to_pylist() == ["new", "old"]
    assert meaning(pa.array(["x", "x"]), periods(log), day(10)).to_pylist() == ["new", "new"]


def test_only_what_stands_can_be_undone() -> None:
    log = merge(EMPTY, "b", "a", ANN)
    log = together(log, undo(log, ids(log)[0], ANN))
    with pytest.raises(DataError, match="is undone already"):
        undo(log, ids(log)[0], ANN)
    with pytest.raises(DataError, match="decide that again"):
        undo(log, ids(log)[1], ANN)
    with pytest.raises(DataError, match="no decision 'x'"):
        undo(log, "x", ANN)
    again = merge(log, "b", "a", ANN)
    assert ids(again)[0] not in ids(log)
    assert periods(together(log, again)).num_rows == 1


def test_an_answer_is_remembered_until_it_is_undone() -> None:
    pair = {
        "proposal_id": "p", "kept": "b", "other": "a", "method": "description", "score": 97.0,
        "kept_description": "TIN", "other_description": "TINS",
    }  # fmt: skip
    log = reject(EMPTY, pair, ANN)
    assert answers(log).to_pylist() == [{"proposal_id": "p", "status": "rejected"}]
    assert apart(log).to_pylist() == [{"kept": "b", "other": "a"}]
    log = together(log, undo(log, ids(log)[0], ANN))
    assert answers(log).num_rows == apart(log).num_rows == periods(log).num_rows == 0
    log = together(log, merge(log, "b", "a", ANN, proposal=pair))
    assert answers(log).to_pylist() == [{"proposal_id": "p", "status": "accepted"}]
    assert log.to_pylist()[-1]["evidence"] == "description: TIN / TINS"


# --- merges without a person --------------------------------------------------------------------------------------


def pair(kept: str, other: str, group: str = "g", **facts: Any) -> dict[str, Any]:
    given = {
        "method": "variant",
        "group": group,
        "evidence": "e",
        "peer_description": "RED MUG",
        "kept": kept,
        "other": other,
    }
    ranks = {"kept_rank": 1, "other_rank": 2, "kept_description": "RED MUG", "other_description": "RED MUG"}
    return given | ranks | facts


def decided(log: pa.Table, *pairs: dict[str, Any]) -> tuple[pa.Table, list[tuple[str, str]]]:
    rows = pa.Table.from_pylist(list(pairs), schema=pa.schema(PAIRS))
    new, doubtful = automatic(log, rows, agree=70, day=ANN.day)
    check(new, LOG)
    return new, list(zip(doubtful["other"].to_pylist(), doubtful["kept"].to_pylist(), strict=True))


def test_a_component_leads_to_its_best_code() -> None:
    chain = [pair("b", "a", "1", kept_rank=5, other_rank=9), pair("c", "b", "2", kept_rank=1, other_rank=5)]
    new, doubtful = decided(EMPTY, *chain)
    assert list(zip(new["other"].to_pylist(), new["kept"].to_pylist(), strict=True)) == [("a", "b"), ("b", "c")]
    assert doubtful == []
    assert set(meaning(pa.array(list("abc")), periods(new), day(0)).to_pylist()) == {"c"}
    assert decided(EMPTY, *reversed(chain))[0] == new
    assert decided(new, *chain)[0].num_rows == 0


def test_contradicting_descriptions_leave_the_whole_group_to_a_person() -> None:
    odd = pair("b", "a", other_description="GREEN CANDLE HOLDER")
    new, doubtful = decided(EMPTY, odd, pair("b", "x"), pair("d", "c", "h"))
    assert new["other"].to_pylist() == ["c"]
    assert doubtful == [("a", "b"), ("x", "b")]
    other_system = odd | {"peer_description": "GREEN CANDLE HOLDER", "method": "gtin"}
    assert decided(EMPTY, other_system)[0]["other"].to_pylist() == ["a"]
    assert decided(EMPTY, odd | {"other_description": None})[0]["score"].to_pylist() == [None]


def test_nothing_automatic_goes_against_a_person() -> None:
    log, _ = decided(EMPTY, pair("b", "a"))
    log = together(log, undo(log, ids(log)[0], ANN))
    assert decided(log, pair("b", "a"))[1] == [("a", "b")]
    around = [pair("c", "a", "1"), pair("c", "b", "2"), pair("y", "x", "3")]
    new, doubtful = decided(log, *around)
    assert new["other"].to_pylist() == ["x"]
    assert doubtful == [("a", "c"), ("b", "c")]


def test_a_new_variant_joins_what_its_code_means_by_now() -> None:
    log = merge(EMPTY, "z", "b", ANN)
    new, _ = decided(log, pair("b", "a"))
    assert (new["other"].to_pylist(), new["kept"].to_pylist()) == (["a"], ["z"])


def test_two_that_are_replaced_by_different_ones_are_left_to_a_person() -> None:
    log = supersede(EMPTY, "a", "x", ANN, since=day(5))
    log = together(log, supersede(log, "b", "y", ANN, since=day(5)))
    assert decided(log, pair("b", "a"))[1] == [("a", "b")]
    assert decided(log, pair("c", "a"))[0]["kept"].to_pylist() == ["a"]


# --- codes, with Spark --------------------------------------------------------------------------------------------

ITEMS = [
    ("85123A", "WHITE HANGING HEART T-LIGHT HOLDER", "4006381333931"),
    ("85123A", "WHITE HANGING HEART T-LIGHT HOLDER", "96385074"),
    ("85123A", "?", None),
    (" 85123a ", "WHITE HANGING HEART TLIGHT HOLDER", None),
    ("085014B", "RED/WHITE DOTS RUFFLED UMBRELLA", None),
    ("85014b", "GREEN LUNCH BOX", None),
    ("22-777", "POLKA DOT CUTLERY SET", None),
    ("22777", "POLKADOT CUTLERY SET", None),
    ("3001", "PAPER CHAIN KIT RED", None),
    ("3002", "PAPER CHAIN KIT BLUE", None),
    ("3003", "PAPER CHAIN KIT 50 RED", None),
    ("3004", "PAPER CHAIN KITS RED", None),
    ("m", "Manual", None),
    ("M", "Manual", None),
]
RULES = Rules(services=("M", "TEST.*"))


def seen(spark: SparkSession) -> DataFrame:
    own = spark.createDataFrame(ITEMS, "sku_id string, name string, ean string")
    scans = spark.createDataFrame([("4006381333931",), ("2012345678900",), ("4006381333932",)], "code string")
    vendor = spark.createDataFrame([("7", "0004006381333931"), ("8", "00000096385074")], "code string, ean string")
    return (
        codes_of(own, description="name", gtin="ean")
        .unionByName(codes_of(own.where("sku_id = 'm'")))
        .unionByName(codes_of(scans, system="gtin", code="code"))
        .unionByName(codes_of(vendor, system="vendor:V1", code="code", gtin="ean"))
    )


@pytest.fixture(scope="module")
def codes(spark: SparkSession) -> DataFrame:
    empty = spark.createDataFrame(table("silver/sku_codes").schema.empty_table())
    return with_seen(empty, seen(spark), RULES).persist()


@pytest.mark.spark
def test_gtins_are_checked_as_stdnum_does_and_internal_numbers_are_nobodys(spark: SparkSession) -> None:
    bodies = [f"{(n * 7919 * 104729) % 10**size:0{size}d}" for size in (7, 11, 12, 13) for n in range(1, 120)]
    numbers = [body + (ean.calc_check_digit(body) if n % 3 else str(n % 10)) for n, body in enumerate(bodies)]
    numbers += ["0" * 13, "2012345678900", "0212345678909", "0412345678907", "9990000000005", "4006381333931", "x", ""]
    found = (
        spark.createDataFrame([(n,) for n in numbers], "n string").select("n", gtin14(F.col("n")).alias("g")).collect()
    )
    accepted = 0
    for row in found:
        digits = row["n"].zfill(14)
        valid = len(row["n"]) in (8, 12, 13, 14) and ean.calc_check_digit(row["n"][:-1]) == row["n"][-1]
        eight = digits.startswith("000000")
        own = digits[6] in "02" if eight else digits[1:3] in ("02", "04", "05", "98", "99") or digits[1] == "2"
        assert row["g"] == (digits if valid and not own else None), row
        accepted += row["g"] is not None
    assert 150 < accepted < len(numbers)


@pytest.mark.spark
def test_a_code_typed_by_a_person_has_the_key_of_the_table(spark: SparkSession) -> None:
    typed = ["85123a", " 0085 123A", "000", "0", "a\u00a0b", "00x0", "ß1", "-01", "", "é 7"]
    rows = (
        spark.createDataFrame([(one,) for one in typed], "c string")
        .select("c", code_key(F.col("c")).alias("k"))
        .collect()
    )
    assert {row["c"]: row["k"] for row in rows} == {one: code_key_of(one) for one in typed}


@pytest.mark.spark
def test_the_best_known_facts_of_a_code_are_kept(codes: DataFrame) -> None:
    rows = {row["own_id"]: row for row in codes.collect()}
    heart = rows["85123A"]
    assert heart["description"] == "WHITE HANGING HEART T-LIGHT HOLDER"
    assert (heart["gtins"], heart["n_lines"]) == (["00000096385074", "04006381333931"], 3)
    assert rows["gtin:2012345678900"]["gtins"] == rows["gtin:4006381333932"]["gtins"] == []
    assert rows["vendor:V1:7"]["gtins"] == []  # 16 digits
    assert (rows["m"]["description"], rows["m"]["n_lines"]) == ("Manual", 2)
    assert {one for one, row in rows.items() if not row["is_product"]} == {"M", "m"}


@pytest.mark.spark
def test_what_is_beyond_doubt_is_merged_and_the_rest_proposed(spark: SparkSession, codes: DataFrame) -> None:
    nobody = spark.createDataFrame([], "system string, code string")
    new, doubtful = automatic(EMPTY, certain(codes, nobody, RULES).toArrow(), agree=RULES.agree, day=ANN.day)
    merged = {row["other"]: (row["kept"], row["method"]) for row in new.to_pylist()}
    assert merged == {
        " 85123a ": ("85123A", "variant"),
        "gtin:4006381333931": ("85123A", "gtin"),
        "vendor:V1:8": ("85123A", "gtin"),
    }
    assert [(row["method"], {row["kept"], row["other"]}) for row in doubtful.to_pylist()] == [
        ("variant", {"085014B", "85014b"})
    ]
    gone = spark.createDataFrame(periods(new).select(["own_id"]))
    found = likely(codes, gone, RULES)
    rows = proposals(found, _no_proposals(spark), spark.createDataFrame(answers(EMPTY))).collect()
    pairs = {(frozenset((row["kept"], row["other"])), row["method"], row["status"]) for row in rows}
    assert pairs == {
        (frozenset(("22-777", "22777")), "code", "open"),
        (frozenset(("3001", "3004")), "description", "open"),
    }


@pytest.mark.spark
def test_a_pair_that_was_answered_keeps_its_answer(spark: SparkSession) -> None:
    columns = (
        "kept string, other string, method string, score double, kept_description string, other_description string"
    )
    pairs = spark.createDataFrame(
        [("b", "a", "description", 95.0, "x", "y"), ("b", "a", "code", 95.0, "x", "y")], columns
    )
    first = proposals(pairs, _no_proposals(spark), spark.createDataFrame(answers(EMPTY))).toArrow()
    assert [row["method"] for row in first.to_pylist()] == ["code"]
    log = reject(EMPTY, first.to_pylist()[0], ANN)
    later = proposals(pairs.limit(0), spark.createDataFrame(first), spark.createDataFrame(answers(log))).collect()
    assert [(row["proposal_id"], row["status"]) for row in later] == [(first["proposal_id"][0].as_py(), "rejected")]


@pytest.mark.spark
def test_rows_get_the_sku_of_their_day_and_keep_their_code(spark: SparkSession, codes: DataFrame) -> None:
    log = supersede(EMPTY, "3001", "3002", ANN, since=dt.date(2010, 6, 1))
    log = together(log, merge(log, "3003", "vendor:V1:7", ANN))
    rows = registry(codes, spark.createDataFrame(periods(log)))
    check_registry(rows)
    assert rows.count() == codes.count() + 1
    days = ["2010-05-31", "2010-06-01"]
    sales = [(code, dt.date.fromisoformat(on)) for code in ("3001", "3002", "7", "new") for on in days]
    frame = spark.createDataFrame(sales, "sku_id string, date date")
    found = {(row["_code"], str(row["date"])): row["sku_id"] for row in canonical(frame, rows).collect()}
    assert found == {
        ("3001", days[0]): "3001", ("3001", days[1]): "3002", ("3002", days[0]): "3002", ("3002", days[1]): "3002",
        ("7", days[0]): "7", ("7", days[1]): "7", ("new", days[0]): "new", ("new", days[1]): "new",
    }  # fmt: skip
    vendor = canonical(frame.where("sku_id in ('7', 'new')").select("sku_id"), rows, system="vendor:V1", on=ANN.day)
    assert {row["_code"]: row["sku_id"] for row in vendor.collect()} == {"7": "3003", "new": "vendor:V1:new"}


@pytest.mark.spark
@pytest.mark.parametrize("valid_to", [dt.date(2010, 5, 30), dt.date(2010, 6, 1), None])
def test_a_registry_with_a_gap_or_two_meanings_is_refused(spark: SparkSession, valid_to: dt.date | None) -> None:
    rows = [("own", "ok", ALWAYS, None), ("own", "a", ALWAYS, valid_to), ("own", "a", dt.date(2010, 6, 1), None)]
    frame = spark.createDataFrame(rows, "system string, code string, valid_from date, valid_to date")
    with pytest.raises(DataError, match=r"exactly one product[\s\S]*which: +own:a\n"):
        check_registry(frame)


@pytest.mark.spark
@pytest.mark.slow
def test_online_retails_codes(spark: SparkSession) -> None:
    path = Path(os.environ["SCALEINV_DATA"]) / "online_retail" / "online_retail_2009_2010.parquet"
    if not path.exists():
        pytest.skip(f"Online Retail II is not at {path.parent}")
    empty = spark.createDataFrame(table("silver/sku_codes").schema.empty_table())
    lines = spark.read.parquet(str(path)).selectExpr("StockCode as sku_id", "if(Price > 0, Description, null) as name")
    rules = Rules(services=("M", "POST"))
    codes = with_seen(empty, codes_of(lines, description="name"), rules).persist()
    assert codes.count() == 4632
    assert codes.where("not is_product").count() == 3  # POST, M, m
    nobody = spark.createDataFrame([], "system string, code string")
    new, doubtful = automatic(EMPTY, certain(codes, nobody, rules).toArrow(), agree=rules.agree, day=ANN.day)
    merged = dict(zip(new["other"].to_pylist(), new["kept"].to_pylist(), strict=True))
    # 4,632 spellings of 4,480 keys; M and m are no product, and 85014b is called another umbrella than 85014B.
    assert len(merged) == 4632 - 4480 - 2
    assert merged["85123a"] == "85123A"
    assert merged["47503J "] == "47503J"
    assert doubtful["other"].to_pylist() == ["85014b"]
    codes.unpersist()


def _no_proposals(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(table("silver/sku_proposals").schema.empty_table())
