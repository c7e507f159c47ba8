"""Who sent a message: a signature over its time and its bytes, good for some minutes."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final

from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.server.problems import ProblemError

SENDER: Final = "X-Scaleinv-Sender"
TIMESTAMP: Final = "X-Scaleinv-Timestamp"
SIGNATURE: Final = "X-Scaleinv-Signature"

_SECONDS: Final = re.compile(r"^[0-9]{1,12}$")
_HEX: Final = re.compile(r"^v1=([0-9a-f]{64})$")
_UNSIGNED: Final = "no key of this sender signed this message"
_NOBODY: Final = ("nobody has this key",)


def signature(key: str, timestamp: int, body: bytes) -> str:
    """What a sender writes into ``X-Scaleinv-Signature``: HMAC-SHA256 over ``<timestamp>.<body>``."""
    return "v1=" + hmac.new(key.encode(), b"%d.%b" % (timestamp, body), hashlib.sha256).hexdigest()


def check_sender(config: ShipmentsConfig, sender: str | None, headers: Mapping[str, str], *, now: float) -> None:
    """Sends away who cannot be let in whatever the message is, before it is read.

    Whether a name is known can be found out by that: the names of senders are no secrets, their keys are.

    Raises:
        ProblemError: 401.
    """
    known = config.senders.get(sender or "")
    if known is None or not known.secrets() or not headers.get(SIGNATURE):
        raise ProblemError(401, "unauthorized", _UNSIGNED)
    timestamp = headers.get(TIMESTAMP, "")
    if not _SECONDS.match(timestamp) or abs(now - int(timestamp)) > config.window_seconds:
        raise ProblemError(
            401, "unauthorized", f"{TIMESTAMP} is more than {config.window_seconds} s from the server's time"
        )


def check_signature(
    config: ShipmentsConfig, sender: str | None, headers: Mapping[str, str], body: bytes, *, now: float
) -> str:
    """The sender, if one of its keys signed these bytes a moment ago: :func:`check_sender`, and the signature.

    Raises:
        ProblemError: 401.
    """
    check_sender(config, sender, headers, now=now)
    assert sender is not None
    given = [found[1] for part in headers.get(SIGNATURE, "").split(",")[:8] if (found := _HEX.match(part.strip()))]
    if not _matches(config.senders[sender].secrets(), given, int(headers[TIMESTAMP]), body):
        raise ProblemError(401, "unauthorized", _UNSIGNED)
    return sender


def _matches(keys: Sequence[str], given: Sequence[str], seconds: int, body: bytes) -> bool:
    """Whether a signature is one of ours; each pair is compared to its end, so that time tells nothing."""
    matches = False
    for key in keys:
        ours = signature(key, seconds, body).removeprefix("v1=")
        for one in given:
            matches |= hmac.compare_digest(ours, one)
    return matches


def check_token(config: ShipmentsConfig, headers: Mapping[str, str]) -> None:
    """Lets readers with one of the tokens in.

    Raises:
        ProblemError: 401.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    given = token.strip().encode("utf-8", "replace")
    matches = False
    for one in config.readers() or _NOBODY:
        matches |= hmac.compare_digest(one.encode(), given)
    if not matches or scheme.lower() != "bearer" or not config.readers():
        raise ProblemError(401, "unauthorized", "a bearer token of shipments.reader_tokens is needed")
