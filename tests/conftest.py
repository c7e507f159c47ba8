"""What tests of several rooms share: one Spark session for the whole run, and where the real data are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from tests.s3_server import S3Server

SMALL = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": "-XX:Tier4InvocationThreshold=50000 -XX:Tier4MinInvocationThreshold=6000 "
    "-XX:Tier4CompileThreshold=150000 -XX:Tier4BackEdgeThreshold=400000",
}
"""Of a handful of rows most of the time goes into compiling: what tests run in processes of their own is compiled."""

LONGEST = [
    "test_pipeline_walk.py",
    "test_pipeline_nights.py",
    "test_pipeline_codes.py",
    "test_ingest_real.py",
    "test_ingest_kinds.py",
    "test_ingest_stream.py",
    "test_pipeline_loads.py",
    "test_pipeline_watch.py",
    "test_pipeline_robust.py",
]

os.environ.setdefault("SCALEINV_DATA", str(Path(__file__).resolve().parents[2] / "shared" / "data"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take longest first, so that two workers end together; a file's tests stay together."""
    first = {name: n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: first.get(item.path.name, len(first)))


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    from scaleinv.config import FORMAT_PACKAGES, LakeConfig, SparkConfig
    from scaleinv.lake.spark import spark_session

    lake = LakeConfig(root=str(tmp_path_factory.mktemp("lake")))
    packages = (*SparkConfig().packages, *FORMAT_PACKAGES.values())  # of all formats: one session serves all tests
    config = SparkConfig(driver_memory="2g", shuffle_partitions=2, packages=packages, options=SMALL)
    session = spark_session(config, lake, app="scaleinv tests")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    from tests.s3_server import s3_server

    with s3_server() as server:
        yield server
