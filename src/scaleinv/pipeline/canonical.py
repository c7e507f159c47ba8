"""The SKU registry at work in a run of ingest: codes are learnt load by load, rows bear what they mean.

What the lake's rows were last made with stands beside the stages' markers: where it differs from what is decided now,
master data are loaded again and movements restated, and a run that was killed is followed by one that does it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Final

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from scaleinv.config.sources import SourceConfig
from scaleinv.ingest import Cleansed
from scaleinv.ingest.registry import GTIN, codes_of
from scaleinv.ingest.registry.codes import code_key, gtin14
from scaleinv.ingest.registry.silver import (
    ITEMS,
    adds_up,
    day_of,
    frame_of,
    in_skus,
    item_meanings,
    known_codes,
    meanings,
    together,
)
from scaleinv.lake.loads import merged
from scaleinv.lake.spark import read_loads, read_spark
from scaleinv.pipeline.decisions import has_registry, in_force
from scaleinv.pipeline.loads import Load
from scaleinv.pipeline.registry import CODES, LOG, MAPPING, propose, take_codes
from scaleinv.pipeline.sources import SourceFile
from scaleinv.pipeline.walk import Walk, digest
from scaleinv.schema import Table, table
from scaleinv.schema.registry import HOME

_STATE: Final = "_walk/skus.json"
_UNKNOWN: Final = "unknown_sku"


@dataclass
class Skus:
    """The registry as a run of ingest knows it; ``log``, the decisions, grows with what the run decides itself."""

    walk: Walk
    log: pa.Table
    before: dict[str, Any] = field(default_factory=dict)
    """What the rows in the lake were last made with."""
    _doubtful: pa.Table | None = None
    """Pairs that a person has to look at, where this run has looked at any."""

    @property
    def spark(self) -> SparkSession:
        """The session of the walk."""
        return self.walk.spark()

    def is_stale(self, source: str, last: int | None) -> bool:
        """Whether codes mean something else today than in the last load of master data, or were never looked at."""
        now = digest(in_force(self.log, self.walk.as_of))
        return bool(now != self.before.get("in_force") and [last, now] != self.before.get("makes", {}).get(source))

    def makes(self, load: Load) -> None:
        """Before the commit of master data: a run that dies after it is not followed by one that reads them again."""
        now = [load.number, digest(in_force(self.log, self.walk.as_of))]
        self.before = {**self.before, "makes": {**self.before.get("makes", {}), load.source: now}}
        self.walk.lake.put(_STATE, json.dumps(self.before, sort_keys=True).encode())

    @cached_property
    def _master(self) -> pa.ChunkedArray:
        return self.walk.lake.read(table(ITEMS), columns=["sku_id"])["sku_id"]

    def forget_master(self) -> None:
        """The item master has been written."""
        self.__dict__.pop("_master", None)

    def parents(self, load: Load, items: DataFrame) -> DataFrame:
        """The item master's keys as codes of the load's source: what the rule ``unknown_sku`` looks in."""
        if not self.log.num_rows and load.contract.system == HOME:
            return items
        return known_codes(items, self._found(load, load.day(self.walk.as_of)), load.contract.system)

    def learn(self, load: Load, cleansed: Cleansed, *, stopped: bool) -> bool:
        """Takes the codes of a load into the registry, where one is new or says something new of itself.

        Gives whether rows that were set aside as unknown may be known now. What else than the item master brings has
        new codes only where some were unknown: all others are the item master's. A load that is stopped teaches
        nothing, unless it may go on when its codes are known.
        """
        lake, is_master = self.walk.lake, load.table.name == ITEMS
        if (is_master and stopped) or (not is_master and _UNKNOWN not in cleansed.rules):
            return False
        said = {"description": "description", "gtin": "gtin"} if is_master else {}
        seen = codes_of(self._worth_knowing(load, cleansed), system=load.contract.system, **said)
        code = ["system", "code"]
        known = read_spark(self.spark, lake, MAPPING).select(*code).distinct()
        if is_master:
            known = known.join(read_spark(self.spark, lake, CODES).select(*code, "gtins", "description"), code)
            known = known.withColumnsRenamed({"gtins": "_gtins", "description": "_description"})
        new = seen.join(known.withColumn("_known", F.lit(True)), code, "left")
        is_new = F.col("_known").isNull()
        if is_master:
            alike = F.col("gtins").eqNullSafe(F.col("_gtins")) & F.col("description").eqNullSafe(F.col("_description"))
            is_new = is_new | ~alike
        new = new.where(is_new).select(*seen.columns)
        if new.isEmpty():
            return False
        rules = self.walk.config.ingest.registry
        made, self._doubtful = take_codes(self.spark, lake, new, day=load.day(self.walk.as_of), rules=rules)
        self.log = lake.read(LOG)
        if made.num_rows:
            said_so = "merged in the SKU registry, of which there was no doubt"
            self.walk.progress.say(f"{load.source}: {made.num_rows:,} codes {said_so} (silver/sku_decisions)")
        return bool(made.num_rows) and _UNKNOWN in cleansed.rules

    def _worth_knowing(self, load: Load, cleansed: Cleansed) -> DataFrame:
        """Rows whose codes are learnt: items, and else those of which only the code is not in the item master.

        Where these are too many, something else than a code is in the column: of them those that are spelt like a code
        that is known, or bear its GTIN.
        """
        rule, system = F.col("_rule"), load.contract.system
        if load.table.name == ITEMS:
            return cleansed.kept.where(rule.isNull())
        strange = cleansed.kept.where(rule == _UNKNOWN)
        allowed = self.walk.config.ingest.max_quarantine_share * cleansed.counts["read"]
        if cleansed.rules[_UNKNOWN] <= allowed:
            return strange
        codes = read_spark(self.spark, self.walk.lake, CODES)
        by_gtin = codes.select(F.explode("gtins").alias("_kin"))
        by_key = codes.where(F.col("system") == system).select(F.col("code_key").alias("_kin"))
        kin, bears = (by_gtin, gtin14) if system == GTIN else (by_key, code_key)
        return strange.join(kin.distinct(), bears(F.col("sku_id")) == F.col("_kin"), "left_semi")

    def canonical(self, load: Load, accepted: DataFrame) -> DataFrame | None:
        """Rows of a load in canonical SKUs, one per key; ``None``: they are as they came."""
        system, into = load.contract.system, load.table
        day = load.day(self.walk.as_of)
        if not self.log.num_rows and system == HOME:
            return None
        found = self._found(load, day)
        if system == HOME and not _touches(accepted, into, found, day):
            return None
        others = None
        if into.loads == "whole" and "sku_id" in into.key:
            others = read_loads(self.spark, self.walk.lake, into).where(F.col("source") != load.source)
        rows = in_skus(accepted, into, found, system=system, day=day)
        return together(rows, into, system=system, others=others)

    def restated(self, load: Load) -> tuple[DataFrame, int] | None:
        """What a source has brought, in the SKUs of today, and how many rows that was; ``None``: nothing changes."""
        into, day = load.table, load.day(self.walk.as_of)
        found = self._found(load, day)
        rows = read_loads(self.spark, self.walk.lake, into).where(F.col("source") == load.source)
        if not _touches(rows, into, found, day):
            return None
        rows = merged(rows, into, as_of=None, one_load=False)
        return together(in_skus(rows, into, found, system=HOME, day=day), into, system=HOME), rows.count()

    def settle(self) -> None:
        """Everything is as it is decided now; proposals are made anew, where there is something new to propose."""
        lake, rules = self.walk.lake, self.walk.config.ingest.registry
        if self.before == self._now(self.walk.as_of):
            return
        if (self.before.get("codes"), self.before.get("log")) != (lake.version(CODES), digest(_names(self.log))):
            doubtful, day = self._doubtful, self.walk.as_of
            if doubtful is None:  # persons have decided, or a run was killed
                nothing = read_spark(self.spark, lake, CODES).drop("is_product").limit(0)
                _, doubtful = take_codes(self.spark, lake, nothing, day=day, rules=rules)
                self.log = lake.read(LOG)
            propose(self.spark, lake, doubtful, day=day, rules=rules)
        lake.put(_STATE, json.dumps(self._now(self.walk.as_of), sort_keys=True).encode())

    @property
    def are_decided_anew(self) -> bool:
        """Whether anything has been decided since movements were last restated."""
        return bool(self._now(self.walk.as_of)["log"] != self.before.get("log", digest([])))

    def _found(self, load: Load, day: date) -> DataFrame:
        is_master = load.table.name == ITEMS
        found = item_meanings(self.log) if is_master else meanings(self.log, self._master, day=day)
        return frame_of(self.spark, found)

    def _now(self, day: date) -> dict[str, Any]:
        return {
            "log": digest(_names(self.log)),
            "in_force": digest(in_force(self.log, day)),
            "codes": self.walk.lake.version(CODES),
        }


def registry_of(walk: Walk) -> Skus | None:
    """The registry for a run; ``None`` where codes are not looked up."""
    if not has_registry(walk.config):
        return None
    for one in (CODES, MAPPING, LOG):
        walk.lake.create(one)
    content = walk.lake.get(_STATE)
    return Skus(walk, walk.lake.read(LOG), json.loads(content) if content else {})


def restating_load(walk: Walk, name: str, source: SourceConfig, last: int) -> Load:
    """The load that takes the place of all that a source has brought, its files and quarantine among it."""
    log = walk.lake.read(table("ingest_log"), where={"source": name}).to_pylist()
    row = next(row for row in log if row["load"] == last)
    first = max((row["load"] for row in log if row["replaces"] and row["load"] <= last), default=0)
    read = walk.lake.read(table("source_files"), where={"source": name}).sort_by("load").to_pylist()
    files = {one["file"]: SourceFile(one["size"], one["modified"]) for one in read if first <= one["load"] <= last}
    return Load(
        name, table(row["into"]), source, last + 1, files, replaces=True, is_history=True,
        contract_hash=row["contract"], last_day=row["day"],
    )  # fmt: skip


def counted(counts: Mapping[str, int], rows: DataFrame, into: Table) -> dict[str, int]:
    """The counts after :meth:`Skus.canonical`: a row is a duplicate if another one of its SKU stands for it."""
    if adds_up(into):
        return dict(counts)
    kept = min(rows.count(), counts["accepted"])  # what is listed may be so in two SKUs, one after the other
    gone = counts["accepted"] - kept
    return {**counts, "accepted": kept, "duplicates": counts["duplicates"] + gone}


def has_skus(into: Table) -> bool:
    """Whether rows of a table bear product codes."""
    return "sku_id" in into.names


def _touches(rows: DataFrame, into: Table, found: DataFrame, day: date) -> bool:
    """Whether what is in ``sku_id`` means another SKU in any row."""
    changed = found.where(F.col("sku_id") != F.col("own_id")).select(
        "own_id", F.col("valid_from").alias("_from"), F.col("valid_to").alias("_to")
    )
    holds = F.col("sku_id") == F.col("own_id")
    if "listed_to" not in into.names:
        on = F.col(named) if (named := day_of(into)) else F.lit(day)
        holds = holds & on.between(F.col("_from"), F.coalesce("_to", on))
    return not rows.join(F.broadcast(changed), holds, "left_semi").isEmpty()


def _names(log: pa.Table) -> list[str]:
    return sorted(log["merge_id"].to_pylist())
