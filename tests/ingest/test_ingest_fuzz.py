"""Broken files through the whole stage: a load ends with every line accounted for or with an error that says why.

What has to become of each line is known from :mod:`tests.ingest.broken`, which shares no code with the stage.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import math
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.ingest.broken import (
    CSV,
    EAN,
    HEADER,
    JSON,
    Break,
    Expected,
    csv_lines,
    expected,
    json_line,
    json_lines,
    shown,
)

from scaleinv.config import Config, load_config
from scaleinv.errors import ScaleinvError
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.bronze import bronze_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
pytestmark = pytest.mark.spark

MONDAY = dt.date(2026, 2, 2)
START = dt.date(2020, 1, 1)
N = 400
FILES = {
    "items.csv": "sku_id,category,department,unit,gtin,vendor_id,unit_cost,unit_price,min_order_quantity,"
    f"order_multiple\nA,food,d,EA,{EAN},V1,1,2,1,1\n",
    "locations.csv": "location_id,region\nS1,N\n",
    "vendors.csv": "vendor_id,review_period,currency\nV1,1,EUR\n",
}
TILL: dict[str, Any] = {
    "into": "sales", "date_format": "dd.MM.yyyy",
    "columns": {"sku_id": "sku", "location_id": "shop", "date": "day", "quantity": "units"},
}  # fmt: skip
SOURCES: dict[str, Any] = {
    **{name.removesuffix(".csv"): {"path": name} for name in FILES},
    "sales": {**TILL, "path": "sales/*", "options": {"sep": ";"}, "decimal_comma": True},
    "web": {**TILL, "path": "web/*", "format": "json", "system": "gtin"},
    "app": {**TILL, "format": "kafka", "kafka": {"bootstrap_servers": "localhost:1", "topics": ["app"]}},
}
WARN = dict.fromkeys(("missing", "retyped", "unit_changed", "null_share"), "warn")
ASIDE = {**WARN, "retyped": "quarantine"}
"""Not ``null_share``, which sets aside lines that are sales; what that does is tested with drift."""


def config(folder: Path, *overrides: str) -> Config:
    said = [
        "spark.master=null", f"lake.root={folder}/lake", f"ingest.data={folder}/data", "ingest.contracts=null",
        "ingest.max_quarantine_share=1", "ingest.max_duplicate_share=1", f"ingest.sources={json.dumps(SOURCES)}",
    ]  # fmt: skip
    return load_config("local", overrides=[*said, *overrides])


def deliver(folder: Path, name: str, content: bytes) -> None:
    path = folder / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def land(walk: Walk, messages: list[bytes], first: int, day: dt.date) -> None:
    """Messages of the topic, as the stream leaves them."""
    bronze, moment = bronze_table("app"), dt.datetime(2026, 2, 2, tzinfo=dt.UTC)
    rows = [
        {"topic": "app", "partition": 0, "offset": first + n, "timestamp": moment, "key": None,
         "value": message.decode("utf-8", "replace"), "landed_on": day}
        for n, message in enumerate(messages)
    ]  # fmt: skip
    walk.lake.overwrite(bronze, pa.Table.from_pylist(rows, schema=bronze.schema), where={"landed_on": day})


def night(folder: Path, *overrides: str) -> Walk:
    walk = Walk(config(folder, *overrides), MONDAY)
    walk.run(STAGES[:1])
    return walk


def csv_row(n: int) -> bytes:
    """Of a day of its own, so that a row in silver tells which line it was."""
    day = START + dt.timedelta(days=n)
    return f"A;S1;{day:%d.%m.%Y};{1 + n % 7}{',5' * (n % 3 == 0)};r{n}".encode()


def json_row(n: int) -> bytes:
    _, shop, day, units, receipt = csv_row(n).decode().split(";")
    cells = (EAN, shop, day, units.replace(",", "."), receipt)
    return json.dumps(dict(zip(HEADER, cells, strict=True))).encode()


def csv_file(lines: list[bytes]) -> bytes:
    return ";".join(HEADER).encode() + b"\n" + b"\n".join(lines) + b"\n"


def own(lines: list[bytes]) -> list[bytes]:
    return [line.replace(EAN.encode(), b"A") for line in lines]


@pytest.fixture(scope="module")
def loaded(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A retailer whose files have come whole so far: what they look like is the measure of drift."""
    folder = tmp_path_factory.mktemp("loaded")
    for name, content in FILES.items():
        deliver(folder, name, content.encode())
    before = range(-N, 0)
    deliver(folder, "sales/0.csv", csv_file([csv_row(n) for n in before]))
    deliver(folder, "web/0.jsonl", b"\n".join(json_row(n) for n in before))
    land(Walk(config(folder), MONDAY), own([json_row(n) for n in before]), 0, MONDAY)
    night(folder)
    return folder


