"""scaleinv from Python: ``scaleinv.open(env)`` gives a night, its tables as frames, and pictures of it.

Nothing here is another path: it reads what the walk has written, and runs the same stages.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scaleinv.config import load_config
from scaleinv.errors import ConfigError, explain
from scaleinv.pipeline.stages import stages_between
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import TABLES, Table

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

_SHOWN = 10


@dataclass(frozen=True)
class Picture:
    """An SVG that a notebook shows."""

    svg: str

    def save(self, path: str | Path) -> None:
        """Writes it to a file."""
        Path(path).write_text(self.svg, encoding="utf-8")

    def _repr_svg_(self) -> str:
        return self.svg


@dataclass(frozen=True)
class Page:
    """A report: HTML in a notebook, text elsewhere."""

    text: str
    html: str

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html


@dataclass(frozen=True)
class Data:
    """Rows of one table, in the library that you like."""

    walk: Walk
    table: Table
    columns: list[str] | None
    where: dict[str, object]

    def arrow(self) -> pa.Table:
        """As an Arrow table, sorted by the table's key as far as that was asked for; all in memory.

        History that came load by load is merged by Spark first: of a key the row that counts, as known at ``as_of``.
        """
        key = [(name, "ascending") for name in self.table.key if name in (self.columns or self.table.names)]
        if self.table.loads:
            found: pa.Table = self.spark().toArrow()
        else:
            found = self.walk.lake.read(self.table, columns=self.columns, where=self.where)
        return found.sort_by(key) if key else found

    def pandas(self) -> pd.DataFrame:
        """As a pandas frame; days are ``datetime64``."""
        frame: pd.DataFrame = self.arrow().to_pandas(date_as_object=False)
        return frame

    def polars(self) -> Any:
        """As a polars frame.

        Raises:
            ConfigError: polars is not installed.
        """
        try:
            import polars
        except ImportError as error:
            raise ConfigError(explain("polars is not installed", do="pip install polars, or take .pandas()")) from error
        return polars.from_arrow(self.arrow())

    def spark(self) -> DataFrame:
        """As a Spark frame, nothing read yet; for what does not fit into this machine's memory."""
        from pyspark.sql import functions as F

        from scaleinv.lake.spark_tables import read_spark

        frame = read_spark(self.walk.spark(), self.walk.lake, self.table, as_of=self.walk.as_of)
        for name, value in self.where.items():
            frame = frame.where(F.col(name) == F.lit(value))
        return frame.select(*self.columns) if self.columns else frame

    def _repr_html_(self) -> str:
        if self.table.loads:
            found: pa.Table = self.spark().limit(_SHOWN).toArrow()
        else:
            found = self.walk.lake.first_rows(self.table, _SHOWN, where=self.where, columns=self.columns)
        few: str = found.to_pandas().to_html(index=False)
        more = "" if found.num_rows < _SHOWN else "; there may be more: .arrow() reads them all"
        return f"{few}<p>{self.table.meaning} {found.num_rows} rows shown{more}.</p>"


