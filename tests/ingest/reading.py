"""Sources read and cleansed without a lake, for the tests of both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scaleinv.config import IngestConfig
from scaleinv.config.sources import SourceConfig
from scaleinv.schema import table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from scaleinv.ingest import Cleansed


def read(spark: SparkSession, config: IngestConfig) -> dict[str, DataFrame]:
    """The raw frames of all sources that have rows, as the stage reads them in their first load."""
    from scaleinv.ingest import read_source

    found = {}
    for name, source in config.sources.items():
        files = sorted(str(path) for path in Path(config.data).glob(source.path) if path.is_file())
        frame = read_source(spark, name, source, table(f"silver/{source.into or name}"), files, folder=config.data)
        if frame is not None:
            found[name] = frame
    return found


def cleansed(raw: dict[str, DataFrame], config: IngestConfig) -> dict[str, Cleansed]:
    """Silver table (without its prefix) -> what became of its source; parents first."""
    from scaleinv.ingest import PARENTS, cleanse, in_order

    done: dict[str, Cleansed] = {}
    for name in in_order(raw):
        contract = config.sources.get(name, SourceConfig(path="x"))
        parents = {parent: done[parent].accepted for parent in PARENTS.get(name, {}).values()}
        done[name] = cleanse(raw[name], table(f"silver/{name}"), contract, parents)
    return done
