"""ORDERS05, read back by lxml and held against the schema that was written apart from the layout."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from importlib.resources import files

import pyarrow as pa
import pytest
from lxml import etree

from scaleinv.config.export import ExportConfig
from scaleinv.erp import idoc_documents
from scaleinv.erp.layouts.orders05 import SEGMENTS as ORDERS05
from scaleinv.errors import DataError

Lines = Callable[..., pa.Table]
_XSD = etree.XMLSchema(etree.fromstring(files("scaleinv.erp").joinpath("orders05.xsd").read_bytes()))


def read(content: bytes) -> etree._Element:
    root = etree.fromstring(content)
    _XSD.assertValid(root)
    return root


def test_one_order_says_what_the_reference_says(lines: Lines, config: ExportConfig, as_of: date) -> None:
    (document,) = idoc_documents(lines({"gtin": "4000862141404"}), config, as_of=as_of)
    root = read(document.content)
    (idoc,) = root.findall("IDOC")
    flat = [(e.getparent().tag, e.tag, e.text) for e in idoc.iter() if len(e) == 0]
    assert flat == [
        ("EDI_DC40", "TABNAM", "EDI_DC40"), ("EDI_DC40", "DOCNUM", "2026092000000001"), ("EDI_DC40", "DIRECT", "2"),
        ("EDI_DC40", "IDOCTYP", "ORDERS05"), ("EDI_DC40", "MESTYP", "ORDERS"), ("EDI_DC40", "SNDPOR", "SCALEINV"),
        ("EDI_DC40", "SNDPRT", "LS"), ("EDI_DC40", "SNDPRN", "SCALEINV"), ("EDI_DC40", "RCVPOR", "SAPPRD"),
        ("EDI_DC40", "RCVPRT", "LS"), ("EDI_DC40", "RCVPRN", "PRDCLNT100"), ("EDI_DC40", "CREDAT", "20260920"),
        ("EDI_DC40", "CRETIM", "000000"), ("EDI_DC40", "REFMES", "SIAAAAAAAAAA"),
        ("E1EDK01", "ACTION", "000"), ("E1EDK01", "CURCY", "EUR"), ("E1EDK01", "BSART", "NB"),
        ("E1EDK01", "BELNR", "SIAAAAAAAAAA"),
        ("E1EDK14", "QUALF", "014"), ("E1EDK14", "ORGID", "1000"), ("E1EDK14", "QUALF", "009"),
        ("E1EDK14", "ORGID", "001"), ("E1EDK14", "QUALF", "011"), ("E1EDK14", "ORGID", "1000"),
        ("E1EDK03", "IDDAT", "012"), ("E1EDK03", "DATUM", "20260920"), ("E1EDK03", "IDDAT", "002"),
        ("E1EDK03", "DATUM", "20260927"),
        ("E1EDKA1", "PARVW", "LF"), ("E1EDKA1", "PARTN", "17300001"), ("E1EDKA1", "PARVW", "WE"),
        ("E1EDKA1", "PARTN", "1710"),
        ("E1EDP01", "POSEX", "000010"), ("E1EDP01", "ACTION", "001"), ("E1EDP01", "MENGE", "48.000"),
        ("E1EDP01", "MENEE", "PCE"), ("E1EDP01", "VPREI", "3.25"), ("E1EDP01", "PEINH", "1"),
        ("E1EDP01", "NETWR", "156.00"), ("E1EDP20", "WMENG", "48.000"), ("E1EDP20", "EDATU", "20260927"),
        ("E1EDP19", "QUALF", "001"), ("E1EDP19", "IDTNR", "TG11"), ("E1EDP19", "QUALF", "003"),
        ("E1EDP19", "IDTNR", "4000862141404"), ("E1EDS01", "SUMID", "001"), ("E1EDS01", "SUMME", "1"),
    ]  # fmt: skip


def test_read_back_it_is_the_table_to_the_cent(some: pa.Table, config: ExportConfig, as_of: date) -> None:
    (document,) = idoc_documents(some, config, as_of=as_of)
    found = {}
    for idoc in read(document.content).iterfind("IDOC"):
        order = idoc.findtext("E1EDK01/BELNR")
        items = idoc.findall("E1EDP01")
        assert int(idoc.findtext("E1EDS01/SUMME", "")) == len(items)
        for item in items:
            gtin = item.xpath("string(E1EDP19[QUALF='003']/IDTNR)")
            quantity, price = Decimal(item.findtext("MENGE", "")), Decimal(item.findtext("VPREI", ""))
            net = Decimal(item.findtext("NETWR", ""))
            exact = quantity * price / int(item.findtext("PEINH", ""))
            assert abs(exact - net) <= Decimal("0.005")
            assert item.findtext("E1EDP20/WMENG") == item.findtext("MENGE")
            found[order, int(item.findtext("POSEX", "")) // 10] = (
                idoc.xpath("string(E1EDKA1[PARVW='LF']/PARTN)"), idoc.xpath("string(E1EDKA1[PARVW='WE']/PARTN)"),
                idoc.findtext("E1EDK01/CURCY"), item.xpath("string(E1EDP19[QUALF='001']/IDTNR)"), gtin or None,
                float(quantity), net, item.findtext("E1EDP20/EDATU"),
            )  # fmt: skip
    expected = {
        (r["order_id"], r["line"]): (
            r["vendor_id"], r["location_id"], r["currency"], r["sku_id"], r["gtin"], round(r["quantity"], 3),
            Decimal(repr(r["value"])).quantize(Decimal("0.01")), f"{r['delivery_date']:%Y%m%d}",
        )
        for r in some.to_pylist()
    }  # fmt: skip
    assert found == expected
    assert sum(row[6] for row in found.values()) == sum(document.value.values())
    assert (document.orders, document.lines) == (3, 5)


def test_the_header_asks_for_the_earliest_delivery(some: pa.Table, config: ExportConfig, as_of: date) -> None:
    (document,) = idoc_documents(some, config, as_of=as_of)
    root = read(document.content)
    dates = root.xpath("IDOC[E1EDK01/BELNR='SIAAAAAAAAAA']/E1EDK03[IDDAT='002']/DATUM/text()")
    assert dates == ["20260925"]


def test_a_price_of_more_than_cents_is_given_for_a_hundred(some: pa.Table, config: ExportConfig, as_of: date) -> None:
    (document,) = idoc_documents(some, config, as_of=as_of)
    root = read(document.content)
    prices = [(e.findtext("VPREI"), e.findtext("PEINH")) for e in root.iter("E1EDP01")]
    assert prices == [("3.25", "1"), ("277.90", "100"), ("999.99", "100"), ("1234.56", "1"), ("1.10", "1")]


def test_orders_go_into_files_of_bounded_size(some: pa.Table, config: ExportConfig, as_of: date) -> None:
    documents = list(idoc_documents(some, config, as_of=as_of, orders_per_file=2))
    assert [(d.name, d.orders, d.lines) for d in documents] == [
        ("orders05-2026-09-20-0001.xml", 2, 4), ("orders05-2026-09-20-0002.xml", 1, 1)
    ]  # fmt: skip
    numbers = [n for d in documents for n in read(d.content).xpath("IDOC/EDI_DC40/DOCNUM/text()")]
    assert numbers == [f"20260920{i:08d}" for i in (1, 2, 3)]


def test_pieces_of_a_file_make_the_same_bytes(
    some: pa.Table, config: ExportConfig, as_of: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole,) = idoc_documents(some, config, as_of=as_of)
    expected = whole.content
    monkeypatch.setattr("scaleinv.erp.orders._LINES_AT_ONCE", 1)
    (pieces,) = idoc_documents(some, config, as_of=as_of)
    assert len(list(pieces.chunks())) == 5
    assert pieces.content == expected


def test_rows_in_another_order_make_the_same_bytes(some: pa.Table, config: ExportConfig, as_of: date) -> None:
    (one,) = idoc_documents(some, config, as_of=as_of)
    (other,) = idoc_documents(some.take([3, 1, 4, 0, 2]), config, as_of=as_of)
    assert one.content == other.content


def test_special_characters_come_back_as_they_were(lines: Lines, config: ExportConfig, as_of: date) -> None:
    skus = ["A&B", "<x>", "]]>", "\"q\" 'q'", "Ä;ö,ß", "日本", "&amp;"]
    (document,) = idoc_documents(
        lines(*({"sku_id": sku, "line": i} for i, sku in enumerate(skus, start=1))), config, as_of=as_of
    )
    assert read(document.content).xpath("//E1EDP19[QUALF='001']/IDTNR/text()") == skus


def test_no_order_gives_no_file(some: pa.Table, config: ExportConfig, as_of: date) -> None:
    assert list(idoc_documents(some.slice(0, 0), config, as_of=as_of)) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"sku_id": "S" * 36}, r"E1EDP19\.IDTNR: too long(.|\n)*at most 35(.|\n)*SIAAAAAAAAAA line 2 .* has 36"),
        (
            {"vendor_id": "V" * 18, "order_id": "SIB"},
            r"E1EDKA1\.PARTN: too long(.|\n)*at most 17(.|\n)*order SIB has 18",
        ),
        ({"line": 100_000}, r"E1EDP01\.POSEX: too long(.|\n)*at most 6(.|\n)*'1000000'"),
        ({"unit": "XSA"}, r"idoc: unknown unit(.|\n)*expected:.*KGM(.|\n)*line 2 .*XSA(.|\n)*export\.iso_units"),
        ({"quantity": 9e12, "unit_cost": 0.0}, r"E1EDP01\.MENGE: too long(.|\n)*at most 15(.|\n)*has 17"),
        ({"sku_id": "A\x0bB"}, r"E1EDP19\.IDTNR: characters(.|\n)*line 2"),
        ({"currency": "EURO", "order_id": "SIB"}, r"E1EDK01\.CURCY: too long"),
    ],
)
def test_what_does_not_fit_is_refused_and_never_cut(
    lines: Lines, config: ExportConfig, as_of: date, row: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        idoc_documents(lines({}, {"line": 2, **row}), config, as_of=as_of)


def test_the_configuration_is_held_against_the_layout_too(lines: Lines, as_of: date) -> None:
    config = ExportConfig(folder="orders", sender="A\tB")
    with pytest.raises(DataError, match=r"EDI_DC40\.SNDPOR: characters(.|\n)*configuration"):
        idoc_documents(lines({}), config, as_of=as_of)


def test_a_unit_can_be_mapped_by_configuration(lines: Lines, as_of: date) -> None:
    config = ExportConfig(folder="orders", iso_units={"EA": "EA", "XSA": "PF"})
    (document,) = idoc_documents(lines({}, {"line": 2, "unit": "XSA"}), config, as_of=as_of)
    assert read(document.content).xpath("//MENEE/text()") == ["EA", "PF"]


def test_layout_and_schema_agree_on_segments_fields_and_their_order() -> None:
    ns = {"xs": "http://www.w3.org/2001/XMLSchema"}
    schema = etree.fromstring(files("scaleinv.erp").joinpath("orders05.xsd").read_bytes())
    for name, segment in ORDERS05.items():
        fields = schema.xpath(f"xs:element[@name='{name}']//xs:element/@name", namespaces=ns)
        assert fields == [field.name for field in segment.fields], name