class Night:
    """One night of one environment, made by :func:`open`; engines end with the ``with`` block, or by :meth:`close`."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._walk.engines.__enter__()

    def __enter__(self) -> Night:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends Spark or Ray, if it was this night that started it."""
        self._walk.engines.__exit__(None, None, None)

    @property
    def as_of(self) -> date:
        """The last day known, inclusive."""
        return self._walk.as_of

    @property
    def walk(self) -> Walk:
        """What the stages are given; its attributes may change from version to version."""
        return self._walk

    def run(self, *, until: str | None = None) -> list[str]:
        """Runs the walk, or as far as the stage ``until``; returns the stages that had work to do."""
        return self._walk.run(stages_between(None, until))

    def summary(self) -> Page:
        """The night in a few lines: service, stock, orders, accuracy, files."""
        from scaleinv.pipeline.summary import summary

        return _page(summary(self._walk))

    # --- tables ----------------------------------------------------------------------------------------------------

    def tables(self) -> pd.DataFrame:
        """What is in the lake, a row per table: name, version, rows, files, megabytes, what it is."""
        states = self._walk.lake.tables()
        columns = {
            "table": [state.name for state in states],
            "version": [state.version for state in states],
            "rows": [state.rows for state in states],
            "files": [state.files for state in states],
            "MB": [round(state.bytes / 1e6, 1) for state in states],
            "meaning": [TABLES[state.name].meaning if state.name in TABLES else "" for state in states],
        }
        frame: pd.DataFrame = pa.table(columns).to_pandas()
        return frame

    def table(self, name: str, *, columns: Sequence[str] | None = None, **where: object) -> Data:
        """A table's rows; of one that is kept night by night, tonight's, unless ``as_of`` says another.

        Args:
            name: for instance ``gold/policies``; :meth:`tables` lists them.
            columns: which ones; not given: all.
            **where: column = value, of columns by which the table lies apart (``group_id``, ``model``), or others.

        Raises:
            ConfigError: there is no such table or column.
        """
        if name not in TABLES:
            raise ConfigError(explain(f"there is no table {name!r}", expected=", ".join(sorted(TABLES))))
        table = TABLES[name]
        unknown = sorted({*(columns or ()), *where} - set(table.names))
        if unknown:
            raise ConfigError(explain(f"{name} has no such columns", expected=", ".join(table.names), which=unknown))
        if "as_of" in table.names:
            where = {"as_of": self.as_of} | where
        return Data(self._walk, table, list(columns) if columns else None, where)

    # --- looking ---------------------------------------------------------------------------------------------------

    def plot(self, sku_id: str, location_id: str, *, days: int = 56) -> Picture:
        """The last ``days`` of a series, and tonight's forecast as a fan."""
        from scaleinv.pipeline.charts import fan

        return Picture(fan(self._walk, sku_id, location_id, days=days))

    def why(self, sku_id: str, location_id: str) -> Page:
        """What a reorder point and tonight's order are made of, and what moved the forecast if a model can say."""
        from scaleinv.pipeline.explain import explained
        from scaleinv.pipeline.explain_policy import explained_policy
        from scaleinv.pipeline.picture import draw

        policy = explained_policy(self._walk, sku_id, location_id)
        try:
            why = explained(self._walk, sku_id, location_id)
        except ConfigError:  # none of the night's models can
            why = None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "why.svg"
            draw(self._walk, why, path, policy)
            picture = path.read_text(encoding="utf-8")
        text = "\n".join(part.text() for part in (why, policy) if part is not None)
        return Page(text, picture[picture.index("<svg") :])

    def what_if(self, scenarios: Iterable[dict[str, Any]]) -> Page:
        """Tonight's policies, stock and orders under scenarios (docs/whatif.md) beside the night as it is."""
        from scaleinv.config.whatif import Scenario
        from scaleinv.pipeline.picture import report
        from scaleinv.pipeline.whatif import what_if

        told = what_if(self._walk, [Scenario.model_validate(one) for one in scenarios])
        return Page(told.text(), report(told))


def open(
    env: str = "local",
    *,
    as_of: date | str | None = None,
    overrides: Sequence[str] = (),
    conf: str | Path | None = None,
) -> Night:
    """A night of an environment.

    Args:
        env: a file of ``conf/env``.
        as_of: the last day known; not given: of a synthetic retailer its last day.
        overrides: ``key=value``, as ``--set`` of the command line.
        conf: another folder of configuration.

    Raises:
        ConfigError: the configuration is wrong, or ``as_of`` is missing.
    """
    config = load_config(env, overrides=overrides, folder=Path(conf) if conf else None)
    if as_of is None:
        if config.synthetic is None:
            raise ConfigError(explain("as_of is missing", expected="the last day known", do='add as_of="2026-01-31"'))
        from scaleinv.synthetic import last_day

        as_of = last_day(config.synthetic)
    return Night(Walk(config, date.fromisoformat(as_of) if isinstance(as_of, str) else as_of))


def _page(text: str) -> Page:
    from html import escape

    return Page(text, f"<pre>{escape(text)}</pre>")
