"""Why tonight's forecast of a SKU at a location is what it is: as it was stored, or from the stored model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaleinv.errors import ConfigError, DataError, LakeError, explain
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.words import EXPLAINED, POOLED, TrainedName, series_id

_BAR = 24
"""Characters of the longest bar."""
_MOST_LOOKED_BACK = 5
"""Days back that are named."""
_FLOATS = ("effects", "start", "forecast", "parts", "looked_back")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Explanation:
    """A row of ``gold/explanations``, and whose forecasts are used."""

    sku_id: str
    location_id: str
    as_of: date
    group_id: str
    model: str
    used: str | None
    """The model, or the pool, that orders are made from; ``None``: ``evaluate`` has not chosen."""
    maker: str | None
    """Which model made the forecast that lies in the lake under this one's name; ``None``: none is there."""
    kind: str
    is_exact: bool
    """Of trees: by SHAP values, not by what approximates them."""
    reasons: tuple[str, ...]
    effects: Floats
    """(n_reasons,)"""
    start: Floats
    """(horizon,)"""
    forecast: Floats
    """(horizon,)"""
    parts: Floats
    """(horizon, n_reasons)"""
    looked_back: Floats
    """(context_length,), or (0,)"""

    @property
    def unique_id(self) -> str:
        """The series."""
        return series_id(self.sku_id, self.location_id)

    @property
    def days(self) -> NDArray[np.datetime64]:
        """(horizon,) the days forecast."""
        return np.datetime64(self.as_of, "D") + np.arange(1, len(self.forecast) + 1)

    @property
    def order(self) -> NDArray[np.int64]:
        """(n_reasons,) what counts most first."""
        return np.argsort(-np.abs(self.effects), kind="stable")

    @property
    def most_looked_back(self) -> list[tuple[int, float]]:
        """The days back that a network looked at most, and their share of attention."""
        most = np.argsort(-self.looked_back, kind="stable")[:_MOST_LOOKED_BACK]
        return [(int(day) + 1, float(self.looked_back[day])) for day in most]

    @property
    def head(self) -> str:
        """What is explained, by whom, on one line."""
        head = f"{self.sku_id} at {self.location_id}, {self.days[0]} on, {len(self.days)} days, by {self.model}"
        also = [f"orders are made from {self.used or 'what evaluate will choose'}"] if self.used != self.model else []
        also += [f"but last night's forecast is by {self.maker}"] if self.maker not in (None, self.model) else []
        return "; ".join([head, *also])

    def text(self) -> str:
        """For a person at a terminal."""
        lines = self._looks() if self.kind == "shares" else self._moves()
        return "\n".join([self.head, *lines])

    def plain(self) -> dict[str, Any]:
        """For a machine: what JSON can say."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else str(value) if isinstance(value, date) else value
            for name, value in vars(self).items()
        }

    def _looks(self) -> list[str]:
        largest = self.effects[self.order[0]]
        lines = [f"expects {self.forecast.sum():,.1f} units (medians added up). What it looked at:"]
        for at in self.order:
            share = self.effects[at]
            lines.append(f"  {self.reasons[at]:<36} {share:5.0%} {_bar(share, largest)}")
        looked = ", ".join(f"{day} ({share:.0%})" for day, share in self.most_looked_back)
        return [*lines, f"Days back that it looked at most: {looked}"]

    def _moves(self) -> list[str]:
        total, start = self.forecast.sum(), self.start.sum()
        lines = [f"expects {total:,.1f} units; knowing nothing but the level of the series it would say {start:,.1f}"]
        largest = abs(self.effects[self.order[0]])
        for at in self.order:
            effect, part = self.effects[at], self.parts[:, at]
            low, high = int(part.argmin()), int(part.argmax())
            span = f"x{part[low]:.2f} on {self.days[low]} to x{part[high]:.2f} on {self.days[high]}"
            bar = _bar(abs(effect), largest)
            lines.append(f"  {self.reasons[at]:<36} {effect:+9.1f} units {bar:<{_BAR}} {span}")
        return lines


def _bar(value: float, largest: float) -> str:
    return "#" * round(_BAR * value / largest) if largest > 0 else ""


def explained(
    walk: Walk, sku_id: str, location_id: str, *, model: str | None = None, exact: bool = False
) -> Explanation:
    """What moved the forecast of the days after ``as_of``.

    It is read where ``forecast`` has stored it as it is wanted, else asked of the stored model.

    Args:
        walk: a night that is trained.
        sku_id: as in gold/series.
        location_id: as there.
        model: which one; ``None``: the champion of its demand class if that can say, else one that can.
        exact: by SHAP values, which takes trees some seconds; else what is there.

    Raises:
        ConfigError: no model of the night can say why.
        DataError: nobody knows the series, it is too young, or its group fell back to the baseline.
        LakeError: nothing of the night is there.
    """
    unique_id = series_id(sku_id, location_id)
    facts = _facts(walk, unique_id)
    used = _champion(walk, facts["demand_class"])
    told: list[str] = []
    for name in _able(walk, model, used):
        where = {"model": name, "group_id": facts["group_id"], "unique_id": unique_id}
        made = _rows(walk, "gold/forecasts", columns=["fitted_model"], cutoff=walk.as_of, **where)
        maker = next((row["fitted_model"] for row in made), None)
        try:
            stored = [row for row in _rows(walk, "gold/explanations", **where) if row["is_exact"] or not exact]
            (row,) = stored or _afresh(walk, exact=exact, **where)
        except DataError as error:  # too young, or not trained: another model may be able
            told.append(f"{name} (its forecast is by {maker or 'nobody yet'}): {' '.join(str(error).split())}")
            continue
        floats = {key: np.asarray(row[key], dtype=np.float64) for key in _FLOATS}
        floats["parts"] = floats["parts"].reshape(-1, len(row["reasons"]))
        return Explanation(
            sku_id=sku_id, location_id=location_id, as_of=walk.as_of, group_id=row["group_id"], model=name, used=used,
            maker=maker, kind=row["kind"], is_exact=row["is_exact"], reasons=tuple(row["reasons"]), **floats,
        )  # fmt: skip
    raise DataError(
        explain(
            f"no model can say what moved the forecast of {unique_id}",
            found=f"orders are made from {used or 'what evaluate will choose'}",
            which=told,
        )
    )


def _facts(walk: Walk, unique_id: str) -> dict[str, Any]:
    series = table("gold/series")
    if not walk.lake.partition_values(series, "as_of", where={"as_of": walk.as_of}):
        raise LakeError(
            explain(f"{series.name} has nothing of {walk.as_of}", do="run the stages up to train for this as_of first")
        )
    rows = walk.read(series.name, columns=["group_id", "demand_class"], unique_id=unique_id).to_pylist()
    if rows:
        return dict(rows[0])
    raise DataError(
        explain(
            f"{unique_id} is not on sale on {walk.as_of}",
            expected="a sku_id and a location_id of gold/series",
            do="see `scaleinv forecasts`, which names all series as SKU@LOCATION",
        )
    )


def _champion(walk: Walk, demand_class: str) -> str | None:
    return next((row["model"] for row in _rows(walk, "gold/champions", demand_class=demand_class)), None)


def _afresh(walk: Walk, *, model: TrainedName, group_id: str, unique_id: str, exact: bool) -> list[dict[str, Any]]:
    """What ``forecast`` would have stored. Not at the top: torch takes seconds to load, a stored row milliseconds."""
    from scaleinv.forecast import reasons, reasons_table
    from scaleinv.pipeline.forecast import trained
    from scaleinv.pipeline.groups import load_group, requests

    (request,) = requests(
        walk, kind="forecast", models=[model], cutoffs=[walk.as_of], fingerprint="", groups=[group_id]
    )
    why = reasons(
        trained(request, walk.lake), load_group(request), cutoff=walk.as_of, config=request.forecast,
        exact=exact, unique_id=unique_id,
    )  # fmt: skip
    rows: list[dict[str, Any]] = reasons_table(why, as_of=walk.as_of, model=model, group_id=group_id).to_pylist()
    return rows


def _rows(walk: Walk, name: str, *, columns: list[str] | None = None, **where: object) -> list[dict[str, Any]]:
    """Tonight's rows of one series or class; none where the table has never been written."""
    if not walk.lake.exists(table(name)):
        return []
    found = walk.lake.read(table(name), where={"as_of": walk.as_of, **where}, columns=columns)
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def _able(walk: Walk, wanted: str | None, best: str | None) -> list[TrainedName]:
    """The models to be asked, one after the other: the one that is wanted, else the champion first."""
    able = [model for model in EXPLAINED if model in walk.config.forecast.models]
    asked = [model for model in able if wanted in (None, model)]
    if not asked:
        raise ConfigError(
            explain(
                f"{wanted or 'the models of this night'} cannot say what moved the forecast",
                expected=" or ".join(EXPLAINED) + " among forecast.models",
                found=", ".join(walk.config.forecast.models),
            )
        )
    members = (best or "").split(POOLED)
    return sorted(asked, key=lambda model: model not in members)
