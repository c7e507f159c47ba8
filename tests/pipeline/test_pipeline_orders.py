"""From proposals to documents by way of the order book: each order once, whatever is killed and whoever is late."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.orderbook.nights import NIGHT, key, night, proposals
from tests.pipeline.limited_night import made
from typer.testing import CliRunner

from scaleinv.cli import app
from scaleinv.config import load_config
from scaleinv.erp import write_documents
from scaleinv.errors import ConfigError, DataError
from scaleinv.orderbook import Book, apply, counts, files_of, history, sets_of
from scaleinv.pipeline import export, replenish
from scaleinv.pipeline.answer import answer_files
from scaleinv.pipeline.register import address_of, order_book, register_tonight
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Walk
from scaleinv.schema import table
from scaleinv.schema.life import Answer

ONE = {"lines": {"s1": 10, "s2": 4}}
LATER = {"vendor": "V2", "lines": {"s9": 2}, "disposition": "propose"}
EXPORT = ("orders", "export", "--env", "test", "--as-of", str(NIGHT))
KILLED_AT = [
    ("scaleinv.orderbook:close", "before", "number=1"),
    ("scaleinv.orderbook:close", "after", "number=1"),
    ("pathlib:Path.replace", "after", "/orders-"),
    ("pathlib:Path.replace", "after", "manifest.json"),
    ("scaleinv.erp.write:_publish", "before", "orders"),
    ("scaleinv.orderbook.sets:insert_many", "before", "Table('outbox'"),
    ("scaleinv.orderbook.sets:insert_many", "after", "Table('document_orders'"),
    ("scaleinv.pipeline.walk:Walk.overwrite", "before", "gold/export_log"),
    ("scaleinv.pipeline.walk:Walk.overwrite", "after", "gold/export_log"),
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCALEINV_HOME", str(tmp_path))
    monkeypatch.setenv("USER", "ann")
    return tmp_path


def walk_of(n: int = 0) -> Walk:
    return Walk(load_config("test", overrides=["retailer=r"]), night(n))


def replenished(n: int, *orders: dict[str, Any]) -> Walk:
    walk = walk_of(n)
    lines = proposals(n, *orders)
    walk.overwrite("gold/order_proposals", lines)
    register_tonight(walk, lines)
    return walk


def command(*arguments: str, status: int = 0) -> str:
    found = CliRunner().invoke(app, [*arguments, "--set", "retailer=r"])
    text = found.output + (str(found.exception) if found.exception else "")
    assert (found.exception is None) == (status == 0), text
    return text


def files(home: Path) -> dict[str, bytes]:
    folder = home / "test" / "orders"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def orders_in(found: dict[str, bytes]) -> Counter[str]:
    """How many document sets an order is in."""
    tables = [content for name, content in found.items() if name.endswith(".csv")]
    return Counter(
        o for text in tables for o in {row["order_id"] for row in csv.DictReader(text.decode().splitlines())}
    )


def logged(n: int = 0) -> dict[str, str]:
    return {row["file"]: row["sha256"] for row in walk_of(n).read("gold/export_log").to_pylist()}


def out(book: Book) -> dict[str, str]:
    """Files of the night as the book knows them."""
    rows = [row for part in sets_of(book, "r", as_of=NIGHT) for row in files_of(book, part)]
    assert all(row["state"] == "delivered" for row in rows), "the ERP takes them from where they lie"
    return {row["name"].removeprefix(f"{NIGHT}/"): row["sha256"] for row in rows}


def test_all_that_rules_approve_goes_out_and_again_to_the_same_bytes(home: Path) -> None:
    walk = replenished(0, ONE, {**ONE, "place": "L2"}, LATER)
    assert not replenish.is_intact(walk_of(1)) or not walk_of(1).read("gold/order_proposals").num_rows
    export.work(walk)
    before = files(home)
    assert orders_in(before) == {key(0): 1, key(0, place="L2"): 1}
    assert export.is_intact(walk)
    assert replenish.is_intact(walk)
    export.work(walk)
    assert files(home) == before
    with order_book(walk.config) as book:
        assert counts(book, "r") == {"exported": 2, "proposed": 1}
        assert out(book) == logged()
    manifest = json.loads(before[f"{NIGHT}/manifest.json"])
    assert {row["file"]: row["sha256"] for row in manifest["files"]} == logged()


def test_what_is_approved_later_goes_out_in_a_further_set(home: Path) -> None:
    walk = replenished(0, ONE, LATER)
    export.work(walk)
    first = files(home)
    assert "1 approved" in command("orders", "approve", "--env", "test", key(0, "V2"), "--who", "ann")
    assert not export.is_intact(walk), "the stage has work to do again"
    replenished(1, {**ONE, "place": "L3"})
    export.work(walk_of(1))
    found = files(home)
    assert found.items() >= first.items(), "what is out stays as it is"
    assert orders_in(found) == {key(0): 1, key(0, "V2"): 1, key(1, place="L3"): 1}
    assert {name.rpartition("/")[0] for name in found} == {f"{NIGHT}", f"{NIGHT}/2", f"{night(1)}"}
    assert {name for name in logged() if name.startswith("2/")} == {
        name.removeprefix(f"{NIGHT}/") for name in found if name.startswith(f"{NIGHT}/2/") and "manifest" not in name
    }
    for n in (0, 1):
        assert export.is_intact(walk_of(n))
    idocs = [content.decode() for name, content in found.items() if name.endswith(".xml") and str(NIGHT) in name]
    numbers = [text.partition("<DOCNUM>")[2].partition("<")[0] for text in idocs]
    assert len(numbers) == len(set(numbers)) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_killed_anywhere_each_order_goes_out_once(tmp_path: Path) -> None:
    expected: dict[str, bytes] = {}
    for at, (target, when, text) in enumerate(KILLED_AT):
        home = tmp_path / str(at)
        os.environ["SCALEINV_HOME"] = str(home)
        walk = replenished(0, ONE, {**ONE, "place": "L2"}, LATER)
        if not expected:
            clean = tmp_path / "clean"
            os.environ["SCALEINV_HOME"] = str(clean)
            export.work(replenished(0, ONE, {**ONE, "place": "L2"}, LATER))
            expected = files(clean)
            os.environ["SCALEINV_HOME"] = str(home)
        killer = [sys.executable, str(Path(__file__).with_name("killed.py")), target, when, "1", text, "--"]
        process = subprocess.run([*killer, *EXPORT, "--set", "retailer=r"], capture_output=True, timeout=300)
        assert process.returncode == -signal.SIGKILL, (target, process.stderr.decode()[-2000:])
        with order_book(walk.config) as book:
            assert counts(book, "r") in ({"approved": 2, "proposed": 1}, {"exported": 2, "proposed": 1})
        export.work(walk)
        assert files(home) == expected, target
        assert export.is_intact(walk)
        with order_book(walk.config) as book:
            assert counts(book, "r") == {"exported": 2, "proposed": 1}
            assert out(book) == logged()
            assert [e["new_status"] for e in history(book, key(0)).events].count("exported") == 1


def test_an_order_being_written_is_not_changed_meanwhile(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = replenished(0, ONE)

    def meanwhile(*given: Any, **options: Any) -> Any:
        said = command("orders", "cancel", "--env", "test", key(0), "--who", "ann", "--why", "no", status=3)
        assert "its documents are being written" in said
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(export, "write_documents", meanwhile)
        with pytest.raises(OSError, match="the disk is gone"):
            export.work(walk)
    export.work(walk)
    assert orders_in(files(home)) == {key(0): 1}


def test_what_no_format_can_say_is_given_up_and_can_be_mended(home: Path) -> None:
    walk = replenished(0, {"lines": {"s1": 0.12345}, "unit": "KGM"}, {**ONE, "place": "L2"})
    with pytest.raises(DataError, match="too many decimals"):
        export.work(walk)
    assert orders_in(files(home)) == {key(0, place="L2"): 1}, "the others go out"
    with order_book(walk.config) as book:
        assert counts(book, "r") == {"exported": 1, "held": 1}
        assert "too many decimals" in history(book, key(0)).events[-1]["why"]
    assert export.is_intact(walk), "the rest is for a person"
    said = command("orders", "edit", "--env", "test", key(0), "--line", "1", "--quantity", "0.123", "--why", "grams")
    assert "1 changed" in said
    command("orders", "approve", "--env", "test", key(0), "--who", "ann")
    export.work(walk)
    assert orders_in(files(home)) == {key(0): 1, key(0, place="L2"): 1}


def test_documents_that_are_lost_are_written_again_as_they_were(home: Path) -> None:
    walk = replenished(0, ONE)
    export.work(walk)
    before = files(home)
    (home / "test" / "orders" / str(NIGHT) / "manifest.json").unlink()
    assert not export.is_intact(walk)
    export.work(walk)
    assert files(home) == before
    other = Walk(load_config("test", overrides=["retailer=r", "export.formats=[csv]"]), NIGHT)
    export.work(other)
    assert files(home) == before, "what is out stays, whatever options say now"
    (home / "test" / "orders" / str(NIGHT) / "manifest.json").unlink()
    with pytest.raises(DataError, match="were given out and are lost"):
        export.work(other)
    assert files(home).items() < before.items(), "what is left stays"
    export.work(walk)
    assert files(home) == before


def test_one_set_that_cannot_be_written_does_not_stop_the_others(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replenished(0, ONE)
    replenished(1, {**ONE, "place": "L2"})

    def refuse_the_first(lines: Any, *given: Any, **options: Any) -> Any:
        if options["as_of"] == NIGHT:
            raise DataError("nobody is named")
        return write_documents(lines, *given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(export, "write_documents", refuse_the_first)
        with pytest.raises(DataError, match="nobody is named"):
            export.work(walk_of(1))
    assert orders_in(files(home)) == {key(1, place="L2"): 1}
    export.work(walk_of(1))
    assert orders_in(files(home)) == {key(0): 1, key(1, place="L2"): 1}


def test_documents_that_were_answered_are_not_written_otherwise(home: Path) -> None:
    walk = replenished(0, ONE)
    export.work(walk)
    before = files(home)
    with order_book(walk.config) as book:
        apply(book, [Answer(message_id="m1", kind="taken", order_id=key(0))])
        assert counts(book, "r") == {"acknowledged": 1}
    export.work(Walk(load_config("test", overrides=["retailer=r", "export.formats=[csv]"]), NIGHT))
    assert files(home) == before


def test_a_night_without_orders_has_an_empty_set(home: Path) -> None:
    export.work(replenished(0))
    assert json.loads(files(home)[f"{NIGHT}/manifest.json"])["orders"] == 0
    assert export.is_intact(walk_of())


def test_a_book_that_was_lost_is_filled_again(home: Path) -> None:
    walk = replenished(0, ONE)
    (home / "test" / "lake" / "orderbook.db").unlink()
    assert not replenish.is_intact(walk)
    assert next(stage for stage in STAGES if stage.name == "replenish").checks


def test_a_lake_on_an_object_store_needs_a_database_that_is_named(home: Path) -> None:
    far = ["lake.root=s3a://bucket/lake"]
    with pytest.raises(ConfigError, match="no database file can lie"):
        address_of(load_config("test", overrides=far))
    named = load_config("test", overrides=[*far, "orderbook.url=postgresql+psycopg://me:secret@host/db"])
    assert address_of(named).endswith("secret@host/db")
    assert "secret" not in repr(named)
    assert "secret" not in str(named.model_dump(mode="json"))
    with pytest.raises(ConfigError, match="url must be sqlite") as caught:
        load_config("test", overrides=["orderbook.url=mysql://me:secret@host/db"])
    assert "secret" not in str(caught.value)


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("home")
def test_a_planner_s_morning() -> None:
    replenished(0, {**ONE, "disposition": "propose"}, LATER, {**ONE, "place": "L2", "disposition": "hold"})
    listed = command("orders", "list", "--env", "test", "--status", "proposed")
    assert key(0) in listed
    assert key(0, place="L2") not in listed
    assert json.loads(command("orders", "list", "--env", "test", "--json").splitlines()[0])["retailer"] == "r"
    assert "2 would be approved" in command("orders", "approve", "--env", "test", "--as-of", str(NIGHT), "--dry-run")
    assert "1 approved" in command("orders", "approve", "--env", "test", "--vendor", "V2", "--who", "ann")
    assert "person and a reason" in command("orders", "hold", "--env", "test", key(0), "--who", "ann", status=3)
    assert "1 held" in command("orders", "hold", "--env", "test", key(0), "--who", "ann", "--why", "wait")
    assert "1 released" in command("orders", "release", "--env", "test", key(0), "--who", "bob")
    stale = ("orders", "cancel", "--env", "test", key(0), "--who", "bob", "--why", "no", "--version", "1")
    assert "it is at version" in command(*stale, status=3)
    said = command("orders", "history", "--env", "test", key(0))
    assert "ann: wait" in said
    assert "proposed -> held" in said
    assert "because" in command("orders", "show", "--env", "test", key(0))
    assert "1 orders would be given out" in command(*EXPORT, "--dry-run")
    assert "1 new document sets" in command(*EXPORT)
    assert "no order is named" in command("orders", "cancel", "--env", "test", status=2)
    assert "no order SI9" in command("orders", "show", "--env", "test", "SI9", status=3)


def test_files_of_answers_are_applied(home: Path) -> None:
    walk = replenished(0, ONE)
    export.work(walk)
    path = home / "receipts.csv"
    path.write_text(
        f"sender,message,kind,order_id,line,quantity\nwms,G1,received,{key(0)},1,10\nwms,G2,received,{key(0)},x,1\nend,2\n"
    )
    assert answer_files(walk.config, [path], dry_run=True).counts is None
    told = [command("orders", "answer", "--env", "test", str(path)) for _ in range(2)]
    assert "cannot be read: receipts.csv" in told[0]
    assert "1 applied" in told[0]
    assert "1 duplicate" in told[1]
    with order_book(walk.config) as book:
        assert history(book, key(0)).lines[0]["received"] == 10


# --- with the stages themselves ---------------------------------------------------------------------------------------


def test_documents_of_a_night_are_those_of_its_proposals_to_the_byte(home: Path) -> None:
    walk = made(home)
    assert replenish.is_intact(walk)
    lines = walk.read("gold/order_proposals")
    contract = table("gold/order_proposals")
    at = contract.names.index("gtin")  # the night's items have one that no document takes
    lines = lines.set_column(at, contract.schema.field(at), pa.nulls(lines.num_rows, pa.string()))
    walk.overwrite(contract.name, lines)
    assert register_tonight(walk, lines).updated == len(lines["order_id"].unique())
    export.work(walk)
    folder = home / "direct" / str(walk.as_of)
    write_documents(lines, walk.config.export, folder, as_of=walk.as_of, retailer=walk.config.retailer)
    direct = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name.rpartition("/")[2]: content for name, content in files(home).items()} == direct
    assert lines.num_rows > 0
