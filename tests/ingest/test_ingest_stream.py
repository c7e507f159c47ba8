"""A real Kafka into the lake: each message once, whatever dies when."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from scaleinv.config import KafkaConfig, LakeConfig
from scaleinv.config.load import config_folder
from scaleinv.errors import ConfigError, DataError, EngineError, LakeError
from scaleinv.lake import Lake
from scaleinv.pipeline.progress import Progress
from scaleinv.schema.bronze import bronze_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
TABLE = bronze_table("sales")
MESSAGES = 200_000
LATER = 30_000
"""Of these the last ones, which come while a job follows."""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(LakeConfig(root=str(tmp_path / "lake")))


@pytest.fixture
def topic(broker: str, request: pytest.FixtureRequest) -> str:
    """A new topic of two partitions, named after the test."""
    name = request.node.name[:200]
    admin = AdminClient({"bootstrap.servers": broker})
    (made,) = admin.create_topics([NewTopic(name, 2, 1)]).values()
    made.result(30)
    return name


@pytest.fixture
def land(spark: SparkSession, lake: Lake, broker: str, topic: str) -> Callable[..., int]:
    """Lands what is there; options are those of the source."""
    from scaleinv.pipeline.stream import land as work

    def run(
        *, follow: bool = False, stop: threading.Event | None = None, said: io.StringIO | None = None, **options: Any
    ) -> int:
        kafka = KafkaConfig(**{"bootstrap_servers": broker, "topics": (topic,), **options})
        progress = Progress(stream=said or io.StringIO())
        return work(spark, lake, "sales", kafka, follow=follow, progress=progress, stop=stop or threading.Event())

    return run


def produce(broker: str, topic: str, values: list[Any], **options: Any) -> None:
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 20, "queue.buffering.max.messages": 10**6})
    for value in values:
        producer.produce(topic, value=value, key=str(value), **options)
    assert producer.flush(60) == 0


def texts(first: int, end: int) -> list[str]:
    return [f'{{"sku": "A", "line": {number}}}' for number in range(first, end)]


def landed(lake: Lake) -> pa.Table:
    rows = lake.read(TABLE)
    assert rows.group_by(["topic", "partition", "offset"]).aggregate([]).num_rows == rows.num_rows
    return rows


def batches(lake: Lake, kind: str) -> int:
    """How many the checkpoint has planned (``offsets``) or knows to be done (``commits``)."""
    return sum(Path(path).name.isdigit() for path in lake.paths(f"_stream/sales/{kind}"))


def test_messages_land_as_received(broker: str, topic: str, lake: Lake, land: Callable[..., int]) -> None:
    producer = Producer({"bootstrap.servers": broker, "transactional.id": topic})
    producer.init_transactions(30)
    for value in (b"aborted", b"committed"):
        producer.begin_transaction()
        producer.produce(topic, value=value, partition=1)
        producer.flush(30)
        producer.abort_transaction(30) if value == b"aborted" else producer.commit_transaction(30)
    before = dt.datetime.now(dt.UTC)
    produce(broker, topic, ["süß", None, b"\xff\x00!"], partition=0)
    assert land() == 4
    rows = landed(lake).sort_by([("partition", "ascending"), ("offset", "ascending")]).to_pylist()
    assert [(r["partition"], r["offset"], r["value"]) for r in rows] == [
        (0, 0, "süß"), (0, 1, None), (0, 2, "�\x00!"), (1, 2, "committed"),
    ]  # fmt: skip
    assert [r["key"] for r in rows] == ["süß", "None", r"b'\xff\x00!'", None]
    assert {r["topic"] for r in rows} == {topic}
    assert all(abs(r["timestamp"] - before) < dt.timedelta(minutes=5) for r in rows)
    assert {r["landed_on"] for r in rows} <= {before.date(), dt.datetime.now(dt.UTC).date()}


@pytest.mark.slow
def test_a_run_goes_on_where_the_last_one_ended_with_or_without_its_checkpoint(
    broker: str, topic: str, lake: Lake, land: Callable[..., int], tmp_path: Path
) -> None:
    produce(broker, topic, texts(0, 300), partition=0)
    said = io.StringIO()
    assert land(max_offsets_per_trigger=200, said=said) == 300
    assert "batch 0: 200 messages, lag 100, " in said.getvalue()
    assert "batch 1: 100 messages, lag 0, " in said.getvalue()
    assert len(list((tmp_path / "lake" / TABLE.name).rglob("*.parquet"))) == 2  # one per batch
    shutil.rmtree(tmp_path / "lake" / "_stream")
    produce(broker, topic, texts(300, 400), partition=0)
    produce(broker, topic, texts(400, 500), partition=1)
    # By its number the first batch of a new checkpoint would be one that the table has.
    assert land(starting="latest") == 200
    assert land() == 0
    assert sorted(landed(lake)["value"].to_pylist()) == sorted(texts(0, 500))


def test_a_checkpoint_without_its_table_is_refused(
    broker: str, topic: str, lake: Lake, land: Callable[..., int], tmp_path: Path
) -> None:
    produce(broker, topic, ["one"])
    land()
    shutil.rmtree(tmp_path / "lake" / TABLE.name)
    with pytest.raises(LakeError, match="the table that it filled is gone"):
        land()
    assert not lake.exists(TABLE)


@pytest.mark.slow
def test_messages_that_are_gone_stop_the_stream_unless_told_otherwise(
    broker: str, topic: str, lake: Lake, land: Callable[..., int]
) -> None:
    produce(broker, topic, texts(0, 10), partition=1)
    land()
    produce(broker, topic, texts(10, 20), partition=1)
    admin = AdminClient({"bootstrap.servers": broker})
    (deleted,) = admin.delete_records([TopicPartition(topic, 1, 15)]).values()
    deleted.result(30)
    with pytest.raises(DataError, match="removed from the broker before they were read") as caught:
        land()
    assert f"{topic}-1@10" in str(caught.value)
    assert landed(lake).num_rows == 10
    assert land(on_data_loss="skip") == 5
    assert sorted(landed(lake)["offset"].to_pylist()) == [*range(10), *range(15, 20)]


@pytest.mark.slow
def test_the_first_run_begins_where_it_is_told(
    broker: str, topic: str, lake: Lake, land: Callable[..., int], tmp_path: Path
) -> None:
    now = int(time.time())
    produce(broker, topic, ["old"], partition=0, timestamp=(now - 7200) * 1000)
    produce(broker, topic, ["new"], partition=0, timestamp=now * 1000)
    assert land(starting="latest") == 0
    produce(broker, topic, ["newest"], partition=0, timestamp=now * 1000)
    assert land(starting="earliest") == 1  # not the first run any more
    assert landed(lake)["value"].to_pylist() == ["newest"]
    shutil.rmtree(tmp_path / "lake")
    assert land(starting=dt.datetime.fromtimestamp(now - 3600, dt.UTC)) == 2
    assert sorted(landed(lake)["value"].to_pylist()) == ["new", "newest"]


def test_a_stream_that_is_asked_to_stop_finishes_its_batch(
    broker: str, topic: str, lake: Lake, land: Callable[..., int]
) -> None:
    stop, said = threading.Event(), io.StringIO()
    produce(broker, topic, texts(0, 100))

    def ask() -> None:
        until = time.monotonic() + 120
        while not lake.paths("_stream/sales/offsets") and time.monotonic() < until:
            time.sleep(0.02)
        stop.set()  # the first batch is planned, and not written

    asking = threading.Thread(target=ask)
    asking.start()
    assert land(follow=True, stop=stop, said=said, trigger_seconds=0.1) == 100
    asking.join()
    assert landed(lake).num_rows == 100
    assert batches(lake, "commits") == 1


def test_what_would_be_read(spark: SparkSession, broker: str, topic: str, lake: Lake, land: Callable[..., int]) -> None:
    from scaleinv.pipeline.stream import plan

    kafka = KafkaConfig(bootstrap_servers=broker, topics=(topic,))
    produce(broker, topic, texts(0, 7), partition=0)
    assert "starts at earliest" in plan(spark, lake, "sales", kafka)
    assert not lake.exists(TABLE)
    land()
    produce(broker, topic, texts(7, 1007), partition=0)
    first, _, row, _ = plan(spark, lake, "sales", kafka).splitlines()
    assert first == "sales -> bronze/sales: goes on from its checkpoint"
    assert row.split()[1:] == ["0", "7", "1,007"]


def test_a_broker_or_topic_that_is_not_there_is_named(land: Callable[..., int], lake: Lake) -> None:
    with pytest.raises(ConfigError, match=r"which: +nothing"):
        land(topics=("nothing",))
    with pytest.raises(EngineError, match="Kafka does not answer"):
        land(bootstrap_servers="127.0.0.1:1", options={"kafka.default.api.timeout.ms": "1000"})
    with pytest.raises(ConfigError, match=r"client cannot be made\n.*NONE"):
        land(options={"kafka.security.protocol": "NONE"})
    assert not lake.exists(TABLE)


# --- killed inside the transaction -----------------------------------------------------------------------------------


@pytest.fixture
def command(broker: str, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """``scaleinv ingest --source sales`` as a process of its own takes its arguments."""
    kafka = {"bootstrap_servers": broker, "topics": [topic], "max_offsets_per_trigger": 60_000, "trigger_seconds": 0.5}
    env = {
        "lake": {"root": str(tmp_path / "lake")},
        "export": {"folder": str(tmp_path / "out")},
        "ingest": {"data": str(tmp_path), "sources": {"sales": {"format": "kafka", "kafka": kafka}}},
        "spark": {"driver_memory": "1g", "shuffle_partitions": 2},
    }
    conf = tmp_path / "conf"
    (conf / "env").mkdir(parents=True)
    (conf / "env" / "killed.yaml").write_text(json.dumps(env))
    (conf / "base.yaml").write_text((config_folder() / "base.yaml").read_text())
    monkeypatch.setenv("SCALEINV_CONF", str(conf))
    return ["ingest", "--env", "killed", "--source", "sales"]


def killed(when: str, batch: int, command: list[str], mode: str) -> None:
    script = str(Path(__file__).with_name("killed_stream.py"))
    arguments = [sys.executable, script, when, str(batch), "--", *command, mode]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400)
    assert done.returncode == -signal.SIGKILL, done.stdout


def started(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """``--follow`` in a process group of its own: what is sent to the group goes to the job and its Java."""
    with log.open("w") as stream:
        follow = [sys.executable, "-m", "scaleinv", *command, "--follow"]
        return subprocess.Popen(follow, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True)


def wait_for(process: subprocess.Popen[bytes], log: Path, is_there: Callable[[], bool]) -> None:
    until = time.monotonic() + 400
    while not is_there() and time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)


@pytest.mark.slow
def test_killed_inside_the_transaction_no_message_is_lost_or_doubled(
    broker: str, topic: str, lake: Lake, command: list[str], tmp_path: Path
) -> None:
    values = texts(0, MESSAGES)
    produce(broker, topic, values[: MESSAGES - LATER])

    killed("after", 1, command, "--catch-up")  # batch 1 is in the table, and the checkpoint does not know
    assert (batches(lake, "offsets"), batches(lake, "commits"), lake.version(TABLE)) == (2, 1, 2)
    half = lake.rows(TABLE)
    assert half > 100_000

    killed("before", 2, command, "--follow")  # batch 1 again, then batch 2 is planned and not in the table
    assert (batches(lake, "offsets"), batches(lake, "commits"), lake.rows(TABLE)) == (3, 2, half)

    # At any moment of the next batches: while messages come, job and Java die at once.
    pause, log = random.uniform(0, 3), tmp_path / "killed.log"
    process = started(command, log)
    wait_for(process, log, lambda: batches(lake, "commits") > 2)
    coming = threading.Thread(target=produce, args=(broker, topic, values[MESSAGES - LATER : -100]))
    coming.start()
    time.sleep(pause)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL
    coming.join()
    before, known = lake.rows(TABLE), f"killed after {pause:.3f} s"

    produce(broker, topic, values[-100:])  # a batch that no killed run had planned: it knows its lag
    log = tmp_path / "followed.log"
    process = started(command, log)
    wait_for(process, log, lambda: ", lag 0, " in log.read_text())
    process.terminate()
    assert process.wait(timeout=120) == 0, (known, log.read_text())
    assert "stops behind the running batch" in log.read_text()
    assert f"bronze/sales: {MESSAGES - before:,} messages landed" in log.read_text(), known

    rows = landed(lake)
    assert rows.num_rows == MESSAGES, known
    assert set(rows["value"].to_pylist()) == set(values)
    ends = rows.group_by("partition").aggregate([("offset", "max"), ("offset", "count")])
    assert pc.all(pc.equal(pc.add(ends["offset_max"], 1), ends["offset_count"])).as_py()
