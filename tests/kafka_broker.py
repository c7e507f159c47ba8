"""A real Kafka broker for tests and benchmarks: one node in KRaft mode, its jars fetched once by Ivy."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyspark

from scaleinv.lake.jars import local_jars, proxy_options
from scaleinv.lake.java import cache_folder, find_java
from scaleinv.lake.spark import _trust

PACKAGES: Final = ("org.apache.kafka:kafka_2.13:4.4.0", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4")
_SECONDS: Final = 90.0
"""A start takes about five; a machine that is busy may need more."""
_CLUSTER: Final = "c2NhbGVpbnYtdGVzdHMtMQ"
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
log.dirs={folder}/data
num.network.threads=2
num.io.threads=2
num.recovery.threads.per.data.dir=1
auto.create.topics.enable=true
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
"""
_LOG4J: Final = """\
rootLogger.level = error
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1}: %m%n
"""


@contextmanager
def kafka_broker(folder: Path) -> Iterator[str]:
    """``host:port`` of a broker that keeps its data below ``folder`` and ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    broker, controller = _free_ports(2)
    (folder / "server.properties").write_text(_PROPERTIES.format(broker=broker, controller=controller, folder=folder))
    (folder / "log4j2.properties").write_text(_LOG4J)
    log = folder / "broker.log"
    with log.open("w") as said:
        options: dict[str, Any] = {"stdout": said, "stderr": subprocess.STDOUT, "cwd": folder}
        formatted = ["format", "--standalone", "-t", _CLUSTER, "-c", "server.properties"]
        subprocess.run([*_java(folder), "kafka.tools.StorageTool", *formatted], check=True, timeout=_SECONDS, **options)
        # In a session of its own: Ctrl-C ends the tests, and these the broker. However they end, the pipe closes.
        command = ["sh", "-c", '"$@" & read -r _; kill -9 $!', "sh", *_java(folder), "kafka.Kafka", "server.properties"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, **options)
    try:
        _wait(broker, log)
        yield f"127.0.0.1:{broker}"
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)


def _java(folder: Path) -> list[str]:
    """Java, small, with Kafka's jars."""
    cache = cache_folder()
    java = find_java(cache=cache)
    options = [*_trust(java.source, cache), *proxy_options(os.environ)]
    jars = local_jars(PACKAGES, cache=cache, java_home=java.home, java_options=options, beside_spark=False)
    # Spark's Ivy never fetches Scala itself.
    (scala,) = (Path(pyspark.__file__).parent / "jars").glob("scala-library-*.jar")
    path = os.pathsep.join(map(str, [*jars, scala]))
    log4j = f"-Dlog4j2.configurationFile=file:{folder}/log4j2.properties"
    return [str(java.home / "bin" / "java"), "-Xmx256m", "-XX:+UseSerialGC", log4j, "-cp", path]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait(port: int, log: Path) -> None:
    """Until the broker takes connections."""
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"Kafka did not start within {_SECONDS:.0f} s:\n{log.read_text()[-2000:]}")
