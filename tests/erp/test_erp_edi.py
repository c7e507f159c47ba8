"""X12, EDIFACT, PREQCR and FBDI beyond what all formats have in common."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from stdnum import ean
from tests.erp.readers import read_edifact, read_fbdi, read_x12
from tests.erp.test_erp_formats import written

from scaleinv.config.export import EdifactConfig, ExportConfig, OracleConfig, X12Config
from scaleinv.erp import write_documents
from scaleinv.erp.edi_text import EDIFACT, edi_of
from scaleinv.erp.layouts.edifact_orders import SEGMENTS
from scaleinv.erp.layouts.preqcr import SEGMENTS as PREQCR
from scaleinv.erp.segments import Filled
from scaleinv.erp.texts import is_gln, plain
from scaleinv.errors import ConfigError, DataError

Lines = Callable[..., pa.Table]


def test_x12_has_an_interchange_for_each_vendor_with_a_number_of_its_own(
    some: pa.Table, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    first, second = (content.decode() for content in written(some, full, "x12-850", tmp_path / "a", as_of))
    assert first.startswith(
        "ISA*00*          *00*          *ZZ*BUYERID        *ZZ*VEND1          *260920*0000*U*00401*975900001*0*P*>~"
        "GS*PO*BUYERID*VEND1*20260920*0000*975900001*X*004010~ST*850*0001~BEG*00*SA*SIAAAAAAAAAA**20260920~"
        "CUR*BY*EUR~DTM*002*20260925~N1*VN**92*VEND1~N1*ST**UL*0614141000005~PO1*1*48*EA*3.25**IN*TG11*EN*4000862141404~"
    )
    assert first[105] == "~"  # ISA has 106 characters
    assert first.endswith("ST*850*0002~BEG*00*SA*SIBBBBBBBBBB**20260920~CUR*BY*EUR~DTM*002*20260927~N1*VN**92*VEND1~"
                          "N1*ST**92*DC EAST~PO1*1*1000000*EA*1234.56**IN*TG11~DTM*002*20260927~CTT*1*1000000~"
                          "AMT*TT*1234560000~SE*11*0002~GE*2*975900001~IEA*1*975900001~")  # fmt: skip
    assert "*975900002*" in second
    assert "*VEND2 " in second


def test_a_network_gets_all_in_one_interchange(some: pa.Table, full: ExportConfig, as_of: date, tmp_path: Path) -> None:
    x12 = X12Config(sender="BUYERID", receiver="NETWORK", usage="T")
    edifact = EdifactConfig(sender="ME", receiver="NETWORK", test=True, buyer="5412345000013")
    config = full.model_copy(update={"x12": x12, "edifact": edifact})
    (content,) = written(some, config, "x12-850", tmp_path / "a", as_of)
    assert b"*ZZ*NETWORK        *" in content
    assert {row["vendor"] for row in read_x12(content)} == {"VEND1", "VEND2"}
    (content,) = written(some, config, "edifact-orders", tmp_path / "b", as_of)
    assert content.startswith(b"UNA:+.? 'UNB+UNOC:3+ME:ZZ+NETWORK:ZZ+260920:0000+20260920000001++++++1'")
    assert {row["vendor"] for row in read_edifact(content)} == {"4012345500004", "SUPPLIER+2"}


def test_edifact_marks_glns_and_releases_its_own_signs(
    some: pa.Table, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    first, second = (content.decode("latin-1") for content in written(some, full, "edifact-orders", tmp_path, as_of))
    assert "UNB+UNOC:3+5412345000013:14+4012345500004:14+260920:0000+20260920000001'" in first
    assert "NAD+DP+5412345678908::9'" in first
    assert "NAD+DP+DC?'20::92'" in first
    assert "LIN+1++4000862141404:EN'PIA+1+A?:1:SA'" in first
    assert "LIN+2'PIA+5+A??2:SA'" in first
    assert "+SUPPLIER?+2:ZZ+260920:0000+20260920000002'" in second


@given(st.lists(st.text("AB?+:'ÄÖ ", min_size=1, max_size=20), min_size=1, max_size=5))
def test_any_key_of_latin_1_comes_back(keys: list[str]) -> None:
    values = {"1.1 4347": "5", "2.1 7140": pa.array(keys, pa.string()), "2.2 7143": "IN"}
    for key, text in zip(keys, edi_of(Filled(SEGMENTS["PIA"], values), EDIFACT).to_pylist(), strict=True):
        released, plain_text = False, ""
        for sign in text.removeprefix("PIA+5+").removesuffix(":IN'"):
            assert released or sign not in "+:'"
            if sign == "?" and not released:
                released = True
                continue
            plain_text, released = plain_text + sign, False
        assert plain_text == key


@pytest.mark.parametrize(("gtin", "marked"), [("036000241457", "UP"), ("40170725", "UK"), ("09501101530003", "UK")])
def test_x12_marks_a_gtin_by_its_digits(
    gtin: str, marked: str, lines: Lines, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    (content,) = written(lines({"gtin": gtin}), full, "x12-850", tmp_path / "a", as_of)
    (row,) = read_x12(content)
    assert (row["gtin_is"], row["gtin"]) == (marked, gtin if len(gtin) > 8 else gtin.rjust(14, "0"))


def test_the_control_number_is_the_nights_and_differs_from_day_to_day(
    lines: Lines, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    other = date(2026, 9, 21)
    (one,) = written(lines({}), full, "x12-850", tmp_path / "a", as_of)
    (two,) = written(lines({"as_of": other, "order_date": other}), full, "x12-850", tmp_path / "b", other)
    assert (one.split(b"*")[13], two.split(b"*")[13]) == (b"975900001", b"976000001")


def test_a_receiver_that_is_too_long_for_the_envelope_is_refused(
    lines: Lines, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    table = lines({"vendor_id": "V" * 16})
    config = full.model_copy(update={"codes": None})
    with pytest.raises(DataError, match=r"ISA\.ISA08: too long(.|\n)*at most 15(.|\n)*order SIAAAAAAAAAA has 16"):
        written(table, config, "x12-850", tmp_path / "a", as_of)


@given(st.lists(st.text("0123456789", min_size=12, max_size=14), max_size=20))
def test_a_gln_has_thirteen_digits_and_the_right_last_one(keys: list[str]) -> None:
    keys += [key[:12] + ean.calc_check_digit(key[:12]) for key in keys]
    found = is_gln(pa.array(keys, pa.string())).to_pylist()
    assert found == [len(key) == 13 and ean.is_valid(key) for key in keys]


@given(st.lists(st.decimals(0, 10**9, places=4), min_size=1))
def test_plain_numbers_are_the_same_numbers(numbers: list[object]) -> None:
    texts = plain(pa.array(numbers, pa.decimal128(18, 4))).to_pylist()
    assert [Decimal(text) for text in texts] == numbers
    assert not any("." in text and text.endswith("0") for text in texts)


def test_a_requisition_keeps_the_schema(some: pa.Table, full: ExportConfig, as_of: date, tmp_path: Path) -> None:
    (content,) = written(some, full, "preqcr", tmp_path / "a", as_of)
    schema = etree.fromstring(files("scaleinv.erp").joinpath("preqcr01.xsd").read_bytes())
    etree.XMLSchema(schema).assertValid(etree.fromstring(content))
    ns = {"xs": "http://www.w3.org/2001/XMLSchema"}
    for name, segment in PREQCR.items():
        fields = schema.xpath(f"xs:element[@name='{name}']//xs:element/@name", namespaces=ns)
        assert fields == [field.name for field in segment.fields], name


def _with_lines(full: ExportConfig, *columns: str) -> ExportConfig:
    assert full.oracle is not None
    oracle = OracleConfig.model_validate({**full.oracle.model_dump(), "columns": {"lines": columns}})
    return full.model_copy(update={"oracle": oracle})


def test_columns_of_another_release(some: pa.Table, full: ExportConfig, as_of: date, tmp_path: Path) -> None:
    columns = ("INTERFACE_LINE_KEY", "INTERFACE_HEADER_KEY", "ACTION", "LINE_NUM", "LINE_TYPE", "ITEM", "", "",
               "SHIPPING_UNIT_OF_MEASURE", "SHIPPING_UOM_QUANTITY", "UNIT_PRICE")  # fmt: skip
    (content,) = written(some, _with_lines(full, *columns), "oracle-fbdi", tmp_path / "a", as_of)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        first = archive.read("PoLinesInterfaceOrder.csv").decode().split("\r\n")[0]
        assert first == "SIAAAAAAAAAA-1,SIAAAAAAAAAA,,1,Goods,TG11,,,Each,48,3.25"
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_column_that_would_be_lost_is_refused(
    some: pa.Table, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    config = _with_lines(full, "INTERFACE_LINE_KEY", "ITEM")
    with pytest.raises(ConfigError, match=r"columns\.lines(.|\n)*SHIPPING_UOM_QUANTITY"):
        written(some, config, "oracle-fbdi", tmp_path / "a", as_of)


def test_a_site_that_has_no_row_is_the_configured_one(
    some: pa.Table, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    (content,) = written(some, full, "oracle-fbdi", tmp_path / "a", as_of)
    rows = {row["order"]: (row["vendor"], row["site"], row["account"]) for row in read_fbdi(content)}
    assert rows == {
        "SIAAAAAAAAAA": ('Northern "Fresh", Ltd', "MAIN", ["01", "100"]),
        "SIBBBBBBBBBB": ('Northern "Fresh", Ltd', "MAIN", ["01", "100"]),
        "SICCCCCCCCCC": ("Südwest AG", "ULM", ["01", "100"]),
    }


def test_a_later_set_of_the_night_has_control_numbers_of_its_own(
    some: pa.Table, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    numbers: dict[str, list[bytes]] = {"x12-850": [], "edifact-orders": [], "idoc": [], "preqcr": []}
    for first in (0, 3):
        config = full.model_copy(update={"formats": tuple(numbers)})
        for row in write_documents(some, config, tmp_path / str(first), as_of=as_of, first=first):
            content = (tmp_path / str(first) / str(row["file"])).read_bytes()
            pattern = {"x12-850": rb"ISA(?:\*[^*]*){12}\*(\d{9})\*", "edifact-orders": rb"UNB\+[^']*:0000\+(\d{14})'"}
            numbers[str(row["format"])] += re.findall(pattern.get(str(row["format"]), rb"<DOCNUM>(\d+)<"), content)
    assert numbers["x12-850"] == [b"975900001", b"975900002", b"975900004", b"975900005"]
    assert numbers["edifact-orders"] == [f"20260920{i:06d}".encode() for i in (1, 2, 4, 5)]
    assert numbers["idoc"] == numbers["preqcr"] == [f"20260920{i:08d}".encode() for i in (1, 2, 3, 4, 5, 6)]
