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
    "org.apache.hadoop_hadoop-aws-3.5.0.jar": "66bd9eefb938b1a1657487324b63c13df2d8b17164a1dd24e0ef37b905bc5baa",
    "org.apache.kafka_kafka-clients-3.9.2.jar": "014b4ef36884478a932641818b080c36a8f8e2e92dc771e800c9d2694f4f83d8",
    "org.apache.spark_spark-avro_2.13-4.2.0.jar": "4c186cedc03cbe4ee356a94b32232b347ef48611c3209400b3a77e4fe4abff4f",
    "org.apache.spark_spark-sql-kafka-0-10_2.13-4.2.0.jar": "64539c45e5d39f7ddb747312c239f38f5208d08c1a0ddf7d70beb2fbd9373705",
    "org.apache.spark_spark-token-provider-kafka-0-10_2.13-4.2.0.jar": "641c7947afc8aa1189e433b7c2d305293993c8691bc1c2062d6d4f513b12518c",
    "org.checkerframework_checker-qual-3.49.5.jar": "508c83c62c344f6f7ee28f47b88a8797d6116d043bfd1ca0576c828dd1df2880",
    "org.postgresql_postgresql-42.7.8.jar": "2a32a9dcbc42d67a50ad3a0de5efd102c8d2be46720045f2cbd6689f160ab7c7",
    "org.reactivestreams_reactive-streams-1.0.4.jar": "f75ca597789b3dac58f61857b9ac2e1034a68fa672db35055a8fb4509e325f28",
    "org.wildfly.openssl_wildfly-openssl-2.2.5.Final.jar": "71fb7932f99a727edb23c5a2cb8c6855ac7196fad41aa0669b3998e277165154",
    "software.amazon.awssdk_annotations-2.35.4.jar": "6f36bd87155d1dd85d6efbdd29e532e3759a022211feb71affebee1aa34f04b8",
    "software.amazon.awssdk_apache-client-2.35.4.jar": "6eade21b482724ed0a4613eaa95d20e47e7a81304bd28538ac427fece94a7740",
    "software.amazon.awssdk_arns-2.35.4.jar": "c63cc29f76a8527e9e10b621703163df541dc5cb315508dc2898518602c75380",
    "software.amazon.awssdk_auth-2.35.4.jar": "6b601323004833fb4a857ffc95db4795e0e6320eb93e64b1246c655c9ff04994",
    "software.amazon.awssdk_aws-core-2.35.4.jar": "fdb5fc8f1a48d97fa7d04d3460fb42f6973c7b1bbe1b9d317871ef0162bcb623",
    "software.amazon.awssdk_aws-query-protocol-2.35.4.jar": "9b4cf9b78977cc9f5b4ceae9c435dedbde6a055a0f8d9e053eaca945715e2a9f",
    "software.amazon.awssdk_aws-xml-protocol-2.35.4.jar": "4f59176da2522c357b1993e4a890fde529f12f365795ef86269bde4a3984cd0d",
    "software.amazon.awssdk_checksums-2.35.4.jar": "94464af4374d08ecf33ca06ed4d03e1615529e547726e26b56abacefbeee7948",
    "software.amazon.awssdk_checksums-spi-2.35.4.jar": "88b5af85ac2d3c862be8856be4e683ab31932e4a5a3c1c45af864d2671ac7cec",
    "software.amazon.awssdk_crt-core-2.35.4.jar": "2c6aaa17bf9ccbb9d962dded4351e73decb197e3c5519970e0dae17e05d3df62",
    "software.amazon.awssdk_endpoints-spi-2.35.4.jar": "ef02441bda916959b8341290b49c68cc35538e1ad6f8629b75d8334dc6653e00",
    "software.amazon.awssdk_http-auth-2.35.4.jar": "3ec933a06e751a05e195eb3589209e23c44e1897263b6fcae34ef4cc63cd4491",
    "software.amazon.awssdk_http-auth-aws-2.35.4.jar": "c4acb92fdec90bfd9b67bfab8e41b69cd152c03cacc10281a8ab464791856e01",
    "software.amazon.awssdk_http-auth-aws-eventstream-2.35.4.jar": "709107552f302be3fa9e05969a3779f5c0f07fb809e6fa1fa571a6f0c61326dd",
    "software.amazon.awssdk_http-auth-spi-2.35.4.jar": "4495463406bb98eb136f2c3f3604ed5f08ec9974ebc3f34f2121b20679f61d5c",
    "software.amazon.awssdk_http-client-spi-2.35.4.jar": "728be89b2a07b595edb0adee3a2cbbbdd4cb1f4caddde0d08c3979fe2620dedb",
    "software.amazon.awssdk_identity-spi-2.35.4.jar": "188d73db7d4e2361654bc3c5a1b3eaeb445d0500fb012cc46c5d67975adf97bf",
    "software.amazon.awssdk_json-utils-2.35.4.jar": "80d67a6bb3e7eb49c7d4b6e4ba4c1463ed7da0192b795158328602dc131c5ecc",
    "software.amazon.awssdk_metrics-spi-2.35.4.jar": "c2a4ee90a21081317e2e6eba0c414d05d3d518aed2f86b1c1710a7367b450487",
    "software.amazon.awssdk_netty-nio-client-2.35.4.jar": "b82f8b33e5c85273a47da45ede884d7ccb31c9c2f69e6910a76c5c48fa1275dc",
    "software.amazon.awssdk_profiles-2.35.4.jar": "0f4ef7ca72ccd80dd49ebeaf7f3ce60a7d7a00da59a91aeeae6e91052bbacbd8",
    "software.amazon.awssdk_protocol-core-2.35.4.jar": "f2532eca6ba2142fe4821d5decb03c83a3e15dc8bfae2240e7f2efa75f9868b5",
    "software.amazon.awssdk_regions-2.35.4.jar": "77eae87b34ce96ecdf916a9bc06684dbeafcb6d38ef0513285fa5d5d6d41f5ca",
    "software.amazon.awssdk_retries-2.35.4.jar": "f99fb2f8c66d7e859955b3542d3af8f9de8f23a21d5e3250f0f2c5f18487e469",
    "software.amazon.awssdk_retries-spi-2.35.4.jar": "668638751d059c527ddd41ffa4dcebe36a7c14860ed56776df09b861c14dc7dd",
    "software.amazon.awssdk_s3-2.35.4.jar": "f23532c5223be9b0bfec0d72837ed09ed34dbdf8022818ba145b20076a78b4bc",
    "software.amazon.awssdk_s3-transfer-manager-2.35.4.jar": "0eec78870b3d0abc509a847072cf963cb2ae6e360dc6161a9449b3398c470476",
    "software.amazon.awssdk_sdk-core-2.35.4.jar": "fa559a4ce598852f3519c8f3b36250f583b0858a7611eedc4a81997778c617f4",
    "software.amazon.awssdk_sts-2.35.4.jar": "8d0f7816d3f96e3f00249f5d054d926e939a104bcf9ef57676ee0b16c59684d2",
    "software.amazon.awssdk_third-party-jackson-core-2.35.4.jar": "32f4252c6c2df8f3a4aff885e6dc77024ad6b4cb48455d07b461ec30c41643ea",
    "software.amazon.awssdk_utils-2.35.4.jar": "642aeef536a071668f0b772f05f9d21573abf6955e7b6fb5fdb893760cca10e8",
    "software.amazon.awssdk_utils-lite-2.35.4.jar": "e004806def5e22ec98edc48a133ff3317166255e1ba29d93d129e9fdfa64a7be",
    "software.amazon.eventstream_eventstream-1.0.1.jar": "0c37d8e696117f02c302191b8110b0d0eb20fa412fce34c3a269ec73c16ce822",
    "software.amazon.s3.analyticsaccelerator_analyticsaccelerator-s3-1.3.1.jar": "4959a9747cbb479c73c3ffbcd479bee5b014f8b2880994585a8693fb9d24675e",
}  # fmt: skip
"""sha256 of every jar that the default package, those of the formats and of S3 bring; another file under one of these names is refused."""

_MANIFEST = "manifest.json"
_LEFT_OUT = ("bundle",)
"""Artifacts that nobody needs: of all that AWS offers (600 MB) hadoop-aws uses the few modules that ``S3_PACKAGES`` names."""
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
    excludes = [*_LEFT_OUT, *(_brought_by_spark() if beside_spark else [])]
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


def run_in_java(
    script: str, conf: Mapping[str, str], *arguments: str, java_home: Path
) -> subprocess.CompletedProcess[str]:
    """Runs a Python script that starts Spark's Java, with its settings (JSON) and ``arguments``; what both said.

    ``PYSPARK_…`` of a running session is kept out.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYSPARK_")}
    return subprocess.run(
        [sys.executable, "-c", script, json.dumps(conf), *arguments],
        env={**kept, "JAVA_HOME": str(java_home), "SPARK_LOCAL_IP": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
        check=False,
    )


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
    done = run_in_java(_RESOLVE, conf, java_home=java_home)
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
