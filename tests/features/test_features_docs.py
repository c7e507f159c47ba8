"""The page about features says what the definitions say."""

from __future__ import annotations

from pathlib import Path

from scaleinv.schema import TABLES, table
from scaleinv.schema.features import DAY_FEATURES, NIGHT_FEATURES, markdown

PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def test_the_page_holds_the_definitions() -> None:
    for features in (DAY_FEATURES, NIGHT_FEATURES):
        assert markdown(features) in PAGE.read_text(encoding="utf-8")


def test_each_feature_is_a_column_and_its_sources_are_tables() -> None:
    for features, name in ((DAY_FEATURES, "gold/panel"), (NIGHT_FEATURES, "gold/features")):
        assert {feature.name for feature in features} <= {*table(name).names}
        assert all(f"silver/{source}" in TABLES for feature in features for source in feature.sources)
