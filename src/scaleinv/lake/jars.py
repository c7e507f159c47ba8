"""Spark's extra jars (Delta): resolved once by Ivy, then taken from the cache without touching the network."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from scaleinv.errors import EngineError, explain

# ruff: noqa: E501 - a hash has no place to break
PINNED: Final[Mapping[str, str]] = {
    "com.fasterxml.jackson.datatype_jackson-datatype-jdk8-2.13.5.jar": "e58761751fea8a00dc626aae1c5f1be38c5cfd487aeb333d933a4ab5f5a73c55",
    "io.delta_delta-kernel-api-4.4.0.jar": "ee9b5a14ac3b7efdff4d61a58478fe8eb0e5a3fbca43889dca7290795fe79a11",
    "io.delta_delta-kernel-defaults-4.4.0.jar": "225c975199e4718b38ee5b7e6da7f19e9585024262b2cec2656b32151a856b0b",
    "io.delta_delta-kernel-unitycatalog-4.4.0.jar": "cea22dfb4ac562b3cd27bf652697750e8336009d73fb06631363aaaad5345ffa",
    "io.delta_delta-spark_4.2_2.13-4.4.0.jar": "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead",
    "io.delta_delta-storage-4.4.0.jar": "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
    "io.unitycatalog_unitycatalog-client-0.6.0.jar": "48257499a86b801a3e2372cec55ac226ca1c1c7eabe5c118e7302f29a1fdbc19",
    "io.unitycatalog_unitycatalog-hadoop-0.6.0.jar": "c47b63c961c87102b9e1d63809a0915ba4c86b7652f57c8d39ca3a05b441a150",
    "org.apache.commons_commons-pool2-2.13.1.jar": "f77a5060d6936a9144023584232f9de3f2248f1abfe156e9d31795f18770674f",
    "org.apache.kafka_kafka-clients-3.9.2.jar": "014b4ef36884478a932641818b080c36a8f8e2e92dc771e800c9d2694f4f83d8",
    "org.apache.spark_spark-avro_2.13-4.2.0.jar": "4c186cedc03cbe4ee356a94b32232b347ef48611c3209400b3a77e4fe4abff4f",
    "org.apache.spark_spark-sql-kafka-0-10_2.13-4.2.0.jar": "64539c45e5d39f7ddb747312c239f38f5208d08c1a0ddf7d70beb2fbd9373705",
    "org.apache.spark_spark-token-provider-kafka-0-10_2.13-4.2.0.jar": "641c7947afc8aa1189e433b7c2d305293993c8691bc1c2062d6d4f513b12518c",
    "org.checkerframework_checker-qual-3.49.5.jar": "508c83c62c344f6f7ee28f47b88a8797d6116d043bfd1ca0576c828dd1df2880",
    "org.postgresql_postgresql-42.7.8.jar": "2a32a9dcbc42d67a50ad3a0de5efd102c8d2be46720045f2cbd6689f160ab7c7",
}  # fmt: skip
"""sha256 of every jar that the default package and those of the formats bring; another file under one of these names is refused."""

_MANIFEST = "manifest.json"
_RESOLVE = """
import json, sys
from pyspark import SparkConf
from pyspark.java_gateway import launch_gateway
launch_gateway(SparkConf(loadDefaults=False).setAll(json.loads(sys.argv[1]).items()))
"""
_TELLING = re.compile(r"PKIX|not found|UNRESOLVED|unresolved|refused|timed out|Server access error|download failed")
_log = logging.getLogger("scaleinv.lake")


def local_jars(
    packages: Sequence[str],
    *,
    cache: Path,
    java_home: Path,
    java_options: Sequence[str] = (),
    ivy_settings: str | None = None,
    beside_spark: bool = True,
) -> list[Path]:
    """The jars of the Maven coordinates ``packages`` as local files, sorted by name.

    ``beside_spark``: without those that Spark brings; False: all, for a program that runs without Spark.

    Raises:
        EngineError: Ivy cannot resolve them, or a jar is not the one that scaleinv was tested with.
    """
    if not packages:
        return []
    excludes = _brought_by_spark() if beside_spark else []
    folder = cache / "jars" / _key(packages if beside_spark else [*packages, "alone"], ivy_settings)
    jars = _cached(folder)
    if jars is None:
        _log.info("resolving %s with Ivy; this is done once", ", ".join(packages))
        _resolve(packages, excludes, folder, java_home, java_options, ivy_settings)
        jars = _cached(folder)
    if jars is None:
        raise EngineError(explain("the folder of Spark's jars cannot be written", found=str(folder), do="check it"))
    return jars


def proxy_options(env: Mapping[str, str]) -> list[str]:
    """``HTTPS_PROXY`` and ``HTTP_PROXY`` as the JVM's options; the JVM does not read them itself."""
    options = []
    for scheme in ("https", "http"):
        url = urlsplit(env.get(f"{scheme}_proxy") or env.get(f"{scheme.upper()}_PROXY") or "")
        if url.hostname:
            options += [f"-D{scheme}.proxyHost={url.hostname}", f"-D{scheme}.proxyPort={url.port or 80}"]
    return options


