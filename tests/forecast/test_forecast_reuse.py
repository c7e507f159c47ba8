"""A model of an earlier night forecasts a later one, whose group has more days, other series and a new event."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.forecast.small import CONFIG, CUTOFF, DAYS, HORIZON, TRAINED, small_demand, small_fitted, small_tables

from scaleinv.forecast import Fitted, group_arrays, predict
from scaleinv.schema.words import ModelName

LATER = 21


@pytest.mark.parametrize("model", TRAINED)
def test_a_model_forecasts_a_night_that_it_was_not_trained_for(model: ModelName) -> None:
    days = DAYS + LATER + HORIZON
    demand = small_demand(12, days)  # four series that the model has never seen
    panel, series = small_tables(demand, np.zeros(12, int))
    names = panel["event"].to_numpy(zero_copy_only=False)
    known = pc.if_else(pc.greater(panel["ds"], pa.scalar(CUTOFF)), "Opening", pa.array(names, pa.string()))
    panel = panel.set_column(panel.schema.get_field_index("event"), "event", known.combine_chunks())
    places = [f"L{i}" for i in range(12)]  # and locations
    series = series.set_column(series.schema.get_field_index("location_id"), "location_id", pa.array(places))
    fitted = Fitted.from_bytes(small_fitted(model).to_bytes())
    forecast = predict(fitted, group_arrays(panel, series), cutoff=CUTOFF + timedelta(days=LATER), config=CONFIG)
    quantiles = np.asarray(forecast.quantiles)
    assert quantiles.shape[:2] == (12, HORIZON)
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=-1) >= 0).all()
    median = quantiles[..., CONFIG.quantile_levels.index(0.5)].mean(axis=1)
    assert np.corrcoef(median, demand.mean(axis=1))[0, 1] > 0.8, "large sellers are forecast large"
