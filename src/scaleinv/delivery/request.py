"""One request, tried until its answer is final: back-off, Retry-After, rate limit, time-outs, tokens."""

from __future__ import annotations

import email.utils
import json
import random
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from scaleinv.config.delivery import HttpConfig
from scaleinv.delivery.auth import auth_of
from scaleinv.delivery.item import Clock, RejectedError, TryAgainError, UndeliveredError

_LARGEST: Final = 4 << 20  # bytes of an answer that are read
_NOT_DONE: Final = (425, 429, 503)
"""Statuses by which a server says that it has not begun."""
_SHORTEST: Final = 6
"""Letters of a word in a header that may be a secret: ``Bearer`` is none."""
_LOOK: Final = "it may have arrived: look for it there, and release it if it is not"
Content = Callable[[], Iterator[bytes]] | bytes


@dataclass(frozen=True)
class Response:
    """A final one."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    already: bool = False


@dataclass
class _Failure:
    """A try that may be followed by another."""

    reason: str
    unsure: bool
    """The server may have done it all the same."""
    after: float | None = None
    unreachable: bool = False


class Requests:
    """Sends requests to one server.

    Each has a connection of its own: what a broken server says twice on an old one would be taken for the answer to
    the next request.
    """

    def __init__(self, config: HttpConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock
        timeout = httpx.Timeout(config.timeout, connect=config.connect_timeout)
        context: ssl.SSLContext | bool = True
        if config.ca_file is not None:
            context = ssl.create_default_context()
            context.load_verify_locations(config.ca_file)
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(timeout=timeout, verify=context, limits=limits, follow_redirects=False)
        self._auth = auth_of(config.auth, self._client.post, clock)
        self._csrf: dict[str, str] = {}
        self._secrets = _secrets_of(config)
        self._free_at = 0.0

    def close(self) -> None:
        """Ends connections."""
        self._client.close()

    def send(
        self,
        method: str,
        path: str,
        content: Content,
        headers: Mapping[str, str],
        *,
        unsure: bool = False,
        look_up: Callable[[], Response | None] | None = None,
    ) -> Response:
        """The final answer.

        Args:
            method: POST, PUT or GET.
            path: below ``base_url``, with its slash.
            content: bytes, or what makes them anew for each try.
            headers: beside those of the configuration.
            unsure: an earlier try may have arrived.
            look_up: finds what such a try has made, or nothing.

        Raises:
            TryAgainError: no final answer after all tries, or the server wants to be left alone for long.
            RejectedError: we are not let in, or it may have arrived and nobody can say so.
        """
        failure: _Failure | None = None
        for attempt in range(self._config.tries):
            if unsure:
                found = self._made_before(look_up)
                if found is not None:
                    return found
            try:
                outcome = self._try(method, path, content, headers)
            except UndeliveredError as error:
                error.unsure = error.unsure or unsure
                raise
            if isinstance(outcome, Response):
                return outcome
            failure = outcome
            unsure = unsure or (outcome.unsure and method != "GET")
            if unsure and look_up is None and self._config.when_unsure == "stop":
                raise RejectedError(f"{outcome.reason}: {_LOOK}")
            wait = self._wait(attempt, outcome)
            if attempt + 1 == self._config.tries or wait > self._config.longest_wait:
                break
            self._clock.sleep(wait)
        assert failure is not None
        raise TryAgainError(failure.reason, after=failure.after, unreachable=failure.unreachable, unsure=unsure)

    def get(self, path: str) -> Response:
        """A question, which may be asked as often as wanted.

        Raises:
            TryAgainError: no answer.
            RejectedError: we are not let in.
        """
        return self.send("GET", path, b"", {"Accept": "application/json"})

    def _made_before(self, look_up: Callable[[], Response | None] | None) -> Response | None:
        if look_up is not None:
            try:
                return look_up()
            except UndeliveredError as error:
                error.unsure = True
                raise
        if self._config.when_unsure == "stop":
            raise RejectedError(f"a run ended in the middle of it: {_LOOK}")
        return None

    def _wait(self, attempt: int, failure: _Failure) -> float:
        wait = min(self._config.longest_wait, self._config.first_wait * 2.0**attempt)
        return max(wait * random.uniform(0.5, 1.0), failure.after or 0.0)  # noqa: S311 - no secret

    def _try(self, method: str, path: str, content: Content, headers: Mapping[str, str]) -> Response | _Failure:
        for again in (True, False):
            own = {**self._own_headers(method), **headers}
            try:
                response = self._answer(method, path, content, own)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                return _Failure(
                    f"cannot be reached: {type(error).__name__} {error}".rstrip(), unsure=False, unreachable=True
                )
            except httpx.RequestError as error:  # an answer that cannot be decoded is none, too
                return _Failure(f"no answer: {type(error).__name__}", unsure=True)
            if again and self._renewed(response):
                continue
            return self._judged(response)
        raise AssertionError("a second answer is always judged")

    def _own_headers(self, method: str) -> dict[str, str]:
        config = self._config
        own = dict(config.headers)
        own |= {name: value.get_secret_value() for name, value in config.secret_headers.items()}
        if config.csrf is not None and method != "GET" and not self._csrf:
            self._csrf = self._csrf_token(own)
        known = {**self._auth.headers(), **self._csrf}
        self._secrets |= {word for value in known.values() for word in value.split() if len(word) > _SHORTEST}
        return {**own, **known}

    def without_secrets(self, text: str) -> str:
        """A text of the server with ``***`` for each secret of ours that it repeats."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], "***").replace(secret, "***")
        return text

    def _csrf_token(self, own: Mapping[str, str]) -> dict[str, str]:
        headers = {**own, **self._auth.headers(), "X-CSRF-Token": "Fetch"}
        try:
            response = self._answer("GET", self._config.csrf or "", b"", headers)
        except httpx.RequestError as error:
            raise TryAgainError(f"CSRF token: {type(error).__name__}", unreachable=True) from None
        token = response.headers.get("x-csrf-token")
        return {"X-CSRF-Token": token} if token and token.isprintable() else {}

    def _renewed(self, response: Response) -> bool:
        """Whether a token had ended and there is reason to try once more: the request itself was not done."""
        if response.status == 401:
            self._csrf = {}
            return self._auth.refused()
        if response.status == 403 and response.headers.get("x-csrf-token", "").lower() == "required" and self._csrf:
            self._csrf = {}
            return True
        return False

    def _answer(self, method: str, path: str, content: Content, headers: Mapping[str, str]) -> Response:
        """The whole answer, within the time-out.

        Raises:
            httpx.RequestError: none, or only a part of one.
        """
        self._take_turn()
        clock, config = self._clock, self._config
        until = clock.monotonic() + config.timeout
        body = content if isinstance(content, bytes) else content()
        with self._client.stream(
            method, config.base_url.rstrip("/") + path, content=body, headers=dict(headers)
        ) as response:
            received = bytearray()
            for piece in response.iter_bytes():
                received += piece
                if clock.monotonic() > until:
                    raise httpx.ReadTimeout("the answer takes too long")
                if len(received) > _LARGEST:
                    raise RejectedError(f"the answer has more than {_LARGEST} bytes", unsure=True)
            return Response(response.status_code, response.headers, bytes(received))

    def _take_turn(self) -> None:
        rate = self._config.requests_per_second
        if rate is None:
            return
        now = self._clock.monotonic()
        if self._free_at > now:
            self._clock.sleep(self._free_at - now)
        self._free_at = max(now, self._free_at) + 1.0 / rate

    def _judged(self, response: Response) -> Response | _Failure:
        status, config = response.status, self._config
        if status in config.had_it_statuses:
            return Response(status, response.headers, response.body, already=True)
        if status in config.retry_statuses:
            after = _retry_after(response.headers.get("retry-after"), self._clock)
            return _Failure(f"status {status}", unsure=status not in _NOT_DONE, after=after)
        if status in (401, 403, 407):
            raise RejectedError(f"status {status}: the server does not let us in")
        if 300 <= status < 400:
            raise RejectedError(
                f"status {status}: the server is somewhere else, {response.headers.get('location', '?')}"
            )
        return response


def _secrets_of(config: HttpConfig) -> set[str]:
    """Those of the configuration; tokens are added as they are fetched."""
    values = [*config.secret_headers.values(), *(vars(config.auth).values() if config.auth else ())]
    return {value.get_secret_value() for value in values if hasattr(value, "get_secret_value")} - {""}


def _retry_after(value: str | None, clock: Clock) -> float | None:
    """Seconds, of a number of them or of a date."""
    if value is None:
        return None
    if value.strip().isdigit():
        return min(float(value), 86_400.0)
    try:
        date = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return min(max((date - clock.now()).total_seconds(), 0.0), 86_400.0) if date.tzinfo else None
