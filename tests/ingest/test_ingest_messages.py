"""From a broker to silver: of a dirty stream each message is accepted, set aside by name, or a duplicate."""

from __future__ import annotations

import datetime as dt
import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from tests.ingest.conftest import FILES, SOURCES
from typer.testing import CliRunner

from scaleinv.cli import app
from scaleinv.config import load_config
from scaleinv.config.load import config_folder
from scaleinv.errors import DataError
from scaleinv.lake import Lake
from scaleinv.pipeline.maintain import maintain
from scaleinv.pipeline.progress import Progress
from scaleinv.schema import table
from scaleinv.schema.bronze import bronze_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

MONDAY = dt.date(2026, 2, 2)
TUESDAY = dt.date(2026, 2, 3)
MANY = 400
TOPIC = "tills"
Key = tuple[str, str]
"""SKU and day."""


class Tills:
    """What tills send, and what has to become of it; in a partition offsets count from 0."""

    def __init__(self, broker: str) -> None:
        self.chance = random.Random(7)
        self.sent: list[tuple[int, str | None]] = []
        self.ends: Counter[int] = Counter()
        self.sold: dict[dt.date, Counter[Key]] = {}
        self.aside: dict[tuple[str, int], str] = {}
        """Topic-partition and offset -> the rule that is broken."""
        self.same = 0
        admin = AdminClient({"bootstrap.servers": broker})
        (made,) = admin.create_topics([NewTopic(TOPIC, 2, 1)]).values()
        made.result(30)
        self.producer = Producer({"bootstrap.servers": broker})

    def send(self, day: dt.date, count: int, *, all_: str | None = None) -> None:
        """So many messages of a load that is known from ``day`` on, most of them fine; ``all_``: of this kind."""
        kinds = ["fine"] * 8 + ["late", "again", *RULES]
        fine: list[str] = []
        sold = self.sold.setdefault(day, Counter())
        for _ in range(count):
            kind = all_ or self.chance.choice(kinds)
            partition, sku, units = self.chance.randrange(2), self.chance.choice("AB"), self.chance.randrange(1, 9)
            back = 30 if kind == "late" else 1
            sale: dict[str, Any] = {
                "sku_id": sku, "location_id": "S1", "date": str(day - dt.timedelta(days=back)), "quantity": units,
                "receipt": f"r{len(self.sent)}",
            }  # fmt: skip
            value: str | None = json.dumps(sale)
            if kind == "again" and fine:
                value, self.same = self.chance.choice(fine), self.same + 1
            elif kind in RULES:
                value = BROKEN[kind] if kind in BROKEN else json.dumps(sale | SPOILT[kind])
                self.aside[f"{TOPIC}-{partition}", self.ends[partition]] = RULES[kind]
            else:
                assert value is not None
                fine.append(value)
                sold[sku, sale["date"]] += units
            self.producer.produce(TOPIC, value=value, key=f"k{len(self.sent)}", partition=partition)
            self.sent.append((partition, value))
            self.ends[partition] += 1
        assert self.producer.flush(60) == 0


RULES = {
    "no json": "malformed", "a list": "malformed", "nothing": "malformed", "tombstone": "empty_message",
    "blank": "empty_message", "word": "unparseable", "other date": "unparseable", "no shop": "missing_value",
    "unknown": "unknown_sku", "return": "negative_quantity",
}  # fmt: skip
"""Kind of message -> the rule that it breaks."""
BROKEN: dict[str, str | None] = {
    "no json": '{"sku_id": "A", ', "a list": "[1, 2]", "nothing": "null", "tombstone": None, "blank": "  ",
}  # fmt: skip
SPOILT = {
    "word": {"quantity": "many"}, "other date": {"date": "31.01.2026"}, "no shop": {"location_id": None},
    "unknown": {"sku_id": "X"}, "return": {"quantity": -1},
}  # fmt: skip