def check_pins(jars: Sequence[Path], pinned: Mapping[str, str] = PINNED) -> None:
    """Refuse a jar that has a pinned name and other bytes.

    Raises:
        EngineError: with the names.
    """
    wrong = [jar.name for jar in jars if jar.name in pinned and _sha256(jar) != pinned[jar.name]]
    if wrong:
        raise EngineError(
            explain(
                "a jar is not the one that scaleinv was tested with",
                expected="the sha256 recorded in scaleinv.lake.jars",
                which=wrong,
                do="look at what the Maven mirror serves; delete the cache folder to fetch again",
            )
        )


def _key(packages: Sequence[str], ivy_settings: str | None) -> str:
    settings = Path(ivy_settings).read_text() if ivy_settings else ""
    facts = [*packages, importlib.metadata.version("pyspark"), settings]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _cached(folder: Path) -> list[Path] | None:
    """The jars of a folder whose manifest was written and whose files are all there in their size."""
    try:
        entries = json.loads((folder / _MANIFEST).read_text())
        jars = [(folder / entry["name"], entry["bytes"]) for entry in entries]
        whole = all(jar.stat().st_size == size for jar, size in jars)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return [jar for jar, _ in jars] if whole else None


def _resolve(
    packages: Sequence[str],
    excludes: Sequence[str],
    folder: Path,
    java_home: Path,
    java_options: Sequence[str],
    ivy_settings: str | None,
) -> None:
    """Fetch into a draft folder beside ``folder`` and rename it, so that two first starts do not meet."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".draft-"))
    try:
        said = _run_ivy(packages, draft, excludes, java_home, java_options, ivy_settings)
        fetched = sorted((draft / "ivy" / "jars").glob("*.jar"))
        if not fetched:
            raise _unresolved(packages, said)
        jars = [_keep(jar, draft) for jar in fetched]
        check_pins(jars)
        shutil.rmtree(draft / "ivy", ignore_errors=True)
        entries = [{"name": jar.name, "bytes": jar.stat().st_size, "sha256": _sha256(jar)} for jar in jars]
        (draft / _MANIFEST).write_text(json.dumps(entries, indent=1))
        draft.chmod(0o755)
        if _cached(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)
            try:
                draft.rename(folder)
            except OSError as error:  # another process was quicker
                _log.debug("jars already in place: %s", error)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _keep(jar: Path, draft: Path) -> Path:
    """Move Ivy's ``<group>_<artifact>-<version>.jar`` up into the draft."""
    return Path(shutil.move(jar, draft / jar.name))


def _run_ivy(
    packages: Sequence[str],
    draft: Path,
    excludes: Sequence[str],
    java_home: Path,
    java_options: Sequence[str],
    ivy_settings: str | None,
) -> str:
    """Let Spark's own Ivy fetch into ``draft``; what it said. A stale ``~/.m2`` is kept out by another home."""
    conf = {
        "spark.jars.packages": ",".join(packages),
        "spark.jars.ivy": str(draft / "ivy"),
        "spark.jars.excludes": ",".join(f"*:{name}" for name in excludes),
        "spark.driver.extraJavaOptions": " ".join([*java_options, f"-Duser.home={draft}"]),
    }
    if ivy_settings:
        conf["spark.jars.ivySettings"] = ivy_settings
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYSPARK_")}
    done = subprocess.run(
        [sys.executable, "-c", _RESOLVE, json.dumps(conf)],
        env={**kept, "JAVA_HOME": str(java_home), "SPARK_LOCAL_IP": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
        check=False,
    )
    if done.returncode:
        raise _unresolved(packages, done.stdout)
    return done.stdout


def _unresolved(packages: Sequence[str], said: str) -> EngineError:
    telling = [line.strip() for line in said.splitlines() if _TELLING.search(line)]
    return EngineError(
        explain(
            "Spark's jars cannot be fetched",
            expected=", ".join(packages),
            found="; ".join(dict.fromkeys(telling[:5])) or said[-500:].strip() or "no jar",
            do="give this machine access to Maven Central once, or name a mirror in spark.ivy_settings; "
            "behind a company's certificate authority set SSL_CERT_FILE",
        )
    )


def _brought_by_spark() -> list[str]:
    """Artifacts in Spark's own folder: they would only be fetched to lose against Spark's own version."""
    spec = importlib.util.find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    names = (jar.name for jar in (Path(spec.origin).parent / "jars").glob("*.jar"))
    return sorted({re.sub(r"-\d[^/]*\.jar$", "", name) for name in names})


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
