"""Stage optimize by Ray: the same files as by this process alone, and no table touched where a group fails."""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc
import pytest
from tests.pipeline.limited_night import made

from scaleinv.errors import EngineError
from scaleinv.pipeline import optimize
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table

pytestmark = [pytest.mark.ray, pytest.mark.slow]

POLICIES = table("gold/policies")
REPLAY = [("policy", "ascending"), ("slice", "ascending"), ("value", "ascending")]


def on_ray(walk: Walk) -> Walk:
    ray = walk.config.ray.model_copy(update={"optimize": True, "num_workers": 2, "max_attempts": 1})
    return Walk(walk.config.model_copy(update={"ray": ray}), walk.as_of)


def test_ray_makes_the_same_policies_and_the_same_replay(tmp_path: Path) -> None:
    here = made(tmp_path)
    there = on_ray(here)
    version, policies = here.lake.version(POLICIES), here.read("gold/policies").sort_by("unique_id")
    replay = here.read("gold/replay").sort_by(REPLAY)
    here.overwrite("gold/replay", replay.slice(0, 0))
    with there.engines:
        optimize.work(there)
        # Files are named by their content: the commit found each of them there.
        assert here.lake.version(POLICIES) == version
        assert here.read("gold/policies").sort_by("unique_id").equals(policies)
        assert here.read("gold/replay").sort_by(REPLAY).equals(replay)

        forecasts = here.read("gold/forecasts")
        here.overwrite("gold/forecasts", forecasts.filter(pc.equal(forecasts["group_id"], "one")))
        with pytest.raises(EngineError, match="group two failed after 1 tries"):
            optimize.work(there)
        assert here.lake.version(POLICIES) == version