@pytest.fixture
def lake(broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    kafka = {"bootstrap_servers": broker, "topics": [TOPIC], "max_offsets_per_trigger": 300, "trigger_seconds": 0.1}
    sources = {**SOURCES, "sales": {"format": "kafka", "kafka": kafka, "max_quarantine_share": 0.6}}
    env = {
        "lake": {"root": str(tmp_path / "lake")},
        "export": {"folder": str(tmp_path / "out")},
        "ingest": {"data": str(tmp_path), "sources": sources},
        "spark": {"master": None},
    }
    conf = tmp_path / "conf"
    (conf / "env").mkdir(parents=True)
    (conf / "env" / "tills.yaml").write_text(json.dumps(env))
    (conf / "base.yaml").write_text((config_folder() / "base.yaml").read_text())
    monkeypatch.setenv("SCALEINV_CONF", str(conf))
    return Lake(load_config("tills").lake)


def scaleinv(*words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--env", "tills"])
    if result.exception is not None:
        raise result.exception
    return result.output


def follow(spark: SparkSession, lake: Lake, tills: Tills, day: dt.date) -> None:
    """Messages come while they are landed and while the lake is looked after."""
    from scaleinv.pipeline.stream import kafka_of, land

    config, stop, said = load_config("tills"), threading.Event(), list[str]()

    def come() -> None:
        try:
            for _ in range(4):
                tills.send(day, MANY // 4)
                until = time.monotonic() + 60
                while lake.rows(bronze_table("sales")) < len(tills.sent) and time.monotonic() < until:
                    maintain(config, said.append)
        finally:
            stop.set()

    with ThreadPoolExecutor() as pool:
        coming = pool.submit(come)
        land(spark, lake, "sales", kafka_of(config, "sales"), follow=True, progress=Progress(), stop=stop)
        coming.result()
    assert any(line.startswith("bronze/sales") and "put together" in line for line in said)


def check(spark: SparkSession, lake: Lake, tills: Tills) -> None:
    """Bronze has what was sent, and what became of it adds up."""
    from scaleinv.lake.spark import read_spark

    landed = lake.read(bronze_table("sales"), columns=["partition", "offset", "value"]).to_pylist()
    landed.sort(key=lambda row: (row["partition"], row["offset"]))
    sent = [value for part in (0, 1) for partition, value in tills.sent if partition == part]
    assert [row["value"] for row in landed] == sent

    aside = lake.read(table("quarantine"), where={"source": "sales"}).to_pylist()
    assert Counter((row["file"], row["position"], row["rule"]) for row in aside) == Counter(
        {(*place, rule): 1 for place, rule in tills.aside.items()}
    )
    log = [row for row in lake.read(table("ingest_log"), where={"source": "sales"}).to_pylist() if not row["stopped"]]
    assert sum(row["read"] for row in log) == len(tills.sent)
    assert all(row["read"] == row["accepted"] + row["quarantined"] + row["duplicates"] for row in log)
    assert sum(row["quarantined"] for row in log) == len(tills.aside)
    assert sum(row["duplicates"] for row in log) == tills.same

    for night in (MONDAY, TUESDAY):
        expected: Counter[Key] = Counter()
        for day, sold in tills.sold.items():
            expected += sold if day <= night else Counter()
        rows = read_spark(spark, lake, table("silver/sales"), as_of=night).collect()
        assert {(row["sku_id"], str(row["date"])): row["quantity"] for row in rows} == expected


@pytest.mark.slow
def test_of_a_dirty_stream_no_message_is_lost_on_the_way_to_silver(
    spark: SparkSession, broker: str, lake: Lake, tmp_path: Path
) -> None:
    tills = Tills(broker)
    tills.send(MONDAY, MANY)
    assert {*tills.aside.values()} == {*RULES.values()}
    scaleinv("ingest", "--source", "sales", "--catch-up")
    scaleinv("ingest", "--as-of", str(MONDAY))
    check(spark, lake, tills)
    assert tills.same

    follow(spark, lake, tills, TUESDAY)
    scaleinv("ingest", "--as-of", str(TUESDAY))
    check(spark, lake, tills)

    # Of a key that was deleted somebody is told, also where nothing else comes.
    tills.send(TUESDAY, 3, all_="tombstone")
    scaleinv("ingest", "--source", "sales", "--catch-up")
    with pytest.raises(DataError, match=r"too many rows were set aside[^$]*empty_message 3"):
        scaleinv("ingest", "--as-of", str(TUESDAY))
    tills.send(TUESDAY, 9, all_="fine")
    scaleinv("ingest", "--source", "sales", "--catch-up")
    scaleinv("ingest", "--as-of", str(TUESDAY))
    check(spark, lake, tills)

    shown = scaleinv("quarantine", "show", "sales", "--rule", "empty_message")
    assert "its key was deleted" in shown
    items = FILES["items.csv"] + FILES["items.csv"].splitlines()[1].replace("A,", "X,", 1).replace("4006381333931", "")
    (tmp_path / "items.csv").write_text(items + "\n")
    scaleinv("ingest", "--as-of", str(TUESDAY))
    unknown = [place for place, rule in tills.aside.items() if rule == "unknown_sku"]
    said = scaleinv("quarantine", "replay", "sales", "--as-of", str(TUESDAY))
    assert said.strip().endswith(
        f"{len(unknown)} of {len(tills.aside)} rows went on, {len(tills.aside) - len(unknown)} stay"
    )
    left = lake.read(table("quarantine"), where={"source": "sales"}).to_pylist()
    assert {(row["file"], row["position"]): row["rule"] for row in left} == {
        place: rule for place, rule in tills.aside.items() if rule != "unknown_sku"
    }


def test_lines_of_which_none_is_a_row_are_read_again(spark: SparkSession) -> None:
    from scaleinv.config.sources import SourceConfig
    from scaleinv.ingest import read_again

    lines = [json.dumps({"_corrupt_record": text}) for text in ("", "no json")]
    rows = pa.table({"file": ["t-0"] * 2, "position": [3, 4], "types": pa.nulls(2, pa.string()), "row": lines})
    again = read_again(spark, "sales", SourceConfig(path="x"), table("silver/sales"), rows)
    assert [(row["_position"], row["_corrupt_record"]) for row in again.collect()] == [(3, ""), (4, "no json")]
