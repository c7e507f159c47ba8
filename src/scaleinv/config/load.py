"""From YAML files and ``--set`` to one checked :class:`~scaleinv.config.models.Config`.

Layers, the later one winning key by key: the contracts of ``sources/<folder>``, ``schedule.yaml``, ``base.yaml``,
``env/<name>.yaml`` (after the one it ``extends``), ``--set``.
``${NAME}`` and ``${NAME:-default}`` in a text refer to the environment: secrets live there, never in a file.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from scaleinv.config.models import Config
from scaleinv.config.references import check_references
from scaleinv.errors import ConfigError, explain

_REFERENCE = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)(?::-([^}]*))?\}")


def config_folder(folder: Path | None = None) -> Path:
    """The folder of the YAML files: as given, else ``SCALEINV_CONF``, ``./conf``, or the one inside the package.

    Raises:
        ConfigError: none of them holds a ``base.yaml``.
    """
    given = folder or (Path(os.environ["SCALEINV_CONF"]) if "SCALEINV_CONF" in os.environ else None)
    package = Path(__file__).resolve().parent.parent
    candidates = [given] if given else [Path("conf"), package / "conf", package.parent.parent / "conf"]
    for candidate in candidates:
        if (candidate / "base.yaml").is_file():
            return candidate
    raise ConfigError(
        explain(
            "there is no configuration folder",
            expected="a folder with base.yaml and env/",
            which=candidates,
            do="name it with --conf or SCALEINV_CONF",
        )
    )


def environments(folder: Path | None = None) -> list[str]:
    """Names of the environments, sorted."""
    return sorted(path.stem for path in (config_folder(folder) / "env").glob("*.yaml"))


def load_config(env: str, *, overrides: Iterable[str] = (), folder: Path | None = None) -> Config:
    """The configuration of one environment.

    Args:
        env: name of a file in ``env/``.
        overrides: ``key=value`` with a dotted key (``forecast.horizon=14``); the value is YAML.
        folder: see :func:`config_folder`.

    Raises:
        ConfigError: a file is missing or no YAML, a key is unknown, a value has the wrong type, two options contradict
            each other, or a referenced environment variable is not set. The message names the key.
    """
    root = config_folder(folder)
    layers = _merge(_with_schedule(root, read_yaml(root / "base.yaml")), _overlay(root, env))
    chosen = [_parse_override(override) for override in overrides]
    for override in chosen:
        layers = _merge(layers, override)
    layers = _with_contracts(root, layers)
    layers["env"] = env
    for section in ("delivery", "lake"):
        check_references(layers.get(section), section)
    resolved = _resolve(layers, "")
    try:
        return Config.model_validate(resolved)
    except ValidationError as error:
        raise ConfigError(readable(error, f"configuration of environment {env!r}", "conf/ or --set")) from None


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses a key written twice: the later one would win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"key written twice: {sorted(twice)}", node.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's sections; a key written twice is an error.

    Raises:
        ConfigError: it is no YAML, or holds no sections.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError(explain(f"{path} is not YAML that can be used", found=error, do="correct the file")) from None
    if not isinstance(content, dict):
        raise ConfigError(explain(f"{path} must hold sections", expected="key: value", found=type(content).__name__))
    return content


def _overlay(root: Path, env: str, seen: tuple[str, ...] = ()) -> dict[str, Any]:
    path = root / "env" / f"{env}.yaml"
    if not path.is_file():
        raise ConfigError(
            explain(f"there is no environment {env!r}", expected=", ".join(environments(root)), do="choose one of them")
        )
    if env in seen:
        raise ConfigError(explain("environments extend each other in a circle", which=[*seen, env]))
    content = read_yaml(path)
    parent = content.pop("extends", None)
    return _merge(_overlay(root, str(parent), (*seen, env)), content) if parent else content


def _with_schedule(root: Path, base: Mapping[str, Any]) -> dict[str, Any]:
    """``schedule.yaml``, where there is one, under ``schedule``."""
    file = root / "schedule.yaml"
    return _merge({"schedule": read_yaml(file)}, base) if file.is_file() else dict(base)


def _with_contracts(root: Path, layers: Mapping[str, Any]) -> dict[str, Any]:
    """The files of ``conf/sources/<ingest.contracts>`` under ``ingest.sources``: what an environment says wins."""
    ingest = layers.get("ingest")
    name = ingest.get("contracts") if isinstance(ingest, Mapping) else None
    if name is None:
        return dict(layers)
    name = _resolve(name, "ingest.contracts")
    folder = root / "sources" / str(name)
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise ConfigError(
            explain(
                f"ingest.contracts names a folder without contracts: {name!r}",
                expected=f"files <source>.yaml in {folder}",
                do="correct ingest.contracts, or describe each source in a file there",
            )
        )
    return _merge({"ingest": {"sources": {file.stem: read_yaml(file) for file in files}}}, layers)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _parse_override(override: str) -> dict[str, Any]:
    key, equals, text = override.partition("=")
    if not equals or not all(key.split(".")):
        raise ConfigError(explain(f"--set {override!r} cannot be read", expected="key.key=value"))
    try:
        nested: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(explain(f"--set {override!r}: the value is not YAML", found=error)) from None
    for part in reversed(key.split(".")):
        nested = {part: nested}
    assert isinstance(nested, dict)
    return nested


def _resolve(value: Any, key: str) -> Any:
    """``value`` with references to the environment replaced."""
    if isinstance(value, Mapping):
        return {name: _resolve(item, f"{key}.{name}".lstrip(".")) for name, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, key) for item in value]
    if not isinstance(value, str):
        return value

    def look_up(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = os.environ.get(name, default)
        if found is None:
            raise ConfigError(
                explain(f"{key} refers to the environment variable {name}, which is not set", do="set it")
            )
        return found

    return _REFERENCE.sub(look_up, value)


def readable(error: ValidationError, what: str, place: str) -> str:
    """What pydantic found, key by key, for a person."""
    problems = []
    for item in error.errors(include_url=False):
        path = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(item["loc"][-1]), _siblings(item["loc"]), n=1)
            problems.append(f"{path} is not a known key" + (f" (did you mean {near[0]}?)" if near else ""))
        else:
            problems.append(f"{path or 'configuration'}: {item['msg']} (found {_short(item['input'])})")
    return explain(f"{what} cannot be used", which=problems, do=f"correct {place}")


def _siblings(location: tuple[int | str, ...]) -> list[str]:
    """Keys that are known where the unknown one was written."""
    model: type[BaseModel] | None = Config
    for part in location[:-1]:
        field = model.model_fields.get(str(part)) if model else None
        model = _model_of(field.annotation) if field else None
    return list(model.model_fields) if model else []


def _model_of(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _short(value: object, limit: int = 80) -> str:
    # Of a section only the keys: its values may be secrets from the environment.
    text = "keys " + ", ".join(map(str, value)) if isinstance(value, Mapping) else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
