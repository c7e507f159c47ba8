"""Rules in a file of their own, to be tried before they are put into the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from scaleinv.config.load import read_yaml, readable
from scaleinv.config.models import ReplenishConfig
from scaleinv.errors import ConfigError, explain

_SECTIONS: Final = ("rules", "approval", "exceptions")


def changed_rules(file: Path, config: ReplenishConfig) -> ReplenishConfig:
    """The options of replenishment with the ``rules``, ``approval`` and ``exceptions`` that the file has.

    Raises:
        ConfigError: it is no YAML, has other sections, or a rule cannot be used; the message names it.
    """
    if not file.is_file():
        raise ConfigError(explain(f"there is no file {file}", expected="a YAML file with `rules:`", do="correct it"))
    content = read_yaml(file)
    unknown = sorted(set(content) - set(_SECTIONS))
    if unknown:
        raise ConfigError(
            explain(f"{file} has sections that are no rules", expected=", ".join(_SECTIONS), which=unknown)
        )
    try:
        return ReplenishConfig.model_validate(config.model_dump() | content)
    except ValidationError as error:
        raise ConfigError(readable(error, f"rules of {file}", str(file))) from None
