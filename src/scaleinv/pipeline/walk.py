"""The walk itself: runs stages in order, skips what is up to date, and can be killed at any line.

A stage that has committed its tables leaves a marker under the lake's root, with a fingerprint of everything its
result depends on: its options, the code's version and the results of the stages before it. A stage whose marker bears
today's fingerprint is skipped; any other is done again from the start, which is safe because it replaces what it
writes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scaleinv import __version__
from scaleinv.config import Config
from scaleinv.errors import LakeError, explain
from scaleinv.lake import Lake
from scaleinv.pipeline.progress import Progress
from scaleinv.pipeline.stages import STAGES, Stage
from scaleinv.schema import Table, table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Outcome:
    """What a stage leaves behind for the marker.

    ``result`` is what later stages depend on beyond the stage's own options (nothing, if these determine it);
    ``complete`` is False where part of the work failed and is to be tried again by the next run.
    """

    result: Mapping[str, Any] = field(default_factory=dict)
    complete: bool = True


@dataclass
class Walk:
    """One night: the configuration, the day, the lake and the engines that are up."""

    config: Config
    as_of: date
    progress: Progress = field(default_factory=Progress)
    force: bool = False

    def __post_init__(self) -> None:
        self.lake = Lake(self.config.lake)
        self._spark = ExitStack()
        self._ray = ExitStack()
        self._session: SparkSession | None = None

    # --- running ---------------------------------------------------------------------------------------------------

    def run(self, stages: Iterable[Stage]) -> list[str]:
        """Runs ``stages`` in order; returns the names of those that had work to do."""
        done = []
        with self._spark, self._ray:
            for stage in stages:
                self.progress.begin(stage.name, STAGES.index(stage) + 1, len(STAGES))
                if not self.force and self.up_to_date(stage):
                    self.progress.say("up to date")
                    continue
                self._require_inputs(stage)
                self.lake.delete(self._marker(stage))
                self.progress.say(stage.purpose)
                outcome = stage.load()(self)
                self._mark(stage, outcome)
                self.progress.end()
                done.append(stage.name)
        return done

    def up_to_date(self, stage: Stage) -> bool:
        """Whether the stage's tables are already what it would make of them."""
        marker = self._read_marker(stage)
        if not marker.get("complete") or marker["fingerprint"] != self.fingerprint(stage):
            return False
        return all(self.lake.exists(table(name)) for name in stage.writes)

    def fingerprint(self, stage: Stage) -> str:
        """Of all that the stage's result depends on."""
        before = STAGES[: STAGES.index(stage)]
        content = {
            "version": __version__,
            "as_of": self._day_of(stage),
            "options": {section: _option(self.config, section) for section in stage.sections},
            "sources": sources_state(self.config) if stage.name == "ingest" else None,
            "before": [self._read_marker(earlier).get("digest") for earlier in before],
        }
        return digest(content)

    def _require_inputs(self, stage: Stage) -> None:
        missing = [name for name in stage.reads if not self.lake.exists(table(name))]
        if missing:
            writers = sorted({table(name).writer for name in missing})
            raise LakeError(
                explain(
                    f"{stage.name} cannot start: tables are missing",
                    which=missing,
                    do=f"run {', '.join(f'scaleinv {w}' for w in writers)} first, or scaleinv run for the whole walk",
                )
            )

    # --- markers ---------------------------------------------------------------------------------------------------

    def _day_of(self, stage: Stage) -> str | None:
        # The retailer's history is the same for every as_of; only M5's assumed stock is made for one day.
        whole_history = stage.name == "ingest" and self.config.ingest.m5 is None
        return None if whole_history else self.as_of.isoformat()

    def _marker(self, stage: Stage) -> str:
        return f"_walk/{stage.name}.json" if stage.name == "ingest" else f"_walk/{self.as_of}/{stage.name}.json"

    def _read_marker(self, stage: Stage) -> dict[str, Any]:
        content = self.lake.get(self._marker(stage))
        return dict(json.loads(content)) if content else {}

    def _mark(self, stage: Stage, outcome: Outcome) -> None:
        fingerprint = self.fingerprint(stage)
        marker = {
            "fingerprint": fingerprint,
            "complete": outcome.complete,
            "digest": digest([fingerprint, outcome.result]),
            "result": dict(outcome.result),
        }
        self.lake.put(self._marker(stage), json.dumps(marker, sort_keys=True, default=str).encode())

    # --- engines ---------------------------------------------------------------------------------------------------

    def spark(self) -> SparkSession:
        """The Spark session, started at first use."""
        if self._session is None:
            from scaleinv.lake.spark import spark_session

            self._session = spark_session(self.config.spark, self.config.lake, app=f"scaleinv {self.config.env}")
            # A session that spark-submit or a notebook made is theirs to stop.
            if self.config.spark.master is not None:
                self._spark.callback(self._session.stop)
        return self._session

    def ray(self) -> None:
        """Makes the Ray cluster available, once for the stages that need it; Spark's memory is given back first."""
        from scaleinv.fanout import cluster

        self._session = None
        self._spark.close()
        self._ray.enter_context(cluster(self.config.ray))

    # --- tables ----------------------------------------------------------------------------------------------------

    def read(self, name: str, *, columns: list[str] | None = None, **where: object) -> pa.Table:
        """Rows of tonight's ``as_of`` (and ``where``) of a gold table."""
        return self.lake.read(table(name), where={"as_of": self.as_of, **where}, columns=columns)

    def overwrite(self, name: str, rows: pa.Table) -> None:
        """Replaces tonight's rows of a gold table in one commit."""
        self.lake.overwrite(table(name), rows, where={"as_of": self.as_of})
        self.progress.wrote(name, rows.num_rows)

    def groups(self) -> list[str]:
        """Training groups of tonight, sorted."""
        return self.lake.partition_values(table("gold/series"), "group_id", where={"as_of": self.as_of})


def digest(content: object) -> str:
    """A short stable hash of anything that JSON can say."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def sources_state(config: Config) -> object:
    """Names, sizes and times of the source files; what the synthetic retailer makes is named by its options."""
    if config.synthetic is not None:
        return config.synthetic.model_dump(mode="json")
    folder = Path(config.ingest.data)
    stats = [(str(path.relative_to(folder)), path.stat()) for path in source_files(config)]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def source_files(config: Config) -> list[Path]:
    """The files that ingest would read, sorted; none where the data is not on a local path."""
    folder = Path(config.ingest.data)
    patterns = ["*"] if config.ingest.m5 else [source.path for source in config.ingest.sources.values()]
    return sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})


def _option(config: Config, section: str) -> object:
    value: Any = config
    for part in section.split("."):
        value = getattr(value, part)
    # Where the data lie is not part of what they are: the same night elsewhere has the same fingerprint.
    return value.model_dump(mode="json", exclude={"data"}) if hasattr(value, "model_dump") else value


def rows_of(table_: Table, rows: list[dict[str, Any]]) -> pa.Table:
    """Python rows as a table with the contract's schema."""
    return pa.Table.from_pylist(rows, schema=table_.schema)
