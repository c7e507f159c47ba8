"""The window sampler against pytorch-forecasting's data set, and our shortcuts against its models."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from pytorch_forecasting import TimeSeriesDataSet
from pytorch_forecasting.data.encoders import NaNLabelEncoder, TorchNormalizer
from pytorch_forecasting.metrics import NegativeBinomialDistributionLoss
from pytorch_forecasting.models.nn import LSTM
from sklearn.preprocessing import StandardScaler

from scaleinv.config import LstmConfig, TftConfig
from scaleinv.forecast import group_arrays
from scaleinv.forecast.history import known_at
from scaleinv.forecast.inputs import Encoded, choose_inputs, encode
from scaleinv.forecast.networks import NegativeBinomial, build_lstm, build_tft
from scaleinv.forecast.predict import lstm_paths
from scaleinv.forecast.windows import Batches, Stretch, Windows, batch

START = date(2024, 1, 1)
CONTEXT, HORIZON, DAYS = 14, 7, 40


def _data(seed: int = 0) -> Encoded:
    """Three series of 40, 33 and 26 days in two places, with a promotion, an event and a stock-out here and there."""
    rng = np.random.default_rng(seed)
    firsts = np.array([0, 7, 14])
    ids = np.repeat(["a", "b", "c"], DAYS - firsts)
    day = np.concatenate([np.arange(first, DAYS) for first in firsts])
    n = len(ids)
    y = pa.array(rng.poisson(3.0, n), pa.float32())
    panel = pa.table({
        "unique_id": ids,
        "ds": pa.array([START + timedelta(days=int(i)) for i in day], pa.date32()),
        "y": y,
        "sales": y,
        "is_stockout": rng.random(n) < 0.1,
        "price": pa.array(2 + rng.random(n), pa.float32()),
        "is_promotion": rng.random(n) < 0.2,
        "event": pa.array(np.where(day % 11 == 0, "Feast", None), pa.string()),
        "is_benefit_day": day % 10 < 3,
    })  # fmt: skip
    series = pa.table({
        "unique_id": ["a", "b", "c"], "location_id": ["L1", "L2", "L1"], "category": ["C"] * 3,
        "department": ["D"] * 3, "region": ["R"] * 3,
    })  # fmt: skip
    group = group_arrays(panel, series)
    history = known_at(group, cutoff=START + timedelta(days=DAYS - 1), horizon=HORIZON, season=7)
    return encode(history, choose_inputs(history, context=CONTEXT, season=7))


def _theirs(data: Encoded) -> TimeSeriesDataSet:
    """The same rows as a pytorch-forecasting data set that scales nothing."""
    history = data.history
    past = (history.day <= history.cutoff).numpy()
    owner = np.repeat(np.arange(3), history.indptr.diff().numpy())[past]
    day = history.day.numpy()[past]
    same = TorchNormalizer(method="identity", center=False)
    reals = {
        "price": data.price, "promotion": history.is_promotion, "benefit": history.is_benefit_day,
        "month_day": data.calendar[history.day - data.first_day, 0],
    }  # fmt: skip
    frame = pd.DataFrame({
        "series": owner.astype(str),
        "time": (day - np.array([day[owner == i].min() for i in range(3)])[owner]).astype(int),
        "y": history.y.numpy()[past].astype(float),
        "location_id": data.statics[:, 0].numpy()[owner].astype(str),
        "weekday": ((day + 3) % 7).astype(str),
        "event": data.event.numpy()[past].astype(str),
        **{name: values.numpy()[past].astype(float) for name, values in reals.items()},
    })  # fmt: skip
    codes = {
        name: NaNLabelEncoder(add_nan=False).fit(pd.Series([str(i) for i in range(n)]))
        for name, n in (("weekday", 7), ("event", 3), ("location_id", 3))
    }
    return TimeSeriesDataSet(
        frame, time_idx="time", target="y", group_ids=["series"], min_encoder_length=1, max_encoder_length=CONTEXT,
        min_prediction_length=HORIZON, max_prediction_length=HORIZON, static_categoricals=["location_id"],
        time_varying_known_categoricals=["weekday", "event"], time_varying_known_reals=list(reals),
        time_varying_unknown_reals=["y"], target_normalizer=same, categorical_encoders=codes,
        scalers={name: StandardScaler(with_mean=False, with_std=False) for name in reals},
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
def test_a_batch_is_what_timeseriesdataset_hands_out() -> None:
    data = _data()
    dataset = _theirs(data)
    loader = dataset.to_dataloader(train=False, batch_size=len(dataset), num_workers=0)
    theirs, (their_y, _) = next(iter(loader))
    # it also cuts the past of some windows shorter than it is; those we never draw
    whole = theirs["encoder_lengths"] == theirs["decoder_time_idx"][:, 0].clamp(max=CONTEXT)
    theirs, their_y = {name: values[whole] for name, values in theirs.items()}, their_y[whole]
    windows = Windows(theirs["groups"][:, 0], theirs["decoder_time_idx"][:, 0])
    ours, (our_y, _) = batch(data, windows)
    assert len(windows) == sum(days - HORIZON for days in (40, 33, 26))
    assert set(ours) == set(theirs)
    for name in (
        "encoder_lengths",
        "decoder_lengths",
        "decoder_time_idx",
        "groups",
        "encoder_target",
        "decoder_target",
    ):
        torch.testing.assert_close(ours[name], theirs[name], msg=name, check_dtype=False)
    torch.testing.assert_close(our_y, their_y)
    for part in ("encoder", "decoder"):
        columns = [dataset.flat_categoricals.index(name) for name in data.inputs.categoricals]
        torch.testing.assert_close(ours[f"{part}_cat"], theirs[f"{part}_cat"][..., columns])
        for name in ("price", "promotion", "benefit", "month_day"):
            mine = ours[f"{part}_cont"][..., data.inputs.reals.index(name)]
            torch.testing.assert_close(mine, theirs[f"{part}_cont"][..., dataset.reals.index(name)], msg=name)
        scaled = ours[f"{part}_cont"][..., 0] * ours["target_scale"][:, 1:]
        torch.testing.assert_close(scaled, theirs[f"{part}_cont"][..., dataset.reals.index("y")])


@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
@pytest.mark.parametrize("model", ["lstm", "tft"])
def test_the_models_say_the_same_on_both_batches(model: str) -> None:
    data = _data()
    dataset = _theirs(data)
    theirs, _ = next(iter(dataset.to_dataloader(train=False, batch_size=len(dataset), num_workers=0)))
    whole = theirs["encoder_lengths"] == theirs["decoder_time_idx"][:, 0].clamp(max=CONTEXT)
    theirs = {name: values[whole] for name, values in theirs.items()}
    ours, _ = batch(data, Windows(theirs["groups"][:, 0], theirs["decoder_time_idx"][:, 0]))
    for part in ("encoder", "decoder"):  # what only we compute stays, what both have is taken from them
        mixed = ours[f"{part}_cont"].clone()
        for name in ("price", "promotion", "benefit", "month_day"):
            mixed[..., data.inputs.reals.index(name)] = theirs[f"{part}_cont"][..., dataset.reals.index(name)]
        y = theirs[f"{part}_cont"][..., dataset.reals.index("y")]
        mixed[..., 0] = y / ours["target_scale"][:, 1:]
        columns = [dataset.flat_categoricals.index(name) for name in data.inputs.categoricals]
        theirs |= {f"{part}_cont": mixed, f"{part}_cat": theirs[f"{part}_cat"][..., columns]}
    theirs["target_scale"] = ours["target_scale"]
    torch.manual_seed(0)
    network = _network(model, data)
    torch.testing.assert_close(network(ours)["prediction"], network(theirs)["prediction"])


def _network(model: str, data: Encoded) -> torch.nn.Module:
    if model == "lstm":
        return build_lstm(data.inputs, LstmConfig(hidden_size=8)).eval()
    return build_tft(data.inputs, TftConfig(hidden_size=8, attention_heads=2), [0.1, 0.5, 0.9]).eval()


def test_no_window_sees_the_demand_that_it_is_to_forecast() -> None:
    data = _data()
    windows = Windows(torch.tensor([0, 1, 2]), torch.tensor([20, 5, 14]))
    before, _ = batch(data, windows)
    for series, start in zip(windows.series.tolist(), windows.start.tolist(), strict=True):
        row = int(data.history.indptr[series]) + start
        data.history.y[row : row + HORIZON] += 1000
        data.history.is_stockout[row : row + HORIZON] = True
    after, _ = batch(data, windows)
    y = data.inputs.reals.index("y")
    for name in before:
        if name == "decoder_cont":  # its y is the target itself: DeepAR is taught with it, and never sees it ahead
            others = [i for i in range(len(data.inputs.reals)) if i != y]
            torch.testing.assert_close(before[name][..., others], after[name][..., others])
        elif name != "decoder_target":
            torch.testing.assert_close(before[name], after[name], msg=name)


def test_stock_out_days_have_no_weight() -> None:
    data = _data()
    windows = Windows(torch.tensor([0, 0]), torch.tensor([20, 30]))
    _, (_, weight) = batch(data, windows)
    rows = windows.start[:, None] + torch.arange(HORIZON)
    torch.testing.assert_close(weight, 1 - data.history.is_stockout[rows].float())


def test_the_weekday_level_is_the_mean_of_the_same_weekdays() -> None:
    data = _data()
    x, _ = batch(data, Windows(torch.tensor([0]), torch.tensor([30])))
    y, scale = x["encoder_target"][0], x["target_scale"][0, 1]
    expected = (y.reshape(2, 7).sum(0) + y.mean()) / 3
    column = data.inputs.reals.index("weekday_level")
    torch.testing.assert_close(x["decoder_cont"][0, :, column] * scale, expected)
    torch.testing.assert_close(x["encoder_cont"][0, 7:, column] * scale, expected)


def test_windows_are_drawn_evenly_and_the_same_with_the_same_seed() -> None:
    stretch = Stretch(torch.tensor([3, 5, 9, 2]), torch.tensor([5, 4, 9, 7]))
    assert stretch.count == 3 + 0 + 1 + 6
    drawn = stretch.draw(20_000, torch.Generator().manual_seed(1))
    pairs, counts = torch.unique(torch.stack([drawn.series, drawn.start], 1), dim=0, return_counts=True)
    assert pairs.tolist() == [[0, 3], [0, 4], [0, 5], [2, 9], *([3, i] for i in range(2, 8))]
    assert counts.numpy() == pytest.approx(2000, rel=0.1)
    again = stretch.draw(20_000, torch.Generator().manual_seed(1))
    assert torch.equal(drawn.start, again.start)


def test_short_pasts_share_batches_so_that_others_need_no_packing() -> None:
    data = _data()
    batches = Batches(
        data, Stretch(torch.full((3,), 10), torch.tensor([33, 26, 19])), batch_size=8, n_batches=10, seed=3
    )
    mixed = [x for x, _ in batches if 0 < int((x["encoder_lengths"] < CONTEXT).sum()) < 8]
    assert len(mixed) <= 1
    assert [len(y) for _, (y, _) in batches] == [8] * 10


def test_our_likelihood_is_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    parameters = torch.rand((50, 4, 2), generator=generator) * 5 + 0.05
    y = torch.randint(0, 40, (50, 4), generator=generator).float()
    torch.testing.assert_close(
        NegativeBinomial().loss(parameters, y), NegativeBinomialDistributionLoss().loss(parameters, y),
        rtol=1e-3, atol=1e-3,
    )  # fmt: skip


def test_leaving_out_the_packing_changes_nothing() -> None:
    data = _data()
    network = build_lstm(data.inputs, LstmConfig(hidden_size=8)).eval()
    packed = LSTM(network.rnn.input_size, 8, 2, batch_first=True).eval()
    packed.load_state_dict(network.rnn.state_dict())
    x = torch.rand((5, 9, network.rnn.input_size), generator=torch.Generator().manual_seed(0))
    for lengths in (torch.full((5,), 9), torch.tensor([9, 3, 1, 9, 5])):
        ours, (hidden, _) = network.rnn(x, lengths=lengths, enforce_sorted=False)
        theirs, (their_hidden, _) = packed(x, lengths=lengths, enforce_sorted=False)
        torch.testing.assert_close(ours, theirs)
        torch.testing.assert_close(hidden, their_hidden)


def test_our_sample_paths_are_distributed_as_those_of_deepar() -> None:
    data = _data()
    torch.manual_seed(2)
    network = build_lstm(data.inputs, LstmConfig(hidden_size=8)).eval()
    chosen = batch(data, Windows(torch.tensor([0, 1, 2]), data.history.n_days))
    with torch.inference_mode():
        ours = lstm_paths(network, chosen, n_samples=6000, generator=torch.Generator().manual_seed(0))
        theirs = network(chosen[0], n_samples=6000)["prediction"].permute(0, 2, 1)
    assert ours.shape == (3, 6000, HORIZON)
    torch.testing.assert_close(ours.mean(1), theirs.mean(1), rtol=0.12, atol=0.05)
    torch.testing.assert_close(ours.sum(2).std(1), theirs.sum(2).std(1), rtol=0.12, atol=0.05)
    assert bool((ours == ours.round()).all())


def test_age_ends_with_the_context() -> None:
    data = _data()
    starts = torch.tensor([1, CONTEXT, CONTEXT + 5])
    x, _ = batch(data, Windows(torch.zeros(3, dtype=torch.long), starts))
    age = x["decoder_cont"][:, 0, data.inputs.reals.index("age")]
    torch.testing.assert_close(age, torch.tensor([1 / CONTEXT, 1.0, 1.0]))
