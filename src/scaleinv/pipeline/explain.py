"""Why tonight's forecast of a SKU at a location is what it is, as text."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow.compute as pc

from scaleinv.errors import ConfigError, DataError, LakeError, explain
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
        LakeError: nothing of the night is there.
    """
    unique_id = series_id(sku_id, location_id)
    row = _facts(walk, unique_id)
    best = _champion(walk, row["demand_class"])
    told: list[str] = []
    for name in _able(walk, model, best):
        (request,) = [
            one
            for one in requests(walk, kind="forecast", models=[name], cutoffs=[walk.as_of], fingerprint="")
            if one.group_id == row["group_id"]
        ]
        try:
            why = reasons(
                trained(request, walk.lake), load_group(request), unique_id, cutoff=walk.as_of, config=request.forecast
            )
        except DataError as error:  # too young, or not trained: another model may be able
            told.append(str(error))
            continue
        head = f"{sku_id} at {location_id}, {walk.as_of + timedelta(days=1)} on, {len(why.forecast)} days, by {name}"
        used = [f"orders are made from {best or 'what evaluate will choose'}"] if best != name else []
        maker = _maker(walk, row["group_id"], unique_id, name)
        used += [f"but last night's forecast is by {maker}"] if maker not in (None, name) else []
        return "\n".join(["; ".join([head, *used]), *_lines(walk.as_of, why)])
    raise DataError("\n".join(told))


def _facts(walk: Walk, unique_id: str) -> dict[str, Any]:
    series = table("gold/series")
    if not walk.lake.partition_values(series, "as_of", where={"as_of": walk.as_of}):
        raise LakeError(
            explain(f"{series.name} has nothing of {walk.as_of}", do="run the stages up to train for this as_of first")
        )
    found = walk.read(series.name, columns=["unique_id", "group_id", "demand_class"])
    rows = found.filter(pc.equal(found["unique_id"], unique_id)).to_pylist()
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
    rows = walk.read("gold/champions").to_pylist() if walk.lake.exists(table("gold/champions")) else []
    return next((row["model"] for row in rows if row["demand_class"] == demand_class), None)


def _maker(walk: Walk, group_id: str, unique_id: str, model: str) -> str | None:
    """Which model made the forecast that lies in the lake."""
    if not walk.lake.exists(table("gold/forecasts")):
        return None
    rows = walk.read("gold/forecasts", columns=["unique_id", "fitted_model"], cutoff=walk.as_of, model=model,
                     group_id=group_id).to_pylist()  # fmt: skip
    return next((row["fitted_model"] for row in rows if row["unique_id"] == unique_id), None)


def _able(walk: Walk, wanted: str | None, best: str | None) -> list[ModelName]:
    """The models to be asked, one after the other: the one that is wanted, else the champion first."""
    able: list[ModelName] = [model for model in EXPLAINED if model in walk.config.forecast.models]
    asked = [model for model in able if wanted in (None, model)]
    if not asked:
        raise ConfigError(
            explain(
                f"{wanted or 'the models of this night'} cannot say what moved the forecast",
                expected=" or ".join(EXPLAINED) + " among forecast.models",
                found=", ".join(walk.config.forecast.models),
            )
        )
    return sorted(asked, key=lambda model: model != best)


def _lines(as_of: date, why: Reasons) -> list[str]:
    if why.kind == "shares":
        shares = sorted(((part.mean(), name) for name, part in why.parts.items()), reverse=True)
        lines = [f"expects {why.forecast.sum():,.1f} units (medians added up). What it looked at:"]
        lines += [f"  {name:<36} {share:5.0%} {_bar(share, shares[0][0])}" for share, name in shares]
        looked = ", ".join(f"{day} ({share:.0%})" for day, share in why.looked_back.items())
        return [*lines, f"Days back that it looked at most: {looked}"]
    total, start = why.forecast.sum(), why.start.sum()
    lines = [f"expects {total:,.1f} units; knowing nothing but the level of the series it would say {start:,.1f}"]
    effects = []
    for name, part in why.parts.items():
        effects.append((total - (why.forecast / part).sum(), name, part))
    effects.sort(key=lambda one: -abs(one[0]))
    largest = max((abs(effect) for effect, _, _ in effects), default=0.0)
    days = np.datetime64(as_of) + np.arange(1, len(why.forecast) + 1)
    for effect, name, part in effects:
        low, high = int(part.argmin()), int(part.argmax())
        span = f"x{part[low]:.2f} on {days[low]} to x{part[high]:.2f} on {days[high]}"
        lines.append(f"  {name:<36} {effect:+9.1f} units {_bar(abs(effect), largest):<{_BAR}} {span}")
    return lines


def _bar(value: float, largest: float) -> str:
    return "#" * round(_BAR * value / largest) if largest > 0 else ""
