"""docs/delivery.md shows a configuration that can be used."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from scaleinv.config.delivery import DeliveryConfig, HttpConfig
from scaleinv.config.references import check_references
from scaleinv.delivery import connect

PAGE = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text(encoding="utf-8")


def test_the_example_is_a_configuration() -> None:
    found = re.search(r"<!-- example: config -->\n```yaml\n(.*?)\n```", PAGE, re.DOTALL)
    assert found is not None
    section = yaml.safe_load(found[1])["delivery"]
    check_references(section, "delivery")
    config = DeliveryConfig.model_validate(section)
    assert {one.kind for one in config.destinations.values()} == {"sftp", "http", "store", "folder"}
    for name in ("edi", "sap", "drop"):
        connect(config.destinations[name]).close()


def test_the_statuses_are_those_of_the_code() -> None:
    statuses = HttpConfig.model_fields["retry_statuses"].default
    assert ", ".join(map(str, statuses)) + " (`retry_statuses`)" in PAGE
