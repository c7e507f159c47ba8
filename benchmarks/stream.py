"""How fast messages of a Kafka topic reach the lake, against a plain consumer that only reads them.

    python benchmarks/stream.py [--messages 200000] [--batch 1000000] [--runs 3]

Starts a broker of its own, fills a topic of four partitions, and reads it in turns: by a plain consumer (librdkafka),
and by ``land``, from Kafka to committed Delta files, with an empty checkpoint. The first landing, which warms Spark up,
is told apart. The last line is one JSON object, also in results/stream.json: medians of the runs.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from scaleinv.config import FORMAT_PACKAGES, KafkaConfig, LakeConfig, SparkConfig
from scaleinv.lake import Lake
from scaleinv.lake.spark import spark_session, stop_session
from scaleinv.pipeline.progress import Progress
from scaleinv.pipeline.stream import land
from scaleinv.schema.bronze import bronze_table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.kafka_broker import kafka_broker

TOPIC, PARTITIONS = "sales", 4
RESULT = Path(__file__).parent / "results" / "stream.json"


def produce(broker: str, messages: int) -> float:
    """Seconds to fill the topic with sales lines of a till, about 110 bytes each."""
    admin = AdminClient({"bootstrap.servers": broker})
    for made in admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)]).values():
        made.result(60)
    producer = Producer({"bootstrap.servers": broker, "linger.ms": 20})
    started = time.perf_counter()
    for number in range(messages):
        line = {"receipt_id": f"R{number:09}", "sku_id": f"SKU{number % 5000:05}", "location_id": f"L{number % 97:03}"}
        value = json.dumps(line | {"date": "2026-01-31", "quantity": number % 7})
        producer.produce(TOPIC, value=value, key=line["sku_id"])
        if number % 10_000 == 0:
            producer.flush(60)
    assert producer.flush(60) == 0
    return time.perf_counter() - started


def consume(broker: str, messages: int) -> float:
    """Seconds in which a plain consumer reads the topic."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "benchmark", "enable.auto.commit": False})
    started = time.perf_counter()
    consumer.assign([TopicPartition(TOPIC, partition, OFFSET_BEGINNING) for partition in range(PARTITIONS)])
    read = 0
    while read < messages:
        found = consumer.consume(10_000, timeout=10)
        assert found, "the topic ends too early"
        read += len(found)
    seconds = time.perf_counter() - started
    consumer.close()
    return seconds


def main() -> None:
    """Measure in turns, print, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=1_000_000, help="max_offsets_per_trigger")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, kafka_broker(Path(folder) / "kafka") as broker:
        produced = produce(broker, given.messages)
        config = LakeConfig(root=f"{folder}/lake")
        packages = (*SparkConfig().packages, FORMAT_PACKAGES["kafka"])
        spark = spark_session(SparkConfig(driver_memory="2g", packages=packages), config, app="benchmark stream")
        kafka = KafkaConfig(bootstrap_servers=broker, topics=(TOPIC,), max_offsets_per_trigger=given.batch)
        consumed, landed = [], []
        for run in range(given.runs + 1):
            consumed.append(consume(broker, given.messages))
            started = time.perf_counter()
            quiet = Progress(stream=io.StringIO())
            rows = land(spark, Lake(config), f"run{run}", kafka, follow=False, progress=quiet, stop=threading.Event())
            landed.append(time.perf_counter() - started)
            assert rows == Lake(config).rows(bronze_table(f"run{run}")) == given.messages
        stop_session(spark)
    reading, landing = statistics.median(consumed), statistics.median(landed[1:])
    result = {
        "benchmark": "stream",
        "cpus": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "messages": given.messages,
        "max_offsets_per_trigger": given.batch,
        "runs": given.runs,
        "produced_per_second": round(given.messages / produced),
        "consumer_per_second": round(given.messages / reading),
        "landed_per_second": round(given.messages / landing),
        "landed_per_second_cold": round(given.messages / landed[0]),
        "share_of_consumer": round(reading / landing, 4),
        "seconds": {"consumer": [round(s, 2) for s in consumed], "landed": [round(s, 2) for s in landed]},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
