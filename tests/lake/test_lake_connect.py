"""Tables read through a Spark Connect server, as a notebook without a Java of its own does."""

from __future__ import annotations

import datetime as dt
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from scaleinv.config import LakeConfig, SparkConfig
from scaleinv.lake import Lake
from scaleinv.lake.jars import local_jars
from scaleinv.lake.java import cache_folder, find_java
from scaleinv.schema import table

pytestmark = [pytest.mark.spark, pytest.mark.slow]

NIGHT = dt.date(2022, 7, 19)
READ = """
import sys
{before}
import scaleinv
with scaleinv.open("test", as_of="2022-07-19", overrides=["spark.master=sc://127.0.0.1:{port}"]) as night:
    orders = night.table("silver/purchase_orders")
    print(orders.arrow().select(["line", "quantity", "received_date"]).to_pylist())
    print(orders.spark().groupBy("vendor_id").sum("quantity").collect())
    print(type(orders.spark()).__module__)
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Connect server with Delta, without scaleinv."""
    port, java, folder = free_port(), find_java(), tmp_path_factory.mktemp("server")
    jars = local_jars(SparkConfig().packages, cache=cache_folder(), java_home=java.home)
    options = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.ui.enabled": "false",
        "spark.driver.memory": "1g",
    }
    command = [
        str(Path(sys.executable).with_name("spark-submit")), "--master", "local[1]", "--jars", ",".join(map(str, jars)),
        *(word for name, value in options.items() for word in ("--conf", f"{name}={value}")),
        "--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal",
    ]  # fmt: skip
    environment = os.environ | {
        "JAVA_HOME": str(java.home), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable,
    }  # fmt: skip
    log = folder / "log.txt"
    with log.open("w") as said:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
    try:
        deadline = time.monotonic() + 300
        while not answers(port):
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.5)
        yield port
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def read(home: Path, port: int, before: str = "") -> subprocess.CompletedProcess[str]:
    program = home / "read.py"  # Spark takes a main module that is no file for its own doctests
    program.write_text(READ.format(port=port, before=before))
    environment = os.environ | {"SCALEINV_HOME": str(home), "JAVA_HOME": "/nowhere"}
    return subprocess.run(
        [sys.executable, str(program)],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_history_is_read_as_it_was_known(server: int, tmp_path: Path) -> None:
    orders = table("silver/purchase_orders")
    row = {
        "order_id": "o", "vendor_id": "v", "sku_id": "s", "location_id": "l", "promised_date": None, "source": "orders",
        "load": 0, "received_date": None,
    }  # fmt: skip
    days = [NIGHT - dt.timedelta(days=1), NIGHT, NIGHT + dt.timedelta(days=1)]
    rows = [row | {"line": n, "quantity": 2.0 + n, "known_on": day, "order_date": day} for n, day in enumerate(days)]
    rows[0]["received_date"] = days[2]
    lake = Lake(LakeConfig(root=str(tmp_path / "test" / "lake")))
    lake.overwrite(orders, pa.Table.from_pylist(rows, schema=orders.schema), where={})
    done = read(tmp_path, server)
    assert done.returncode == 0, done.stderr[-3000:]
    found, summed, where = done.stdout.splitlines()
    assert found == str([{"line": n, "quantity": 2.0 + n, "received_date": None} for n in (0, 1)])
    assert summed == "[Row(vendor_id='v', sum(quantity)=5.0)]"
    assert where.startswith("pyspark.sql.connect")


def test_no_server_is_an_error_that_names_the_place(tmp_path: Path) -> None:
    port = free_port()
    done = read(tmp_path, port)
    assert done.returncode != 0
    assert f"a server of Spark 4.2 at 127.0.0.1:{port}" in done.stderr


def test_without_its_client_an_error_says_what_to_install(server: int, tmp_path: Path) -> None:
    done = read(tmp_path, server, before="sys.modules['zstandard'] = None")
    assert done.returncode != 0
    assert "pip install 'scaleinv[connect]'" in done.stderr
