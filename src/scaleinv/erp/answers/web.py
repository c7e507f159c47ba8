"""What an ERP's web interface answers to posted orders: SAP OData V2, and the other JSON formats.

Either what ``delivery`` kept, ``{"document", "responses": [{"key", "status", "body"}]}``, or one body as it came.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scaleinv.erp.answers.statement import Refused, UnreadableError, digest, statement_id
from scaleinv.errors import DataError, explain
from scaleinv.schema.life import Answer

NUMBERS: Final = (
    "PurchaseOrder", "PurchaseRequisition", "PurchaseOrderNumber", "Id", "id", "name", "number", "orderNo",
)  # fmt: skip
"""Fields in which an ERP gives the number of what it made, first come, first taken."""
REFERENCES: Final = (
    "CorrespncInternalReference", "PurReqnDescription", "VendorOrderReference", "externalId", "partner_ref",
    "DocNumber",
)  # fmt: skip
"""Fields in which it says our order's key back."""
_WRAPPERS: Final = ("d", "data", "PurchaseOrder", "result")
_DEEPEST: Final = 40


@dataclass(frozen=True)
class _Response:
    position: int
    key: str
    status: int
    body: Any
    already: bool = False
    """The ERP had it before."""

    @property
    def order(self) -> str:
        """The key is the order's, and ``/line`` where a line is a request of its own."""
        return self.key.partition("/")[0]

    @property
    def is_good(self) -> bool:
        return self.already or (200 <= self.status < 300 and not _error(self.body))


def web_answers(data: bytes, name: str) -> Iterator[Answer | Refused]:
    """An answer for each order: taken if all requests for it went well, failed if one did not.

    Raises:
        DataError: no JSON, cut off, or no object.
    """
    document = _document(data, name)
    kept = document.get("responses")
    if isinstance(kept, list):
        yield from _kept(kept, str(document.get("document", "")))
    else:
        yield from _single(document, data)


def _document(data: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise DataError(_problem(name, "a whole JSON document", error)) from None
    if not isinstance(document, dict):
        raise DataError(_problem(name, "a JSON object", type(document).__name__))
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"a key written twice among {[key for key, _ in pairs][:5]}")
    return found


def _kept(items: list[Any], document: str) -> Iterator[Answer | Refused]:
    by_order: dict[str, list[_Response]] = {}
    for position, item in enumerate(items, start=1):
        try:
            response = _response(item, position)
        except UnreadableError as error:
            raw = _canonical(item)
            yield Refused(statement_id("http", digest(document.encode() + raw)), position, error.reason, raw)
        else:
            by_order.setdefault(response.order, []).append(response)
    for order, responses in by_order.items():
        yield _answer(order, responses, document)


def _response(item: Any, position: int) -> _Response:
    if not isinstance(item, dict):
        raise UnreadableError(position, f"expected an object key, status, body, found {type(item).__name__}")
    key, status = item.get("key"), item.get("status")
    if not isinstance(key, str) or not key.partition("/")[0]:
        raise UnreadableError(position, f"key: expected the request's key, found {key!r}")
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status < 600:
        raise UnreadableError(position, f"status: expected an HTTP status, found {status!r}")
    if not 200 <= status < 300 and not 400 <= status < 600:
        raise UnreadableError(position, f"status: expected a final one (2xx, 4xx, 5xx), found {status}")
    return _Response(position, key, status, item.get("body"), item.get("already") is True)


def _answer(order: str, responses: list[_Response], document: str = "") -> Answer:
    """``document``: what was posted; an order that is sent again and fails again with the same words is another one."""
    bad = [response for response in responses if not response.is_good]
    said = _canonical([[response.key, response.status, response.body] for response in responses])
    name = statement_id("http", digest(document.encode() + said), order)
    number = next(filter(None, (_number(response.body, order) for response in responses if response.is_good)), None)
    if not bad:
        return Answer(name, "taken", order, erp_number=number)
    words = [f"{response.key}: {response.status} {_error(response.body) or 'without words'}" for response in bad[:5]]
    more = [f"and {len(bad) - 5} more"] if len(bad) > 5 else []
    count = [f"{len(bad)} of {len(responses)} requests failed"] if len(responses) > 1 else []
    return Answer(name, "failed", order, erp_number=number, reason="; ".join([*count, *words, *more]))


def _single(document: dict[str, Any], data: bytes) -> Iterator[Answer | Refused]:
    inner = _inner(document)
    order = next((str(inner[name]) for name in REFERENCES if isinstance(inner.get(name), str) and inner[name]), "")
    error = _error(document)
    if not order:
        reason = "expected an order's key in one of " + ", ".join(REFERENCES) + (f", found {error}" if error else "")
        yield Refused(statement_id("http", digest(data)), 1, reason, data)
        return
    yield _answer(order, [_Response(1, order, 400 if error else 200, document)])


def _inner(body: Any) -> Mapping[str, Any]:
    """The object that was made, without what SAP, ERPNext and QuickBooks wrap it in."""
    if isinstance(body, dict):
        for wrapper in _WRAPPERS:
            if isinstance(body.get(wrapper), dict):
                return dict(body[wrapper])
        return body
    return {}


def _number(body: Any, order: str) -> str | None:
    if isinstance(body, list) and len(body) == 1 and isinstance(body[0], int):
        return str(body[0])  # Odoo: ids of what it made
    inner = _inner(body)
    for name in NUMBERS:
        value = inner.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value) not in ("", order):
            return str(value)
    return None


def _error(body: Any) -> str:
    """What an error says; empty: it is none."""
    if not isinstance(body, dict):
        return ""
    for name in ("error", "Fault", "errors", "o:errorDetails", "Error", "exception"):
        found = body.get(name)
        if found:
            return _words(found)
    made = body.get("data")
    parts = made.values() if isinstance(made, dict) else ()
    # GraphQL answers 200 to what it does not do.
    return _words([part["userErrors"] for part in parts if isinstance(part, dict) and part.get("userErrors")])


def _words(found: Any, depth: int = 0) -> str:
    """The texts of an error: code, message, details, in the shapes of OData, NetSuite, QuickBooks, Odoo, ERPNext."""
    if depth > _DEEPEST or found is None:
        return ""
    if isinstance(found, list):
        return "; ".join(filter(None, (_words(item, depth + 1) for item in found[:5])))
    if not isinstance(found, dict):
        return " ".join(str(found).split())[:500]
    names = ("code", "o:errorCode", "message", "value", "Message", "Detail", "detail", "title", "Error", "errordetails")
    parts = [_words(found[name], depth + 1) for name in names if found.get(name)]
    inner = found.get("innererror")
    if isinstance(inner, dict) and inner.get("errordetails"):
        parts.append(_words(inner["errordetails"], depth + 1))
    return " ".join(dict.fromkeys(filter(None, parts)))[:2000] or "an error without words"


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode(
        errors="surrogatepass"
    )


def _problem(name: str, expected: str, found: object) -> str:
    return explain(
        f"{name}: JSON that cannot be read",
        expected=expected,
        found=found,
        do="nothing of it was taken: ask for the whole answer again",
    )
