"""The room's public face: fit, store, predict and write, on small groups with everything that can go wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from importlib import import_module

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from tests.forecast.small import (
    CONFIG,
    CUTOFF,
    DAYS,
    HORIZON,
    LEVELS,
    MODELS,
    START,
    TRAINED,
    small_demand,
    small_fitted,
    small_group,
    small_tables,
)

from scaleinv.errors import DataError
from scaleinv.forecast import Fitted, Forecast, Group, fit, forecast_table, group_arrays, predict
from scaleinv.forecast.fit import _split
from scaleinv.forecast.fitted import build, take_over
from scaleinv.forecast.history import History, known_at
from scaleinv.forecast.inputs import Encoded, Inputs, encode
from scaleinv.schema import check, table
from scaleinv.schema.words import ModelName


def _check_valid(forecast: Forecast, n: int) -> None:
    assert forecast.mean.shape == (n, HORIZON)
    assert forecast.quantiles.shape == forecast.cumulative_quantiles.shape == (n, HORIZON, 4)
    for values in (forecast.mean, forecast.quantiles, forecast.cumulative_quantiles):
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    for values in (forecast.quantiles, forecast.cumulative_quantiles):
        assert (np.diff(values, axis=-1) >= 0).all()
    assert (np.diff(forecast.cumulative_quantiles, axis=1) >= -1e-4).all()


@pytest.mark.parametrize("model", [*MODELS, "auto_arima"])  # it takes a second for each series
def test_a_forecast_is_a_valid_distribution_of_every_series(model: ModelName) -> None:
    forecast = predict(small_fitted(model), small_group(), cutoff=CUTOFF, config=CONFIG)
    _check_valid(forecast, 8)
    assert forecast.unique_id.tolist() == [f"s{i:02d}" for i in range(8)]
    assert set(forecast.fitted_model) == {model}


def _of_network(model: ModelName, seed: int, **options: object) -> tuple[Fitted, Forecast]:
    """As the network itself says it: not calibrated."""
    config = CONFIG.model_copy(update={model: getattr(CONFIG, model).model_copy(update=options)})
    fitted = fit(model, small_group(), cutoff=CUTOFF, config=config, season=7, seed=seed)
    made = predict(replace(fitted, calibration=None), small_group(), cutoff=CUTOFF, config=config)
    return fitted, made


def test_networks_of_several_seeds_forecast_together(monkeypatch: pytest.MonkeyPatch) -> None:
    together, forecast = _of_network("tft", 3, seeds=2)
    alone = [_of_network("tft", seed)[1] for seed in (3, 3 + 1009)]
    np.testing.assert_allclose(forecast.quantiles, (alone[0].quantiles + alone[1].quantiles) / 2, rtol=1e-5, atol=1e-5)
    assert not np.allclose(alone[0].quantiles, alone[1].quantiles, rtol=0.01)
    assert together.card["n_windows"] == 2 * _of_network("tft", 3)[0].card["n_windows"]
    again = Fitted.from_bytes(together.to_bytes())
    same = predict(replace(again, calibration=None), small_group(), cutoff=CUTOFF, config=CONFIG)
    assert (same.quantiles == forecast.quantiles).all()
    fitted, _ = _of_network("lstm", 3, seeds=3)
    drawn = []

    def draw(network: torch.nn.Module, batch: object, *, n_samples: int, generator: object) -> torch.Tensor:
        drawn.append((network, n_samples))
        return torch.zeros(8, n_samples, HORIZON)

    monkeypatch.setattr(import_module("scaleinv.forecast.predict"), "lstm_paths", draw)
    predict(replace(fitted, calibration=None), small_group(), cutoff=CUTOFF, config=CONFIG)
    assert [n for _, n in drawn] == [17, 17, 16]
    weights = [network.state_dict()["distribution_projector.weight"] for network, _ in drawn]
    assert not torch.equal(weights[0], weights[1])
    assert torch.equal(weights[2], fitted.others[1]["distribution_projector.weight"])


def test_each_of_several_networks_begins_with_its_own_weights_of_the_last_night() -> None:
    before, _ = _of_network("tft", 3, seeds=2)
    options = {"seeds": 2, "learning_rate": 1e-12}
    config = CONFIG.model_copy(update={"tft": CONFIG.tft.model_copy(update=options)})
    after = fit("tft", small_group(), cutoff=CUTOFF, config=config, season=7, seed=3, start=before)
    name = "output_layer.weight"
    torch.testing.assert_close(after.state[name], before.state[name])
    torch.testing.assert_close(after.others[0][name], before.others[0][name])


@pytest.mark.parametrize("model", ["lstm", "tft"])
def test_half_precision_learns_the_same(model: ModelName) -> None:
    whole, half = (_of_network(model, 3, precision=precision) for precision in ("32", "bf16"))
    assert half[0].card["validation_loss"] == pytest.approx(whole[0].card["validation_loss"], rel=0.05)
    assert half[0].card["validation_loss"] != whole[0].card["validation_loss"]
    assert half[0].state.keys() == whole[0].state.keys()
    assert {tensor.dtype for tensor in half[0].state.values()} <= {torch.float32, torch.int64}
    _check_valid(half[1], 8)


@pytest.mark.parametrize("model", MODELS)
def test_the_same_training_gives_the_same_bytes_and_they_give_the_same_forecast(model: ModelName) -> None:
    first = small_fitted(model)
    again = fit(model, small_group(), cutoff=CUTOFF, config=CONFIG, season=7, seed=3)
    assert first.to_bytes() == again.to_bytes()
    restored = Fitted.from_bytes(first.to_bytes())
    assert restored.to_bytes() == first.to_bytes()
    assert dict(restored.card) == dict(first.card)
    one, two = (predict(fitted, small_group(), cutoff=CUTOFF, config=CONFIG) for fitted in (first, restored))
    for name in ("mean", "quantiles", "cumulative_quantiles"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()


@pytest.mark.parametrize("model", TRAINED)
def test_the_card_tells_epoch_by_epoch_how_the_training_went(model: ModelName) -> None:
    card = small_fitted(model).card
    losses = card["validation_losses"]
    assert card["validation_loss"] == min(losses)
    assert np.isfinite([*losses, *card["training_losses"]]).all()
    # Trees run on for a while, and only those up to the best are kept.
    kept = losses.index(min(losses)) + 1 if model == "xgboost" else len(losses)
    assert (card["epochs"], len(card["training_losses"])) == (kept, len(losses))


@pytest.mark.parametrize("model", TRAINED)
def test_another_seed_gives_other_weights(model: ModelName) -> None:
    other = fit(model, small_group(), cutoff=CUTOFF, config=CONFIG, season=7, seed=4)
    assert other.to_bytes() != small_fitted(model).to_bytes()


@pytest.mark.parametrize("model", ["lstm", "tft"])
def test_a_network_that_begins_with_the_last_ones_weights_begins_better(model: ModelName) -> None:
    longer = CONFIG.model_copy(update={model: getattr(CONFIG, model).model_copy(update={"max_epochs": 8})})
    before = fit(model, small_group(), cutoff=CUTOFF - timedelta(days=7), config=longer, season=7, seed=3)
    cold, warm = (
        fit(model, small_group(), cutoff=CUTOFF, config=CONFIG, season=7, seed=4, start=start)
        for start in (None, before)
    )
    assert warm.card["validation_losses"][0] < cold.card["validation_losses"][-1]


def test_weights_that_have_seen_later_days_are_left_alone() -> None:
    earlier = CUTOFF - timedelta(days=1)
    later = small_fitted("lstm")
    of_an_earlier_version = replace(later, card={name: value for name, value in later.card.items() if name != "cutoff"})
    fits = [
        fit("lstm", small_group(), cutoff=earlier, config=CONFIG, season=7, seed=4, start=start).to_bytes()
        for start in (None, later, of_an_earlier_version)
    ]
    assert fits[0] == fits[1] == fits[2]


def test_what_was_learnt_of_a_location_stays_with_it_when_others_come() -> None:
    before = small_fitted("lstm")
    assert before.inputs is not None
    inputs = replace(before.inputs, statics=dict(before.inputs.statics) | {"location_id": ("A", "L0", "L1")})
    assert inputs.embedding_sizes["location_id"][1] == before.inputs.embedding_sizes["location_id"][1]
    network = build("lstm", inputs, CONFIG)
    fresh = {name: weights.clone() for name, weights in network.state_dict().items()}
    take_over(network, inputs, before)
    name = "embeddings.embeddings.location_id.weight"
    old, new = before.state[name], network.state_dict()[name]
    assert torch.equal(new[[0, 2, 3]], old)
    assert torch.equal(new[1], fresh[name][1])
    assert torch.equal(network.state_dict()["rnn.weight_hh_l0"], before.state["rnn.weight_hh_l0"])
    other = replace(before.inputs, price=False)
    network = build("lstm", other, CONFIG)
    fresh = {name: weights.clone() for name, weights in network.state_dict().items()}
    take_over(network, other, before)
    assert all(torch.equal(weights, fresh[name]) for name, weights in network.state_dict().items())


@pytest.mark.parametrize("model", MODELS)
def test_what_happens_after_the_cutoff_changes_neither_model_nor_forecast(model: ModelName) -> None:
    earlier = CUTOFF - timedelta(days=HORIZON)
    changed = small_demand()
    changed[:, DAYS - HORIZON :] = 777.0
    other = group_arrays(*small_tables(changed, np.zeros(8, int), days_after=0))
    fits = [fit(model, group, cutoff=earlier, config=CONFIG, season=7, seed=3) for group in (small_group(), other)]
    assert fits[0].to_bytes() == fits[1].to_bytes()
    forecasts = [predict(fits[0], group, cutoff=earlier, config=CONFIG) for group in (small_group(), other)]
    assert forecasts[0].cumulative_quantiles.tobytes() == forecasts[1].cumulative_quantiles.tobytes()


@pytest.mark.parametrize("model", MODELS)
def test_what_is_sold_by_weight_is_forecast_as_if_its_grains_were_counted(model: ModelName) -> None:
    weighed = group_arrays(*small_tables(small_demand() * 0.1, np.zeros(8, int)))
    counted = small_group()
    one, two = (
        predict(fit(model, group, cutoff=CUTOFF, config=CONFIG, season=7, seed=3), group, cutoff=CUTOFF, config=CONFIG)
        for group in (weighed, counted)
    )
    for name in ("mean", "quantiles", "cumulative_quantiles"):
        # 0.3 / 0.1 is not quite 3: a tree may split there, a network adds up other roundings.
        np.testing.assert_allclose(10 * getattr(one, name), getattr(two, name), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("model", [*TRAINED, "auto_ets", "theta"])
def test_training_learns_a_weekly_pattern(model: ModelName) -> None:
    longer = {"batches_per_epoch": 20, "max_epochs": 8, "learning_rate": 0.01}
    networks = {name: getattr(CONFIG, name).model_copy(update=longer) for name in ("lstm", "tft")}
    config = CONFIG.model_copy(update=networks)
    fitted = fit(model, small_group(), cutoff=CUTOFF, config=config, season=7, seed=3)
    if model in TRAINED:
        assert fitted.card["training_losses"][-1] < fitted.card["training_losses"][0]
    # Of the group together: one series of eight depends on the processor's rounding in so short a training.
    mean = predict(fitted, small_group(), cutoff=CUTOFF, config=config).mean.sum(0)
    truth = LEVELS.sum() * (1 + 0.6 * np.sin(2 * np.pi * np.arange(DAYS, DAYS + HORIZON) / 7))
    assert np.corrcoef(mean, truth)[0, 1] > 0.8
    assert mean.sum() == pytest.approx(truth.sum(), rel=0.25)


@pytest.mark.parametrize(("n", "n_checked"), [(8, 8), (60, 20), (4600, 1150)])
def test_training_and_validation_share_no_target(n: int, n_checked: int) -> None:
    days = DAYS if n < 1000 else 50  # after which 7 more are known of the group, and not read
    group = group_arrays(*small_tables(small_demand(n, days + HORIZON), np.zeros(n, int)))
    cutoff = START + timedelta(days=days - 1)
    training, validation = _split(known_at(group, cutoff=cutoff, horizon=HORIZON, season=7), CONFIG)
    assert len(validation) == n_checked
    assert (validation.start + CONFIG.validation_days == days).all()
    assert (training.last[validation.series] + HORIZON <= validation.start).all()
    others = torch.ones(n, dtype=torch.bool)
    others[validation.series] = False
    assert (training.last[others] + HORIZON == days).all(), "to the last day that is known"


@pytest.mark.parametrize("model", MODELS)
def test_no_series_can_fail_its_group(model: ModelName) -> None:
    y = small_demand()
    y[0] = 0.0
    y[1] = 5.0
    y[2, :] = np.nan
    y[3, 50] = 1e9
    y[4, :-1] = 0.0
    y[4, 60] = 3.0
    firsts = np.array([0, 0, 0, 0, 0, DAYS - 1, DAYS - 9, DAYS + 3])  # a life of one day, of nine, and none yet
    group = group_arrays(*small_tables(y, firsts))
    fitted = fit(model, group, cutoff=CUTOFF, config=CONFIG, season=7, seed=3)
    forecast = predict(fitted, group, cutoff=CUTOFF, config=CONFIG)
    _check_valid(forecast, 8)
    assert forecast.fitted_model.tolist() == [model] * 5 + ["peers"] * 3
    assert forecast.mean.max() < 1000
    assert forecast.quantiles[7].any(), "not a day is known of it: it is as the others are"
    assert not forecast.cumulative_quantiles[0].any() or model != "seasonal"


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("xgboost", torch.OutOfMemoryError("CUDA out of memory")),
        ("lstm", RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")),
    ],
)
def test_a_group_that_is_too_large_for_the_memory_is_split(
    monkeypatch: pytest.MonkeyPatch, model: ModelName, error: Exception
) -> None:
    """Whichever series are trained on, all are forecast."""
    sizes: list[int] = []

    def small(history: History, inputs: Inputs) -> Encoded:
        sizes.append(history.group.n_series)
        if history.group.n_series > 4:
            raise error
        return encode(history, inputs)

    for name in ("fit", "predict"):  # the package's `fit` is the function
        monkeypatch.setattr(import_module(f"scaleinv.forecast.{name}"), "encode", small)
    fitted = fit(model, small_group(), cutoff=CUTOFF, config=CONFIG, season=7, seed=3)
    assert sizes[:2] == [8, 4]
    found = predict(fitted, small_group(), cutoff=CUTOFF, config=CONFIG)
    assert sizes[-3:] == [8, 4, 4]
    _check_valid(found, 8)
    assert found.unique_id.tolist() == small_group().unique_id.tolist()
    if model == "xgboost":
        np.testing.assert_allclose(found.mean.mean(1), LEVELS, rtol=0.5)


def test_a_part_of_a_group_is_the_group_of_its_series() -> None:
    panel, series = small_tables(small_demand(), np.arange(8) * 3)
    which = [6, 1, 3]
    names = [f"s{at:02d}" for at in sorted(which)]
    alone = group_arrays(*(one.filter(pc.is_in(one["unique_id"], pa.array(names))) for one in (panel, series)))
    part = group_arrays(panel, series).part(torch.tensor(sorted(which)))
    for one, two in zip(_plain(part), _plain(alone), strict=True):
        assert one == two


def _plain(group: Group) -> list[object]:
    rows = [getattr(group, name).nan_to_num(-1).tolist() for name in ("indptr", "day", "y", "sales", "price")]
    places = [[group.vocabularies[name][code] for code in codes] for name, codes in group.statics.items()]
    events = [group.events[code] if code >= 0 else None for code in group.event]
    return [*rows, group.unique_id.tolist(), places, events, group.is_promotion.tolist()]


def test_a_single_series_and_a_young_group_are_refused_with_what_happens_next() -> None:
    for n, firsts in ((1, np.array([0])), (4, np.full(4, DAYS - 20))):
        group = group_arrays(*small_tables(small_demand(n), firsts))
        with pytest.raises(DataError, match="too small or too young") as error:
            fit("lstm", group, cutoff=CUTOFF, config=CONFIG, season=7, seed=3)
        assert "baseline" in str(error.value)
        assert len(predict(fit("seasonal", group, cutoff=CUTOFF, config=CONFIG, season=7, seed=3), group,
                           cutoff=CUTOFF, config=CONFIG).mean) == n  # fmt: skip


def test_the_baseline_repeats_the_weekdays_of_the_last_weeks() -> None:
    y = np.tile(np.arange(7.0), (2, 20))[:, : DAYS + HORIZON]
    group = group_arrays(*small_tables(y, np.array([0, DAYS - 30])))
    forecast = predict(small_fitted("seasonal"), group, cutoff=CUTOFF, config=CONFIG)
    np.testing.assert_array_equal(forecast.mean, y[:, DAYS : DAYS + HORIZON])
    np.testing.assert_array_equal(forecast.cumulative_quantiles[..., 1], forecast.mean.cumsum(1))


def test_the_baseline_of_weeks_that_differ_keeps_each_week_whole() -> None:
    weeks = np.repeat(np.arange(20.0), 7)[None, : DAYS + HORIZON].repeat(2, 0)
    group = group_arrays(*small_tables(weeks, np.zeros(2, int)))
    total = predict(small_fitted("seasonal"), group, cutoff=CUTOFF, config=CONFIG).cumulative_quantiles[0, -1]
    assert total[2] - total[0] > 7 * 4  # single days drawn alone would even out within the week


def test_a_model_is_not_used_with_options_it_was_not_fitted_with() -> None:
    other = CONFIG.model_copy(update={"horizon": 6, "quantile_levels": (0.5,)})
    with pytest.raises(DataError, match="other options") as error:
        predict(small_fitted("tft"), small_group(), cutoff=CUTOFF, config=other)
    assert "horizon = 7" in str(error.value)
    assert "quantile_levels = (0.5,)" in str(error.value)


@pytest.mark.parametrize("damaged", [b"", b"no model", b"PK\x03\x04 cut off"])
def test_bytes_that_are_no_model_are_refused(damaged: bytes) -> None:
    with pytest.raises(DataError, match="no model of this version"):
        Fitted.from_bytes(damaged)


def test_the_table_keeps_its_contract_and_lies_step_major() -> None:
    forecast = predict(small_fitted("tft"), small_group(), cutoff=CUTOFF, config=CONFIG)
    data = check(
        forecast_table(forecast, as_of=CUTOFF, cutoff=CUTOFF, model="tft", group_id="g"), table("gold/forecasts")
    )
    row = data.slice(3, 1).to_pylist()[0]
    assert (row["unique_id"], row["model"], row["fitted_model"], row["group_id"]) == ("s03", "tft", "tft", "g")
    np.testing.assert_array_equal(np.float32(row["mean"]), forecast.mean[3])
    np.testing.assert_array_equal(np.float32(row["quantiles"]).reshape(HORIZON, 4), forecast.quantiles[3])
    np.testing.assert_array_equal(
        np.float32(row["cumulative_quantiles"]).reshape(HORIZON, 4), forecast.cumulative_quantiles[3]
    )