def check(walk: Walk, source: str, load: int, wanted: Expected) -> None:
    """Silver holds the sales of the load and nothing else, the quarantine all other lines, and the log counts both."""
    of_load = {"source": source, "load": load}
    (log,) = walk.lake.read(table("ingest_log"), where=of_load).to_pylist()
    aside = walk.lake.read(table("quarantine"), where=of_load).to_pylist()
    rows = walk.lake.read(table("silver/sales"), where=of_load).to_pylist()
    assert {row["date"]: row["quantity"] for row in rows} == pytest.approx(wanted.sold, abs=1e-6)
    assert len(rows) == len(wanted.sold)
    assert all((row["sku_id"], row["location_id"]) == ("A", "S1") and math.isfinite(row["quantity"]) for row in rows)
    found = Counter(shown(json.loads(row["row"])) for row in aside)
    known = Counter({line: n for line, n in wanted.aside.items() if line})
    assert not known - found, "lines that are lost, or went on"
    assert (found - known).total() == wanted.aside[()], found - known
    assert all(row["rule"] and row["reason"] and source in row["file"] for row in aside)
    counts = {name: log[name] for name in ("read", "accepted", "quarantined", "duplicates")}
    assert counts == {
        "read": wanted.read, "accepted": wanted.accepted, "quarantined": wanted.aside.total(),
        "duplicates": wanted.duplicates,
    }  # fmt: skip
    assert log["stopped"] is None


def breaks(how: tuple[Break, ...], draw: Random) -> list[tuple[int, list[tuple[Break, int]]]]:
    """Which lines are broken, and each of them how: once or more often."""
    chosen = draw.sample(range(N), draw.randint(200, 300))
    return [(line, [(draw.choice(how), draw.randrange(10_000)) for _ in range(draw.randint(1, 3))]) for line in chosen]


def broken(lines: list[bytes], how: list[tuple[int, list[tuple[Break, int]]]]) -> list[bytes]:
    for n, breaking in how:
        for one, at in breaking:
            # What is huge is not broken again.
            lines[n] = one(lines[n], at) if len(lines[n]) < 1_000 else lines[n]
    return lines


@pytest.mark.parametrize(("seed", "end"), [(0, b"\n"), (1, b"\r\n"), (2, b"\r"), (3, b"\n")])
def test_broken_lines_among_good_ones(loaded: Path, seed: int, end: bytes) -> None:
    """Of a seed and not hypothesis', whose draws depend on which modules are loaded."""
    draw = Random(seed)
    csv, lines, aside = breaks(CSV, draw), breaks(JSON, draw), seed % 2 == 0
    policies = json.dumps(ASIDE if aside else WARN)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copytree(loaded, folder, dirs_exist_ok=True)
        till = csv_file(broken([csv_row(n) for n in range(N)], csv)).replace(b"\n", end)
        web = broken([json_row(n) for n in range(N)], lines)
        deliver(folder, "sales/1.csv", till)
        deliver(folder, "web/1.jsonl", end.join(web))
        app = own(web)
        land(Walk(config(folder), MONDAY), app, N, MONDAY + dt.timedelta(days=1))
        walk = night(folder, f"ingest.drift.policies={policies}")
        check(walk, "sales", 1, expected([*csv_lines(till)]))
        check(walk, "web", 1, expected([*json_lines(end.join(web))]))
        said = [message.decode("utf-8", "replace") for message in app]
        check(walk, "app", 1, expected([json_line(one, code="A") for one in said]))


WHOLE = csv_file([csv_row(n) for n in range(20)])
FILES_OF: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", ""),
    "only a header": (WHOLE.splitlines()[0] + b"\n", ""),
    "no header": (b"\n".join(WHOLE.splitlines()[1:]), "columns are missing"),
    "another delimiter": (WHOLE.replace(b";", b","), "columns are missing"),
    "a column twice": (WHOLE.replace(b"receipt", b"units", 1), "names a column twice"),
    "a column twice, but for its case": (WHOLE.replace(b"receipt", b"UNITS", 1), "names a column twice"),
    "UTF-16": (WHOLE.decode().encode("utf-16"), "columns are missing"),
    "packed": (gzip.compress(WHOLE), "columns are missing"),
    "a zip": (b"PK\x03\x04 this is a zip\n", "columns are missing"),
}
"""A file that is something else, and what is said of it; nothing: it is a file without rows."""


@pytest.mark.parametrize("kind", FILES_OF)
def test_a_file_that_is_something_else_loads_nothing_and_the_mended_one_does(
    loaded: Path, tmp_path: Path, kind: str
) -> None:
    shutil.copytree(loaded, tmp_path, dirs_exist_ok=True)
    content, message = FILES_OF[kind]
    deliver(tmp_path, "sales/1.csv", content)
    before = rows_of_sales(tmp_path)
    if message:
        with pytest.raises(ScaleinvError, match=message):
            night(tmp_path)
    else:
        night(tmp_path)
    assert rows_of_sales(tmp_path) == before
    (tmp_path / "data" / "sales" / "1.csv").unlink()
    deliver(tmp_path, "sales/2.csv", WHOLE)
    night(tmp_path)
    assert rows_of_sales(tmp_path) == before + 20


