"""What docs/shipments.md shows works as it stands there."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.schema.shipping import ShipmentEvent
from scaleinv.server.signatures import check_signature
from scaleinv.shipments.messages import own_events

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "shipments.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found, name
    return found[1]


def config() -> ShipmentsConfig:
    text = re.sub(r"\$\{FAST_OLD_KEY:-\}", "", example("config"))
    return ShipmentsConfig.model_validate(
        yaml.safe_load(re.sub(r"\$\{(\w+)\}", r"the secret of \1", text))["shipments"]
    )


def test_the_configuration_is_one() -> None:
    found = config()
    assert found.senders["fast"].secrets() == ("the secret of FAST_KEY",)
    assert "the secret" not in repr(found)


def test_the_code_that_signs_makes_signatures_that_are_good() -> None:
    space: dict[str, Any] = {}
    exec(example("sign"), space)
    body, headers = space["signed"]("fast", "the secret of FAST_KEY", [{"event_id": "e"}])
    assert check_signature(config(), "fast", headers, body, now=time.time()) == "fast"


def test_the_events_are_events() -> None:
    found = own_events(example("events").encode(), sender="fast", source="docs", limit=10)
    assert [event.kind for event in found if isinstance(event, ShipmentEvent)] == [
        "announced", "departed", "in_transit", "delayed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "option", ["stuck_share", "min_arrivals", "eta_spread", "speed_spread", "news_share", "every_seconds"]
)
def test_options_that_are_named_exist(option: str) -> None:
    assert option in PAGE
    assert option in type(config().arrival).model_fields
