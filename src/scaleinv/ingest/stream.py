"""Kafka topics as a stream of messages in ``bronze``'s columns, and what the broker holds of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from py4j.protocol import Py4JError, Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from scaleinv.config import FORMAT_PACKAGES, KafkaConfig
from scaleinv.errors import ConfigError, DataError, EngineError, explain

Offsets = Mapping[tuple[str, int], int]
"""(topic, partition) -> the offset to go on with."""

_CONSUMER: Final = "org.apache.kafka.clients.consumer.KafkaConsumer"
_BYTES: Final = "org.apache.kafka.common.serialization.ByteArrayDeserializer"
_PATIENCE_MS: Final = "30000"
"""How long a broker may take to answer the first question."""
LOST: Final = "failOnDataLoss"
"""What Spark's error speaks of where messages are gone."""


@dataclass(frozen=True)
class Held:
    """What the broker holds of each partition: the oldest offset, and behind the newest."""

    oldest: dict[tuple[str, int], int]
    end: dict[tuple[str, int], int]


def held(spark: SparkSession, config: KafkaConfig) -> Held:
    """Asks the broker about every partition of the topics.

    Raises:
        EngineError: Spark has no Kafka client, or no broker answers.
        ConfigError: an option is none of the client's, or a topic is not there.
    """
    consumer = _consumer(spark, config)
    try:
        partitions, missing = [], []
        for topic in config.topics:
            found = consumer.partitionsFor(topic)
            partitions += [_partition(spark, topic, each.partition()) for each in found or ()]
            missing += [] if found else [topic]
        if missing:
            raise ConfigError(
                explain(
                    "topics are not there", found=config.bootstrap_servers, which=missing, do="correct kafka.topics"
                )
            )
        return Held(_offsets(consumer.beginningOffsets(partitions)), _offsets(consumer.endOffsets(partitions)))
    except Py4JJavaError as error:
        raise EngineError(
            explain(
                "Kafka does not answer",
                expected=f"a broker at {config.bootstrap_servers} that lets scaleinv read {', '.join(config.topics)}",
                found=str(error.java_exception).splitlines()[0],
                do="check kafka.bootstrap_servers, kafka.options and the network",
            )
        ) from error
    finally:
        consumer.close()


def check_held(landed: Offsets, held: Held, config: KafkaConfig) -> None:
    """Refuses to go on behind ``landed`` where that would leave a gap.

    Raises:
        DataError: messages behind ``landed`` are gone from the broker, or the topic is another one than before.
    """
    gone = [f"{t}-{p}@{o}" for (t, p), o in landed.items() if o < held.oldest.get((t, p), 0)]
    if gone and config.on_data_loss == "fail":
        raise lost(which=gone)
    new = [f"{t}-{p}@{o}" for (t, p), o in landed.items() if o > held.end.get((t, p), o)]
    if new:
        raise DataError(
            explain(
                "a topic ends before what was read of it: it was deleted and made anew",
                which=new,
                do="read it as another source, with a name of its own",
            )
        )


def lost(*, which: Sequence[str] = (), found: object = None) -> DataError:
    """The error of a stream that would have a gap."""
    return DataError(
        explain(
            "messages were removed from the broker before they were read",
            found=found,
            which=which,
            do="get them from where they were produced; then set kafka.on_data_loss to skip for one run, to go on with "
            "the oldest that is left; and keep messages longer (retention.ms) than the longest pause between two runs",
        )
    )


def read_stream(spark: SparkSession, config: KafkaConfig, *, landed: Offsets, held: Held) -> DataFrame:
    """An endless frame of messages in the columns of ``bronze``.

    ``landed`` counts only where the stream has no checkpoint: it goes on there, and with the oldest message of a
    partition that is not in it.
    """
    reader = spark.readStream.format("kafka").option("subscribe", ",".join(config.topics))
    options = {
        **config.client_options(),
        **_start(config, landed, held),
        "maxOffsetsPerTrigger": str(config.max_offsets_per_trigger),
        "failOnDataLoss": str(config.on_data_loss == "fail").lower(),
    }
    for name, value in options.items():
        reader = reader.option(name, value)
    return reader.load().select(
        "topic",
        "partition",
        "offset",
        "timestamp",
        _text("key"),
        _text("value"),
        # In a stream this is the day that the checkpoint keeps for the batch: repeated tomorrow, it is the same.
        F.current_date().alias("landed_on"),
    )


def _start(config: KafkaConfig, landed: Offsets, held: Held) -> dict[str, str]:
    """Spark's options for where a stream without a checkpoint begins."""
    if not landed:
        if isinstance(config.starting, datetime):
            # Where nothing is as new as that, the stream begins with what comes next.
            moment = str(int(config.starting.timestamp() * 1000))
            return {"startingTimestamp": moment, "startingOffsetsByTimestampStrategy": "latest"}
        return {"startingOffsets": config.starting}
    offsets: dict[str, dict[str, int]] = {}
    for (topic, partition), oldest in held.oldest.items():
        offsets.setdefault(topic, {})[str(partition)] = max(landed.get((topic, partition), oldest), oldest)
    return {"startingOffsets": json.dumps(offsets)}


def _text(name: str) -> Any:
    return F.make_valid_utf8(F.col(name).cast("string")).alias(name)


def _consumer(spark: SparkSession, config: KafkaConfig) -> Any:
    """Kafka's own consumer, in Spark's Java."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    options = {name.removeprefix("kafka."): value for name, value in config.client_options().items()}
    fixed = {"key.deserializer": _BYTES, "value.deserializer": _BYTES, "allow.auto.create.topics": "false"}
    properties = jvm.java.util.Properties()
    for name, value in {"default.api.timeout.ms": _PATIENCE_MS, **options, **fixed}.items():
        properties.setProperty(name, value)
    try:
        return jvm.org.apache.kafka.clients.consumer.KafkaConsumer(properties)
    except Py4JJavaError as error:
        cause = error.java_exception.getCause() or error.java_exception
        raise ConfigError(
            explain("Kafka's client cannot be made", found=str(cause).splitlines()[0], do="correct kafka.options")
        ) from error
    except (TypeError, Py4JError) as error:  # the class is not there: py4j takes its name for a package
        raise EngineError(
            explain(
                "the Spark session cannot read Kafka",
                expected=f"the package {FORMAT_PACKAGES['kafka']}",
                found=f"no class {_CONSUMER}",
                do=f"pass `--packages {FORMAT_PACKAGES['kafka']}` to spark-submit beside Delta's",
            )
        ) from error


def _partition(spark: SparkSession, topic: str, number: int) -> Any:
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    return jvm.org.apache.kafka.common.TopicPartition(topic, number)


def _offsets(found: Any) -> dict[tuple[str, int], int]:
    return {(each.topic(), each.partition()): int(found[each]) for each in found}
