"""The window sampler against pytorch-forecasting's data set, and our shortcuts against its models."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import torch
from pytorch_forecasting.metrics import NegativeBinomialDistributionLoss
from pytorch_forecasting.models.nn import LSTM
from tests.forecast.data_set import SHARED_REALS, START, made_up, their_data_set

from scaleinv.config import LstmConfig, TftConfig
from scaleinv.forecast.history import known_at
from scaleinv.forecast.inputs import Encoded, encode
from scaleinv.forecast.networks import NegativeBinomial, build_lstm, build_tft
from scaleinv.forecast.predict import lstm_paths
from scaleinv.forecast.windows import Batches, Pass, Stretch, Windows, batch

CONTEXT, HORIZON = 14, 7
FIRSTS, DAYS = (0, 7, 14), 40


def _data() -> Encoded:
    return made_up(FIRSTS, DAYS, context=CONTEXT, horizon=HORIZON)


@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
def test_a_batch_is_what_timeseriesdataset_hands_out() -> None:
    data = _data()
    dataset = their_data_set(data)
    loader = dataset.to_dataloader(train=False, batch_size=len(dataset), num_workers=0)
    theirs, (their_y, _) = next(iter(loader))
    # it also cuts the past of some windows shorter than it is; those we never draw
    whole = theirs["encoder_lengths"] == theirs["decoder_time_idx"][:, 0].clamp(max=CONTEXT)
    theirs, their_y = {name: values[whole] for name, values in theirs.items()}, their_y[whole]
    windows = Windows(theirs["groups"][:, 0], theirs["decoder_time_idx"][:, 0])
    ours, (our_y, _) = batch(data, windows)
    assert len(windows) == sum(DAYS - first - HORIZON for first in FIRSTS)
    assert set(ours) == set(theirs)
    for name in (
        "encoder_lengths",
        "decoder_lengths",
        "decoder_time_idx",
        "groups",
        "encoder_target",
        "decoder_target",
        "target_scale",
    ):
        torch.testing.assert_close(ours[name], theirs[name], msg=name, check_dtype=False)
    torch.testing.assert_close(our_y, their_y)
    for part in ("encoder", "decoder"):
        columns = [dataset.flat_categoricals.index(name) for name in data.inputs.categoricals]
        torch.testing.assert_close(ours[f"{part}_cat"], theirs[f"{part}_cat"][..., columns])
        for mine, their in SHARED_REALS.items():
            column = ours[f"{part}_cont"][..., data.inputs.reals.index(mine)]
            torch.testing.assert_close(column, theirs[f"{part}_cont"][..., dataset.reals.index(their)], msg=mine)


@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
@pytest.mark.parametrize("model", ["lstm", "tft"])
def test_the_models_say_the_same_on_both_batches(model: str) -> None:
    data = _data()
    dataset = their_data_set(data)
    theirs, _ = next(iter(dataset.to_dataloader(train=False, batch_size=len(dataset), num_workers=0)))
    whole = theirs["encoder_lengths"] == theirs["decoder_time_idx"][:, 0].clamp(max=CONTEXT)
    theirs = {name: values[whole] for name, values in theirs.items()}
    ours, _ = batch(data, Windows(theirs["groups"][:, 0], theirs["decoder_time_idx"][:, 0]))
    for part in ("encoder", "decoder"):  # what only we compute stays, what both have is taken from them
        mixed = ours[f"{part}_cont"].clone()
        for mine, their in SHARED_REALS.items():
            column = theirs[f"{part}_cont"][..., dataset.reals.index(their)]
            mixed[..., data.inputs.reals.index(mine)] = column
        columns = [dataset.flat_categoricals.index(name) for name in data.inputs.categoricals]
        theirs |= {f"{part}_cont": mixed, f"{part}_cat": theirs[f"{part}_cat"][..., columns]}
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
    group = data.history.group
    y, stockout = group.y.clone(), group.is_stockout.clone()
    for series, start in zip(windows.series.tolist(), windows.start.tolist(), strict=True):
        ahead = slice(int(group.indptr[series]) + start, int(group.indptr[series + 1]))
        y[ahead] += 50
        stockout[ahead] = ~stockout[ahead]
    history = known_at(
        replace(group, y=y, sales=y, is_stockout=stockout), cutoff=START + timedelta(days=DAYS - 1), horizon=HORIZON,
        season=7,
    )  # fmt: skip
    before, _ = batch(data, windows)
    after, _ = batch(encode(history, data.inputs), windows)
    assert not torch.equal(before["decoder_target"], after["decoder_target"])
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


def test_weights_and_half_life_say_how_often_a_window_is_drawn() -> None:
    stretch = Stretch(
        torch.tensor([3, 5, 9, 2]), torch.tensor([5, 4, 9, 7]), weight=torch.tensor([1.0, 9.0, 2.0, 0.5]), half_life=2.0
    )
    drawn = stretch.draw(50_000, torch.Generator().manual_seed(1))
    expected = {
        (series, start): weight * 0.5 ** ((last - start) / 2)
        for series, first, last, weight in ((0, 3, 5, 1.0), (2, 9, 9, 2.0), (3, 2, 7, 0.5))
        for start in range(first, last + 1)
    }
    pairs, counts = torch.unique(torch.stack([drawn.series, drawn.start], 1), dim=0, return_counts=True)
    assert [tuple(pair) for pair in pairs.tolist()] == sorted(expected)
    wanted = torch.tensor([expected[key] for key in sorted(expected)])
    torch.testing.assert_close(counts / 50_000, wanted / wanted.sum(), rtol=0.1, atol=0.002)
    even = replace(stretch, half_life=None).draw(50_000, torch.Generator().manual_seed(1))
    assert torch.bincount(even.series).tolist() == pytest.approx([50_000 * w / 8 for w in (3, 0, 2, 3)], rel=0.05)
    assert torch.bincount(even.start[even.series == 3])[2:].tolist() == pytest.approx([50_000 / 16] * 6, rel=0.1)


def test_short_pasts_share_batches_so_that_others_need_no_packing() -> None:
    data = _data()
    batches = Batches(
        data, Stretch(torch.full((3,), 10), torch.tensor([33, 26, 19])), batch_size=8, n_batches=10, seed=3
    )
    mixed = [x for x, _ in batches if 0 < int((x["encoder_lengths"] < CONTEXT).sum()) < 8]
    assert len(mixed) <= 1
    assert [len(y) for _, (y, _) in batches] == [8] * 10
    assert all(x["encoder_cont"].shape[1] == int(x["encoder_lengths"].max()) for x, _ in batches)


def test_batches_made_together_are_those_made_alone() -> None:
    data = _data()
    windows = Stretch(torch.full((3,), 3), torch.tensor([33, 26, 19])).draw(50, torch.Generator().manual_seed(4))
    together = list(Pass(data, windows, batch_size=8))
    assert [len(y) for _, (y, _) in together] == [8] * 6 + [2]
    for at, (x, (y, weight)) in enumerate(together):
        alone, (own_y, own_weight) = batch(data, windows[slice(8 * at, 8 * at + 8)])
        assert set(x) == set(alone)
        for name in alone:
            torch.testing.assert_close(x[name], alone[name], msg=name)
        torch.testing.assert_close((y, weight), (own_y, own_weight))


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
