"""``scaleinv ingest --source NAME --follow`` or ``--catch-up``: Kafka topics to ``bronze/NAME``, each message once."""

from __future__ import annotations

import json
import math
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from scaleinv.config import FORMAT_PACKAGES, Config, KafkaConfig
from scaleinv.errors import ConfigError, EngineError, ScaleinvError, explain
from scaleinv.ingest.stream import LOST, check_held, held, lost, read_stream
from scaleinv.lake import Lake
from scaleinv.lake.spark import spark_session, stop_session
from scaleinv.lake.stream_sink import StreamSink
from scaleinv.pipeline.progress import Progress
from scaleinv.pipeline.stages import STAGES
from scaleinv.schema.bronze import bronze_table

_MESSAGES_PER_FILE: Final = 500_000
_POLL_SECONDS: Final = 0.25


def progress_of(config: Config) -> Progress:
    """What a job log sees of a stream: it has no night, but is a run of its own."""
    return Progress(is_json=config.logging.is_json, facts={"run": str(uuid.uuid4()), "env": config.env})


def stream(config: Config, source: str, *, follow: bool, progress: Progress) -> int:
    """Lands the messages of a source: all that are there, or until it is told to stop; returns how many.

    SIGTERM and Ctrl-C let the running batch finish.

    Raises:
        ConfigError: the source has no topics, or they are not there.
        DataError: messages are gone from the broker that were never read.
        EngineError: the broker or Spark fails.
    """
    kafka = kafka_of(config, source)
    progress.begin("ingest", 1, len(STAGES))
    with _session(config) as spark, _asked_to_stop() as stop:
        rows = land(spark, Lake(config.lake), source, kafka, follow=follow, progress=progress, stop=stop)
    progress.end()
    return rows


def stream_plan(config: Config, source: str) -> str:
    """What :func:`stream` would read, as text for a person; nothing is written."""
    kafka = kafka_of(config, source)
    with _session(config) as spark:
        return plan(spark, Lake(config.lake), source, kafka)


def plan(spark: SparkSession, lake: Lake, source: str, kafka: KafkaConfig) -> str:
    """Per partition: the oldest offset held, where the stream goes on, and the end."""
    sink = StreamSink(lake, bronze_table(source))
    there = held(spark, kafka)
    position = sink.position()
    landed = sink.landed(spark) if position is None else position
    if position is not None:
        start = "goes on from its checkpoint"
    else:
        start = "has no checkpoint and goes on behind its last message" if landed else f"starts at {kafka.starting}"
    lines = [f"{source} -> {sink.table.name}: {start}", f"{'partition':<32}{'oldest':>14}{'landed to':>14}{'end':>14}"]
    for (topic, partition), oldest in sorted(there.oldest.items()):
        to = landed.get((topic, partition))
        end = there.end[topic, partition]
        lines.append(f"{f'{topic}-{partition}':<32}{oldest:>14,}{'-' if to is None else f'{to:,}':>14}{end:>14,}")
    return "\n".join(lines)


def kafka_of(config: Config, source: str) -> KafkaConfig:
    """The topics of a source.

    Raises:
        ConfigError: there is no such source, or it is not a stream.
    """
    streams = {name: found.kafka for name, found in config.ingest.sources.items() if found.kafka is not None}
    if source not in streams:
        raise ConfigError(
            explain(
                f"{source!r} is not a source with kafka options",
                expected=", ".join(streams) or "a source with format: kafka, and kafka: {bootstrap_servers, topics}",
                do="correct --source, or describe it in ingest.sources",
            )
        )
    return streams[source]


