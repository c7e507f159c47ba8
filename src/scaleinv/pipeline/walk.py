"""The walk itself: runs stages in order, skips what is up to date, and can be killed at any line.

A stage that has committed its tables leaves a marker under the lake's root, with a fingerprint of everything its
result depends on: its options, the code and the results of the stages before it. A stage whose marker bears today's
fingerprint is skipped; any other is done again from the start, which is safe because it replaces what it writes.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import scaleinv
from scaleinv.config import Config
from scaleinv.errors import DataError, LakeError, explain
from scaleinv.lake import Lake
from scaleinv.lake.lease import lease
from scaleinv.pipeline.decisions import decisions_state
from scaleinv.pipeline.engines import Engines
from scaleinv.pipeline.progress import Progress
from scaleinv.pipeline.sources import sources_state
from scaleinv.pipeline.stages import STAGES, Stage, stages_before
from scaleinv.pipeline.targets import file_state, policy_table_state
from scaleinv.pipeline.watch import Watch
from scaleinv.schema import Table, check_engine, table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from scaleinv.lake import StagedFile


@dataclass(frozen=True)
class Outcome:
    """What a stage leaves behind for the marker.

    ``result`` is what later stages depend on beyond the stage's own options (nothing, if these determine it);
    ``complete`` is False where part of the work failed and is to be tried again by the next run. ``memo`` is what
    other nights may want to know; no later stage of this one depends on it.
    """

    result: Mapping[str, Any] = field(default_factory=dict)
    complete: bool = True
    memo: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Walk:
    """One night: the configuration, the day, the lake and the engines, which several nights may share."""

    config: Config
    as_of: date
    progress: Progress = field(default_factory=Progress)
    force: bool = False
    engines: Engines = field(default_factory=Engines)

    def __post_init__(self) -> None:
        self.lake = Lake(self.config.lake)
        self._running: Stage | None = None
        self.watch = Watch(self.config, self.as_of, self.lake, self.progress)
        self.progress.is_json = self.config.logging.is_json
        self.progress.facts = {"run": self.watch.run, "env": self.config.env, "as_of": self.as_of.isoformat()}

    # --- running ---------------------------------------------------------------------------------------------------

    def run(self, stages: Iterable[Stage]) -> list[str]:
        """Runs ``stages`` in order; returns the names of those that had work to do."""
        done = []
        with self.engines:
            for stage in stages:
                self.progress.begin(stage.name, STAGES.index(stage) + 1, len(STAGES))
                self._require_inputs(stage)
                if not self.force and self.up_to_date(stage):
                    self.progress.say("up to date")
                    self.watch.stands(stage)
                    continue
                self._do(stage)
                self.progress.end()
                done.append(stage.name)
        return done

    def _do(self, stage: Stage) -> None:
        try:
            # The history is every night's: two that add to it at once would take each other's loads for their own.
            with (
                lease(self.lake, "ingest") if stage.name == "ingest" else nullcontext(),
                self.watch.stage(stage) as told,
            ):
                # Before the work: a file that is delivered meanwhile must not be taken for one that was read.
                fingerprint = self.fingerprint(stage)
                self.unmark(stage)
                self.progress.say(stage.purpose)
                self._running = stage
                outcome = stage.load()(self)
                self._mark(stage, fingerprint, outcome)
                told(outcome.complete)
        except Exception as error:
            if "No space left on device" not in str(error):  # as Spark, delta-rs and Python all say
                raise
            do = "make room and run again: what was committed stays, what was not is done again"
            raise LakeError(explain(f"{stage.name}: the disk is full", found=_line(error), do=do)) from error
        finally:
            self._running = None

    def up_to_date(self, stage: Stage) -> bool:
        """Whether the stage's tables are already what it would make of them."""
        marker = self._read_marker(stage)
        if not marker.get("complete") or marker["fingerprint"] != self.fingerprint(stage):
            return False
        return self._has_tables(stage) and stage.is_intact(self)

    def fingerprint(self, stage: Stage) -> str:
        """Of all that the stage's result depends on."""
        before = stages_before(stage)
        content = {
            "code": code_state(),
            "as_of": self._day_of(stage),
            "options": {section: _option(self.config, section) for section in stage.sections},
            "sources": sources_state(self.config) if stage.name == "ingest" else None,
            "decisions": decisions_state(self.config, self.lake) if stage.name == "ingest" else None,
            "policy_table": self.policy_table if "inventory" in stage.sections else None,
            "codes": self.codes if "export" in stage.sections else None,
            "before": [self._read_marker(earlier).get("digest") for earlier in before],
        }
        return digest(content)

    def _require_inputs(self, stage: Stage) -> None:
        """What lies in the lake of another night, or was made with other options, is not what the stage is to read."""
        before = stages_before(stage)
        # What follows on a stage that is to be done is to be done, too.
        done = list(itertools.takewhile(self._is_done, before))
        to_do = [earlier.name for earlier in before[len(done) :]]
        if to_do:
            options = f"--env {self.config.env} --as-of {self.as_of}"
            raise LakeError(
                explain(
                    f"{stage.name} cannot start: stages before it are not done for {self.as_of} with these options",
                    which=to_do,
                    do=f"run {', '.join(f'scaleinv {name} {options}' for name in to_do)}, "
                    f"or scaleinv run {options} for the whole walk",
                )
            )

    def _is_done(self, stage: Stage) -> bool:
        """Whether later stages can go on: also after one that is to try some groups again, they have fallen back."""
        marker = self._read_marker(stage)
        if not marker or marker.get("as_of") != self._day_of(stage) or not self._has_tables(stage):
            return False
        if not stage.is_intact(self):
            return False
        # New files may arrive between two jobs of a night: they wait for the next ingest.
        return stage.name == "ingest" or bool(marker["fingerprint"] == self.fingerprint(stage))

    def _has_tables(self, stage: Stage) -> bool:
        return all(self.lake.exists(table(name)) for name in stage.writes)

    # --- markers ---------------------------------------------------------------------------------------------------

    def _day_of(self, stage: Stage) -> str | None:
        # The retailer's history is the same for every as_of; only M5's assumed stock is made for one day.
        sources = self.config.ingest.sources.values()
        whole_history = (
            stage.name == "ingest"
            and self.config.ingest.m5 is None
            and all(source.max_age is None for source in sources)  # how old a source is depends on the day
        )
        return None if whole_history else self.as_of.isoformat()

    def _marker(self, stage: Stage) -> str:
        return f"_walk/{stage.name}.json" if stage.name == "ingest" else f"_walk/{self.as_of}/{stage.name}.json"

    def _read_marker(self, stage: Stage) -> dict[str, Any]:
        content = self.lake.get(self._marker(stage))
        return dict(json.loads(content)) if content else {}

    def unmark(self, stage: Stage) -> None:
        """Lets the next run do the stage again."""
        self.lake.delete(self._marker(stage))

    def _mark(self, stage: Stage, fingerprint: str, outcome: Outcome) -> None:
        marker = {
            "as_of": self._day_of(stage),
            "fingerprint": fingerprint,
            "complete": outcome.complete,
            "digest": digest([fingerprint, outcome.result]),
            "result": dict(outcome.result),
            "memo": dict(outcome.memo),
        }
        self.lake.put(self._marker(stage), json.dumps(marker, sort_keys=True, default=str).encode())

    # --- engines ---------------------------------------------------------------------------------------------------

    def spark(self) -> SparkSession:
        """The Spark session, started at first use."""
        return self.engines.spark(self.config)

    def ray(self) -> None:
        """Makes the Ray cluster available for the stages that need it."""
        self.engines.ray(self.config)

    @functools.cached_property
    def policy_table(self) -> str | None:
        """Which policy table this run goes by (:func:`policy_table_state`): that of its first look."""
        return policy_table_state(self.config)

    @functools.cached_property
    def codes(self) -> str | None:
        """Which file of ``export.codes`` this run goes by: that of its first look."""
        return file_state(self.config.export.codes, "export.codes")

    # --- tables ----------------------------------------------------------------------------------------------------

    def read(self, name: str, *, columns: list[str] | None = None, **where: object) -> pa.Table:
        """Rows of tonight's ``as_of`` (and ``where``) of a gold table."""
        return self.lake.read(table(name), where={"as_of": self.as_of, **where}, columns=columns)

    def overwrite(self, name: str, rows: pa.Table) -> None:
        """Replaces tonight's rows of a gold table in one commit.

        Raises:
            LakeError: the stage that runs is not the table's writer, or its rows come by Spark.
        """
        self._check_writer(name)
        self.lake.overwrite(table(name), rows, where={"as_of": self.as_of})
        self.watch.wrote(name, rows.num_rows)

    def commit(self, name: str, files: Sequence[StagedFile], rows: int) -> None:
        """The same, of rows that lie in files which workers have staged. Raises as :meth:`overwrite`."""
        self._check_writer(name)
        self.lake.commit(table(name), files, where={"as_of": self.as_of})
        self.watch.wrote(name, rows)

    def _check_writer(self, name: str) -> None:
        if self._running is None:  # a person's or a program's own lake
            return
        check_engine(table(name), "delta-rs")
        if name not in self._running.writes:
            raise LakeError(
                explain(
                    f"{self._running.name} may not write {name}",
                    expected=f"{table(name).writer}, its only writer",
                    found=f"{self._running.name} writes {', '.join(self._running.writes) or 'no table'}",
                    do="this is a defect of the stage: each table has one writer",
                )
            )

    def groups(self) -> list[str]:
        """Training groups of tonight, sorted.

        Raises:
            DataError: there is none.
        """
        names = self.lake.partition_values(table("gold/series"), "group_id", where={"as_of": self.as_of})
        if not names:
            raise DataError(
                explain(
                    f"there are no training groups of {self.as_of} in gold/series",
                    do="look at the dates in silver/sales and silver/assortment; correct --as-of",
                )
            )
        return names


