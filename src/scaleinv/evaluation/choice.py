"""Which model's forecasts are used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Champion:
    """The best model of one label and the next best; ``score`` is nan where no model has one."""

    model: str
    score: float
    runner_up: str | None
    runner_up_score: float


def champion(scores: Mapping[str, Mapping[str, float]], labels: Iterable[str], baseline: str) -> dict[str, Champion]:
    """Per label the model with the lowest score (the cost of its orders).

    Ties go to the simpler model: the baseline first, then the order in which ``scores`` names the models. A model
    without a score (nan, or the label is missing) loses to any that has one and is never the runner-up; where none
    has a score the baseline stands.
    """
    simplest_first = [baseline, *(model for model in scores if model != baseline)]
    return {label: _best(scores, label, simplest_first) for label in labels}


def _best(scores: Mapping[str, Mapping[str, float]], label: str, simplest_first: list[str]) -> Champion:
    found = {model: float(scores.get(model, {}).get(label, math.nan)) for model in simplest_first}
    ranked = sorted((model for model in found if not math.isnan(found[model])), key=found.__getitem__)  # stable: ties
    first, second = [*ranked, None, None][:2]
    return Champion(
        model=first if first is not None else simplest_first[0],
        score=found[first] if first is not None else math.nan,
        runner_up=second,
        runner_up_score=found[second] if second is not None else math.nan,
    )
