"""Broken files: a load ends with every row accounted for or with an error that says what is wrong, never otherwise."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.ingest.reading import cleansed, read

from scaleinv.config import IngestConfig
from scaleinv.errors import DataError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from tests.ingest.conftest import Retailer

    from scaleinv.ingest import Cleansed
pytestmark = pytest.mark.spark

HEADER = "sku;shop;day;units;receipt\n"
START = dt.date(2020, 1, 1)
N = 400
Line = Callable[[str, random.Random], str]
NO_NUMBERS = (
    "NaN",
    "nan",
    "inf",
    "-inf",
    "Infinity",
    "1e400",
    "two",
    "1 2",
    "0x10",
    "1_000",
    "1.5",
    "١",
    "--1",
    "4006381333931",
    "1,2,3",
)
NO_DAYS = ("31.02.2020", "1.1.20", "2020-01-01", "0", "99.99.9999")
STRANGERS = ("a", "A0", "A\0", "À", "null", "'; DROP TABLE")
BROKEN: dict[str, Line] = {
    "cut off": lambda line, chance: line[: chance.randrange(1, len(line) - 6)],
    "another delimiter": lambda line, chance: line.replace(";", chance.choice(",|\t ")),
    "one cell more": lambda line, chance: line + ";x",
    "ten thousand cells": lambda line, chance: line + ";" * 10_000,
    "a huge cell": lambda line, chance: line.replace("A", "A" * 500_000),
    "an open quote": lambda line, chance: '"' + line,
    "no number": lambda line, chance: _cell(line, 3, chance.choice(NO_NUMBERS)),
    "negative": lambda line, chance: _cell(line, 3, "-3"),
    "no such day": lambda line, chance: _cell(line, 2, chance.choice(NO_DAYS)),
    "a day to come": lambda line, chance: _cell(line, 2, "01.01.2099"),
    "nothing": lambda line, chance: _cell(line, chance.choice([0, 1, 2, 3]), chance.choice(["", "  "])),
    "another product": lambda line, chance: _cell(line, 0, chance.choice(STRANGERS)),
    "not UTF-8": lambda line, chance: _cell(line, 0, "A\udce4"),
}  # fmt: skip


def _cell(line: str, which: int, content: str) -> str:
    cells = line.split(";")
    return ";".join([*cells[:which], content, *cells[which + 1 :]])


def _day(n: int) -> dt.date:
    return START + dt.timedelta(days=n)


def _lines() -> list[str]:
    """Each of another day, so that an accepted row tells which line it was."""
    return [f"A;S1;{_day(n):%d.%m.%Y};{1 + n % 7};r{n}" for n in range(N)]


def write(config: IngestConfig, name: str, text: str) -> None:
    (Path(config.data) / name).write_bytes(text.encode("utf-8", "surrogateescape"))


def check(done: dict[str, Cleansed], *, broken: set[int], blank: int = 0) -> None:
    """Every line that was not broken went on as it was, every other is in quarantine, and none is missing.

    Of the broken lines ``blank`` are empty: nobody takes them for rows.
    """
    sales = done["sales"]
    assert sales.counts["read"] == N - blank == sum(sales.counts[k] for k in ("accepted", "quarantined", "duplicates"))
    rows = sales.accepted.collect()
    assert {row["date"] for row in rows} == {_day(n) for n in range(N) if n not in broken}
    assert all(math.isfinite(row["quantity"]) and row["sku_id"] == "A" for row in rows)
    assert {row["date"]: row["quantity"] for row in rows} == {
        _day(n): float(1 + n % 7) for n in range(N) if n not in broken
    }
    aside = sales.quarantine.collect()
    assert len(aside) == len(broken) - blank
    assert all(row["rule"] and row["reason"] and json.loads(row["row"]) for row in aside)
    for one in done.values():
        one.release()


@pytest.mark.parametrize("seed", [1, 2])
def test_broken_lines_among_good_ones(spark: SparkSession, retailer: Retailer, seed: int) -> None:
    chance = random.Random(seed)
    lines = _lines()
    broken = set(chance.sample(range(N), 5 * len(BROKEN)))
    for n, name in zip(sorted(broken), list(BROKEN) * 5, strict=True):
        lines[n] = BROKEN[name](lines[n], chance)
    config = retailer()
    write(config, "sales.csv", HEADER + "\n".join(lines) + "\n")
    check(cleansed(read(spark, config), config), broken=broken)


def test_a_file_that_ends_in_the_middle_of_a_line(spark: SparkSession, retailer: Retailer) -> None:
    config = retailer()
    write(config, "sales.csv", HEADER + "\n".join(_lines())[:-8])
    check(cleansed(read(spark, config), config), broken={N - 1})


def test_broken_json_lines(spark: SparkSession, retailer: Retailer) -> None:
    cells = [dict(zip(HEADER.strip().split(";"), line.split(";"), strict=True)) for line in _lines()]
    lines = [json.dumps(row) for row in cells]
    broken: dict[int, str] = {
        3: lines[3][:-9], 5: "", 7: "[1, 2]", 11: '"text"', 13: "null", 17: lines[17].replace('"A"', '{"a": "A"}'),
        19: lines[19].replace('"A"', '["A"]'), 23: lines[23].replace('"A"', "null"),
        29: lines[29].replace("}", ', "units": "x"}'), 31: lines[31].replace("}", ', "SKU": "A"}'), 37: "{}",
    }  # fmt: skip
    for n, line in broken.items():
        lines[n] = line
    contract: dict[str, Any] = {
        "path": "sales.jsonl", "format": "json", "date_format": "dd.MM.yyyy",
        "columns": {"sku_id": "sku", "location_id": "shop", "date": "day", "quantity": "units"},
    }  # fmt: skip
    config = retailer(sales=contract)
    write(config, "sales.jsonl", "\n".join(lines) + "\n")
    check(cleansed(read(spark, config), config), broken={*broken}, blank=1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER.replace(";", ",") + "A,S1,01.01.2020,1,r\n", "columns are missing"),
        (HEADER.replace("units", "sku") + "A;S1;01.01.2020;1;r\n", "names a column twice"),
        (HEADER.encode("utf-16").decode("latin-1"), "columns are missing"),
        ("PK\x03\x04 this is a zip\n", "columns are missing"),
    ],
)  # fmt: skip
def test_a_file_that_is_something_else(spark: SparkSession, retailer: Retailer, content: str, message: str) -> None:
    config = retailer()
    (Path(config.data) / "sales.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError, match=message):
        read(spark, config)


def test_a_parquet_file_that_was_cut_off(spark: SparkSession, retailer: Retailer) -> None:
    config = retailer(locations={"path": "shops.parquet", "format": "parquet"})
    write(config, "shops.parquet", "PAR1 and then nothing")
    with pytest.raises(DataError, match="source locations: it cannot be read"):
        read(spark, config)
