"""Accuracy by age: what a series had shown of itself at the cutoff."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from scaleinv.config import ForecastConfig
from scaleinv.pipeline.arrays import Rows
from scaleinv.pipeline.evaluate import _ages


def test_a_series_is_new_until_a_model_may_see_it_and_young_until_its_past_is_whole() -> None:
    cutoff, last = np.datetime64("2024-03-31"), np.datetime64("2024-04-07")
    firsts = cutoff - np.array([-2, 12, 13, 54, 55, 400])  # days known: none, 13, 14, 55, 56, 401
    days = [np.arange(first, last) for first in firsts]
    lengths = [len(one) for one in days]
    rows = Rows(
        "g", pa.table({"unique_id": list("abcdef")}), np.append(0, np.cumsum(lengths)), np.concatenate(days),
        np.zeros(sum(lengths), np.float32), np.zeros(sum(lengths), bool),
    )  # fmt: skip
    config = ForecastConfig(min_days=14, context_length=56)
    assert _ages(rows, date(2024, 3, 31), config).tolist() == ["new", "new", "young", "young", "grown", "grown"]
