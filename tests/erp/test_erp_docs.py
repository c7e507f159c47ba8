"""docs/erp and docs/erp.md say what the command shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.erp.readers import READERS
from tests.erp.test_erp_formats import expected
from tests.erp.test_erp_order_units import IN_STOCK
from typer.testing import CliRunner

from scaleinv.cli import app
from scaleinv.erp import FORMATS
from scaleinv.erp.example import example, example_codes, example_lines, layout_table
from scaleinv.errors import ConfigError

DOCS = Path(__file__).parents[2] / "docs"
LONG_LINES = {"idoc": "", "preqcr": "", "x12-850": "~", "edifact-orders": "'"}
"""Formats whose page breaks lines where the document does not; after what."""


def page(format: str) -> str:
    return (DOCS / "erp" / f"{format}.md").read_text(encoding="utf-8")


def shown(format: str, *options: str) -> str:
    result = CliRunner().invoke(app, ["export-example", "--format", format, *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def on_page(format: str) -> str:
    found = re.search(
        r"## Example\n\n`scaleinv export-example --format (\S+?)[ `].*?```\w+\n(.*?)\n```", page(format), re.DOTALL
    )
    assert found is not None
    assert found[1] == format
    return found[2]


@pytest.mark.parametrize("format", FORMATS)
def test_the_example_is_what_the_command_shows(format: str) -> None:
    text = shown(format).replace("\r\n", "\n").rstrip("\n")
    if format in ("csv", "oracle-fbdi"):
        assert on_page(format) == text
    elif format in LONG_LINES:
        assert _dense(on_page(format)) == _dense(text)
    else:
        assert on_page(format) == "\n".join(json.dumps(json.loads(line), indent=4) for line in text.split("\n"))


def _dense(text: str) -> str:
    return re.sub(r"([>~'])\n", r"\1", text).strip()


@pytest.mark.parametrize("format", FORMATS)
def test_the_fields_are_those_of_the_layout(format: str) -> None:
    table = shown(format, "--fields")
    assert table == layout_table(format)
    assert f"## Fields\n\n{table}" in page(format)
    assert all(f"{ours} → {theirs}" in page(format) for ours, theirs in FORMATS[format].units.items())


@pytest.mark.parametrize("format", FORMATS)
def test_the_example_can_be_read(format: str, tmp_path: Path) -> None:
    path = Path(shown(format, "--out", str(tmp_path)).strip())
    assert path.read_bytes() == example(format)[1]
    codes = example_codes()
    for row in READERS[format](path.read_bytes()):
        wanted = expected(example_lines(), "csv")[row["order"], row["line"]]
        for kind in {"vendor", "location", "sku", "currency"} & set(row):
            ours, theirs = codes.of(kind, format)
            mapped = dict(zip(ours.to_pylist(), theirs.to_pylist(), strict=True))
            assert row[kind] == mapped.get(wanted[kind], wanted[kind])
        is_in_cartons = row["line"] == 1 and format not in IN_STOCK
        assert row["quantity"] == (4 if is_in_cartons else wanted["quantity"])


def test_every_format_has_its_page() -> None:
    overview = (DOCS / "erp.md").read_text(encoding="utf-8")
    assert {path.stem for path in (DOCS / "erp").glob("*.md")} == set(FORMATS)
    for format in FORMATS:
        assert f"[`{format}`](erp/{format}.md)" in overview
        assert "**Key that is kept:**" in page(format)


def test_an_unknown_format_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no format 'sap'(.|\n)*x12-850"):
        example("sap")