def test_a_load_that_drift_stops_has_let_nothing_on(loaded: Path, tmp_path: Path) -> None:
    shutil.copytree(loaded, tmp_path, dirs_exist_ok=True)
    how = [(n, [(CSV[n % len(CSV)], n)]) for n in range(N) if n % 3]
    content = csv_file(broken([csv_row(n) for n in range(N)], how))
    deliver(tmp_path, "sales/1.csv", content)
    before = rows_of_sales(tmp_path)
    with pytest.raises(ScaleinvError, match="source sales has drifted"):
        night(tmp_path)
    assert rows_of_sales(tmp_path) == before
    walk = night(tmp_path, f"ingest.drift.policies={json.dumps(WARN)}")
    check(walk, "sales", 1, expected([*csv_lines(content)]))


def rows_of_sales(folder: Path) -> int:
    return Walk(config(folder), MONDAY).lake.read(table("silver/sales"), where={"source": "sales"}).num_rows


@pytest.mark.parametrize("at", [12, 20, 60, 61, 333, len(WHOLE) - 9])
def test_a_file_that_is_cut_off_anywhere(loaded: Path, tmp_path: Path, at: int) -> None:
    shutil.copytree(loaded, tmp_path, dirs_exist_ok=True)
    deliver(tmp_path, "sales/1.csv", WHOLE[:at])
    if at < len(b"sku;shop;day;units"):
        with pytest.raises(ScaleinvError, match="columns are missing"):
            night(tmp_path)
    else:
        check(night(tmp_path), "sales", 1, expected([*csv_lines(WHOLE[:at])]))


def test_ten_thousand_columns_are_read_and_a_row_of_them_is_kept_whole(loaded: Path, tmp_path: Path) -> None:
    shutil.copytree(loaded, tmp_path, dirs_exist_ok=True)
    head = b";".join(WHOLE.splitlines()[:1] + [b"c%d" % n for n in range(10_000)])
    lines = [csv_row(n) + b";1" * 10_000 for n in range(5)] + [csv_row(5).replace(b"A", b"?") + b";1" * 10_000]
    content = b"\n".join([head, *lines]) + b"\n"
    deliver(tmp_path, "sales/1.csv", content)
    walk = night(tmp_path, "ingest.drift.enabled=false")
    check(walk, "sales", 1, expected([*csv_lines(content)]))


BINARY = {**TILL, "path": "box/*", "date_format": "yyyy-MM-dd"}


@pytest.mark.parametrize("kind", ["parquet", "avro"])
def test_binary_files_with_wild_cells_and_broken_ones(
    spark: SparkSession, loaded: Path, tmp_path: Path, kind: str
) -> None:
    shutil.copytree(loaded, tmp_path, dirs_exist_ok=True)
    source = f"ingest.sources.box={json.dumps(BINARY | {'format': kind})}"
    units = [1.0, 2.5, math.nan, math.inf, -math.inf, -3.0, 1e300, None, 0.0]
    days = [START + dt.timedelta(days=n) for n in range(len(units))]
    rows = [
        {"sku": "A", "shop": "S1", "day": day, "units": unit, "receipt": "r"}
        for day, unit in zip(days, units, strict=True)
    ]
    kinds = pa.schema([("sku", pa.string()), ("shop", pa.string()), ("day", pa.date32()), ("units", pa.float64()),
                       ("receipt", pa.string())])  # fmt: skip
    frame = spark.createDataFrame(pa.Table.from_pylist(rows, schema=kinds)).coalesce(1)
    frame.write.format(kind).save(str(tmp_path / "written"))
    (file,) = (tmp_path / "written").glob(f"*.{kind}")
    deliver(tmp_path, f"box/1.{kind}", file.read_bytes())
    walk = night(tmp_path, source)
    of_load = {"source": "box", "load": 0}
    sold = {row["date"]: row["quantity"] for row in walk.lake.read(table("silver/sales"), where=of_load).to_pylist()}
    assert sold == {days[0]: 1.0, days[1]: 2.5, days[8]: 0.0}
    rules = Counter(walk.lake.read(table("quarantine"), where=of_load)["rule"].to_pylist())
    assert rules == {"out_of_range": 4, "negative_quantity": 1, "missing_value": 1}
    for n, content in enumerate((file.read_bytes()[:-40], b"", b"garbage" * 50, file.read_bytes()[:60])):
        deliver(tmp_path, f"box/{2 + n}.{kind}", content)
        with pytest.raises(ScaleinvError, match="cannot be read"):
            night(tmp_path, source)
        (tmp_path / "data" / "box" / f"{2 + n}.{kind}").unlink()
    if kind == "parquet":  # units have become text
        text = pa.Table.from_pylist([rows[0] | {"units": "two", "day": days[0]}])
        pq.write_table(text, tmp_path / "data" / "box" / "9.parquet")
    else:
        deliver(tmp_path, f"box/9.{kind}", file.read_bytes())
    walk = night(tmp_path, source, f"ingest.drift.policies={json.dumps(WARN)}")
    (log,) = walk.lake.read(table("ingest_log"), where={"source": "box", "load": 1}).to_pylist()
    read, accepted = (1, 0) if kind == "parquet" else (len(units), 3)
    assert (log["read"], log["accepted"]) == (read, accepted)
    assert log["read"] == log["accepted"] + log["quarantined"] + log["duplicates"]
