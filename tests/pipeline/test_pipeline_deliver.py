"""From the outbox to destinations, and what comes back: nothing is lost, nothing comes twice under another key."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from tests.delivery.web_server import web_server
from tests.orderbook.nights import NIGHT, key, night, proposals
from tests.pipeline.test_pipeline_orders import EXPORT, ONE, command, files
from tests.pipeline.test_pipeline_orders import home as home

from scaleinv.config import load_config
from scaleinv.orderbook import change, due, edit, history
from scaleinv.orderbook.tables import OUTBOX
from scaleinv.pipeline import export
from scaleinv.pipeline.answer import answer_files
from scaleinv.pipeline.deliver import deliver_due
from scaleinv.pipeline.register import order_book, register_tonight
from scaleinv.pipeline.stages import STAGES
from scaleinv.pipeline.walk import Walk

STAGE = next(stage for stage in STAGES if stage.name == "export")
DELIVER = ("orders", "deliver", "--env", "test")
L2 = {**ONE, "place": "L2"}


def settings(*formats: str, **sections: object) -> list[str]:
    """Overrides, as ``--set`` takes them."""
    given = {"retailer": "r", **sections} | ({"export.formats": list(formats)} if formats else {})
    return [f"{name}={yaml.safe_dump(value, default_flow_style=True, width=9999).splitlines()[0]}"
            for name, value in given.items()]  # fmt: skip


def walk_of(overrides: list[str], n: int = 0) -> Walk:
    return Walk(load_config("test", overrides=overrides), night(n))


def given_out(overrides: list[str], n: int = 0, *orders: dict[str, object]) -> Walk:
    walk = walk_of(overrides, n)
    lines = proposals(n, *orders)
    walk.overwrite("gold/order_proposals", lines)
    register_tonight(walk, lines)
    export.work(walk)
    return walk


def sets(overrides: Iterable[str]) -> list[str]:
    return [part for one in overrides for part in ("--set", one)]


def statuses(walk: Walk, *ids: str) -> list[str]:
    with order_book(walk.config) as book:
        return [str(history(book, one).order["status"]) for one in ids]


def waiting(walk: Walk) -> list[str]:
    with order_book(walk.config) as book:
        return [row["name"] for row in due(book)]


def arrived(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# --- destinations -----------------------------------------------------------------------------------------------------


def test_without_a_destination_nothing_waits(home: Path) -> None:
    walk = given_out(settings(), 0, ONE)
    assert waiting(walk) == []
    assert "nothing is due" in command(*DELIVER)
    assert "no such destination" in command(*DELIVER, "--destination", "edi", status=2)


def test_export_delivers_and_nights_and_sets_of_one_name_do_not_collide(home: Path) -> None:
    (home / "drop").mkdir()
    (home / "csv").mkdir()
    places = {
        "drop": {"kind": "folder", "path": str(home / "drop")},
        "csv": {"kind": "folder", "path": str(home / "csv"), "formats": ["csv"], "manifest": False},
    }
    overrides = settings(**{"delivery.destinations": places})
    walk = given_out(overrides, 0, ONE, {"vendor": "V2", "lines": {"s9": 2}, "disposition": "propose"})
    command("orders", "approve", "--env", "test", key(0, "V2"), "--who", "ann")
    export.work(walk)
    walk = given_out(overrides, 1, L2)
    assert waiting(walk) == []
    assert arrived(home / "drop") == files(home)
    assert sum(name.endswith("manifest.json") for name in files(home)) == 3
    assert arrived(home / "csv") == {name: content for name, content in files(home).items() if name.endswith(".csv")}
    before = arrived(home / "drop")
    export.work(walk)
    assert arrived(home / "drop") == before


def test_what_cannot_be_reached_waits_and_the_night_goes_on(home: Path) -> None:
    overrides = settings(**{
        "delivery.destinations": {"drop": {"kind": "folder", "path": str(home / "drop")}},
        "delivery.backoff": {"first": 0.001, "longest": 0.001},
    })  # fmt: skip
    walk = given_out(overrides, 0, ONE)
    assert export.is_intact(walk)
    assert statuses(walk, key(0)) == ["exported"]
    said = command(*DELIVER, "--dry-run", *sets(overrides))
    assert "3 documents would be delivered" in said
    assert said.index("manifest.json") > said.index(".xml"), "it follows its documents"
    (home / "drop").mkdir()
    assert "3 delivered" in command(*DELIVER, "--as-of", str(NIGHT), *sets(overrides))
    assert arrived(home / "drop") == files(home)


def test_what_was_given_up_waits_for_a_person_and_its_manifest_with_it(home: Path) -> None:
    overrides = settings("csv", **{"delivery.destinations": {"drop": {"kind": "folder", "path": str(home / "drop")}}})
    (home / "drop" / str(NIGHT)).mkdir(parents=True)
    walk = given_out([*overrides, "delivery.after_export=false"], 0, ONE)
    (name,) = (name for name in files(home) if name.endswith(".csv"))
    (home / "drop" / name).write_text("another's")
    said = command(*DELIVER, *sets(overrides), status=3)
    assert "1 failed, 1 waiting" in said
    assert "other contents" in said
    assert arrived(home / "drop") == {name: b"another's"}
    (home / "drop" / name).unlink()
    assert "1 documents are due again" in command(*DELIVER, "--again", *sets(overrides))
    assert arrived(home / "drop") == files(home)
    assert waiting(walk) == []


def test_a_destination_that_is_configured_no_more_is_named(home: Path) -> None:
    (home / "drop").mkdir()
    place = {"drop": {"kind": "folder", "path": str(home / "drop")}}
    given_out(settings(**{"delivery.destinations": place, "delivery.after_export": False}), 0, ONE)
    assert "3 documents wait for drop" in command(*DELIVER)
    assert arrived(home / "drop") == {}


# --- answers on the spot ----------------------------------------------------------------------------------------------


def web(url: str, home: Path) -> list[str]:
    place = {
        "kind": "http", "base_url": url, "formats": ["sap-order"], "responses": str(home / "kept"), "tries": 1,
        "when_unsure": "send", "keeps_keys": True,
    }  # fmt: skip
    return settings("csv", "sap-order", **{
        "delivery.destinations": {"sap": place}, "delivery.backoff": {"first": 0.001, "longest": 0.001},
    })  # fmt: skip


def test_what_a_web_interface_answers_changes_the_orders(home: Path) -> None:
    with web_server() as server:
        server.script = [400]
        walk = given_out(web(server.url, home), 0, ONE, L2)
        assert statuses(walk, key(0), key(0, place="L2")) == ["held", "acknowledged"]
        with order_book(walk.config) as book:
            assert history(book, key(0, place="L2")).order["erp_number"] == f"45{key(0, place='L2')}"
            assert "400" in history(book, key(0)).order["problem"]
        for status in ("held", "acknowledged"):  # the same words again are another answer
            server.script = [400] if status == "held" else []
            command("orders", "approve", "--env", "test", key(0), "--who", "ann", "--why", "the plant is there now")
            assert statuses(walk, key(0)) == ["approved"]
            export.work(walk)
            assert statuses(walk, key(0)) == [status]
        assert server.arrived == {key(0): 1, key(0, place="L2"): 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "when", "text", "twice"),
    [
        ("scaleinv.delivery.journal:Journal.add", "before", key(0), 1),  # it arrived, nobody has noted it
        ("scaleinv.delivery.journal:Journal.add", "after", key(0), 0),  # between two orders of a document
        ("scaleinv.orderbook:apply", "before", "", 0),
        ("scaleinv.orderbook:sent", "before", "", 0),  # answers are in the book, the document is still due
        ("scaleinv.orderbook:sent", "after", "", 0),
    ],
)
def test_killed_while_it_delivers_each_order_is_taken_once(
    home: Path, target: str, when: str, text: str, twice: int
) -> None:
    with web_server() as server:
        overrides = web(server.url, home)
        walk = given_out([*overrides, "delivery.after_export=false"], 0, ONE, L2)
        killer = [sys.executable, str(Path(__file__).with_name("killed.py")), target, when, "1", text, "--"]
        process = subprocess.run([*killer, *DELIVER, *sets(overrides)], capture_output=True, timeout=300)
        assert process.returncode == -signal.SIGKILL, process.stderr.decode()[-2000:]
        deliver_due(load_config("test", overrides=overrides))
        assert set(server.taken) == {key(0), key(0, place="L2")}
        assert sum(server.arrived.values()) == 2 + twice, "under the same key"
        assert statuses(walk, key(0), key(0, place="L2")) == ["acknowledged", "acknowledged"]
        assert waiting(walk) == []
        with order_book(walk.config) as book:
            assert [event["new_status"] for event in history(book, key(0)).events].count("acknowledged") == 1


@pytest.mark.slow
def test_an_export_that_is_killed_before_it_delivers_loses_nothing(home: Path) -> None:
    (home / "drop").mkdir()
    overrides = settings(**{"delivery.destinations": {"drop": {"kind": "folder", "path": str(home / "drop")}}})
    walk = walk_of(overrides)
    lines = proposals(0, ONE)
    walk.overwrite("gold/order_proposals", lines)
    register_tonight(walk, lines)
    killer = [sys.executable, str(Path(__file__).with_name("killed.py"))]
    for target, when in (("scaleinv.orderbook:close", "after"), ("scaleinv.delivery.folder:_publish", "after")):
        given = [*killer, target, when, "1", "", "--", *(EXPORT if "close" in target else DELIVER)]
        process = subprocess.run([*given, *sets(overrides)], capture_output=True, timeout=300)
        assert process.returncode == -signal.SIGKILL, process.stderr.decode()[-2000:]
    command(*DELIVER, *sets(overrides))
    export.work(walk)
    assert arrived(home / "drop") == files(home)
    assert waiting(walk) == []


def test_the_answer_to_a_whole_document_is_in_the_outbox(home: Path) -> None:
    with web_server() as server:
        half = r'{"text": "half a sign \ud83d"}'  # as servers write that cut between two
        server.script = [("body", 422, half), ("body", 202, '{"job": 7}')]
        place = {"kind": "http", "base_url": server.url, "send": "file", "path": "/in/{name}", "manifest": False,
                 "responses": str(home / "kept")}  # fmt: skip
        overrides = settings("csv", **{"delivery.destinations": {"erp": place}})
        walk = given_out(overrides, 0, ONE)
        kept = []
        for _ in range(2):
            with order_book(walk.config) as book, book.reading() as connection:
                asked = sa.select(OUTBOX).where(OUTBOX.c.destination == "erp")
                row = connection.execute(asked).mappings().one()
            kept.append((row["state"], row["answer_status"], row["answer_body"]))
            command(*DELIVER, "--again", *sets(overrides))
    assert kept == [("failed", 422, '{"text": "half a sign ?"}'), ("delivered", 202, '{"job": 7}')]


# --- answers by control numbers ---------------------------------------------------------------------------------------

X12 = {"export.x12": {"sender": "BUYERID"}}
EDIFACT = {"export.edifact": {"sender": "5412345000013"}}


def answered(walk: Walk, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    found = answer_files(walk.config, [path])
    assert found.refused == []


def word_997(sent: bytes, code: str) -> bytes:
    """What the receiver says to an 850 of ours."""
    text = sent.decode()
    gs = next(segment for segment in text.split("~") if segment.startswith("GS*")).split("*")
    n = text.count("~ST*850*")
    taken = n if code == "A" else 0
    isa = f"ISA*00*          *00*          *ZZ*{gs[3]:<15}*ZZ*{gs[2]:<15}*260201*0815*U*00401*{n:09d}*0*P*>~"
    body = f"ST*997*0001~AK1*PO*{gs[6]}~AK9*{code}*{n}*{n}*{taken}~SE*4*0001~"
    return f"{isa}GS*FA*{gs[3]}*{gs[2]}*20260201*0815*1*X*004010~{body}GE*1*1~IEA*1*{n:09d}~".encode()


def test_a_997_finds_the_orders_of_its_850(home: Path) -> None:
    overrides = settings("x12-850", **X12)
    walk = given_out(overrides, 0, ONE, L2, {**ONE, "vendor": "V2"})
    given_out(overrides, 1, ONE)  # the same partner, another night
    sent = {name: content for name, content in files(home).items() if name.endswith(".x12")}
    for name, content in sent.items():
        if str(NIGHT) in name:
            answered(walk, home / "997.x12", word_997(content, "R" if b"V2" in content[:110] else "A"))
    ids = (key(0), key(0, place="L2"), key(0, "V2"), key(1))
    assert statuses(walk, *ids) == ["acknowledged", "acknowledged", "held", "exported"]
    with order_book(walk.config) as book:
        assert "AK901 R" in history(book, key(0, "V2")).order["problem"]


def word_855(sender: str, order: str, quantity: str, unit: str, price: str) -> bytes:
    """What a vendor says to the first line of an order."""
    isa = f"ISA*00*          *00*          *ZZ*{sender:<15}*ZZ*BUYERID        *260201*0815*U*00401*000000001*0*P*>~"
    body = f"ST*855*0001~BAK*00*AC*{order}*20260201~PO1*1*{quantity}*{unit}*{price}~ACK*IQ~CTT*1~SE*6*0001~"
    return f"{isa}GS*PR*{sender}*BUYERID*20260201*0815*1*X*004010~{body}GE*1*1~IEA*1*000000001~".encode()


def test_an_order_in_trays_is_answered_in_trays_by_its_vendor_alone(home: Path) -> None:
    codes = home / "codes.csv"
    codes.write_text(
        "kind,format,ours,theirs\nvendor,x12-850,V1,NORTH\nvendor,x12-850,V2,SOUTH\nunit,x12-850,TRAY,TY\n"
    )
    overrides = settings("x12-850", "csv", **X12, **{"export.codes": str(codes)})
    walk = given_out(overrides, 0, {"lines": {"s1": 144}, "pack": ("TRAY", 1, 12)})
    (sent,) = (content.decode() for name, content in files(home).items() if name.endswith(".x12"))
    assert "~PO1*1*12*TY*3.6**IN*s1~" in sent
    assert "~CTT*1*12~AMT*TT*43.2~" in sent
    (table,) = (content.decode() for name, content in files(home).items() if name.endswith(".csv"))
    assert "144.000,EA,0.3000,EUR,43.20" in table
    assert table.rstrip().endswith("12.000,TRAY,3.6000")
    answered(walk, home / "south.x12", word_855("SOUTH", key(0), "1", "TY", "3.6"))
    assert statuses(walk, key(0)) == ["exported"]
    answered(walk, home / "north.x12", word_855("NORTH", key(0), "11", "TY", "3.72"))
    with order_book(walk.config) as book:
        found = history(book, key(0))
    assert {row["outcome"]: row["detail"] for row in found.answers} == {
        "refused": "it came from SOUTH, partner of V2, and the order is V1's (export.codes)", "applied": ""
    }  # fmt: skip
    row = found.lines[0]
    assert (row["confirmed"], row["cancelled"], str(row["confirmed_cost"])) == (132, 12, "0.3100")


def test_where_orders_go_to_our_own_keys_answers_come_from_them(home: Path) -> None:
    walk = given_out(settings("x12-850", **X12), 0, ONE)
    answered(walk, home / "a.x12", word_855("V2", key(0), "9", "EA", "0.3"))
    assert statuses(walk, key(0)) == ["exported"]
    network = settings("x12-850", **{"export.x12": {"sender": "BUYERID", "receiver": "NETWORK"}})
    answered(walk_of(network), home / "b.x12", word_855("NETWORK", key(0), "9", "EA", "0.3"))
    assert statuses(walk, key(0)) == ["acknowledged"]


def test_units_of_stock_where_they_are_asked_for_or_a_person_orders_no_whole_pack(home: Path) -> None:
    packed = {"lines": {"s1": 144}, "pack": ("CT", 1, 12)}
    given_out(settings("csv", **{"export.units": "stock"}), 0, packed)
    walk = given_out(settings("csv"), 1, {**packed, "disposition": "propose"})
    with order_book(walk.config) as book:
        edit(book, key(1), 1, quantity=Decimal(30), who="ann", why="shelf")
        change(book, [key(1)], "approved", who="ann", why="shelf")
    export.work(walk)
    said = [content.decode().splitlines()[-1] for name, content in sorted(files(home).items()) if "orders-" in name]
    assert [line.rpartition("2026-02-0")[2][2:] for line in said if key(0) in line] == ["144.000,EA,0.3000"]
    assert [line.rpartition("2026-02-0")[2][2:] for line in said if key(1) in line] == ["30.000,EA,0.3000"]


def test_numbers_go_on_in_a_further_set_of_the_night(home: Path) -> None:
    overrides = settings("x12-850", **X12)
    walk = given_out(overrides, 0, ONE, {**L2, "disposition": "propose"})
    command("orders", "approve", "--env", "test", key(0, place="L2"), "--who", "ann", *sets(overrides))
    export.work(walk)
    (second,) = (content for name, content in files(home).items() if f"{NIGHT}/2/" in name and ".x12" in name)
    answered(walk, home / "997.x12", word_997(second, "R"))
    assert statuses(walk, key(0), key(0, place="L2")) == ["exported", "held"]


@pytest.mark.parametrize(("action", "status"), [("7", "acknowledged"), ("4", "held")])
def test_a_contrl_finds_the_orders_of_its_interchange(home: Path, action: str, status: str) -> None:
    walk = given_out(settings("edifact-orders", **EDIFACT), 0, ONE)
    (sent,) = (content.decode("latin-1") for name, content in files(home).items() if name.endswith(".edi"))
    unb = next(segment for segment in sent.split("'") if "UNB+" in segment).partition("UNB+")[2].split("+")
    word = (
        f"UNB+UNOC:3+{unb[2]}+{unb[1]}+260201:0815+REF7'UNH+1+CONTRL:D:3:UN'"
        f"UCI+{unb[4]}+{unb[1]}+{unb[2]}+{action}'UNT+3+1'UNZ+1+REF7'"
    )
    answered(walk, home / "contrl.edi", word.encode())
    assert statuses(walk, key(0)) == [status]


@pytest.mark.parametrize(("format", "message"), [("idoc", "ORDERS"), ("preqcr", "PREQCR")])
def test_a_status_of_an_idoc_finds_its_order(home: Path, format: str, message: str) -> None:
    walk = given_out(settings(format), 0, ONE, L2)
    (sent,) = (content.decode() for name, content in files(home).items() if name.endswith(".xml"))
    numbers = [part.partition("<")[0] for part in sent.split("<DOCNUM>")[1:]]
    states = "".join(
        f'<E1STATE SEGMENT="1"><DOCNUM>{number}</DOCNUM><STATUS>{state}</STATUS><STATXT>no</STATXT>'
        "<LOGDAT>20260201</LOGDAT><LOGTIM>081500</LOGTIM></E1STATE>"
        for number, state in zip(numbers, ("53", "51"), strict=True)
    )
    word = (
        "<ALEAUD01><IDOC BEGIN=\"1\"><EDI_DC40 SEGMENT='1'><DOCNUM>77</DOCNUM><SNDPRN>PRD</SNDPRN></EDI_DC40>"
        f'<E1ADHDR SEGMENT="1"><MESTYP>{message}</MESTYP>{states}</E1ADHDR></IDOC></ALEAUD01>'
    )
    answered(walk, home / "status.xml", word.encode())
    assert statuses(walk, key(0), key(0, place="L2")) == ["acknowledged", "held"]


def test_an_empty_night_of_a_network_has_no_numbers(home: Path) -> None:
    overrides = settings("x12-850", "edifact-orders", **{
        "export.x12": {"sender": "BUYERID", "receiver": "NETWORK"},
        "export.edifact": {"sender": "5412345000013", "receiver": "4012345500004"},
    })  # fmt: skip
    assert export.is_intact(given_out(overrides, 0))


# --- codes ------------------------------------------------------------------------------------------------------------


def test_other_codes_are_other_documents_but_not_of_a_set_that_is_out(home: Path) -> None:
    codes = home / "codes.csv"
    codes.write_text("kind,format,ours,theirs\nvendor,x12-850,V1,VENDOR1\n")
    overrides = settings("x12-850", **X12, **{"export.codes": str(codes)})
    walk = given_out(overrides, 0, ONE, {**L2, "disposition": "propose"})
    before = files(home)
    fingerprint = walk.fingerprint(STAGE)
    assert walk_of(overrides).fingerprint(STAGE) == fingerprint
    codes.write_text("kind,format,ours,theirs\nvendor,x12-850,V1,OTHERNAME\n")
    walk = walk_of(overrides)
    assert walk.fingerprint(STAGE) != fingerprint, "there may be work to do"
    command("orders", "approve", "--env", "test", key(0, place="L2"), "--who", "ann", *sets(overrides))
    export.work(walk)
    found = files(home)
    assert {name: found[name] for name in before} == before, "what is out stays as it is"
    assert b"VENDOR1" in next(content for name, content in before.items() if name.endswith(".x12"))
    (later,) = (content for name, content in found.items() if name not in before and name.endswith(".x12"))
    assert b"OTHERNAME" in later
    assert key(0).encode() not in later
    assert export.is_intact(walk)


# --- our word back ----------------------------------------------------------------------------------------------------


def test_what_came_in_is_acknowledged_once(home: Path) -> None:
    walk = given_out(settings(), 0, ONE)
    (home / "out").mkdir()
    path = home / "855.x12"
    path.write_bytes(
        b"ISA*00*          *00*          *ZZ*VENDORID       *ZZ*BUYERID        *260921*0815*U*00401*000000001*0*P*>~"
        b"GS*PR*VENDORID*BUYERID*20260921*0815*1*X*004010~ST*855*0001~BAK*00*RJ*" + key(0).encode() + b"*20260921~"
        b"SE*3*0001~GE*1*1~IEA*1*000000001~"
    )
    answer = ("orders", "answer", "--env", "test", str(path), "--acknowledge", str(home / "out"))
    command(*answer, "--dry-run")
    assert list((home / "out").iterdir()) == []
    assert "1 applied" in command(*answer)
    assert statuses(walk, key(0)) == ["rejected"], "the vendor wants none of it"
    (word,) = (home / "out").iterdir()
    content = word.read_bytes()
    assert b"~AK1*PR*1~AK2*855*0001~AK5*A~" in content
    assert "1 duplicate" in command(*answer)
    assert arrived(home / "out") == {word.name: content}
    assert "is not there" in command(*answer[:-1], str(home / "nowhere"), status=3)
