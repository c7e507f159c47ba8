"""Codes: one small table, strictly read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError
from tests.erp.readers import READERS
from tests.erp.test_erp_formats import written

from scaleinv.config.export import ExportConfig
from scaleinv.erp.codes import no_codes, read_codes
from scaleinv.errors import DataError

Lines = Callable[..., pa.Table]
HEAD = "kind,format,ours,theirs\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("kind,ours,theirs\nsku,A,B\n", r"its columns(.|\n)*kind,format,ours,theirs(.|\n)*kind,ours,theirs"),
        (HEAD + "product,odoo,A,B\n", r"an unknown kind(.|\n)*vendor(.|\n)*product"),
        (HEAD + "sku,csv,A,B\n", r"an unknown format(.|\n)*netsuite(.|\n)*csv"),
        (HEAD + "sku,odoo,A,\n", r"an empty key(.|\n)*sku odoo 'A'"),
        (HEAD + "sku,odoo,A,1\nsku,odoo,A,2\n", r"a key twice(.|\n)*sku odoo 'A'"),
        (HEAD + "sku,odoo,A\n", r"cannot be read"),
    ],
)
def test_a_file_that_is_not_sound_is_refused(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_codes(path)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothere\.csv cannot be read"):
        read_codes(tmp_path / "nothere.csv")


def test_keys_are_texts_and_a_formats_own_row_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(HEAD + "sku,*,007,a\nsku,*,NULL,b\nsku,odoo,007,0099\n")
    ours, theirs = read_codes(path).of("sku", "odoo")
    assert dict(zip(ours.to_pylist(), theirs.to_pylist(), strict=True)) == {"007": "0099", "NULL": "b"}
    assert read_codes(None) is no_codes()


def test_an_internal_number_is_never_our_own_key(lines: Lines, full: ExportConfig, as_of: date, tmp_path: Path) -> None:
    """Without any row a SKU that happens to be a number would be another product."""
    config = full.model_copy(update={"codes": None})
    for format in ("netsuite", "odoo", "quickbooks", "shopify"):
        with pytest.raises(DataError, match=rf"{format}: no code for the \w+ in 1 order lines"):
            written(lines({"sku_id": "33"}), config, format, tmp_path / format, as_of)


def test_texts_are_our_own_keys_where_nothing_else_is_said(
    lines: Lines, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    config = full.model_copy(update={"codes": None})
    for format in ("idoc", "preqcr", "sap-order", "sap-requisition", "x12-850", "edifact-orders", "oracle-fbdi",
                   "dynamics-365", "erpnext"):  # fmt: skip
        (content,) = written(lines({}), config, format, tmp_path / format, as_of)
        (row,) = READERS[format](content)
        assert (row["vendor"], row["location"], row["sku"]) == ("17300001", "1710", "TG11"), format


def test_a_row_of_a_unit_comes_before_the_table(lines: Lines, full: ExportConfig, as_of: date, tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_text(HEAD + "unit,sap-order,EA,ST\nunit,sap-order,XPX,PAL\n")
    config = full.model_copy(update={"codes": str(path)})
    (content,) = written(lines({}, {"line": 2, "unit": "XPX"}), config, "sap-order", tmp_path / "a", as_of)
    assert [row["unit"] for row in READERS["sap-order"](content)] == ["ST", "PAL"]


@pytest.mark.parametrize("format", ["x12-850", "edifact-orders", "oracle-fbdi", "dynamics-365", "netsuite", "erpnext"])
def test_a_format_is_refused_without_its_section(format: str) -> None:
    with pytest.raises(ValidationError, match=rf"has {format}: export\.\w+ must say for whom"):
        ExportConfig.model_validate({"folder": "orders", "formats": [format]})
