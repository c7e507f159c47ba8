"""Pictures for a notebook: a series with its forecast as a fan, bars, curves; SVG, the same bytes each time."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa

from scaleinv.errors import DataError, explain
from scaleinv.pipeline.arrays import champions_of, of_champions
from scaleinv.pipeline.nights import panel_of
from scaleinv.pipeline.picture import STYLE
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import series_id

_BANDS: Final = ((0.025, 0.975, 0.15), (0.1, 0.9, 0.2), (0.25, 0.75, 0.3))
"""Levels and how dark what lies between them is."""
_COLOURS: Final = ("#1f6fb2", "#c4512d", "#767676", "#3a8a5f", "#8a6fb2")


def fan(walk: Walk, sku_id: str, location_id: str, *, days: int = 56) -> str:
    """The last ``days`` of a series' demand and tonight's forecast by the champion, as SVG.

    Raises:
        DataError: nobody knows the series.
    """
    name = series_id(sku_id, location_id)
    series = walk.read("gold/series", unique_id=name)
    if not series.num_rows:
        raise DataError(
            explain(
                f"gold/series of {walk.as_of} has no series {name}",
                expected="a SKU and a location of tonight",
                do='look at table("gold/series")',
            )
        )
    group = series["group_id"][0].as_py()
    panel = panel_of(walk).read(
        walk.lake, pa.table({"unique_id": [name]}), group_id=group, unique_id=name,
        columns=["unique_id", "ds", "y", "is_stockout"],
    ).sort_by("ds")  # fmt: skip
    ds, first = panel["ds"].to_numpy(), np.datetime64(walk.as_of - timedelta(days=days - 1))
    past = (ds >= first) & (ds <= np.datetime64(walk.as_of))
    whole = walk.read("gold/series", columns=["unique_id", "demand_class"], group_id=group).sort_by("unique_id")
    found = of_champions(walk, group, whole, champions_of(walk), cutoff=walk.as_of)
    at = whole["unique_id"].to_pylist().index(name)
    ahead = np.datetime64(walk.as_of) + np.arange(1, found.mean.shape[1] + 1)
    levels = np.asarray(walk.config.forecast.quantile_levels)

    def paint(axes: Any) -> None:
        axes.plot(ds[past], panel["y"].to_numpy()[past], color="#767676", linewidth=1, label="demand")
        for low, high, alpha in _BANDS:
            below, above = (found.quantiles[at, :, int(np.abs(levels - level).argmin())] for level in (low, high))
            label = f"{high - low:.0%} of days are in here"
            axes.fill_between(ahead, below, above, color=_COLOURS[0], alpha=alpha, linewidth=0, label=label)
        axes.plot(ahead, found.mean[at], color=_COLOURS[0], linewidth=1.8, label="expected")
        axes.set_ylim(bottom=0)
        axes.set_title(f"{sku_id} at {location_id}, units a day")
        axes.legend(frameon=False, fontsize=8, ncols=5, loc="upper left")

    return svg(paint)


def bars(values: Mapping[str, Sequence[float]], groups: Sequence[str], *, title: str, note: str = "") -> str:
    """Bars of several kinds side by side, as SVG.

    Args:
        values: kind -> (n_groups,) heights; nan: no bar.
        groups: (n_groups,) names on the axis.
        title: above it.
        note: below it.
    """

    def paint(axes: Any) -> None:
        place, width = np.arange(len(groups)), 0.8 / len(values)
        for number, (kind, heights) in enumerate(values.items()):
            colour = _COLOURS[number % len(_COLOURS)]
            axes.bar(place + (number + 0.5) * width - 0.4, heights, width * 0.92, color=colour, label=kind)
        axes.set_xticks(place, groups)
        axes.set_title(title)
        axes.set_xlabel(note)
        if len(values) > 1:
            axes.legend(frameon=False, fontsize=8, ncols=len(values), loc="upper right")

    return svg(paint)


def lines(points: Mapping[str, Sequence[tuple[float, float]]], *, title: str, x: str, y: str) -> str:
    """Curves through points, as SVG.

    Args:
        points: curve -> its points.
        title: above it.
        x: what is to the right.
        y: what is up.
    """

    def paint(axes: Any) -> None:
        for number, (name, curve) in enumerate(points.items()):
            at = np.asarray(curve, dtype=np.float64)
            axes.plot(at[:, 0], at[:, 1], "o-", color=_COLOURS[number % len(_COLOURS)], label=name)
        axes.set(title=title, xlabel=x, ylabel=y)
        if len(points) > 1:
            axes.legend(frameon=False, fontsize=8)

    return svg(paint)


def svg(paint: Callable[[Any], None]) -> str:
    """What ``paint`` draws on a figure's axes."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure: Any = Figure(figsize=(10, 3.6), layout="constrained")
        paint(figure.subplots())
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    text = drawn.getvalue()
    return text[text.index("<svg") :]
