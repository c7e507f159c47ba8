"""Who we are to a web interface: headers for each request, and new ones when the old are refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Protocol

import httpx

from scaleinv.config.delivery import BasicAuth, BearerAuth, OAuthConfig
from scaleinv.delivery.item import Clock, RejectedError, TryAgainError

_EARLY = 30.0  # seconds before its end at which a token is not used any more


class Auth(Protocol):
    """Makes the header ``Authorization``."""

    def headers(self) -> dict[str, str]:
        """For the next request."""

    def refused(self) -> bool:
        """The server did not accept it: whether another try makes sense."""


class Fixed:
    """Always the same."""

    def __init__(self, value: str | None) -> None:
        self._value = value

    def headers(self) -> dict[str, str]:
        """For the next request."""
        return {"Authorization": self._value} if self._value else {}

    def refused(self) -> bool:
        """Nothing else can be tried."""
        return False


class OAuth:
    """OAuth2 client credentials: a token lives for some time, and a refused one is fetched anew, once."""

    def __init__(self, config: OAuthConfig, post: Callable[..., httpx.Response], clock: Clock) -> None:
        self._config, self._post, self._clock = config, post, clock
        self._token: str | None = None
        self._until = 0.0

    def headers(self) -> dict[str, str]:
        """With a token that is still good.

        Raises:
            TryAgainError: the token server does not answer.
            RejectedError: it does not know us.
        """
        if self._token is None or self._clock.monotonic() >= self._until:
            self._fetch()
        return {"Authorization": f"Bearer {self._token}"}

    def refused(self) -> bool:
        """The token is forgotten; a new one may be accepted."""
        self._token = None
        return True

    def _fetch(self) -> None:
        config = self._config
        secret = config.client_secret.get_secret_value()
        form = {"grant_type": "client_credentials", **config.parameters}
        if config.scope:
            form["scope"] = config.scope
        if config.style == "form":
            form |= {"client_id": config.client_id, "client_secret": secret}
        headers = _basic(config.client_id, secret) if config.style == "basic" else {}
        try:
            response = self._post(config.token_url, data=form, headers={"Accept": "application/json", **headers})
        except httpx.RequestError as error:
            raise TryAgainError(f"token server: {type(error).__name__}", unreachable=True) from None
        if response.status_code == 429 or response.status_code >= 500:
            raise TryAgainError(f"token server: status {response.status_code}", unreachable=True)
        if response.status_code != 200:
            raise RejectedError(
                f"token server: status {response.status_code}, {_error(response)}: check client and secret"
            )
        self._token, lives = _token(response)
        self._until = self._clock.monotonic() + max(lives - _EARLY, lives / 2)


def auth_of(
    config: BasicAuth | BearerAuth | OAuthConfig | None, post: Callable[..., httpx.Response], clock: Clock
) -> Auth:
    """What the configuration asks for."""
    if isinstance(config, OAuthConfig):
        return OAuth(config, post, clock)
    if isinstance(config, BasicAuth):
        return Fixed(_basic(config.username, config.password.get_secret_value())["Authorization"])
    if isinstance(config, BearerAuth):
        return Fixed(f"{config.scheme} {config.token.get_secret_value()}")
    return Fixed(None)


def _basic(user: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}


def _token(response: httpx.Response) -> tuple[str, float]:
    try:
        body = response.json()
        token, lives = body["access_token"], float(body.get("expires_in", 300))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RejectedError("token server: expected access_token and expires_in, found something else") from None
    if not isinstance(token, str) or not token or not token.isprintable():
        raise RejectedError("token server: expected access_token, found something else")
    return token, lives


def _error(response: httpx.Response) -> str:
    """The code that OAuth2 gives it; never the rest, which may hold what was sent."""
    try:
        code = json.loads(response.content).get("error")
    except (ValueError, AttributeError):
        code = None
    return str(code)[:60] if code else "without a code"
