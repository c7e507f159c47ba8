"""A made-up group, and the same rows as a pytorch-forecasting data set: what the window sampler is held against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pytorch_forecasting import TimeSeriesDataSet
from pytorch_forecasting.data.encoders import EncoderNormalizer, NaNLabelEncoder
from sklearn.preprocessing import StandardScaler

from scaleinv.forecast import group_arrays
from scaleinv.forecast.history import known_at
from scaleinv.forecast.inputs import Encoded, choose_inputs, encode

START = date(2024, 1, 1)
SHARED_REALS = {
    "y": "y", "relative_time": "relative_time_idx", "price": "price", "promotion": "promotion", "benefit": "benefit",
    "month_day": "month_day",
}  # fmt: skip
"""Columns that both have, our name -> theirs; the others are computed from each window's past, which theirs cannot."""


class ByLevel(EncoderNormalizer):  # type: ignore[misc]
    """Demand over one plus the mean of the window's past, as the sampler scales it."""

    @property
    def min_length(self) -> int:  # a mean exists of one day, too
        return 1

    def _set_parameters(self, y_center: Any, y_scale: Any) -> None:
        self.center_, self.scale_ = 0.0 * y_center.mean(), 1 + y_scale.mean()


def made_up(firsts: Sequence[int], days: int, *, context: int, horizon: int, seed: int = 0) -> Encoded:
    """Series that begin on ``firsts`` and end with day ``days``, in two places, with promotions, events, stock-outs."""
    rng = np.random.default_rng(seed)
    names = np.array([f"s{i:06d}" for i in range(len(firsts))])
    lives = days - np.asarray(firsts)
    day = np.concatenate([np.arange(first, days) for first in firsts])
    n = len(day)
    y = pa.array(rng.poisson(3.0, n), pa.float32())
    panel = pa.table({
        "unique_id": np.repeat(names, lives),
        "ds": pa.array(np.datetime64(START, "D") + day, pa.date32()),
        "y": y,
        "sales": y,
        "is_stockout": rng.random(n) < 0.1,
        "price": pa.array(2 + rng.random(n), pa.float32()),
        "is_promotion": rng.random(n) < 0.2,
        "event": pa.array(np.where(day % 11 == 0, "Feast", None), pa.string()),
        "is_benefit_day": day % 10 < 3,
    })  # fmt: skip
    series = pa.table({
        "unique_id": names, "location_id": [f"L{1 + i % 2}" for i in range(len(names))], "category": ["C"] * len(names),
        "department": ["D"] * len(names), "region": ["R"] * len(names),
    })  # fmt: skip
    group = group_arrays(panel, series)
    history = known_at(group, cutoff=START + timedelta(days=days - 1), horizon=horizon, season=7)
    return encode(history, choose_inputs(history, context=context, season=7))


def their_data_set(data: Encoded) -> TimeSeriesDataSet:
    """The same rows as a pytorch-forecasting data set; of the columns only demand is scaled."""
    history, n_series = data.history, len(data.history.n_days)
    past = (history.day <= history.cutoff).numpy()
    owner = np.repeat(np.arange(n_series), history.indptr.diff().numpy())[past]
    day = history.day.numpy()[past]
    columns = dict(zip(data.inputs.varying_reals, data.varying[data.inputs.context :].unbind(1), strict=True))
    reals = {
        "price": columns["price"], "promotion": history.is_promotion, "benefit": history.is_benefit_day,
        "month_day": columns["month_day"],
    }  # fmt: skip
    first = history.day.numpy()[history.indptr[:-1].numpy()]
    frame = pd.DataFrame({
        "series": owner.astype(str),
        "time": (day - first[owner]).astype(int),
        "y": history.y.numpy()[past].astype(float),
        "location_id": data.statics[:, 0].numpy()[owner].astype(str),
        "weekday": ((day + 3) % 7).astype(str),
        "event": data.codes[data.inputs.context :, 1].numpy()[past].astype(str),
        **{name: values.numpy()[past].astype(float) for name, values in reals.items()},
    })  # fmt: skip
    codes = {
        name: NaNLabelEncoder(add_nan=False).fit(pd.Series([str(i) for i in range(n)]))
        for name, n in (("weekday", 7), ("event", 3), ("location_id", 3))
    }
    return TimeSeriesDataSet(
        frame, time_idx="time", target="y", group_ids=["series"], min_encoder_length=1,
        max_encoder_length=data.inputs.context, min_prediction_length=data.inputs.horizon,
        max_prediction_length=data.inputs.horizon, static_categoricals=["location_id"],
        time_varying_known_categoricals=["weekday", "event"], time_varying_known_reals=list(reals),
        time_varying_unknown_reals=["y"], target_normalizer=ByLevel(), add_relative_time_idx=True,
        categorical_encoders=codes,
        scalers={name: StandardScaler(with_mean=False, with_std=False) for name in reals},
    )  # fmt: skip
