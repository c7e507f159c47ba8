from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from scaleinv.errors import DataError, LakeError, explain
from scaleinv.pipeline.stages import STAGES
from scaleinv.schema import TABLES, check, table
from scaleinv.schema.units import check_unit, registry

CHAMPIONS = table("gold/champions")
ROW = {
    "as_of": dt.date(2026, 1, 1), "demand_class": "smooth", "model": "tft", "order_cost": 9.0, "wql": 0.5,
    "runner_up": None, "runner_up_order_cost": None, "runner_up_wql": None,
}  # fmt: skip


def rows(*changes: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist([ROW | change for change in changes])


def test_every_unit_is_known_to_pint() -> None:
    for contract in TABLES.values():
        for column in contract.columns:
            if column.unit:
                registry().parse_units(column.unit)


def test_every_table_has_the_one_writer_that_its_stage_declares() -> None:
    writers = {name: stage.name for stage in STAGES for name in stage.writes}
    assert writers == {name: contract.writer for name, contract in TABLES.items()}


def test_a_stage_reads_only_what_an_earlier_one_writes() -> None:
    written: set[str] = set()
    for stage in STAGES:
        assert set(stage.reads) <= written, stage.name
        written |= set(stage.writes)


def test_check_gives_the_contracts_order_and_types() -> None:
    data = rows({}, {"demand_class": "lumpy"}).select(list(reversed(CHAMPIONS.names)))
    assert check(data, CHAMPIONS).schema == CHAMPIONS.schema


def test_check_names_missing_and_unknown_columns() -> None:
    data = rows({}).rename_columns({"demand_class": "class"})
    with pytest.raises(DataError, match=r"missing demand_class, unknown class"):
        check(data, CHAMPIONS)


def test_check_refuses_nulls_and_double_keys() -> None:
    with pytest.raises(DataError, match="nulls"):
        check(rows({"model": None}), CHAMPIONS)
    with pytest.raises(DataError, match="1 keys occur more than once") as caught:
        check(rows({}, {"model": "lstm"}), CHAMPIONS)
    assert "2026-01-01/smooth" in str(caught.value)


def test_an_unknown_table_is_named() -> None:
    with pytest.raises(LakeError, match="there is no table 'gold/champion'"):
        table("gold/champion")


def test_an_unknown_unit_is_never_guessed() -> None:
    assert check_unit("EA") == "EA"
    with pytest.raises(DataError, match="unknown unit of measure 'ST'"):
        check_unit("ST")


def test_explain_shows_the_first_five() -> None:
    assert "a, b, c, d, e and 2 more" in explain("x", which="abcdefg")
