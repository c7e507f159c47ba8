"""The options of a Kafka source."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from scaleinv.config import KafkaConfig, load_config
from scaleinv.config.load import config_folder
from scaleinv.errors import ConfigError

SECRET = "Endpoint=sb://x/;SharedAccessKey=abc"
DOCS = Path(__file__).parents[2] / "docs" / "streaming.md"
PLACES = "lake: {root: lake}\nexport: {folder: out}\n"


def config(**options: Any) -> KafkaConfig:
    return KafkaConfig(**{"bootstrap_servers": "a:9092", "topics": ("sales",), **options})


def test_the_example_for_event_hubs_is_configuration_and_its_secret_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "env").mkdir()
    (example,) = re.findall(r"<!-- example: event-hubs -->\n```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    (tmp_path / "env" / "hubs.yaml").write_text(PLACES + example.replace("ingest:\n", "ingest:\n  data: data\n"))
    (tmp_path / "base.yaml").write_text((config_folder() / "base.yaml").read_text())
    with pytest.raises(ConfigError, match="EVENTHUB_CONNECTION, which is not set"):
        load_config("hubs", folder=tmp_path)
    monkeypatch.setenv("EVENTHUB_CONNECTION", SECRET)
    loaded = load_config("hubs", folder=tmp_path)
    kafka = loaded.ingest.sources["pos"].kafka
    assert kafka is not None
    assert kafka.client_options()["kafka.sasl.jaas.config"].endswith(
        f'username="$ConnectionString" password="{SECRET}";'
    )
    assert SECRET not in repr(loaded)
    assert SECRET not in loaded.model_dump_json()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"options": {"security.protocol": SECRET}}, "with `kafka.` before the name"),
        ({"options": {"kafka.bootstrap.servers": SECRET}}, "scaleinv sets this one itself"),
        ({"starting": "2026-01-31T06:00:00"}, "timezone"),
        ({"starting": "first"}, "'earliest' or 'latest'"),
        ({"topics": ()}, "at least 1 item"),
        ({"topics": ("a,b",)}, "pattern"),
        ({"max_offsets_per_trigger": 0}, "greater than or equal to 1"),
    ],
)
def test_a_contradiction_is_named_and_no_secret_shown(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        config(**options)
    assert SECRET not in str(caught.value)


def test_what_a_producer_aborted_is_read_only_if_asked_for() -> None:
    assert config().client_options()["kafka.isolation.level"] == "read_committed"
    asked = config(options={"kafka.isolation.level": "read_uncommitted"})
    assert asked.client_options()["kafka.isolation.level"] == "read_uncommitted"
