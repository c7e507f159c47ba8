"""Nights that share their engines, and the command that runs them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scaleinv.cli import app
from scaleinv.config import load_config
from scaleinv.errors import ConfigError
from scaleinv.pipeline.engines import Engines
from scaleinv.pipeline.stages import Stage
from scaleinv.pipeline.walk import Walk


@pytest.fixture
def nights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[dt.date, Engines, list[str]]]:
    """What was run: the day, its engines, the stages."""
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    found: list[tuple[dt.date, Engines, list[str]]] = []

    def run(self: Walk, stages: Iterable[Stage]) -> None:
        found.append((self.as_of, self.engines, [stage.name for stage in stages]))

    monkeypatch.setattr(Walk, "run", run)
    return found


def test_nights_of_one_process_share_their_engines(nights: list[tuple[dt.date, Engines, list[str]]]) -> None:
    words = ["run", "--env", "local", "--until", "features", "--stay"]
    result = CliRunner().invoke(app, words, input="2026-01-30\n\n 2026-01-31 \n", catch_exceptions=False)
    assert [day for day, _, _ in nights] == [dt.date(2026, 1, 30), dt.date(2026, 1, 31)]
    assert nights[0][1] is nights[1][1]
    assert nights[1][2] == ["ingest", "features"]
    assert [line.split(" done")[0] for line in result.stdout.splitlines()] == ["night 2026-01-30", "night 2026-01-31"]


def test_what_is_no_day_ends_it(nights: list[tuple[dt.date, Engines, list[str]]]) -> None:
    result = CliRunner().invoke(app, ["run", "--stay", "--until", "ingest"], input="2026-01-30\ntomorrow\n2026-01-31\n")
    assert isinstance(result.exception, ConfigError)
    assert "found:    tomorrow" in str(result.exception)
    assert [day for day, _, _ in nights] == [dt.date(2026, 1, 30)]


@pytest.mark.parametrize("words", [["--as-of", "2026-01-30", "--until", "features"], ["--until", "train"], []])
def test_a_day_is_said_once_and_stages_with_ray_stay_out(
    nights: list[tuple[dt.date, Engines, list[str]]], words: list[str]
) -> None:
    result = CliRunner().invoke(app, ["run", "--stay", *words], input="2026-01-31\n")
    assert isinstance(result.exception, ConfigError)
    assert not nights


@pytest.mark.spark
def test_a_session_ends_with_the_outermost_night_and_makes_room_for_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import contextmanager

    told: list[str] = []

    @contextmanager
    def cluster(_: object) -> Iterable[None]:  # type: ignore[misc]
        told.append("ray")
        yield
        told.append("no ray")

    def start(*_: object, **__: object) -> str:
        told.append("spark")
        return "session"

    monkeypatch.setattr("scaleinv.lake.spark.spark_session", start)
    monkeypatch.setattr("scaleinv.lake.spark.stop_session", lambda _: told.append("no spark"))
    monkeypatch.setattr("scaleinv.fanout.cluster", cluster)
    config = load_config("local", overrides=["spark.master=local[1]"])
    with Engines() as engines:
        for _ in range(2):
            with engines:
                engines.spark(config)
        assert told == ["spark"]
        engines.ray(config)
        assert told == ["spark", "no spark", "ray"]
        engines.spark(config)
    assert told == ["spark", "no spark", "ray", "no ray", "spark", "no spark"]
