"""Spark's side of a lake on S3: Hadoop's connector, and commits of which the store lets only one writer make each."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

from scaleinv.config import LakeConfig
from scaleinv.errors import EngineError, explain
from scaleinv.lake.files import CREDENTIALS, Files, is_s3, store_options
from scaleinv.lake.jars import run_in_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOG_STORE: Final = "scaleinv.lake.ConditionalLogStore"
LOG_STORE_KEY: Final = "spark.delta.logStore.s3a.impl"
_PROBE: Final = "_walk/condition"
_SOURCE: Final = Path(__file__).with_name("ConditionalLogStore.java")
_COMPILE: Final = """
import json, sys, zipfile
from pyspark import SparkConf
from pyspark.java_gateway import launch_gateway
conf, source, target = json.loads(sys.argv[1]), *sys.argv[2:]
jvm = launch_gateway(SparkConf(loadDefaults=False).setAll(conf.items())).jvm
compiler = jvm.org.codehaus.janino.SimpleCompiler()
compiler.setParentClassLoader(jvm.java.lang.Thread.currentThread().getContextClassLoader())
compiler.cook(source)
with zipfile.ZipFile(target, "w") as jar:
    for name, code in compiler.getBytecodes().items():
        jar.writestr(zipfile.ZipInfo(name.replace(".", "/") + ".class"), bytes(code))
"""


def spark_options(lake: LakeConfig) -> dict[str, str]:
    """Spark's settings for a lake on S3; none for another. No secrets: Spark shows its settings."""
    if not is_s3(lake.root):
        return {}
    given = store_options(lake)
    settings = {LOG_STORE_KEY: LOG_STORE}
    if "aws_region" in given:
        settings["spark.hadoop.fs.s3a.endpoint.region"] = given["aws_region"]
    if "aws_endpoint_url" in given:
        settings["spark.hadoop.fs.s3a.endpoint"] = given["aws_endpoint_url"]
        settings["spark.hadoop.fs.s3a.path.style.access"] = "true"  # stores that are not AWS have no host per bucket
    return settings


def java_environment(lake: LakeConfig) -> dict[str, str]:
    """Credentials that the configuration refers to, for the environment of a Java that is started here."""
    given = lake.store_options() if is_s3(lake.root) else {}
    return {name.upper(): given[name] for name in CREDENTIALS if name in given}


def log_store_jar(jars: Sequence[Path], *, cache: Path, java_home: Path) -> Path:
    """A jar of :data:`LOG_STORE`, compiled once against ``jars`` by the compiler that Spark brings for its own code.

    Raises:
        EngineError: it cannot be compiled: ``jars`` lack Delta or Hadoop's connector for S3.
    """
    source = _SOURCE.read_text()
    key = hashlib.sha256("\n".join([source, *sorted(jar.name for jar in jars)]).encode()).hexdigest()[:16]
    target = cache / "jars" / f"log-store-{key}.jar"
    if target.is_file():
        return target
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        done = run_in_java(_COMPILE, {"spark.jars": ",".join(map(str, jars))}, source, str(draft), java_home=java_home)
        if done.returncode:
            raise EngineError(
                explain(
                    "the commits of a lake on S3 cannot be made conditional",
                    expected=f"{LOG_STORE} compiled against Delta and hadoop-aws",
                    found=next((line for line in done.stdout.splitlines() if line.startswith(":")), done.stdout[-500:]),
                    do="leave io.delta:delta-spark in spark.packages, at the version that scaleinv names",
                )
            )
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return target


def check_condition(spark: SparkSession, lake: LakeConfig) -> None:
    """Nothing, if the store lets nobody write an object a second time who asks it not to: commits rest on that.

    Raises:
        EngineError: it does, or it cannot be written to.
    """
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    conf = spark.sparkContext._jsc.hadoopConfiguration()
    store = jvm.scaleinv.lake.ConditionalLogStore(conf)
    path = jvm.org.apache.hadoop.fs.Path(f"{Files(lake).spark_address}/{_PROBE}")
    for _ in range(2):  # the first time of all it is not there
        try:
            store.write(path, jvm.java.util.ArrayList().iterator(), False, conf)
        except Py4JJavaError as error:
            if error.java_exception.getClass().getSimpleName() == "FileAlreadyExistsException":
                return
            raise EngineError(
                explain(
                    "the lake cannot be written to",
                    found=str(error.java_exception.getMessage())[:300],
                    do="check lake.root, lake.storage_options and what gives the machine its credentials",
                )
            ) from error
    raise EngineError(
        explain(
            "the object store would not keep the writers of a lake apart",
            expected="a PUT with `If-None-Match: *` of an object that is there is refused (412)",
            found=f"{lake.root}: it is written over",
            do="use a store with conditional writes",
        )
    )
