"""The page of a scorecard: what it says, and that what nobody recorded is called so."""

from __future__ import annotations

import datetime as dt
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.pipeline.test_pipeline_groups import AS_OF, rows

from scaleinv.config import load_config
from scaleinv.errors import ConfigError, DataError, LakeError
from scaleinv.pipeline.scorecard import write_scorecard
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    walk = Walk(load_config("test"), AS_OF)
    nothing = {"price_variance": None, "rejected_share": None, "temperature_incidents": None, "fill": None}
    months = [
        {"as_of": AS_OF, "vendor_id": vendor, "month": dt.date(2025, month, 1), "otif": 0.5 + month / 20,
         "otif_trend": 0.05, "otif_trend_se": 0.001, "lead_time_trend": 0.1, "lead_time_trend_se": 0.2} | nothing
        for vendor in ("A & B <Ltd>", "C") for month in range(1, 8)
    ]  # fmt: skip
    walk.overwrite("gold/vendor_scorecards", rows(table("gold/vendor_scorecards"), *months))
    return walk


class Cells(HTMLParser):
    """Reads what a browser would show."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [value for name, value in attrs if name in ("src", "href")], "the page needs nothing but itself"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_says_what_the_table_says(walk: Walk, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert write_scorecard(walk, page) == 2
    found = Cells(page.read_text(encoding="utf-8"))
    assert "A & B <Ltd>" in found.texts
    assert found.tags.count("tr") == 2 * (1 + 7)
    assert found.texts.count("not recorded") == 2 * 7 * 4
    assert "85.0%" in found.texts
    assert found.tags.count("circle") == 14
    trend = next(text for text in found.texts if text.startswith("Trend"))
    assert "on time in full: +5.00 points a month (± 0.10)" in trend
    assert "lead time: +0.10 days a month (± 0.20, not told from chance)" in trend
    before = page.read_bytes()
    write_scorecard(walk, page)
    assert page.read_bytes() == before


def test_pdf_has_a_page_per_vendor_and_the_same_bytes_again(walk: Walk, tmp_path: Path) -> None:
    made = [tmp_path / "one.pdf", tmp_path / "two.pdf"]
    for path in made:
        assert write_scorecard(walk, path) == 2
    assert made[0].read_bytes().startswith(b"%PDF")
    assert made[0].read_bytes().count(b"/Type /Page ") == 2
    assert made[0].read_bytes() == made[1].read_bytes()
    assert write_scorecard(walk, made[0], "C") == 1


def test_unknown_vendors_kinds_and_nights_are_named(walk: Walk, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"vendor D has no scorecard[\s\S]*A & B <Ltd>, C"):
        write_scorecard(walk, tmp_path / "page.html", "D")
    with pytest.raises(ConfigError, match=r"\.html or \.pdf"):
        write_scorecard(walk, tmp_path / "page.docx")
    with pytest.raises(LakeError, match="run features"):
        write_scorecard(Walk(walk.config, dt.date(2020, 1, 1)), tmp_path / "page.html")
    assert not list(tmp_path.glob("page.*"))
