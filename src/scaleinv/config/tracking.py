"""Where MLflow is."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import model_validator

from scaleinv.config.section import Positive, Section


class TrackingConfig(Section):
    """The mirror in MLflow of what was trained and how good it is (docs/tracking.md)."""

    uri: str | None = None
    """``sqlite:///`` and a file, or ``http(s)://`` and a server; ``None`` or empty: there is no mirror. Who may write
    there the environment says (``MLFLOW_TRACKING_USERNAME``, ``MLFLOW_TRACKING_TOKEN`` …), never this address."""
    timeout: Positive = 10
    """Seconds that a server has to answer; it is asked three times."""

    @model_validator(mode="after")
    def _address(self) -> Self:
        # Not a field's validator, whose message would show what was found, and that may be a password.
        parts = urlsplit(self.uri or "")
        if self.uri and (parts.scheme not in ("sqlite", "http", "https") or (self.file is None and not parts.hostname)):
            raise ValueError("uri must be sqlite:///FILE, http://SERVER or https://SERVER")
        if parts.username or parts.password:
            raise ValueError("uri must not name a user: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")
        return self

    @property
    def file(self) -> Path | None:
        """The SQLite file; ``None`` if it is a server."""
        name = (self.uri or "").removeprefix("sqlite:///").partition("?")[0]
        return Path(name).absolute() if (self.uri or "").startswith("sqlite:///") and name else None

    @property
    def artefacts(self) -> str | None:
        """Where MLflow's own files lie beside a SQLite file; ``None``: the server knows."""
        return self.file.with_suffix(".artifacts").as_uri() if self.file else None
