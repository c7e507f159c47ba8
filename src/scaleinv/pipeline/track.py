"""Stage track: the night's models and their scores, as the lake has them, to MLflow.

One run per family of models, one version of its registered model, an alias for the best and for the second. All of it
follows from the lake: what MLflow has lost, or never got, is made anew. Where MLflow does not answer, the stage says
so, and the next run of the night tries again: what was ordered does not depend on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

import scaleinv
from scaleinv.errors import EngineError, LakeError
from scaleinv.lake.lease import lease
from scaleinv.pipeline.arrays import champions_of
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Outcome, Walk, code_state, digest
from scaleinv.schema import table
from scaleinv.schema.words import BASELINE, POOLED, ModelName, TrainedName
from scaleinv.tracking import Night, Run, mirror, registered_name

Scores = dict[str, dict[str, dict[str, float]]]
"""Model -> ``overall`` or demand class -> metric -> score."""
_TRAINED: Final[tuple[TrainedName, ...]] = get_args(TrainedName)
_STATES: Final = ("done", "fell_back", "failed")
_GROUP: Final = ("validation_loss", "epochs", "n_windows", "seconds")
"""What MLflow draws group by group."""
_CURVES: Final = ("validation_losses", "training_losses")
"""Group by group they stay in the ledger."""


def work(walk: Walk) -> Outcome:
    """Makes MLflow say what the lake says of tonight."""
    config = walk.config
    if not config.tracking.uri:
        walk.progress.say("tracking.uri is not set: no mirror in MLflow")
        return Outcome()
    scores, facts = _scores(walk), _facts(walk)
    ledger, champions = walk.read("gold/training_ledger").sort_by("group_id"), champions_of(walk)
    runs = []
    for family in (BASELINE, *config.forecast.models):
        mine = ledger.filter(pc.equal(ledger["model"], family))
        tags = {**facts, "model": family, "champion_of": _champion_of(champions, family)}
        runs.append(_run(walk, family, scores.get(family, {}), mine, tags))
    best = _ranked({run.tags["model"]: scores.get(run.tags["model"], {}) for run in runs if run.model})
    named = [registered_name(config.retailer, family) for family in best]
    night = Night(
        key=digest([walk.lake.files.address, walk.as_of]), as_of=walk.as_of, experiment=config.retailer, runs=runs,
        models=[registered_name(config.retailer, family) for family in _TRAINED],
        aliases=dict(zip(("champion", "challenger"), named, strict=False)),
    )  # fmt: skip
    try:
        # Two nights at once would both give the aliases away.
        with lease(walk.lake, "track"):
            written = mirror(config.tracking, night)
    except (EngineError, LakeError) as error:
        walk.progress.say(str(error))
        return Outcome(complete=False)
    walk.progress.say(f"{written} of {len(runs)} runs written to {config.tracking.uri}; {_text(night.aliases)}")
    return Outcome()


def _text(aliases: Mapping[str, str]) -> str:
    return ", ".join(f"{alias}: {model}" for alias, model in aliases.items()) or "nothing was trained"


def _run(
    walk: Walk, family: ModelName, scores: Mapping[str, Mapping[str, float]], ledger: pa.Table, tags: dict[str, str]
) -> Run:
    done = ledger.filter(pc.equal(ledger["status"], "done"))
    model = source = None
    if done.num_rows:
        model = registered_name(walk.config.retailer, family)
        tags["artefacts"] = f"{walk.lake.files.address}/models/{walk.as_of}/{family}"
        # A server elsewhere does not let a version point at a folder of this machine.
        is_seen = walk.config.tracking.file is not None or not walk.lake.files.is_local
        source = tags["artefacts"] if is_seen else None
    metrics = {f"{label}/{name}": np.array([score]) for label, part in scores.items() for name, score in part.items()}
    groups = {}
    if ledger.num_rows:
        metrics |= _training(ledger, done)
        groups = ledger.drop_columns(["as_of", "model", *_CURVES]).to_pydict()
    content: dict[str, Any] = {
        "name": f"{walk.as_of} {family}", "model": model, "source": source, "tags": tags, "groups": groups,
        "params": _params(walk, family), "seconds": float(pc.sum(ledger["seconds"]).as_py() or 0.0),
    }  # fmt: skip
    said = digest([content, {name: values.tolist() for name, values in metrics.items()}])
    return Run(digest=said, metrics=metrics, **content)


def _facts(walk: Walk) -> dict[str, str]:
    """Tags of all of tonight's runs."""
    train = next(stage for stage in STAGES if stage.name == "train")
    return {
        "as_of": walk.as_of.isoformat(),
        "retailer": walk.config.retailer,
        "env": walk.config.env,
        "lake": walk.lake.files.address,
        "ledger": walk.lake.uri(table("gold/training_ledger")),
        "fingerprint": walk.fingerprint(train),
        "code": code_state(),
        "scaleinv": scaleinv.__version__,
    }


