"""Secrets stand in the environment; a configuration refers to them (``${NAME}``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from scaleinv.errors import ConfigError, explain

_SECRETS: Final = (
    "password", "passphrase", "token", "client_secret", "aws_access_key_id", "aws_secret_access_key",
    "aws_session_token", "azure_storage_account_key",
)  # fmt: skip
_SECRET_SECTIONS: Final = ("secret_headers",)
_REFERENCE: Final = re.compile(r"\$\{[A-Z_][A-Z0-9_]*\}")


def check_references(raw: Any, key: str) -> None:
    """Nothing, if every secret under ``key`` is a reference to the environment.

    Raises:
        ConfigError: one is written out; it names the key and never the value.
    """
    if not isinstance(raw, Mapping):
        return
    for name, value in raw.items():
        where = f"{key}.{name}"
        if name in _SECRET_SECTIONS and isinstance(value, Mapping):
            for header, text in value.items():
                _check_reference(text, f"{where}.{header}")
        elif str(name).lower() in _SECRETS and value is not None:
            _check_reference(value, where)
        else:
            check_references(value, where)


def _check_reference(value: Any, where: str) -> None:
    if not (isinstance(value, str) and _REFERENCE.fullmatch(value)):
        raise ConfigError(
            explain(
                f"{where} is written out", expected="${NAME}", do="put the secret into the environment and refer to it"
            )
        )
