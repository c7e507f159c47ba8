"""Transfers of earlier nights on a lake: carried out by the ERP's list, closed by persons, let go after some nights."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline.test_pipeline_groups import rows
from typer.testing import CliRunner

from scaleinv.cli import app
from scaleinv.config import load_config
from scaleinv.errors import DataError
from scaleinv.pipeline.transfers import close, transfers_of
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table

FIRST = dt.date(2026, 3, 2)


def walk(days: int, *settings: str) -> Walk:
    return Walk(load_config("test", overrides=settings), FIRST + dt.timedelta(days=days))


def proposed(days: int, quantity: float) -> None:
    of = walk(days)
    row = {
        "as_of": of.as_of, "unique_id": "A@S1", "sku_id": "A", "from_location_id": "W1", "to_location_id": "S1",
        "quantity": quantity,
    }  # fmt: skip
    of.overwrite("gold/transfer_proposals", rows(table("gold/transfer_proposals"), row))


def listed(*changes: dict[str, Any]) -> None:
    contract = table("silver/transfers")
    row = {
        "transfer_id": "T1", "line": 1, "sku_id": "A", "location_id": "S1", "from_location_id": "W1", "quantity": 6.0,
        "source": "x", "load": 0, "known_on": FIRST + dt.timedelta(days=1),
    }  # fmt: skip
    every = [row | change for change in changes]
    for source in ("x", "y"):  # a key stands in a source once
        mine = rows(contract, *(one for one in every if one["source"] == source))
        walk(0).lake.overwrite(contract, mine, where={"source": source})


def left(days: int, *settings: str) -> float:
    found = transfers_of(walk(days, *settings))
    return 0.0 if found is None else sum(found["quantity"].to_pylist())


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))


def test_a_proposal_counts_for_some_nights_and_not_for_its_own() -> None:
    assert left(0) == 0, "there is no table of them yet"
    proposed(0, 10.0)
    assert [left(n) for n in range(6)] == [0, 10, 10, 10, 0, 0]
    assert [left(n, "replenish.transfer_days=1") for n in range(3)] == [0, 10, 0]
    assert left(1, "replenish.transfer_days=0") == 0
    proposed(2, 4.0)
    assert [left(n) for n in range(1, 7)] == [10, 10, 14, 4, 4, 0]


def test_what_the_erp_has_counts_there_and_no_longer_here() -> None:
    proposed(0, 10.0)
    listed({})
    assert [left(n) for n in (1, 2)] == [4, 4]
    later = {"known_on": FIRST + dt.timedelta(days=2), "load": 1, "quantity": 9.0, "source": "y"}
    listed({}, later, {"transfer_id": "T2", "sku_id": "B"}, {"transfer_id": "T3", "location_id": "S2"})
    assert [left(n) for n in (1, 2)] == [4, 1], "of a line the most that was known"
    listed({}, later | {"quantity": 0.0})
    assert [left(n) for n in (1, 2)] == [4, 4], "what the ERP cancelled is not open again"
    listed({"known_on": FIRST}, later)
    assert left(2) == 10, "it was known to the night that proposed: it is no answer to it"


def test_a_person_closes_what_will_not_be_done() -> None:
    proposed(0, 10.0)
    with pytest.raises(DataError, match=r"no transfer to A@S1 from W2 is open(.|\n)*A@S1 from W1"):
        close(walk(0), "A@S1", "W2", who="ann", why="no van")
    with pytest.raises(DataError, match="a person and a reason"):
        close(walk(0), "A@S1", "W1", who="ann", why=" ")
    close(walk(1), "A@S1", "W1", who="ann", why="no van")
    assert left(1) == 0
    proposed(2, 4.0)
    assert left(3) == 4, "what is proposed afterwards counts again"


def test_the_commands() -> None:
    proposed(0, 10.0)
    options = ["--env", "test", "--as-of", FIRST.isoformat()]
    said = CliRunner().invoke(app, ["transfers", "list", *options])
    assert said.output.split() == ["10", "A@S1", "from", "W1", "1", "open", "transfers"]
    closing = ["transfers", "close", "A@S1", "--from", "W1", "--who", "ann", "--why", "no van", *options]
    assert CliRunner().invoke(app, closing).exit_code == 0
    assert CliRunner().invoke(app, ["transfers", "list", *options]).output == "0 open transfers\n"
