"""What comes back is read whole or not at all; nothing is guessed."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

import pytest
import pyx12.x12file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydifact.segmentcollection import Interchange
from tests.erp.answer_documents import (
    CONTRL,
    CSV,
    DESADV,
    EXAMPLES,
    IDOC,
    JSON,
    ORDERS,
    ORDRSP,
    X12_855,
    X12_856,
    X12_997,
    edifact,
    idoc_status,
    x12,
)

from scaleinv.erp.answers import Refused, functional_acknowledgement, read_answers
from scaleinv.errors import DataError
from scaleinv.schema.life import Answer, AnswerLine

AT = datetime(2026, 9, 21, 9, 30)


def read(data: bytes) -> list[Answer | Refused]:
    return list(read_answers(data, name="file", orders_of=ORDERS))


def answers(data: bytes) -> list[Answer]:
    found = read(data)
    assert all(isinstance(one, Answer) for one in found), found
    return [one for one in found if isinstance(one, Answer)]


def refused(data: bytes) -> Refused:
    (one,) = (one for one in read(data) if isinstance(one, Refused))
    return one


def read_or_refused(data: bytes) -> None:
    """Any other exception than DataError fails the test."""
    try:
        found = read(data)
    except DataError:
        return
    assert all(isinstance(one, (Answer, Refused)) for one in found)


def brief(answer: Answer) -> tuple[object, ...]:
    return answer.kind, answer.order_id, answer.erp_number, answer.shipment_id


# --- what each format says ------------------------------------------------------------------------------------------


def test_855() -> None:
    (answer,) = answers(X12_855)
    assert brief(answer) == ("confirmed", "PO-000123", None, None)
    assert answer.at is not None
    assert answer.at.isoformat() == "2026-09-21T08:15:00+00:00"
    assert "SO-77" in answer.reason
    one, two, later, no, rest = answer.lines
    assert one == AnswerLine(
        "accepted", 1, "SKU42", "036000241457", Decimal(48), "EA", Decimal("3.25"), date(2026, 9, 28),
        reason="leaves the vendor on 2026-09-27 (ACK04 068)",
    )  # fmt: skip
    assert (two.status, two.quantity, two.unit, two.date) == ("changed", 8, "XCS", date(2026, 9, 29))
    assert (later.status, later.line, later.quantity, later.date) == ("backordered", 2, 4, None)
    assert (no.status, no.line, no.unit_cost) == ("rejected", 3, Decimal("0.01"))
    assert (rest.status, rest.unit, rest.unit_cost) == ("changed", "KGM", None)


@pytest.mark.parametrize(
    ("code", "kind", "statuses"),
    [("AD", "confirmed", ["accepted"]), ("AC", "confirmed", ["changed"]), ("AT", "confirmed", ["accepted"]),
     ("AH", "taken", []), ("RD", "confirmed", ["rejected"])],
)  # fmt: skip
def test_855_of_the_whole_order(code: str, kind: str, statuses: list[str]) -> None:
    (answer,) = answers(x12(f"855|BAK*00*{code}*PO-1*20260921~PO1*1*5*EA*1*PE~CTT*1~"))
    assert (answer.kind, [line.status for line in answer.lines]) == (kind, statuses)


@pytest.mark.parametrize(
    ("acks", "said"),
    [
        ("ACK*IS*12*EA****VN*NEW-1*UP*036000241457~",
         [("rejected", None, None, "substituted by VN NEW-1, UP 036000241457")]),
        ("ACK*IS*12*EA~", [("rejected", None, None, "substituted by an article that is not said")]),
        ("ACK*IA*8*EA~ACK*IS*4*EA****VN*NEW-1~",
         [("accepted", 8, 28, ""), ("rejected", 4, 28, "substituted by VN NEW-1")]),
        ("ACK*BP*8*EA*067*20260929~",
         [("accepted", 8, 29, ""), ("backordered", None, None, "shipped in part, the rest later")]),
        ("ACK*BP*8*EA~ACK*IB*4*EA*067*20260930~",
         [("accepted", 8, 28, ""), ("backordered", 4, 30, "backordered")]),
        ("ACK*BP~", [("backordered", 12, None, "shipped in part, the rest later")]),
        ("ACK*IQ*8*EA~ACK*IR~", [("changed", 8, 28, "quantity changed"), ("rejected", None, 28, "rejected")]),
    ],
)  # fmt: skip
def test_855_parts_of_a_line(acks: str, said: list[tuple[str, int | None, int | None, str]]) -> None:
    (answer,) = answers(x12(f"855|BAK*00*AC*PO-1*20260921~DTM*067*20260928~PO1*1*12*EA*1*PE*IN*SKU1~{acks}CTT*1~"))
    found = [(line.status, line.quantity, line.date and line.date.day, line.reason) for line in answer.lines]
    expected = [(*one[:2], 28 if one[0] == "rejected" else one[2], one[3]) for one in said]
    assert found == expected
    assert {line.sku_id for line in answer.lines} == {"SKU1"}


def test_855_that_rejects_without_lines_rejects_the_order() -> None:
    (answer,) = answers(x12("855|BAK*00*RJ*PO-1*20260921~"))
    assert (answer.kind, answer.lines, answer.reason) == ("rejected", (), "rejected by the vendor (BAK02 RJ)")
    (answer,) = answers(x12("855|BAK*00*AK*PO-1*20260921~"))
    assert (answer.kind, answer.lines) == ("confirmed", ())


def test_856() -> None:
    first, second = answers(X12_856)
    assert brief(first) == ("shipped", "PO-000123", None, "SHIP-9")
    assert first.lines[0] == AnswerLine(
        "shipped", None, "SKU42", "036000241457", Decimal(40), "EA", None, date(2026, 9, 28), "LOT42A",
        date(2027, 1, 31), sscc="106141411234567897",
    )  # fmt: skip
    assert (first.lines[1].line, first.lines[1].quantity, first.lines[1].unit) == (2, Decimal("8.5"), "KGM")
    assert (second.order_id, second.lines[0].lot, second.lines[0].sscc) == ("PO-000124", "L9", None)


def test_997() -> None:
    good, bad = answers(X12_997)
    assert (brief(good), brief(bad)) == (("taken", "PO-000123", None, None), ("failed", "PO-000124", None, None))
    assert bad.reason == "AK501 R; segment 8 PO1: error 8; element 2: error 6, found '4.5X'; set error 5"


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        ("AK9*A*2*2*2~", ["taken", "taken"]),
        ("AK9*R*2*2*0~", ["failed", "failed"]),
        ("AK2*850*0002~AK5*R~AK9*P*2*2*1~", ["failed", "taken"]),
        ("AK2*850*0001~AK5*A~AK2*850*0002~AK5*A~AK9*R*2*2*0~", ["failed", "failed"]),
        ("AK2*850*0001~AK5*E~AK9*E*2*2*2~", ["taken", "taken"]),
    ],
)
def test_997_speaks_of_sets_that_it_does_not_name(body: str, kinds: list[str]) -> None:
    found = answers(x12(f"997|AK1*PO*260920001~{body}", kind="FA"))
    assert [answer.kind for answer in found] == kinds
    assert {answer.order_id for answer in found} == {"PO-000123", "PO-000124"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("AK1*PO*99~AK9*A*2*2*2~", "AK102: expected the number of a group that we sent, found '99'"),
        ("AK1*PO*260920001~AK2*850*0009~AK5*A~AK9*A*2*2*2~", "AK202: expected a set that we sent"),
        ("AK1*PO*260920001~AK9*A*3*3*3~", "AK902: expected the 2 sets that we sent in group 260920001, found 3"),
        ("AK1*PO*260920001~AK9*P*2*1*1~", "AK903: 1 of 2 sets arrived"),
        ("AK1*PO*260920001~AK9*A*2*2*1~", "AK904: expected 2 sets accepted as AK5 say, found 1 of 2"),
        ("AK1*PO*260920001~AK9*Q*2*2*2~", "AK901: expected A, E, R, M, W, X, P, found 'Q'"),
        ("AK1*PO*260920001~AK2*850*0001~AK9*A*2*2*2~", "expected AK3, AK4 or AK5 after AK2, found AK9"),
    ],
)
def test_997_that_contradicts_what_was_sent_is_set_aside(body: str, words: str) -> None:
    assert words in refused(x12(f"997|{body}", kind="FA")).reason


def test_ordrsp() -> None:
    (answer,) = answers(ORDRSP)
    assert brief(answer) == ("confirmed", "PO-000123", None, None)
    one, two, later, no = answer.lines
    assert one == AnswerLine(
        "accepted", 1, None, "4000862141404", Decimal(48), "EA", Decimal("3.25"), date(2026, 9, 28)
    )
    assert (two.status, two.quantity, two.unit, two.unit_cost) == ("changed", Decimal("8.5"), "KGM", Decimal("2.779"))
    assert (two.sku_id, two.date) == ("SKU43", date(2026, 9, 30))
    assert (later.status, later.quantity, later.line) == ("backordered", Decimal("3.5"), 2)
    assert (no.status, no.line, no.sku_id) == ("rejected", 3, "SKU44")


@pytest.mark.parametrize(("code", "kind"), [("27", "rejected"), ("29", "confirmed"), ("9", "confirmed")])
def test_ordrsp_of_the_whole_order(code: str, kind: str) -> None:
    (answer,) = answers(edifact(f"ORDRSP:D:96A:UN:EAN005|BGM+231+R+{code}'RFF+ON:PO-1'UNS+S'"))
    assert (answer.kind, answer.lines) == (kind, ())


@pytest.mark.parametrize("line", ["1+5+4000862141404:EN", "+3+4000862141404:EN"])
def test_ordrsp_with_another_article_rejects_the_one_that_was_ordered(line: str) -> None:
    body = f"LIN+{line}'PIA+1+SKU1:IN'PIA+3+4000862141411:EN+N7:SA'QTY+113:12:PCE'UNS+S'CNT+2:1'"
    (answer,) = answers(edifact(f"ORDRSP:D:96A:UN:EAN005|BGM+231+RSP1+4'DTM+137:20260921:102'RFF+ON:PO-1'{body}"))
    (said,) = answer.lines
    assert (said.status, said.sku_id, said.gtin, said.quantity) == ("rejected", "SKU1", "4000862141404", None)
    assert said.reason == "substituted by EN 4000862141411, SA N7"


def test_desadv() -> None:
    first, second = answers(DESADV)
    assert brief(first) == ("shipped", "PO-000123", None, "DES-1")
    assert [(line.quantity, line.lot, line.expiry) for line in first.lines] == [
        (40, "L+1", date(2027, 1, 31)),
        (8, "L2", date(2027, 2, 28)),
    ]
    assert {(line.sku_id, line.sscc, line.date) for line in first.lines} == {
        ("SKU42", "006141411234567890", date(2026, 9, 28))
    }
    assert second.lines == (
        AnswerLine("shipped", 7, None, "4000862141411", Decimal("2.5"), "KGM", None, date(2026, 9, 28)),
    )


def test_contrl() -> None:
    good, bad = answers(CONTRL)
    assert (brief(good)[:2], brief(bad)[:2]) == (("taken", "PO-000123"), ("failed", "PO-000124"))
    assert bad.reason == "UCM: rejected, error 12"


def test_contrl_that_rejects_the_interchange_rejects_every_order() -> None:
    uci = "UCI+20260920000001+5412345000013:14+4012345500004:14+4+29'UCM+1+ORDERS:D:96A:UN+7'"
    assert [answer.kind for answer in answers(edifact(f"CONTRL:D:3:UN|{uci}"))] == ["failed", "failed"]


def test_idoc_status() -> None:
    good, bad = answers(IDOC)
    assert brief(good) == ("taken", "PO-000123", "4500000123", None)
    assert (bad.kind, bad.reason) == ("failed", "status 51 not posted: Material TG11 is locked")
    assert [answer.kind for answer in answers(idoc_status([("2026092000000001", "41", "")], root="SYSTAT01"))] == [
        "taken"
    ]


@pytest.mark.parametrize(
    ("number", "status", "words"),
    [("2026092000000001", "64", "decides nothing yet"), ("2026092000000001", "99", "found '99'"),
     ("42", "53", "DOCNUM: expected the number of an IDoc that we sent, found '42'")],
)  # fmt: skip
def test_idoc_status_that_decides_nothing_is_set_aside(number: str, status: str, words: str) -> None:
    found = read(idoc_status([(number, status, ""), ("2026092000000002", "53", "")]))
    assert [type(one) for one in found] == [Refused, Answer]
    assert isinstance(found[0], Refused)
    assert words in found[0].reason
    assert number.encode() in found[0].raw


def test_web_answers() -> None:
    good, bad = answers(JSON)
    assert brief(good) == ("taken", "PO-000123", "4500000123", None)
    assert brief(bad) == ("failed", "PO-000124", None, None)
    assert "ME/083 Enter Plant" in bad.reason
    assert "Plant 1799 does not exist" in bad.reason


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ('{"d": {"PurchaseRequisition": "10000123"}}', "10000123"),
        ('{"@odata.context": "x", "PurchaseOrderNumber": "PO-1"}', None),
        ("[257]", "257"),
        ('{"data": {"name": "PUR-ORD-2026-00001"}}', "PUR-ORD-2026-00001"),
        ('{"PurchaseOrder": {"Id": "257", "DocNumber": "PO-1"}, "time": "2026"}', "257"),
        ("null", None),
    ],
)
def test_numbers_of_several_erps(body: str, number: str | None) -> None:
    (answer,) = answers(b'{"responses": [{"key": "PO-1", "status": 201, "body": %s}]}' % body.encode())
    assert (answer.kind, answer.erp_number) == ("taken", number)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, '{"Fault": {"Error": [{"Message": "Invalid Reference Id", "code": "2500"}], "type": "x"}}', "2500"),
        (400, '{"title": "Bad", "o:errorDetails": [{"detail": "Invalid item", "o:errorCode": "INVALID"}]}', "INVALID"),
        (
            417,
            '{"exc_type": "ValidationError", "exception": "frappe.exceptions: no such supplier"}',
            "no such supplier",
        ),
        (200, '{"error": {"code": 200, "message": "Odoo Server Error"}}', "Odoo Server Error"),
        (500, "null", "500 without words"),
        (
            200,
            '{"data": {"inventorySetQuantities": {"userErrors": [{"message": "stale quantity"}]}}}',
            "stale quantity",
        ),
    ],
)
def test_errors_of_several_erps(status: int, body: str, words: str) -> None:
    (answer,) = answers(b'{"responses": [{"key": "PO-1", "status": %d, "body": %s}]}' % (status, body.encode()))
    assert answer.kind == "failed"
    assert words in answer.reason


def test_an_order_of_several_requests_is_taken_only_if_all_were() -> None:
    document = (
        b'{"responses": [{"key": "PO-1", "status": 201, "body": {}}, {"key": "PO-1/1", "status": 400, "body": null},'
        b'{"key": "PO-1/2", "status": 201, "body": {}}, {"status": 3}]}'
    )
    aside, answer = read(document)
    assert isinstance(answer, Answer)
    assert isinstance(aside, Refused)
    assert (answer.kind, answer.order_id) == ("failed", "PO-1")
    assert answer.reason.startswith("1 of 3 requests failed; PO-1/1: 400")


def test_one_odata_body_names_its_order() -> None:
    (answer,) = answers(b'{"d": {"PurchaseOrder": "4500000123", "CorrespncInternalReference": "PO-9"}}')
    assert brief(answer) == ("taken", "PO-9", "4500000123", None)
    assert "expected an order's key" in refused(b'{"error": {"code": "ME/083", "message": {"value": "x"}}}').reason


def test_csv() -> None:
    received, taken = answers(CSV)
    assert brief(received) == ("received", "PO-000123", None, None)
    assert received.at is not None
    assert received.at.isoformat() == "2026-09-28T05:30:00+00:00"
    assert received.lines[0] == AnswerLine(
        "received", 1, None, None, Decimal("40.000"), "EA", None, date(2026, 9, 28), "LOT42A", date(2027, 1, 31)
    )
    assert (received.lines[1].sku_id, received.lines[1].quantity) == ("SKU43", Decimal("8.5"))
    assert (brief(taken), taken.reason) == (("taken", "PO-000124", "4500000124", None), "ok, noted")


def test_a_csv_receipt_may_be_taken_back() -> None:
    data = b"message,kind,order_id,line,quantity,unit\nGR-1-102,received,PO-1,1,-4.5,EA\nend,1\n"
    (answer,) = answers(data)
    assert answer.lines == (AnswerLine("received", 1, quantity=Decimal("-4.5"), unit="EA"),)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("m,received,P,1,,x,EA", "quantity: expected a number, found 'x'"),
        ('m,received,P,1,,"1,000",EA', "quantity: expected a number, found '1,000'"),
        ("m,shipped,P,1,,-1,EA", "quantity: expected a number from 0, found '-1'"),
        ("m,received,P,,,1,EA", "expected line, sku_id or gtin"),
        ("m,received,P,1,,,EA", "quantity: expected a number, found nothing"),
        ("m,eaten,P,1,,1,EA", "kind: expected"),
        ("m,confirmed,P,1,,1,EA", "status: expected accepted"),
        ("m,received,,1,,1,EA", "expected message and order_id"),
    ],
)
def test_a_csv_row_that_cannot_be_read_is_set_aside(row: str, words: str) -> None:
    head = "message,kind,order_id,line,sku_id,quantity,unit\n"
    found = read(f"{head}{row}\nm2,received,P,1,,1,EA\nend,2\n".encode())
    (bad,) = (one for one in found if isinstance(one, Refused))
    assert words in bad.reason
    assert bad.position == 2
    assert len(found) == 2


# --- counts, codes, cuts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_same_document_twice_gives_the_same(name: str) -> None:
    once, again = read(EXAMPLES[name]), read(EXAMPLES[name])
    assert once == again
    assert len({one.message_id for one in once}) == len(once)
    assert all(len(one.message_id) <= 200 for one in once)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_document_cut_at_any_byte_is_an_error(name: str) -> None:
    data, whole = EXAMPLES[name], read(EXAMPLES[name])
    ends = len(data.rstrip())
    for end in range(ends):
        with pytest.raises(DataError):
            read(data[:end])
    for end in range(ends, len(data)):
        assert read(data[:end]) == whole


@pytest.mark.parametrize("name", EXAMPLES)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_document_is_an_error_or_set_aside(name: str, data: st.DataObject) -> None:
    damaged = bytearray(EXAMPLES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        change = data.draw(st.sampled_from(["replace", "remove", "insert", "swap"]))
        if change == "remove":
            del damaged[place : place + data.draw(st.integers(1, 30))]
        elif change == "insert":
            damaged[place:place] = data.draw(st.binary(min_size=1, max_size=4))
        elif change == "swap":
            damaged[place:place] = damaged[:place][-40:]
        else:
            damaged[place] = data.draw(st.integers(0, 255))
        if not damaged:
            break
    read_or_refused(bytes(damaged))


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"ISA", b"UNB+UNOC:3", b"<a>", b"{", b"order_id,", X12_855[:106]])
)
def test_noise_is_an_error(noise: bytes, start: bytes) -> None:
    read_or_refused(start + noise)


def test_a_set_with_a_wrong_count_is_set_aside_and_the_others_are_taken() -> None:
    good, other = "855|BAK*00*AT*PO-1*20260921~", "855|BAK*00*AT*PO-2*20260921~"
    data = x12(good, other).replace(b"SE*3*0002", b"SE*4*0002")
    found = read(data)
    assert [one.order_id for one in found if isinstance(one, Answer)] == ["PO-1"]
    (bad,) = (one for one in found if isinstance(one, Refused))
    assert bad.reason == "SE01: expected 3 segments as are there, found '4'"
    assert bad.position == 8
    assert b"BAK*00*AT*PO-2" in bad.raw
    assert (
        "SE02: expected '0002' of ST02, found '0003'"
        in refused(x12(good, other).replace(b"*3*0002", b"*3*0003")).reason
    )
    without_end = x12(good, other).replace(b"SE*3*0001~", b"")
    assert refused(without_end).reason == "expected SE at the end of the set, found ST"


def test_a_message_with_a_wrong_count_is_set_aside_and_the_others_are_taken() -> None:
    one = "ORDRSP:D:96A:UN|BGM+231+R+29'RFF+ON:PO-1'UNS+S'"
    data = edifact(one, one.replace("PO-1", "PO-2")).replace(b"UNT+5+2", b"UNT+6+2")
    found = read(data)
    assert [answer.order_id for answer in found if isinstance(answer, Answer)] == ["PO-1"]
    assert refused(data).reason == "UNT: expected 5 segments as are there, found '6'"
    assert "UNT: expected reference '2' of UNH" in refused(edifact(one, one).replace(b"UNT+5+2", b"UNT+5+9")).reason
    assert "expected UNT at the end" in refused(edifact(one, one).replace(b"UNT+5+1'", b"")).reason


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (X12_855.replace(b"GE*1*1", b"GE*2*1"), "GE01 1 as are there"),
        (X12_855.replace(b"GE*1*1", b"GE*1*2"), "GE02 1 as its beginning says"),
        (X12_855.replace(b"IEA*1", b"IEA*2"), "IEA01 1 as are there"),
        (X12_855.replace(b"IEA*1*000000001", b"IEA*1*000000002"), "IEA02 000000001"),
        (ORDRSP.replace(b"UNZ+1", b"UNZ+2"), "UNZ that counts 1"),
        (ORDRSP.replace(b"UNZ+1+REF0007", b"UNZ+1+REF0008"), "UNZ with the reference REF0007"),
        (ORDRSP.replace(b"UNOC", b"UNOZ"), "UNB with a syntax identifier"),
        (CSV.replace(b"end,3", b"end,4"), "a last row end,3"),
        (CSV.replace(b"sender,", b"seller,"), "columns among"),
        (b"", "no format of answers that is known"),
        (b"PK\x03\x04", "no format of answers that is known"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "XML without a document type"),
        (b'{"responses": [], "responses": []}', "a whole JSON document"),
    ],
)
def test_an_envelope_that_contradicts_itself_is_an_error(data: bytes, words: str) -> None:
    with pytest.raises(DataError) as caught:
        read(data)
    assert words in str(caught.value)
    assert "file" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (x12("855|BAK*00*QQ*PO-1~"), "BAK02: expected AC, AD"),
        (x12("855|BAK*00*AD*~"), "BAK03: expected the number of the purchase order"),
        (x12("855|BAK*00*AD*P~PO1*1*1*EA~ACK*ZZ*1*EA~"), "ACK01: expected"),
        (x12("855|BAK*00*AD*P~PO1*1*1*QQ~"), "unknown unit"),
        (x12("855|BAK*00*AD*P~PO1*1*1*EA*3*ZZ~"), "PO105: expected"),
        (x12("855|BAK*00*AD*P~PO1*1*x*EA~"), "PO102: expected a number"),
        (x12("855|BAK*00*AD*P~PO1**1*EA~"), "expected a line number, our number or a GTIN"),
        (x12("855|BAK*00*AD*P~PO1*1*1*EA~CTT*2~"), "CTT01: expected 1 segments PO1 as are there, found 2"),
        (x12("855|BAK*00*AD*P~PO1*1*1*EA~ACK*IA*1*EA*067*20261341~"), "ACK05: expected a day"),
        (x12("810|BIG*1~"), "ST01: expected 855, 856, 997, 999, found '810'"),
        (x12("856|BSN*00*S~HL*1**S~HL*1**O~PRF*P~CTT*2~"), "HL01: expected a new number"),
        (x12("856|BSN*00*S~HL*1**S~HL*2*9*O~PRF*P~CTT*2~"), "HL02: expected the number of an earlier HL"),
        (x12("856|BSN*00*S~HL*1**S~HL*2*1*I~LIN**IN*A~SN1**1*EA~CTT*2~"), "expected an item inside an order"),
        (x12("856|BSN*00*S~HL*1**O~CTT*1~"), "expected PRF01"),
        (x12("856|BSN*00*S~HL*1**O~PRF*P~CTT*3~"), "CTT01: expected 1 segments HL"),
        (x12("856|BSN*01*S~HL*1**O~PRF*P~"), "BSN01: expected 00, 05 or 06"),
        (X12_856.replace(b"106141411234567897", b"106141411234567898"), "SSCC: expected 18 digits"),
        (edifact("ORDRSP:D:96A|BGM+231+R+77'RFF+ON:P'UNS+S'"), "BGM 1225: expected"),
        (edifact("ORDRSP:D:96A|BGM+231+R+9'RFF+ON:P'LIN+1+99'UNS+S'"), "LIN 1229: expected"),
        (edifact("ORDRSP:D:96A|BGM+231+R+9'RFF+ON:P'LIN+1+5'UNS+S'CNT+2:2'"), "CNT+2: expected 1 lines"),
        (edifact("ORDRSP:D:96A|BGM+231+R+9'UNS+S'"), "expected a segment RFF+ON"),
        (edifact("ORDRSP:D:96A|BGM+231+R+9'RFF+ON:P'LIN+1+5'QTY+21:1:QQQ'"), "unknown unit"),
        (edifact("DESADV:D:96A|BGM+351+D+9'LIN+1++1:EN'QTY+12:1'"), "expected RFF+ON at the line or before all lines"),
        (edifact("DESADV:D:96A|BGM+351+D+1'RFF+ON:P'"), "BGM: expected 351"),
        (edifact("DESADV:D:96A|BGM+351+D+9'RFF+ON:P'LIN+1++1:EN'"), "expected QTY+12"),
        (DESADV.replace(b"QTY+12:40:PCE", b"QTY+12:41:PCE"), "expected lots that add up to QTY+12 48"),
        (edifact("CONTRL:D:3:UN|UCI+NEVER+a+b+7'"), "UCI: expected an interchange that we sent"),
        (edifact("CONTRL:D:3:UN|UCI+20260920000001+a+b+9'"), "UCI 0083: expected 4, 7, 8"),
        (edifact("INVOIC:D:96A|BGM+380'"), "UNH 0065: expected ORDRSP, DESADV, CONTRL"),
    ],
)
def test_what_cannot_be_understood_is_set_aside_with_its_reason(data: bytes, words: str) -> None:
    one = refused(data)
    assert words in one.reason
    assert one.position > 0
    assert len(one.raw) > 10
    assert len(read(data)) == 1


def test_a_resent_document_with_other_contents_is_another_statement() -> None:
    (one,), (other,) = (answers(x12(f"855|BAK*00*{code}*PO-1*20260921~")) for code in ("AT", "RJ"))
    assert one.message_id != other.message_id


def test_ta1() -> None:
    good = X12_855.replace(b"GS*PR", b"TA1*000000001*260920*1200*A*000~GS*PR")
    assert [type(one) for one in read(good)] == [Answer]
    bad = good.replace(b"*A*000~", b"*R*006~")
    assert "TA1: interchange 000000001 is not accepted (R, note 006)" in refused(bad).reason


def test_two_interchanges_in_a_file() -> None:
    both = x12("855|BAK*00*AT*PO-1~", number=1) + x12("855|BAK*00*AT*PO-2~", number=2)
    assert [answer.order_id for answer in answers(both)] == ["PO-1", "PO-2"]


# --- documents made by rule -----------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="latin-1", categories=["L", "N", "P", "S"]), min_size=1, max_size=12)
PLAIN = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.", min_size=1, max_size=12)
QUANTITY = st.decimals(min_value=0, max_value=10**9, places=3)
LINES = st.lists(st.tuples(PLAIN, QUANTITY, st.sampled_from(["IA", "IB", "IQ", "IR"]), st.dates(date(2020, 1, 1))))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(PLAIN, LINES), min_size=1, max_size=4))
def test_any_855_is_read_as_it_was_written(orders: list[tuple[str, list[tuple[str, Decimal, str, date]]]]) -> None:
    sets = []
    for order, lines in orders:
        items = "".join(
            f"PO1*{n}*{quantity}*EA*1.5*PE*IN*{sku}~ACK*{code}*{quantity}*EA*067*{day:%Y%m%d}~"
            for n, (sku, quantity, code, day) in enumerate(lines, start=1)
        )
        sets.append(f"855|BAK*00*AC*{order}*20260921~{items}CTT*{len(lines)}~")
    found = answers(x12(*sets))
    status = {"IA": "accepted", "IB": "backordered", "IQ": "changed", "IR": "rejected"}
    assert [answer.order_id for answer in found] == [order for order, _ in orders]
    for answer, (_, lines) in zip(found, orders, strict=True):
        assert [(one.line, one.sku_id, one.quantity, one.status, one.date) for one in answer.lines] == [
            (n, sku, quantity, status[code], day) for n, (sku, quantity, code, day) in enumerate(lines, start=1)
        ]


def released(text: str) -> str:
    return "".join(f"?{sign}" if sign in "+:'?" else sign for sign in text)


@settings(max_examples=100, deadline=None)
@given(TEXT, st.lists(st.tuples(TEXT, QUANTITY, TEXT), min_size=1, max_size=4))
def test_any_desadv_is_read_as_it_was_written(order: str, lines: list[tuple[str, Decimal, str]]) -> None:
    items = "".join(
        f"LIN+{n}'PIA+5+{released(sku)}:IN'QTY+12:{quantity}:KGM'PCI+36E'GIN+BX+{released(lot)}'"
        for n, (sku, quantity, lot) in enumerate(lines, start=1)
    )
    body = f"BGM+351+D1+9'RFF+ON:{released(order)}'CPS+1'{items}CNT+2:{len(lines)}'"
    count = 2 + 4 + sum(5 for _ in lines)
    text = (f"UNB+UNOC:3+A+B+260921:0815+R1'UNH+1+DESADV:D:96A:UN'{body}UNT+{count}+1'UNZ+1+R1'").encode("latin-1")
    (answer,) = answers(text)
    assert answer.order_id == order.strip()
    assert [(one.sku_id, one.quantity, one.lot) for one in answer.lines] == [
        (sku.strip(), quantity, lot.strip()) for sku, quantity, lot in lines
    ]


# --- our word back --------------------------------------------------------------------------------------------------


def envelope_errors(data: bytes) -> list[object]:
    """What pyx12 finds wrong with counts and control numbers."""
    reader = pyx12.x12file.X12Reader(io.StringIO(data.decode()))
    for _ in reader:
        pass
    reader.cleanup()
    return list(reader.pop_errors())


@pytest.mark.parametrize("data", [X12_855, X12_856, X12_997])
def test_the_examples_keep_another_readers_rules(data: bytes) -> None:
    assert envelope_errors(data) == []


def test_an_855_is_answered_set_by_set() -> None:
    good, bad = "855|BAK*00*AT*PO-1*20260921~", "855|BAK*00*QQ*PO-2*20260921~"
    word = functional_acknowledgement(x12(good, bad), name="file", at=AT)
    assert envelope_errors(word) == []
    assert (
        b"ISA*00*          *00*          *ZZ*BUYERID        *ZZ*VENDORID       *260921*0930*U*00401*000000001*0*P*>~"
        in word
    )
    assert b"AK1*PR*1~AK2*855*0001~AK5*A~AK2*855*0002~AK5*R*5~AK9*P*2*2*1~SE*8*0001~GE*1*1~IEA*1*000000001~" in word
    counts = functional_acknowledgement(x12(good).replace(b"SE*3", b"SE*5"), name="file", at=AT)
    assert b"AK5*R*4~AK9*R*1*1*0~" in counts
    assert functional_acknowledgement(x12(good, bad), name="file", at=AT) == word


@pytest.mark.filterwarnings("ignore::pydifact.exceptions.MissingImplementationWarning")
def test_an_ordrsp_is_answered_message_by_message() -> None:
    good = "ORDRSP:D:96A:UN:EAN005|BGM+231+R+29'RFF+ON:PO-1'UNS+S'"
    word = functional_acknowledgement(edifact(good, good.replace("+29'", "+77'")), name="file", at=AT)
    parsed = Interchange.from_str(word.decode())
    (message,) = parsed.get_messages()
    tags = [(segment.tag, segment.elements) for segment in message.segments]
    assert parsed.sender == ["5412345000013", "14"]
    assert tags[0] == ("UCI", ["REF0007", ["4012345500004", "14"], ["5412345000013", "14"], "7"])
    assert [elements[2:] for tag, elements in tags[1:]] == [["7"], ["4", "12"]]
    assert word.endswith(b"UNT+5+1'UNZ+1+REF0007'")


@pytest.mark.parametrize("data", [X12_997, CONTRL, JSON, CSV, IDOC])
def test_what_is_an_answer_itself_is_not_answered(data: bytes) -> None:
    assert functional_acknowledgement(data, name="file", at=AT) == b""


@pytest.mark.parametrize("write", [x12, edifact])
def test_our_word_is_read_back(write: Callable[..., bytes]) -> None:
    body = "855|BAK*00*AT*PO-1*20260921~" if write is x12 else "ORDRSP:D:96A:UN|BGM+231+R+29'RFF+ON:PO-1'UNS+S'"
    word = functional_acknowledgement(write(body, body), name="file", at=AT)
    known = {
        "x12:BUYERID:1": ["a", "b"], "x12:BUYERID:1/1": ["a"], "x12:BUYERID:1/2": ["b"],
        "edifact:5412345000013:REF0007": ["a", "b"],
        "edifact:5412345000013:REF0007/1": ["a"], "edifact:5412345000013:REF0007/2": ["b"],
    }  # fmt: skip
    found = list(read_answers(word, name="word", orders_of=lambda control: known.get(control, ())))
    assert [(one.kind, one.order_id) for one in found if isinstance(one, Answer)] == [("taken", "a"), ("taken", "b")]
