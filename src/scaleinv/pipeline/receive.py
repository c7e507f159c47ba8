"""What a load brings: its files, messages or rows, as frames."""

from __future__ import annotations

import functools
import operator
from contextlib import suppress
from dataclasses import replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from scaleinv.config.sources import SourceConfig
from scaleinv.errors import DataError, explain
from scaleinv.ingest import message_place, read_messages, read_source
from scaleinv.lake.spark import GLOB, read_loads
from scaleinv.pipeline.drift import watched
from scaleinv.pipeline.loads import Load
from scaleinv.pipeline.walk import Walk
from scaleinv.schema.bronze import bronze_table


def received(walk: Walk, load: Load) -> DataFrame | None:
    """The raw frame of a load (:func:`scaleinv.ingest.read_source`); ``None``: it has no row.

    Raises:
        DataError: it cannot be read by its contract; how it has drifted is kept all the same.
    """
    try:
        return _read(walk, load)
    except DataError:
        with suppress(DataError):
            as_it_is = _read(walk, replace(load, contract=_without_columns(load)))
            if as_it_is is not None:
                watched(walk, load, as_it_is)
        raise


def _without_columns(load: Load) -> SourceConfig:
    """The contract without what it says of columns: with it a source is read whatever it brings."""
    nothing = dict.fromkeys((column.name for column in load.table.received), "")
    said: dict[str, object] = {
        "columns": {},
        "expressions": {},
        "rules": {},
        "order_by": None,
        "wide": None,
        "constants": nothing,
    }
    return load.contract.model_copy(update=said)


def _read(walk: Walk, load: Load) -> DataFrame | None:
    if load.contract.format != "kafka":
        data = walk.config.ingest.data.rstrip("/")
        return read_source(walk.spark(), load.source, load.contract, load.table, _addresses(walk, load), folder=data)
    if not load.files:
        return None
    messages = read_loads(walk.spark(), walk.lake, bronze_table(load.source))
    offset = F.col("offset")
    wanted = [
        (message_place() == name) & (offset >= load.since.get(name, 0)) & (offset < end.size)
        for name, end in load.files.items()
    ]
    return read_messages(load.source, load.contract, load.table, messages.where(functools.reduce(operator.or_, wanted)))


def _addresses(walk: Walk, load: Load) -> list[str]:
    """What Spark is to open."""
    data = walk.config.ingest.data.rstrip("/")
    if load.files is None:
        return [f"{data}/{load.contract.path}"] if load.contract.path else []
    # Spark takes what it is given for a glob.
    return [f"{data}/" + GLOB.sub(r"\\\g<0>", name) for name in load.files]


def may_be_missing(load: Load) -> bool:
    """Whether a load without a row is none; else it is one of no rows, as when shops were closed.

    Raises:
        DataError: it must not be missing.
    """
    if not load.contract.required:
        return True
    if load.number and not load.replaces:
        return False  # a delivery without a row: shops were closed
    raise DataError(
        explain(
            f"source {load.source} is empty" + ("" if load.files else ": no file is there"),
            expected=f"at least one row of {load.table.name}",
            found=f"0 rows in {len(load.files or ()):,} files at {load.contract.path}",
            do=f"deliver it, correct ingest.data or ingest.sources.{load.source}.path, or mark it `required: false`",
        )
    )
