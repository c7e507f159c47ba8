"""A sender that signs, as docs/shipments.md shows it."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

KEY = "a secret of the carrier, long enough"
OLD_KEY = "the secret that was there before it"
TOKEN = "a token that may read what is there"
NOW = 1_790_000_000


def headers(body: bytes, *, key: str = KEY, sender: str = "fast", at: int = NOW) -> dict[str, str]:
    made = hmac.new(key.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "X-Scaleinv-Sender": sender,
        "X-Scaleinv-Timestamp": str(at),
        "X-Scaleinv-Signature": f"v1={made}",
        "Content-Type": "application/json",
    }


def event(event_id: str = "e1", shipment_id: str = "S1", kind: str = "in_transit", **more: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "shipment_id": shipment_id,
        "kind": kind,
        "event_time": "2026-09-20T08:00:00Z",
        **more,
    }


def encoded(content: Any) -> bytes:
    return json.dumps(content).encode()
