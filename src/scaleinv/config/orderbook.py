"""The database of orders and decisions."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr, model_validator

from scaleinv.config.section import Section


class OrderBookConfig(Section):
    """The database of orders and decisions (docs/orders.md)."""

    url: SecretStr | None = None
    """``sqlite:///FILE`` or ``postgresql+psycopg://user:${PASSWORD}@host/name``: a password comes from the environment,
    and the address is never shown. ``None`` or empty: ``orderbook.db`` in the lake's folder, if that is local."""

    @model_validator(mode="after")
    def _address(self) -> Self:
        # Not a field's validator, whose message would show what was found, and that may be a password.
        if self.address and urlsplit(self.address).scheme.partition("+")[0] not in ("sqlite", "postgresql"):
            raise ValueError("url must be sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME")
        return self

    @property
    def address(self) -> str | None:
        """The address itself; ``None``: the default."""
        return self.url.get_secret_value() or None if self.url else None
