"""A web interface that fails, waits, answers twice and hangs up: nothing is lost, and a key is taken once."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.delivery.web_server import WebServer, web_server

from scaleinv.config.delivery import HttpConfig
from scaleinv.delivery import Clock, Item, Receipt, RejectedError, TryAgainError, UndeliveredError
from scaleinv.delivery.http import Http
from scaleinv.delivery.item import Told
from scaleinv.delivery.lines import lines_of
from scaleinv.erp.answers import read_answers
from scaleinv.schema.life import Answer


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


KEEPS = {"when_unsure": "send", "keeps_keys": True}


class Naps:
    """A clock on which only sleeping is quick; on one that stands, what is done between takes no time either."""

    def __init__(self, *, stands: bool = False) -> None:
        self.slept: list[float] = []
        self.monotonic = (lambda: 0.0) if stands else time.monotonic

    def clock(self) -> Clock:
        now = datetime(2026, 9, 20, 12, tzinfo=UTC)
        return Clock(now=lambda: now, sleep=self.slept.append, monotonic=self.monotonic)


def item_of(content: bytes, name: str = "odata.jsonl", key: str = "r/erp/odata.jsonl") -> Item:
    return Item(key, name, hashlib.sha256(content).hexdigest(), content=content)


def document(*keys: str) -> Item:
    one = '{"key":"KEY","method":"POST","path":"/orders","body":{"Reference":"KEY","Quantity":48.000}}'
    lines = [one.replace("KEY", key) for key in keys]
    return item_of(("\n".join(lines) + "\n").encode())


def send(server: WebServer, item: Item, folder: Path, naps: Naps | None = None, **options: Any) -> Receipt:
    config = {"kind": "http", "base_url": server.url, "responses": str(folder), "timeout": 0.5, **KEEPS, **options}
    http = Http(HttpConfig.model_validate(config), clock=(naps or Naps()).clock())
    try:
        return http.send(item)
    finally:
        http.close()


def kinds(receipt: Receipt) -> dict[str, str]:
    assert receipt.responses is not None
    found = read_answers(receipt.responses, name="responses")
    return {one.order_id: f"{one.kind} {one.erp_number}" for one in found if isinstance(one, Answer)}


def test_each_line_is_a_request_and_its_response_an_answer(server: WebServer, tmp_path: Path) -> None:
    receipt = send(server, document("A", "B"), tmp_path)
    assert kinds(receipt) == {"A": "taken 45A", "B": "taken 45B"}
    method, path, headers, body = server.requests[0]
    assert (method, path, headers["Idempotency-Key"]) == ("POST", "/orders", "A")
    assert body == b'{"Reference":"A","Quantity":48.000}'  # as it was written, every digit


@pytest.mark.parametrize("step", [500, 502, 503, 504, 408, 429, "drop", "half", "hang", "drip", 500.5])
def test_what_fails_once_is_tried_again_and_taken_once(server: WebServer, tmp_path: Path, step: Any) -> None:
    server.script = [step]
    assert kinds(send(server, document("A", "B"), tmp_path)) == {"A": "taken 45A", "B": "taken 45B"}
    assert set(server.taken) == {"A", "B"}


def test_an_answer_that_cannot_be_decoded_is_none(server: WebServer, tmp_path: Path) -> None:
    broken = (201, {"Content-Encoding": "gzip"})
    server.script = [broken]
    assert kinds(send(server, document("A", "B"), tmp_path)) == {"A": "taken 45A", "B": "taken 45B"}
    server.script = [broken]
    with pytest.raises(RejectedError, match="DecodingError: it may have arrived"):
        send(server, document("C"), tmp_path, when_unsure="stop")


def test_a_key_of_other_letters_is_sent_in_ascii(server: WebServer, tmp_path: Path) -> None:
    for key in ("r/Köln/a b.csv", "r/K%C3%B6ln/a b.csv"):
        send(server, item_of(b"x", "a.csv", key), tmp_path, send="file")
    assert list(server.arrived) == ["r/K%C3%B6ln/a b.csv", "r/K%25C3%25B6ln/a b.csv"]


def test_waits_grow_and_end(server: WebServer, tmp_path: Path) -> None:
    server.script = [500] * 9
    naps = Naps()
    with pytest.raises(TryAgainError, match="status 500"):
        send(server, document("A"), tmp_path, naps, tries=4, first_wait=1.0)
    assert len(server.requests) == 4
    assert len(naps.slept) == 3
    assert all(0.5 * 2**n <= slept <= 2**n for n, slept in enumerate(naps.slept))


def test_retry_after_is_kept(server: WebServer, tmp_path: Path) -> None:
    server.script = [(429, {"Retry-After": "7"}), (503, {"Retry-After": "Sun, 20 Sep 2026 12:00:09 GMT"})]
    naps = Naps()
    send(server, document("A"), tmp_path, naps)
    assert naps.slept == [7.0, 9.0]
    server.script = [(429, {"Retry-After": "600"})]
    with pytest.raises(TryAgainError) as caught:
        send(server, document("B"), tmp_path, naps)
    assert caught.value.after == 600


def test_an_answer_that_comes_twice_is_not_taken_for_the_next_one(server: WebServer, tmp_path: Path) -> None:
    server.script = ["twice", "twice"]
    assert kinds(send(server, document("A", "B", "C"), tmp_path)) == {
        "A": "taken 45A", "B": "taken 45B", "C": "taken 45C",
    }  # fmt: skip


def test_an_order_that_the_erp_does_not_want_is_an_answer_and_the_others_go_on(
    server: WebServer, tmp_path: Path
) -> None:
    server.script = ["ok", 400, "ok"]
    receipt = send(server, document("A", "B", "C"), tmp_path)
    assert kinds(receipt) == {"A": "taken 45A", "B": "failed None", "C": "taken 45C"}


def test_lines_of_an_order_that_was_not_taken_are_not_sent(server: WebServer, tmp_path: Path) -> None:
    server.script = [400]
    receipt = send(server, document("A", "A/1", "A/2", "B", "B/1"), tmp_path)
    assert server.arrived == {"B": 1, "B/1": 1}
    assert kinds(receipt) == {"A": "failed None", "B": "taken 45B"}


@pytest.mark.parametrize(
    ("step", "words"), [(401, "does not let us in"), (403, "does not let us in"), (302, "somewhere")]
)
def test_what_is_wrong_with_the_door_is_no_answer_to_an_order(
    server: WebServer, tmp_path: Path, step: int, words: str
) -> None:
    server.script = [step]
    with pytest.raises(RejectedError, match=words):
        send(server, document("A"), tmp_path)


def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with web_server() as server:
        pass
    with pytest.raises(TryAgainError) as caught:
        send(server, document("A"), tmp_path)
    assert caught.value.unreachable
    assert not caught.value.unsure


def test_a_run_that_ended_in_the_middle_goes_on_there(server: WebServer, tmp_path: Path) -> None:
    server.script = ["ok", 500, 500]
    with pytest.raises(TryAgainError):
        send(server, document("A", "B", "C"), tmp_path, tries=2)
    (journal,) = tmp_path.iterdir()
    with journal.open("ab") as file:
        file.write(b'{"key": "B", "sta')  # a process killed while it wrote
    receipt = send(server, document("A", "B", "C"), tmp_path)
    assert kinds(receipt) == {"A": "taken 45A", "B": "taken 45B", "C": "taken 45C"}
    assert server.arrived == {"A": 1, "B": 1, "C": 1}
    assert kinds(send(server, document("A", "B", "C"), tmp_path)) == kinds(receipt)
    assert server.arrived == {"A": 1, "B": 1, "C": 1}


OAUTH = {"kind": "oauth2", "client_id": "us", "client_secret": "s3cret", "scope": "orders"}
LOOKUP = {"order": "/orders?key={key}"}


@pytest.mark.parametrize("step", ["half", "hang", 500.5])
def test_a_receiver_without_memory_is_asked_before_a_request_goes_out_again(
    server: WebServer, tmp_path: Path, step: Any
) -> None:
    server.script = [step]
    receipt = send(server, document("A B"), tmp_path, lookup=LOOKUP)
    assert server.arrived == {"A B": 1}
    assert kinds(receipt) == {"A B": "taken 45A B"}
    server.script = ["drop"]
    send(server, document("C"), tmp_path, lookup=LOOKUP)
    assert server.arrived == {"A B": 1, "C": 1}


@pytest.mark.parametrize(
    ("statuses", "error"), [([500] * 4, TryAgainError), ([200], RejectedError), ([403], RejectedError)]
)
def test_a_doubt_stays_until_it_is_answered(
    server: WebServer, tmp_path: Path, statuses: list[int], error: type[Exception]
) -> None:
    server.script, server.look_ups = ["half"], list(statuses)
    with pytest.raises(error) as caught:
        send(server, document("A"), tmp_path, lookup=LOOKUP)
    assert isinstance(caught.value, UndeliveredError)
    assert caught.value.unsure
    assert kinds(send(server, document("A"), tmp_path, lookup=LOOKUP)) == {"A": "taken 45A"}
    assert server.arrived == {"A": 1}


def test_a_doubt_outlives_a_token_server_that_is_away(server: WebServer, tmp_path: Path) -> None:
    server.token = "none yet"
    auth = {**OAUTH, "token_url": f"{server.url}/token"}
    server.script = ["half", 401]
    server.tokens = ["ok", 503]  # type: ignore[list-item]
    with pytest.raises(TryAgainError, match="token server") as caught:
        send(server, document("A"), tmp_path, auth=auth)
    assert caught.value.unsure
    with pytest.raises(RejectedError, match="a run ended in the middle of it"):
        send(server, document("A"), tmp_path, auth=auth, when_unsure="stop")
    assert server.arrived == {"A": 1}


def test_where_nobody_can_say_whether_it_arrived_delivery_stops_if_so_told(server: WebServer, tmp_path: Path) -> None:
    server.script = ["half"]
    with pytest.raises(RejectedError, match="no answer: RemoteProtocolError: it may have arrived: look for it there"):
        send(server, document("A"), tmp_path, when_unsure="stop")
    assert server.arrived == {"A": 1}
    send(server, document("A"), tmp_path, when_unsure="stop")  # a person looked, and released it
    assert server.arrived == {"A": 2}


def test_a_run_killed_in_the_middle_of_a_request_stops_too(server: WebServer, tmp_path: Path) -> None:
    server.script = [503] * 9
    with pytest.raises(TryAgainError):  # a server that says it has not begun: no doubt
        send(server, document("A"), tmp_path, when_unsure="stop", tries=1)
    server.script = []
    (journal,) = tmp_path.iterdir()
    journal.write_bytes(b'{"begun": "A"}\n')
    with pytest.raises(RejectedError, match="a run ended in the middle of it"):
        send(server, document("A"), tmp_path, when_unsure="stop")
    assert not server.arrived
    send(server, document("A"), tmp_path, when_unsure="stop")
    assert server.arrived == {"A": 1}


def test_requests_keep_to_the_rate(server: WebServer, tmp_path: Path) -> None:
    naps = Naps(stands=True)
    send(server, document("A", "B", "C", "D"), tmp_path, naps, requests_per_second=2.0, timeout=30.0)
    assert naps.slept == [0.5, 1.0, 1.5]  # sleeping takes no time here


def test_a_token_is_fetched_once_and_anew_when_it_is_refused(server: WebServer, tmp_path: Path) -> None:
    server.token = "none yet"
    auth = {**OAUTH, "token_url": f"{server.url}/token"}
    send(server, document("A", "B"), tmp_path, auth=auth)
    paths = [path for _, path, _, _ in server.requests]
    assert paths == ["/token", "/orders", "/orders"]
    assert server.requests[0][3] == b"grant_type=client_credentials&scope=orders"
    assert server.requests[0][2]["Authorization"] == "Basic dXM6czNjcmV0"
    server.requests.clear()
    http = Http(HttpConfig.model_validate({"kind": "http", "base_url": server.url, "responses": str(tmp_path),
                                           "auth": {**auth, "style": "form"}}))  # fmt: skip
    http.send(document("C"))
    server.token = "changed"
    receipt = http.send(document("C", "D"))
    http.close()
    paths = [path for _, path, _, _ in server.requests]
    assert paths == ["/token", "/orders", "/orders", "/token", "/orders", "/orders"]
    assert b"client_secret=s3cret" in server.requests[0][3]
    assert kinds(receipt) == {"C": "taken 45C", "D": "taken 45D"}


def test_a_token_server_that_does_not_know_us_is_final_and_its_words_are_not_repeated(
    server: WebServer, tmp_path: Path
) -> None:
    auth = {**OAUTH, "token_url": f"{server.url}/token"}
    server.tokens = [401]
    with pytest.raises(
        RejectedError, match="token server: status 401, invalid_client: check client and secret"
    ) as caught:
        send(server, document("A"), tmp_path, auth=auth)
    assert "secret-in-words" not in str(caught.value)
    server.tokens = [503]
    with pytest.raises(TryAgainError, match="token server: status 503"):
        send(server, document("A"), tmp_path, auth=auth)


def test_csrf_tokens_of_sap(server: WebServer, tmp_path: Path) -> None:
    server.csrf = "abc"
    http = Http(HttpConfig.model_validate({"kind": "http", "base_url": server.url, "responses": str(tmp_path),
                                           "csrf": "/csrf"}))  # fmt: skip
    http.send(document("A"))
    server.csrf = "def"
    http.send(document("B", "C"))
    http.close()
    assert server.arrived == {"A": 1, "B": 1, "C": 1}


def test_a_whole_document_as_one_request(server: WebServer, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(b"x" * 3_000_000)
    item = Item("r/erp/2026-09-20/orders.csv", "2026-09-20/orders.csv", hashlib.sha256(path.read_bytes()).hexdigest(),
                "text/csv", path=path)  # fmt: skip
    server.script = ["hang", 500]
    options = {"send": "file", "path": "/in/{name}", "method": "PUT"}
    receipt = send(server, item, tmp_path / "kept", **options)
    assert receipt.location == f"{server.url}/in/2026-09-20/orders.csv"
    assert server.taken == {item.key: path.read_bytes()}
    headers = server.requests[-1][2]
    assert (headers["Content-Type"], headers["X-Content-SHA256"]) == ("text/csv", item.sha256)
    before = len(server.requests)
    assert send(server, item, tmp_path / "kept", **options).already
    assert len(server.requests) == before
    server.script = [422]
    other = item_of(b"y", "b.csv", "b")
    with pytest.raises(RejectedError, match="status 422"):
        send(server, other, tmp_path / "kept", **options)
    path.write_bytes(b"changed")
    with pytest.raises(RejectedError, match="has changed since it was exported"):
        send(server, item, tmp_path / "kept2", **options)


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_answered_to_a_whole_document_is_kept_without_our_secrets(
    server: WebServer, tmp_path: Path, kept: bool
) -> None:
    secret = 'sécret "x"'
    options: dict[str, Any] = {"send": "file", "auth": {"kind": "bearer", "token": "token-of-ours"},
                               "secret_headers": {"X-Key": "key-of-ours"}}  # fmt: skip
    if not kept:
        options["responses"] = None
    echo = json.dumps({"id": 7, "you": "Bearer token-of-ours", "sent": "key-of-ours", "long": "x" * 9_000})
    server.script = [("body", 201, echo)]
    told = send(server, item_of(b"x", "a.csv", "a"), tmp_path, **options).told
    assert told is not None
    assert told.status == 201
    assert told.body.startswith('{"id": 7, "you": "Bearer ***", "sent": "***", "long": "xxx')
    assert len(told.body) == 2_000
    if kept:  # a run that was killed before it said so finds it on the disk
        assert send(server, item_of(b"x", "a.csv", "a"), tmp_path, **options).told == told
    server.script = [("body", 422, "no: token-of-ours is not let in")]
    with pytest.raises(RejectedError, match=r"status 422: no: \*\*\* is not let in") as caught:
        send(server, item_of(b"y", "b.csv", "b"), tmp_path, **options)
    assert caught.value.told == Told(422, "no: *** is not let in")
    basic = {"kind": "basic", "username": "u", "password": secret}
    config = {"kind": "http", "base_url": server.url, "responses": str(tmp_path), "auth": basic}
    hidden = Http(HttpConfig.model_validate(config))
    said = hidden._requests.without_secrets(json.dumps([secret, f"p={secret}"], ensure_ascii=False) + secret)
    assert said == '["***", "p=***"]***'
    hidden.close()


def test_a_status_that_says_the_receiver_has_it(server: WebServer, tmp_path: Path) -> None:
    server.script = [409]
    assert kinds(send(server, document("A"), tmp_path, had_it_statuses=(409,))) == {"A": "taken None"}
    server.script = [409]
    assert kinds(send(server, document("B"), tmp_path)) == {"B": "failed None"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"key":"A","method":"POST","path":"/o"}', "expected key, method, path, body, found key, method, path"),
        ('{"key":"A","method":"GET","path":"/o","body":{}}', "method: expected POST, PUT, PATCH"),
        ('{"key":"A","method":"POST","path":"https://else/o","body":{}}', "path: expected one below the base address"),
        ('{"key":"A","method":"POST","path":"//else/o","body":{}}', "path: expected one below the base address"),
        ('{"key":"A\\n","method":"POST","path":"/o","body":{}}', "key: expected up to 200 plain characters"),
        ('{"key":"A","method":"POST","path":"/o","body":{}} x', "expected the end of the object"),
        ('{"key":"A","key":"B","method":"POST","path":"/o","body":{}}', "expected a name once"),
        ('{"key":"A","method":"POST","path":"/o","body":{}', "expected the end"),
        ("[1]", "expected an object"),
        ('{"key":"0","method":"POST","path":"/o","body":{}}', "the key '0' stands there twice"),
    ],
)
def test_a_document_that_is_no_list_of_requests_sends_nothing(
    server: WebServer, tmp_path: Path, line: str, words: str
) -> None:
    good = '{"key":"0","method":"POST","path":"/o","body":{}}'
    with pytest.raises(RejectedError) as caught:
        send(server, item_of(f"{good}\n{line}\n".encode()), tmp_path)
    assert words in str(caught.value)
    assert not server.requests


def test_bodies_are_as_they_are_written() -> None:
    body = '{ "a": [1.50, "}\\u00e9,{\\"", {"b": null}] , "c":1e3}'
    (line,) = lines_of(item_of(f' {{"body" : {body} , "key":"K","path":"/p" ,"method":"PATCH"}} \n'.encode()))
    assert line.body.decode() == body
    assert json.loads(line.body)["a"][0] == 1.5


def certificate(folder: Path) -> tuple[Path, Path]:
    """For 127.0.0.1, by nobody that anybody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "erp")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "erp.pem", folder / "erp.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, secret


def test_certificates_are_checked(server: WebServer, tmp_path: Path) -> None:
    pem, secret = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http:", "https:")
    with pytest.raises(TryAgainError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        send(server, document("A"), tmp_path / "kept", base_url=url)
    assert caught.value.unreachable
    assert not server.requests
    send(server, document("A"), tmp_path / "kept", base_url=url, ca_file=str(pem))
    assert server.arrived == {"A": 1}
