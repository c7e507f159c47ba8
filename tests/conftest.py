"""What tests of several rooms share: one Spark session for the whole run, and where the real data are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

os.environ.setdefault("SCALEINV_DATA", str(Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    from scaleinv.config import FORMAT_PACKAGES, LakeConfig, SparkConfig
    from scaleinv.lake.spark import spark_session

    lake = LakeConfig(root=str(tmp_path_factory.mktemp("lake")))
    packages = (*SparkConfig().packages, *FORMAT_PACKAGES.values())  # of all formats: one session serves all tests
    config = SparkConfig(driver_memory="2g", shuffle_partitions=2, packages=packages)
    session = spark_session(config, lake, app="scaleinv tests")
    yield session
    session.stop()
