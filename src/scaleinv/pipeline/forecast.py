"""Stage forecast: fitted models to distributions of demand, at every backtest cutoff and at ``as_of``, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from scaleinv.errors import DataError, LakeError, ScaleinvError, explain
from scaleinv.evaluation import cutoffs
from scaleinv.forecast import Fitted, Forecast, Group, fit, forecast_table, predict, reasons, reasons_table
from scaleinv.lake import Lake, StagedFile
from scaleinv.pipeline.groups import Card, Request, load_group, message, requests, run_groups
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Outcome, Walk
from scaleinv.schema import table
from scaleinv.schema.words import BASELINE, EXPLAINED, UNTRAINED, ModelName


def work(walk: Walk) -> Outcome:
    """Workers write a file per group, model and cutoff, and one of tonight's reasons; the driver commits each table."""
    config = walk.config
    stage = next(stage for stage in STAGES if stage.name == "forecast")
    days = [*cutoffs(walk.as_of, config.evaluation.holdout_days, config.evaluation.refresh_days), walk.as_of]
    todo = requests(
        walk,
        kind="forecast",
        models=(BASELINE, *config.forecast.models),
        cutoffs=days,
        fingerprint=walk.fingerprint(stage),
    )
    cards = run_groups(walk, forecast_group, todo, _failed)
    for name in stage.writes:
        files = [StagedFile(**file) for card in cards for file in card["files"][name]]
        walk.commit(name, files, sum(file.rows for file in files))
    fallen: Counter[str] = sum((Counter(card["fallen"]) for card in cards), Counter())
    for reason, series in sorted(fallen.items()):
        walk.progress.say(f"{series:,} series-forecasts fell back to the baseline: {reason}")
    for reason, groups in sorted(Counter(card["unexplained"] for card in cards if card["unexplained"]).items()):
        walk.progress.say(f"what moved the forecasts of {groups:,} groups is not stored: {reason}")
    again = sorted(request.id for request, card in zip(todo, cards, strict=True) if card["try_again"])
    if again:
        walk.progress.say(f"the next run tries again: {', '.join(again[:5])} ({len(again):,} in all)")
    return Outcome(result={"try_again": again}, complete=not again)


def forecast_group(request: Request) -> Card:
    """On a worker: forecasts one group with one model; where the model is missing or fails, the baseline stands in."""
    group = load_group(request)
    lake = Lake(request.lake)
    try:
        is_stored = request.model not in UNTRAINED
        fitted = trained(request, lake) if is_stored else _untrained(request, group, request.model)
        files = _stage_all(request, group, lake, fitted)
    except Exception as error:  # whatever a network does, tonight's orders need a forecast; the card says why
        if request.model == BASELINE:
            raise
        return _fallen(request, group, lake, message(error), try_again=not isinstance(error, DataError))
    try:
        return _card(request, files, _explained(request, group, lake, fitted))
    except Exception as error:  # orders are made from a forecast without its reasons, too
        return _card(request, files) | {"unexplained": message(error)}


def _fallen(request: Request, group: Group, lake: Lake, why: str, *, try_again: bool) -> Card:
    """The baseline's forecast under the model's name; data will be the same in the next run, memory may be there."""
    files = _stage_all(request, group, lake, _untrained(request, group, BASELINE))
    return _card(request, files) | {"fallen": {why: group.n_series * len(files)}, "try_again": try_again}


def _card(request: Request, files: Sequence[StagedFile], reasons: Sequence[StagedFile] = ()) -> Card:
    return {
        "fingerprint": request.fingerprint,
        "files": {"gold/forecasts": [*map(asdict, files)], "gold/explanations": [*map(asdict, reasons)]},
        "fallen": {},
        "unexplained": None,
        "try_again": False,
    }


def _stage_all(request: Request, group: Group, lake: Lake, fitted: Fitted) -> list[StagedFile]:
    """One file per cutoff; no more than one cutoff's forecast is held."""
    return [
        _stage(request, lake, predict(fitted, group, cutoff=cutoff, config=request.forecast), cutoff)
        for cutoff in request.cutoffs
    ]


def _stage(request: Request, lake: Lake, forecast: Forecast, cutoff: date) -> StagedFile:
    rows = forecast_table(forecast, as_of=request.as_of, cutoff=cutoff, model=request.model, group_id=request.group_id)
    partition = {"as_of": request.as_of, "cutoff": cutoff, "model": request.model, "group_id": request.group_id}
    return lake.stage_file(table("gold/forecasts"), rows, partition=partition)


def _explained(request: Request, group: Group, lake: Lake, fitted: Fitted) -> list[StagedFile]:
    """The file of what moved tonight's forecast, where the model can say and it is to be stored."""
    store, night = request.explain.store, request.as_of
    if fitted.model not in EXPLAINED or store == "none" or night not in request.cutoffs:
        return []
    why = reasons(fitted, group, cutoff=night, config=request.forecast, exact=store == "exact")
    rows = reasons_table(why, as_of=night, model=fitted.model, group_id=request.group_id)
    partition = {"as_of": night, "model": fitted.model, "group_id": request.group_id}
    return [lake.stage_file(table("gold/explanations"), rows, partition=partition)]


def trained(request: Request, lake: Lake) -> Fitted:
    """The stored model that was asked for.

    Raises:
        DataError: it was not trained.
        LakeError: it was, and is not there.
    """
    where = {"as_of": request.as_of, "model": request.model, "group_id": request.group_id}
    rows = lake.read(table("gold/training_ledger"), where=where, columns=["artefact", "error"]).to_pylist()
    if not rows:
        raise LakeError(explain(f"{request.id} was not trained for {request.as_of}", do="scaleinv train first"))
    (row,) = rows
    if row["artefact"] is None:
        raise DataError(f"not trained: {row['error']}")
    content = lake.get(row["artefact"])
    if content is None:
        raise LakeError(f"{row['artefact']} is not there; scaleinv train --force makes it anew")
    return Fitted.from_bytes(content)


def _untrained(request: Request, group: Group, model: ModelName) -> Fitted:
    return fit(
        model,
        group,
        cutoff=min(request.cutoffs),
        config=request.forecast,
        season=request.season,
        seed=request.seed,
    )


def _failed(request: Request, error: str) -> Card:
    """A group that took its workers down with it, or no end: the baseline of the one group is made here."""
    if request.model != BASELINE:
        return _fallen(request, load_group(request), Lake(request.lake), error, try_again=True)
    raise ScaleinvError(
        explain(
            f"{request.id} could not be forecast, not even by the baseline",
            found=error,
            do="look at the group's rows in gold/panel; a second run tries only what is missing",
        )
    )
