"""``scaleinv.open``: tonight's tables as frames, clear errors, pictures."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

import scaleinv
from scaleinv.api import Data, Night, Page, Picture
from scaleinv.errors import ConfigError
from scaleinv.lake import Lake
from scaleinv.pipeline.charts import bars, lines
from scaleinv.pipeline.walk import rows_of
from scaleinv.schema import table

NIGHTS = (date(2022, 7, 18), date(2022, 7, 19))


def _row(as_of: date, file: str) -> dict[str, object]:
    return {
        "as_of": as_of, "format": "csv", "file": file, "orders": 1, "lines": 2, "quantity": 3.0, "sha256": "0" * 64,
        "schema_version": "1",
    }  # fmt: skip


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    found = scaleinv.open("test")
    log = table("gold/export_log")
    lake = Lake(found.walk.config.lake)
    for as_of in NIGHTS:
        rows = rows_of(log, [_row(as_of, f"{as_of}-b.csv"), _row(as_of, f"{as_of}-a.csv")])
        lake.overwrite(log, rows, where={"as_of": as_of})
    return found


def test_it_is_loaded_when_it_is_asked_for() -> None:
    code = "import sys, scaleinv; assert 'scaleinv.api' not in sys.modules; scaleinv.open; " + (
        "assert not {'pyspark', 'ray', 'torch', 'matplotlib', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
    with pytest.raises(AttributeError, match="close"):
        scaleinv.close  # noqa: B018  # the attribute is what is tried


def test_a_synthetic_retailer_has_a_last_day(night: Night) -> None:
    assert night.as_of == NIGHTS[1]


def test_without_a_last_day_one_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"as_of is missing[\s\S]*2026-01-31"):
        scaleinv.open("local")


def test_a_table_is_tonights_and_sorted(night: Night) -> None:
    found = night.table("gold/export_log").arrow()
    assert found["file"].to_pylist() == ["2022-07-19-a.csv", "2022-07-19-b.csv"]


def test_another_night_and_columns_can_be_asked_for(night: Night) -> None:
    found = night.table("gold/export_log", columns=["as_of", "file"], as_of=NIGHTS[0], file="2022-07-18-b.csv").pandas()
    assert found.to_dict("records") == [{"as_of": pd.Timestamp(NIGHTS[0]), "file": "2022-07-18-b.csv"}]


def test_what_is_not_there_is_named(night: Night) -> None:
    with pytest.raises(ConfigError, match=r"no table 'gold/orders'[\s\S]*gold/order_proposals"):
        night.table("gold/orders")
    with pytest.raises(ConfigError, match=r"no such columns[\s\S]*which: *kind, sku"):
        night.table("gold/export_log", columns=["sku"], kind="csv")


def test_polars_has_the_rows_and_types_of_arrow(night: Night) -> None:
    import polars

    found = night.table("gold/export_log").polars()
    assert isinstance(found, polars.DataFrame)
    assert found.schema["as_of"] == polars.Date
    assert found["file"].to_list() == ["2022-07-19-a.csv", "2022-07-19-b.csv"]
    assert found.to_arrow().to_pylist() == night.table("gold/export_log").arrow().to_pylist()


def test_polars_is_asked_for_by_name(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ConfigError, match="pip install polars"):
        night.table("gold/export_log").polars()


def test_a_notebook_shows_a_few_rows_and_reads_no_more(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Data, "arrow", lambda _: pytest.fail("all of it was read"))
    html = night.table("gold/export_log")._repr_html_()
    assert "2022-07-19-a.csv" in html
    assert "2 rows shown." in html
    monkeypatch.setattr("scaleinv.api._SHOWN", 1)
    html = night.table("gold/export_log")._repr_html_()
    assert "1 rows shown; there may be more" in html
    assert html.count("<tr") == 2


def test_the_lake_lists_its_tables(night: Night) -> None:
    (listed,) = night.tables().to_dict("records")
    assert (listed["table"], listed["rows"]) == ("gold/export_log", 4)
    assert listed["meaning"] == table("gold/export_log").meaning


def test_pictures_are_the_same_each_time(tmp_path: Path) -> None:
    one, other = (bars({"a": [1, 2], "b": [2, 1]}, ["x", "y"], title="t") for _ in range(2))
    assert one == other
    Picture(lines({"a": [(0, 1), (1, 2)]}, title="t", x="x", y="y")).save(tmp_path / "curve.svg")
    assert (tmp_path / "curve.svg").read_text().startswith("<svg")


def test_a_page_is_text_and_html() -> None:
    page = Page("a & b", "<p>")
    assert (str(page), page._repr_html_()) == ("a & b", "<p>")
