"""Batches of a stream into a Delta table, each exactly once."""

from __future__ import annotations

import json

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from scaleinv.errors import LakeError, explain
from scaleinv.lake.spark_tables import _address, _check_columns, _check_types, _struct, read_loads
from scaleinv.lake.tables import Lake
from scaleinv.schema import Table

Offsets = dict[tuple[str, int], int]
"""(topic, partition) -> the offset to go on with."""


class StreamSink:
    """A table and the checkpoint of the one stream that fills it.

    A batch is numbered by its checkpoint. Delta's log keeps the last number per checkpoint, so a batch that was
    committed just before its writer died is skipped when the checkpoint hands it out again.
    """

    def __init__(self, lake: Lake, table: Table) -> None:
        self.lake = lake
        self.table = table
        self._place = f"_stream/{table.name.rpartition('/')[2]}"

    @property
    def checkpoint(self) -> str:
        """Where Spark keeps account of the batches."""
        return f"{self.lake.files.spark_address}/{self._place}"

    def position(self) -> Offsets | None:
        """Where the checkpoint goes on, by partition (empty: before its first batch); ``None``: there is none.

        Raises:
            LakeError: the checkpoint is not whole, or the table that it filled is gone.
        """
        planned, committed = self._numbers("offsets"), self._numbers("commits")
        if not planned:
            return None
        if self._identity() is None or not self.lake.exists(self.table) or not {*committed[-1:]} <= {*planned}:
            raise LakeError(
                explain(
                    f"the checkpoint of {self.table.name} is not whole, or the table that it filled is gone",
                    expected=f"{self.checkpoint} and {_address(self.lake, self.table)} as the last run left them",
                    do="delete the checkpoint: the stream goes on behind the last message in the table",
                )
            )
        if not committed:
            return {}
        content = self.lake.get(f"{self._place}/offsets/{committed[-1]}") or b""
        offsets = json.loads(content.splitlines()[-1])  # the last line is the one source's
        return {(topic, int(p)): offset for topic, found in offsets.items() for p, offset in found.items()}

    def landed(self, spark: SparkSession) -> Offsets:
        """Behind the last message of each partition that has any in the table."""
        if not self.lake.exists(self.table):
            return {}
        rows = read_loads(spark, self.lake, self.table).groupBy("topic", "partition")
        last = rows.agg(F.max("offset").alias("last")).collect()  # a row per partition of the topics
        return {(row["topic"], row["partition"]): row["last"] + 1 for row in last}

    def append(self, batch: DataFrame, number: int, *, files: int) -> bool:
        """Appends batch ``number`` of the checkpoint in one commit of at most ``files`` files.

        Returns False where the table has it already; nothing is read then.

        Raises:
            DataError: columns or types do not keep the table's contract.
            LakeError: the checkpoint is not there.
        """
        identity = self._identity()
        if identity is None:
            raise LakeError(explain(f"{self.table.name}: a batch without a checkpoint", expected=self.checkpoint))
        app = f"scaleinv/{self.table.name}/{identity}"
        last = self.lake._open(self.table).transaction_version(app)
        if last is not None and number <= last:
            return False
        _check_columns(batch, self.table)
        _check_types(batch, self.table)
        typed = batch.select(*[F.col(f.name).cast(f.dataType).alias(f.name) for f in _struct(self.table)])
        writer = typed.coalesce(files).write.format("delta").mode("append")
        writer = writer.option("txnAppId", app).option("txnVersion", number)
        metadata = json.dumps({"stage": self.table.writer, "batch": number})
        writer.option("userMetadata", metadata).save(_address(self.lake, self.table))
        return True

    def _numbers(self, kind: str) -> list[int]:
        """Batches of which the checkpoint keeps ``offsets`` or ``commits``, rising."""
        names = (path.rpartition("/")[2] for path in self.lake.paths(f"{self._place}/{kind}"))
        return sorted(int(name) for name in names if name.isdigit())

    def _identity(self) -> str | None:
        """The checkpoint's own name, which a new one does not share; ``None``: there is no checkpoint."""
        content = self.lake.get(f"{self._place}/metadata")
        return str(json.loads(content)["id"]) if content else None
