"""How documents reach the ERP."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from scaleinv.config.export import ExportFormat
from scaleinv.config.section import Positive, Section, Share

Seconds = Annotated[float, Field(gt=0)]
Text = Annotated[str, Field(min_length=1)]


class _Destination(Section):
    """What every destination has."""

    formats: tuple[ExportFormat, ...] = ()
    """Which of ``export.formats`` go there; none named: all of them."""
    manifest: bool = True
    """Whether the manifest follows when all documents have arrived."""


class FolderConfig(_Destination):
    """A folder on this machine, or mounted on it."""

    kind: Literal["folder"]
    path: Text
    """It must be there: a share that is not mounted is not made anew."""


class StoreConfig(_Destination):
    """An object store."""

    kind: Literal["store"]
    uri: Text
    """``s3://bucket/prefix?region=…``, ``gs://…``, ``abfss://…``, ``file:///…``. Credentials come with the machine or
    through the environment."""

    @model_validator(mode="after")
    def _without_user(self) -> Self:
        if not urlsplit(self.uri).scheme or "@" in urlsplit(self.uri).netloc:
            raise ValueError("uri must be SCHEME://PLACE without a user: credentials come through the environment")
        return self


class SftpConfig(_Destination):
    """A folder on an SFTP server."""

    kind: Literal["sftp"]
    host: Text
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    username: Text
    password: SecretStr | None = None
    key_file: str | None = None
    """A private key, instead of a password."""
    passphrase: SecretStr | None = None
    """Of the key."""
    host_key: str | None = None
    """What the server must prove to have: ``ssh-ed25519 AAAA…``."""
    known_hosts: str | None = None
    """A file of such keys, instead of one."""
    folder: str = "."
    """It must be there."""
    timeout: Seconds = 30.0

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.password is None) == (self.key_file is None):
            raise ValueError("give either password or key_file")
        if (self.host_key is None) == (self.known_hosts is None):
            raise ValueError("give either host_key or known_hosts: a server whose key is not checked may be anybody")
        return self


class BasicAuth(Section):
    """User and password."""

    kind: Literal["basic"]
    username: Text
    password: SecretStr


class BearerAuth(Section):
    """A token that does not change."""

    kind: Literal["bearer"]
    token: SecretStr
    scheme: Text = "Bearer"


class OAuthConfig(Section):
    """OAuth2 client credentials: a token is fetched, and fetched anew before it ends or when it is refused."""

    kind: Literal["oauth2"]
    token_url: Text
    client_id: Text
    client_secret: SecretStr
    scope: str | None = None
    parameters: dict[str, str] = {}
    """More fields of the form (``resource``, ``audience``)."""
    style: Literal["basic", "form"] = "basic"
    """Whether client and secret go in the header or in the form."""


class HttpConfig(_Destination):
    """A web interface."""

    kind: Literal["http"]
    base_url: Text
    """``https://``; plain ``http://`` only to this machine itself."""
    manifest: bool = False
    send: Literal["lines", "file"] = "lines"
    """``lines``: each line of a document is one request ``{key, method, path, body}``. ``file``: a document is one."""
    path: Text = "/{name}"
    """``file``: where to, ``{name}`` is the document's."""
    method: Literal["POST", "PUT"] = "POST"
    """``file``: how."""
    responses: str | None = None
    """A folder where each request and response is kept as it comes: a run that was killed goes on after it."""
    auth: Annotated[BasicAuth | BearerAuth | OAuthConfig, Field(discriminator="kind")] | None = None
    headers: dict[str, str] = {}
    secret_headers: dict[str, SecretStr] = {}
    csrf: str | None = None
    """SAP: a path that gives an ``X-CSRF-Token``, to be sent with each request."""
    idempotency_header: str = "Idempotency-Key"
    """Bears the request's key: who keeps it takes a request once, however often it comes."""
    when_unsure: Literal["send", "stop"] = "stop"
    """A request that may have arrived (no answer, 5xx) and that ``lookup`` cannot find: stop and have a person look,
    or send it again. ``send`` needs ``keeps_keys``, or ``lookup`` of orders and of lines."""
    keeps_keys: bool = False
    """The receiver takes a request once, however often its key comes. Only who runs it can say so."""
    lookup: dict[Literal["order", "line"], Text] = {}
    """A path that finds what a request has made, by ``{key}``, ``{order}``, ``{line}``; it is asked before a request
    that may have arrived is sent again."""
    ca_file: str | None = None
    """Certificates to trust beside the system's. Certificates are always checked."""
    connect_timeout: Seconds = 10.0
    timeout: Seconds = 60.0
    """Seconds for a whole answer."""
    tries: Positive = 4
    """Tries at once; later ones follow by ``backoff``."""
    first_wait: Seconds = 0.5
    """Seconds before the second try; each further one waits twice as long."""
    longest_wait: Seconds = 60.0
    """A longer ``Retry-After`` ends the run's tries: the outbox goes on then."""
    requests_per_second: Seconds | None = None
    retry_statuses: tuple[int, ...] = (408, 425, 429, 500, 502, 503, 504)
    """Every other status but 2xx is final."""
    had_it_statuses: tuple[int, ...] = ()
    """Statuses by which the receiver says that it has the key already (409, for some)."""

    @model_validator(mode="after")
    def _addresses(self) -> Self:
        oauth = [self.auth.token_url] if isinstance(self.auth, OAuthConfig) else []
        for url in (self.base_url, *oauth):
            parts = urlsplit(url)
            local = parts.hostname in ("127.0.0.1", "localhost", "::1")
            if parts.scheme != "https" and not (parts.scheme == "http" and local):
                raise ValueError("base_url and token_url must begin with https://")
            if parts.username or parts.password or parts.fragment:
                raise ValueError("base_url and token_url must not name a user: give auth")
        is_found = self.send == "lines" and {"order", "line"} <= set(self.lookup)
        if self.when_unsure == "send" and not (self.keeps_keys or is_found):
            raise ValueError(
                "when_unsure: send needs keeps_keys: true, or lookup of order and line: else an order may come twice"
            )
        if self.responses is None and (self.send == "lines" or self.when_unsure == "stop"):
            raise ValueError("give a folder `responses`: without it a killed run does not know what it had sent")
        return self


class BackoffConfig(Section):
    """When a document that did not arrive is tried again."""

    first: Seconds = 30.0
    """Seconds after the first failure; each further one waits twice as long."""
    longest: Seconds = 3600.0
    jitter: Share = 0.5
    """Up to this share of it is taken off, so that not all come back at once."""
    attempts: Positive = 20
    """After so many a document counts as failed, until a person releases it."""


DestinationConfig = Annotated[FolderConfig | StoreConfig | SftpConfig | HttpConfig, Field(discriminator="kind")]


class DeliveryConfig(Section):
    """How documents reach the ERP (docs/delivery.md)."""

    destinations: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")], DestinationConfig] = {}
    """Name -> where documents go beside ``export.folder``."""
    after_export: bool = True
    """Whether export delivers, too, once its documents are written; else only ``scaleinv orders deliver`` does."""
    backoff: BackoffConfig = BackoffConfig()
