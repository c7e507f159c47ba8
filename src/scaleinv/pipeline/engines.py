"""Spark and Ray, one at a time, for one night or for several."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from scaleinv.config import FORMAT_PACKAGES, Config

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Engines:
    """Each starts when it is needed first; both end with the outermost ``with``.

    So a night ends what it has started, and nights that are given the same engines, inside another ``with``, share a
    session: Java has compiled by then what the night is made of.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._spark, self._ray = ExitStack(), ExitStack()
        self._session: SparkSession | None = None

    def __enter__(self) -> Self:
        self._depth += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._depth -= 1
        if not self._depth:
            with self._spark, self._ray:
                self._session = None

    def spark(self, config: Config) -> SparkSession:
        """The Spark session; Ray's memory is given back first."""
        if self._session is None:
            from scaleinv.lake.spark import spark_session, stop_session

            self._ray.close()
            formats = sorted({source.format for source in config.ingest.sources.values()})
            extra = [FORMAT_PACKAGES[name] for name in formats if name in FORMAT_PACKAGES]
            options = config.spark.model_copy(update={"packages": (*config.spark.packages, *extra)})
            self._session = spark_session(options, config.lake, app=f"scaleinv {config.env}")
            # A session that spark-submit or a notebook made is theirs to stop.
            if options.master is not None:
                self._spark.callback(stop_session, self._session)
        return self._session

    def ray(self, config: Config) -> None:
        """Makes the Ray cluster available; Spark's memory is given back first."""
        from scaleinv.fanout import cluster

        self._session = None
        self._spark.close()
        self._ray.enter_context(cluster(config.ray))
