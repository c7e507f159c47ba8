"""Why tonight's forecast of a SKU at a location is what it is, as text."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow.compute as pc

from scaleinv.errors import ConfigError, DataError, explain
from scaleinv.forecast import EXPLAINED, Reasons, reasons
from scaleinv.pipeline.forecast import trained
from scaleinv.pipeline.groups import load_group, requests
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.words import ModelName, series_id

_BAR = 24
"""Characters of the longest bar."""


def explained(walk: Walk, sku_id: str, location_id: str, model: str | None = None) -> str:
    """What moved the forecast of the days after ``as_of``, by the stored model: always what it would say again.

    Args:
        walk: a night that is trained.
        sku_id: as in gold/series.
        location_id: as there.
        model: which one; ``None``: the champion of its demand class if that can say, else one that can.

    Raises:
        ConfigError: no model of the night can say why.
        DataError: nobody knows the series, it is too young, or its group fell back to the baseline.
    """
    unique_id = series_id(sku_id, location_id)
    found = walk.read("gold/series", columns=["unique_id", "group_id", "demand_class"])
    rows = found.filter(pc.equal(found["unique_id"], unique_id)).to_pylist()
    if not rows:
        raise DataError(
            explain(
                f"{sku_id} is not on sale at {location_id} on {walk.as_of}",
                expected="a sku_id and a location_id of gold/series",
                do="see `scaleinv forecasts`, which names all series as SKU@LOCATION",
            )
        )
    (row,) = rows
    best = _champion(walk, row["demand_class"])
    name = _chosen(walk, model or best, is_asked=model is not None)
    (request,) = [
        one
        for one in requests(walk, kind="forecast", models=[name], cutoffs=[walk.as_of], fingerprint="")
        if one.group_id == row["group_id"]
    ]
    why = reasons(
        trained(request, walk.lake), load_group(request), unique_id, cutoff=walk.as_of, config=request.forecast
    )
    used = "" if best == name else f"; orders are made from {best or 'what `evaluate` will choose'}"
    head = f"{sku_id} at {location_id}, {walk.as_of + timedelta(days=1)} on, {len(why.forecast)} days, by {name}{used}"
    return "\n".join([head, *_lines(walk.as_of, why)])


def _champion(walk: Walk, demand_class: str) -> str | None:
    rows = walk.read("gold/champions").to_pylist() if walk.lake.exists(table("gold/champions")) else []
    return next((row["model"] for row in rows if row["demand_class"] == demand_class), None)


def _chosen(walk: Walk, wanted: str | None, *, is_asked: bool) -> ModelName:
    able: list[ModelName] = [model for model in walk.config.forecast.models if model in EXPLAINED]
    for model in able:
        if model == wanted:
            return model
    if is_asked or not able:
        raise ConfigError(
            explain(
                f"{wanted or 'the models of this night'} cannot say what moved the forecast",
                expected=" or ".join(EXPLAINED) + " among forecast.models",
                found=", ".join(walk.config.forecast.models),
            )
        )
    return able[0]


def _lines(as_of: date, why: Reasons) -> list[str]:
    if why.kind == "shares":
        shares = sorted(((part.mean(), name) for name, part in why.parts.items()), reverse=True)
        lines = [f"expects {why.forecast.sum():,.1f} units (medians added up). What it looked at:"]
        lines += [f"  {name:<36} {share:5.0%} {_bar(share, shares[0][0])}" for share, name in shares]
        looked = ", ".join(f"{day} ({share:.0%})" for day, share in why.looked_back.items())
        return [*lines, f"Days back that it looked at most: {looked}"]
    total, start = why.forecast.sum(), why.start.sum()
    what = "expects" if why.kind == "factors" else "has medians that add up to"
    lines = [f"{what} {total:,.1f} units; knowing nothing but the level of the series it would say {start:,.1f}"]
    effects = []
    for name, part in why.parts.items():
        without = (why.forecast / part if why.kind == "factors" else why.forecast - part).sum()
        effects.append((total - without, name, part))
    effects.sort(key=lambda one: -abs(one[0]))
    largest = max((abs(effect) for effect, _, _ in effects), default=0.0)
    days = np.datetime64(as_of) + np.arange(1, len(why.forecast) + 1)
    sign = "x" if why.kind == "factors" else ""
    for effect, name, part in effects:
        low, high = int(part.argmin()), int(part.argmax())
        span = f"{sign}{part[low]:.2f} on {days[low]} to {sign}{part[high]:.2f} on {days[high]}"
        lines.append(f"  {name:<36} {effect:+9.1f} units {_bar(abs(effect), largest):<{_BAR}} {span}")
    return lines


def _bar(value: float, largest: float) -> str:
    return "#" * round(_BAR * value / largest) if largest > 0 else ""
