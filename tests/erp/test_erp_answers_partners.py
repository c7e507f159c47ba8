"""Whose interchange it is: by ``export.codes``, by where orders go, or nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaleinv.config.export import EdifactConfig, ExportConfig, X12Config
from scaleinv.erp.answers import partners_of
from scaleinv.erp.answers.partners import EDIFACT, X12

CODES = """\
kind,format,ours,theirs
vendor,*,V1,11
vendor,x12-850,V1,NORTH
vendor,x12-850,V2,SOUTH
vendor,x12-850,V3,SOUTH
unit,x12-850,TRAY,TY
unit,x12-850,BASKET,BA
unit,x12-850,CRATE,BA
unit,*,ROLL,RO
"""


@pytest.fixture
def codes(tmp_path: Path) -> str:
    path = tmp_path / "codes.csv"
    path.write_text(CODES)
    return str(path)


def test_a_partner_speaks_for_the_vendors_that_have_its_code(codes: str) -> None:
    partners = partners_of(ExportConfig(folder="orders", codes=codes))
    assert [partners.vendors(X12, one) for one in ("NORTH", "SOUTH", "V1", "11")] == [["V1"], ["V2", "V3"], [], []]
    assert partners.vendors(EDIFACT, "ANYBODY") is None  # we send none, and `*` is of other systems


def test_where_orders_go_without_a_code_our_own_key_is_the_partner(codes: str) -> None:
    sent = ExportConfig(folder="orders", formats=("edifact-orders",), edifact=EdifactConfig(sender="5412345000013"))
    assert partners_of(sent).vendors(EDIFACT, "V1") == ["V1"]
    assert partners_of(sent.model_copy(update={"codes": codes})).vendors(EDIFACT, "11") == ["V1"]
    assert partners_of(sent).vendors(X12, "V1") is None


def test_a_network_speaks_for_all(codes: str) -> None:
    config = ExportConfig(folder="orders", formats=("x12-850",), x12=X12Config(sender="BUYERID", receiver="NETWORK"))
    partners = partners_of(config.model_copy(update={"codes": codes}))
    assert partners.vendors(X12, "NETWORK") is None
    assert partners.vendors(X12, "NORTH") == ["V1"]


def test_codes_of_units_are_read_back_where_they_mean_one_thing(codes: str) -> None:
    partners = partners_of(ExportConfig(folder="orders", codes=codes))
    assert partners.units == {X12: {"TY": "TRAY", "RO": "ROLL"}, EDIFACT: {"RO": "ROLL"}}
