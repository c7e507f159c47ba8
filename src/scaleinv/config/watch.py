"""How a run is watched: log lines, metrics, lineage."""

from __future__ import annotations

import os
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, model_validator

from scaleinv.config.section import Positive, Section


class LoggingConfig(Section):
    """What a run says while it runs (docs/operations.md)."""

    format: Literal["auto", "plain", "json"] = "auto"
    """``plain``: lines for people, a bar on a terminal. ``json``: an object a line. ``auto``: JSON inside Kubernetes,
    where programs collect the lines, else plain."""

    @property
    def is_json(self) -> bool:
        """Whether lines are JSON objects."""
        return self.format == "json" or (self.format == "auto" and "KUBERNETES_SERVICE_HOST" in os.environ)


class MetricsConfig(Section):
    """Metrics for Prometheus, written anew after each stage."""

    textfile: str | None = None
    """A file ``*.prom`` in the folder of node-exporter's textfile collector; ``None`` or empty: none."""
    pushgateway: str | None = None
    """``http(s)://`` and a Pushgateway, for machines that go away; ``None`` or empty: none."""
    timeout: Positive = 5
    """Seconds that a Pushgateway has to answer; it is asked once."""

    @model_validator(mode="after")
    def _places(self) -> Self:
        if self.textfile and not self.textfile.endswith(".prom"):
            raise ValueError(f"textfile must end with .prom, others the collector does not read: {self.textfile}")
        _check_address("pushgateway", self.pushgateway)
        return self


class LineageConfig(Section):
    """OpenLineage events: what each stage read and wrote, with versions, columns and rows."""

    file: str | None = None
    """Events are added to this file, a line each; ``None`` or empty: none."""
    url: str | None = None
    """Where events are posted, path included: ``https://HOST/api/v1/lineage``; ``None`` or empty: nowhere."""
    api_key: SecretStr | None = None
    """Sent as a bearer token; write ``${OPENLINEAGE_API_KEY:-}`` here, never the key."""
    namespace: str | None = None
    """Of the jobs; ``None``: ``scaleinv.<env>``."""
    timeout: Positive = 5
    """Seconds that the server has to answer; it is asked once."""

    @model_validator(mode="after")
    def _address(self) -> Self:
        _check_address("url", self.url)
        return self


def _check_address(key: str, address: str | None) -> None:
    # The message must not show what was found: it may be a password.
    parts = urlsplit(address or "")
    if address and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError(f"{key} must be http://SERVER or https://SERVER")
    if parts.username or parts.password:
        raise ValueError(f"{key} must not name a user")