def _champion_of(champions: Mapping[str, str], family: str) -> str:
    """Demand classes that are forecast by it, alone or in a pool: ``lumpy, smooth (lstm+xgboost)``."""
    mine = [(label, model) for label, model in sorted(champions.items()) if family in model.split(POOLED)]
    return ", ".join(label if model == family else f"{label} ({model})" for label, model in mine)


def _params(walk: Walk, family: str) -> dict[str, str]:
    """The options that made it, by their dotted names; not those of other families."""
    others = {one for one in _TRAINED if one != family}
    forecast, evaluation = walk.config.forecast, walk.config.evaluation
    options = {
        "forecast": forecast.model_dump(mode="json", exclude={"models", *others}),
        "evaluation": evaluation.model_dump(mode="json", include={"holdout_days", "refresh_days", "season"}),
    }
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in _flat(options).items()}


def _flat(options: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in options.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return flat


def _scores(walk: Walk) -> Scores:
    found: Scores = {}
    for row in walk.read("gold/accuracy", slice=["overall", "demand_class"]).to_pylist():  # a row per model and metric
        if row["score"] is not None:
            label = "overall" if row["slice"] == "overall" else row["value"]
            found.setdefault(row["model"], {}).setdefault(label, {})[row["metric"]] = row["score"]
    return found


def _ranked(scores: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """Families by what their orders would have cost over all series; by WQL where no order cost anything.

    As demand classes are (stage ``evaluate``), but among families that have an artefact: neither the baseline, nor the
    classical models, nor a pool, which is named by its members' ``champion_of``.
    """
    overall = {family: part["overall"] for family, part in scores.items() if "overall" in part}
    by = "order_cost" if any(part.get("order_cost", 0) > 0 for part in overall.values()) else "wql"
    return sorted((family for family in overall if by in overall[family]), key=lambda family: overall[family][by])


def _training(ledger: pa.Table, done: pa.Table) -> dict[str, NDArray[np.float64]]:
    """Sums and spreads over the family's groups, the mean loss curves, and each group's own facts, a step per group."""
    number = {name: done[name].to_numpy().astype(np.float64) for name in _GROUP}
    sums: dict[str, float] = {f"groups_{state}": pc.sum(pc.equal(ledger["status"], state)).as_py() for state in _STATES}
    sums |= {
        "series": pc.sum(ledger["n_series"]).as_py(),
        "windows": pc.sum(ledger["n_windows"]).as_py(),
        "seconds": pc.sum(ledger["seconds"]).as_py(),
        "seconds_longest": pc.max(ledger["seconds"]).as_py(),
    }
    found = {f"training/{name}": np.array([value], np.float64) for name, value in sums.items()}
    if not done.num_rows:
        return found
    found["training/epochs_mean"] = number["epochs"].mean(keepdims=True)
    found["training/validation_loss_mean"] = number["validation_loss"].mean(keepdims=True)
    for share in (10, 50, 90):
        found[f"training/validation_loss_p{share}"] = np.percentile(number["validation_loss"], [share])
    for name in _CURVES:
        found[f"curve/{name}"] = mean_curve(done[name])
    return found | {f"group/{name}": values for name, values in number.items()}


def mean_curve(losses: pa.ChunkedArray) -> NDArray[np.float64]:
    """(most epochs of any group,): mean over groups, of which one that has stopped stands at its last loss.

    Args:
        losses: (n_groups,) lists, none of them empty.
    """
    lists = losses.combine_chunks()
    length = pc.list_value_length(lists).to_numpy()
    first = np.cumsum(length) - length
    epoch = np.minimum(np.arange(length.max()), length[:, None] - 1)
    values = np.asarray(lists.flatten().to_numpy(), np.float64)
    mean: NDArray[np.float64] = values[first[:, None] + epoch].mean(0)
    return mean
