from __future__ import annotations

from pathlib import Path

import pytest

from scaleinv.config import environments, load_config
from scaleinv.errors import ConfigError


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SCALEINV_RETAILER", "SCALEINV_LAKE", "SCALEINV_DATA", "SCALEINV_ORDERS"):
        monkeypatch.setenv(name, "somewhere")


@pytest.mark.parametrize("env", environments())
def test_every_environment_loads(env: str) -> None:
    assert load_config(env).env == env


def test_later_layers_win() -> None:
    config = load_config("demo", overrides=["forecast.horizon=35", "inventory.targets.A={fill_rate: 0.9}"])
    assert config.forecast.horizon == 35
    assert config.inventory.targets["A"].value == 0.9
    assert config.inventory.targets["B"].value == 0.98


def test_extends_takes_the_parent_first() -> None:
    assert load_config("m5_all").ingest.m5.sales == "recent_all_series"  # type: ignore[union-attr]
    assert load_config("m5_all").retailer == load_config("m5").retailer


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("forecast.horizn=3", ["forecast.horizn is not a known key", "did you mean horizon?"]),
        ("forecast.horizon=x", ["forecast.horizon", "valid integer", "found 'x'"]),
        ("forecast.quantile_levels=[0.1, 0.9]", ["quantile_levels must contain 0.5"]),
        ("evaluation.holdout_days=60", ["holdout_days 60 is longer than forecast.horizon 28"]),
        ("inventory.targets.A={fill_rate: 0.9, cycle_service_level: 0.9}", ["give either"]),
        (
            "export.folder=s3a://bucket/orders",
            ["export.folder must be a local or mounted folder", "s3a://bucket/orders"],
        ),
        ("horizon", ["--set 'horizon' cannot be read", "key.key=value"]),
    ],
)
def test_a_wrong_option_is_named(override: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("demo", overrides=[override])
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_an_environment_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(ConfigError, match="there is no environment 'dmeo'"):
        load_config("dmeo")


def test_a_reference_to_an_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCALEINV_LAKE")
    with pytest.raises(ConfigError, match=r"lake\.root refers to the environment variable SCALEINV_LAKE"):
        load_config("prod")


def test_a_key_written_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "base.yaml").write_text("lake: {root: a}\nlake: {root: b}\n")
    (tmp_path / "env" / "x.yaml").write_text("{}\n")
    with pytest.raises(ConfigError, match=r"key written twice: \['lake'\]"):
        load_config("x", folder=tmp_path)


def test_environments_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "base.yaml").write_text("{}\n")
    (tmp_path / "env" / "a.yaml").write_text("extends: b\n")
    (tmp_path / "env" / "b.yaml").write_text("extends: a\n")
    with pytest.raises(ConfigError, match="extend each other in a circle"):
        load_config("a", folder=tmp_path)


def test_an_error_shows_no_value_of_a_section(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_PASSWORD", "s3cret")
    kafka = "{topics: [web], options: {kafka.sasl.jaas.config: '${WEB_PASSWORD}'}}"
    with pytest.raises(ConfigError, match="bootstrap_servers") as caught:
        load_config("local", overrides=[f"ingest.sources.web={{format: kafka, kafka: {kafka}}}"])
    assert "s3cret" not in str(caught.value)