def land(
    spark: SparkSession,
    lake: Lake,
    source: str,
    kafka: KafkaConfig,
    *,
    follow: bool,
    progress: Progress,
    stop: threading.Event,
) -> int:
    """Lands messages in ``bronze/<source>`` until ``stop`` is set, or without ``follow`` until all are there.

    Returns how many messages were landed. Raises as :func:`stream`.
    """
    sink = StreamSink(lake, bronze_table(source))
    there = held(spark, kafka)
    position = sink.position()
    landed = sink.landed(spark) if position is None else position
    check_held(landed, there, kafka)
    lake.create(sink.table)
    files = math.ceil(kafka.max_offsets_per_trigger / _MESSAGES_PER_FILE)

    failures: list[Exception] = []

    def write(batch: DataFrame, number: int) -> None:
        try:
            if not sink.append(batch, number, files=files):
                progress.say(f"batch {number}: had been landed before the last run ended")
        except Exception as error:  # what Spark makes of it does not say much
            failures.append(error)
            raise

    writer = read_stream(spark, kafka, landed=landed, held=there).writeStream.foreachBatch(write)
    writer = writer.option("checkpointLocation", sink.checkpoint).queryName(f"scaleinv {source}")
    if follow:
        writer = writer.trigger(processingTime=f"{round(kafka.trigger_seconds * 1000)} milliseconds")
    else:
        writer = writer.trigger(availableNow=True)
    try:
        rows = _watch(writer.start(), progress, stop)
    except StreamingQueryException as error:
        raise _explained(failures[-1] if failures else error) from error
    progress.say(f"{sink.table.name}: {rows:,} messages landed")
    return rows


def _watch(query: StreamingQuery, progress: Progress, stop: threading.Event) -> int:
    """Says a line per batch; once asked to stop, ends the query behind the batch that is running."""
    rows, seen = 0, -1
    running: int | None = None
    try:
        ended = False
        while not ended:
            ended = bool(query.awaitTermination(_POLL_SECONDS))  # type: ignore[arg-type]  # it takes fractions
            for batch in query.recentProgress:
                if batch["numInputRows"] and batch["batchId"] > seen:
                    seen = batch["batchId"]
                    rows += batch["numInputRows"]
                    progress.say(_line(batch))
            if stop.is_set() and not ended:
                if running is None:
                    running = seen
                    progress.say("stops behind the running batch; a second signal breaks it off")
                # A batch that begins meanwhile is broken off, and done by the next run.
                if seen > running or not query.status["isTriggerActive"]:
                    query.stop()
    finally:
        query.stop()
    return rows


def _line(batch: Any) -> str:
    """A batch in one line: rows, messages that the broker holds and the lake does not yet, seconds."""
    source = batch["sources"][0]
    latest, end = _total(source["latestOffset"]), _total(source["endOffset"])
    # For a batch that the last run had planned the broker is not asked what is behind it.
    lag = "unknown" if latest is None or end is None else f"{latest - end:,}"
    seconds = batch["durationMs"]["triggerExecution"] / 1000
    return f"batch {batch['batchId']}: {batch['numInputRows']:,} messages, lag {lag}, {seconds:.1f} s"


def _total(offsets: str | None) -> int | None:
    """Sum of Spark's offsets, JSON by topic and partition; ``None``: it has none."""
    found = json.loads(offsets) if offsets else None
    return None if found is None else sum(offset for partitions in found.values() for offset in partitions.values())


def _explained(error: Exception) -> Exception:
    if isinstance(error, ScaleinvError):
        return error
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if LOST in str(error):
        return lost(found=next(line for line in lines if "ffset" in line)[:500])
    said = next((line for line in lines if "[" in line), lines[0] if lines else type(error).__name__)
    return EngineError(explain("the stream broke off", found=said[:500], do="start it again: it goes on where it was"))


@contextmanager
def _session(config: Config) -> Iterator[SparkSession]:
    """A Spark session that can read Kafka."""
    packages = tuple(dict.fromkeys([*config.spark.packages, FORMAT_PACKAGES["kafka"]]))
    options = config.spark.model_copy(update={"packages": packages})
    spark = spark_session(options, config.lake, app=f"scaleinv {config.env} stream")
    try:
        yield spark
    finally:
        # A session that spark-submit or a notebook made is theirs to stop.
        if config.spark.master is not None:
            stop_session(spark)


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """An event that the first SIGTERM or Ctrl-C sets; the second one does what it did before."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()
        restore()

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        restore()