def memo_at(lake: Lake, stage: str, night: date) -> dict[str, Any]:
    """What a stage of some night left for others; empty where it was not done."""
    content = lake.get(f"_walk/{night}/{stage}.json")
    return dict(json.loads(content).get("memo", {})) if content else {}


def nights_of(lake: Lake, stage: str) -> list[date]:
    """The nights for which a stage has been done."""
    places = [path.split("/") for path in lake.paths("_walk")]
    return [date.fromisoformat(place[-2]) for place in places if place[-1] == f"{stage}.json" and len(place) > 2]


def _line(error: Exception) -> str:
    """The line that speaks of the disk, of the many that Spark gives."""
    return next(line.strip() for line in str(error).splitlines() if "No space left on device" in line)[:300]


def digest(content: object) -> str:
    """A short stable hash of anything that JSON can say."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


@functools.cache
def code_state() -> str:
    """A hash of the package's source, in a folder or in a wheel: what older code made is not up to date."""
    package = Path(scaleinv.__file__).parent
    if package.is_dir():
        files = {path.relative_to(package).as_posix(): path.read_bytes() for path in package.rglob("*.py")}
    else:  # spark-submit puts a wheel on the path as it is
        with zipfile.ZipFile(package.parent) as wheel:
            names = [name for name in wheel.namelist() if name.startswith(f"{package.name}/") and name.endswith(".py")]
            files = {name.partition("/")[2]: wheel.read(name) for name in names}
    return digest([(name, hashlib.sha256(content).hexdigest()) for name, content in sorted(files.items())])


def _option(config: Config, section: str) -> object:
    value: Any = config
    for part in section.split("."):
        value = getattr(value, part)
    # Where the data lie is not part of what they are: the same night elsewhere has the same fingerprint.
    return value.model_dump(mode="json", exclude={"data"}) if hasattr(value, "model_dump") else value


def rows_of(table_: Table, rows: list[dict[str, Any]]) -> pa.Table:
    """Python rows as a table with the contract's schema."""
    return pa.Table.from_pylist(rows, schema=table_.schema)
