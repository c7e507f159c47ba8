"""A small group of eight series on which every model can be tried."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
import pyarrow as pa

from scaleinv.config import ForecastConfig, LstmConfig, TftConfig, XgboostConfig
from scaleinv.forecast import Fitted, Group, fit, group_arrays
from scaleinv.schema.words import CLASSICAL, ModelName

START = date(2024, 1, 1)
DAYS, HORIZON = 90, 7
CUTOFF = START + timedelta(days=DAYS - 1)
SMALL = {"hidden_size": 8, "batch_size": 16, "batches_per_epoch": 4, "max_epochs": 2}
CONFIG = ForecastConfig(
    horizon=HORIZON, context_length=21, validation_days=7, n_samples=50, quantile_levels=(0.1, 0.5, 0.9, 0.95),
    lstm=LstmConfig(**SMALL), tft=TftConfig(**SMALL, attention_heads=2),
    xgboost=XgboostConfig(max_rows=5000, max_rounds=80, learning_rate=0.2, max_depth=3),
)  # fmt: skip
LEVELS = np.linspace(0.5, 8, 8)
TRAINED: tuple[ModelName, ...] = ("lstm", "tft", "xgboost")
MODELS: tuple[ModelName, ...] = ("seasonal", *TRAINED, *(model for model in CLASSICAL if model != "auto_arima"))


def small_tables(y: np.ndarray, firsts: np.ndarray, *, days_after: int = HORIZON) -> tuple[pa.Table, pa.Table]:
    """``y`` (n_series, days) as a panel; series i begins on day ``firsts[i]``; the last ``days_after`` are unknown."""
    n, days = y.shape
    owner, day = np.nonzero(np.arange(days)[None] >= firsts[:, None])
    ids = np.array([f"s{i:02d}" for i in range(n)])
    value = np.where(day < days - days_after, y[owner, day], np.nan)
    panel = pa.table({
        "unique_id": ids[owner],
        "ds": pa.array(np.datetime64(START) + day.astype("timedelta64[D]"), pa.date32()),
        "y": pa.array(value, pa.float32()),
        "sales": pa.array(value, pa.float32()),
        "is_stockout": np.zeros(len(owner), bool),
        "price": pa.array(2 + (day % 3 == 0), pa.float32()),
        "is_promotion": (day + owner) % 10 == 0,
        "event": pa.array(np.where(day % 20 == 0, "Feast", None), pa.string()),
        "is_benefit_day": day % 10 < 3,
    })  # fmt: skip
    # Several columns that vary, with vocabularies of several sizes: a mixed-up order of inputs would show.
    facts = {
        "location_id": [f"L{i % 2}" for i in range(n)], "category": ["X"] * n,
        "department": [f"D{i % 3}" for i in range(n)], "region": [f"R{i // 4}" for i in range(n)],
    }  # fmt: skip
    series = pa.table({"unique_id": ids} | facts)
    return panel, series


def small_demand(n: int = 8, days: int = DAYS + HORIZON) -> np.ndarray:
    rng = np.random.default_rng(5)
    weekday = 1 + 0.6 * np.sin(2 * np.pi * np.arange(days) / 7)
    return rng.poisson(np.resize(LEVELS, n)[:, None] * weekday).astype(float)


@cache
def small_group() -> Group:
    return group_arrays(*small_tables(small_demand(), np.zeros(8, int)))


@cache
def small_fitted(model: ModelName) -> Fitted:
    return fit(model, small_group(), cutoff=CUTOFF, config=CONFIG, season=7, seed=3)
