"""Which files the retailer's systems have delivered, by source: names, sizes and times, without opening one."""

from __future__ import annotations

import functools
import posixpath
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow.fs as pafs

from scaleinv.config import Config, LakeConfig
from scaleinv.config.sources import SourceConfig
from scaleinv.errors import LakeError
from scaleinv.lake import Lake


@dataclass(frozen=True)
class SourceFile:
    """What tells a file from another of its name: bytes, and nanoseconds since 1970 (-1: the storage does not say)."""

    size: int
    modified: int


Files = Mapping[str, SourceFile]
"""Name under the data folder -> the file."""


def sources_state(config: Config) -> object:
    """Names, sizes and times of the source files; what the synthetic retailer makes is named by its options."""
    if config.synthetic is not None:
        return config.synthetic.model_dump(mode="json")
    files = source_files(config)
    needed = [source for source in config.ingest.sources.values() if source.required]
    # Where no file can be seen, Spark may see some, and nobody can say that they are the same as before. Nor of a
    # database or a topic.
    seen = all(_files_of(source, files) for source in needed) if needed else bool(files)
    if not seen or any(source.format in ("jdbc", "kafka") for source in config.ingest.sources.values()):
        return uuid.uuid4().hex
    return [(name, one.size, one.modified) for name, one in files.items()]


def source_files(config: Config) -> dict[str, SourceFile]:
    """The files that ingest would read, by name; none where the data is somewhere that cannot be listed."""
    try:
        files = Lake(LakeConfig(root=config.ingest.data, storage_options=config.lake.storage_options)).files
        found = files.system.get_file_info(pafs.FileSelector(files.root, allow_not_found=True, recursive=True))
    except (LakeError, OSError):
        return {}
    named = {
        info.path.removeprefix(f"{files.root}/"): SourceFile(info.size, -1 if info.mtime_ns is None else info.mtime_ns)
        for info in found
        if info.type == pafs.FileType.File
    }
    visible = {name: named[name] for name in sorted(named) if not _is_hidden(name)}
    if config.ingest.m5 is not None:
        return visible
    return {
        name: info
        for name, info in visible.items()
        if any(_matches(name, source.path) for source in config.ingest.sources.values())
    }


def files_of(source: SourceConfig, config: Config) -> dict[str, SourceFile] | None:
    """The files of one source, by name; ``None`` where they cannot be listed, or it has none by nature."""
    if source.format in ("jdbc", "kafka", "delta"):
        return None
    data = LakeConfig(root=config.ingest.data, storage_options=config.lake.storage_options)
    try:
        system = Lake(data).files
        system.system.get_file_info(system.root)
    except (LakeError, OSError):
        return None
    return _files_of(source, source_files(config))


def _files_of(source: SourceConfig, files: Files) -> dict[str, SourceFile]:
    return {name: info for name, info in files.items() if _matches(name, source.path)}


def _is_hidden(name: str) -> bool:
    """As Spark has it: markers, logs and drafts are no data."""
    return any(part.startswith((".", "_")) and "=" not in part for part in name.split("/"))


def _matches(name: str, pattern: str) -> bool:
    """Whether Spark would read the file: a folder that the pattern matches counts with all files below it."""
    return bool(pattern) and _glob(posixpath.normpath(pattern)).fullmatch(name) is not None


@functools.cache
def _glob(pattern: str) -> re.Pattern[str]:
    """Hadoop's glob as a regular expression: ``*``, ``?``, ``[a-z]``, ``[^a]`` and ``{one,other/two}``."""
    found, depth = "", 0
    for part in re.findall(r"\[\^?[^\]]+\]|.", pattern):
        if part == "*":
            found += "[^/]*"
        elif part == "?":
            found += "[^/]"
        elif part == "{":
            found, depth = found + "(?:", depth + 1
        elif part == "}" and depth:
            found, depth = found + ")", depth - 1
        elif part == "," and depth:
            found += "|"
        elif len(part) > 1:
            found += part
        else:
            found += re.escape(part)
    return re.compile(f"{found}{')' * depth}(?:/.*)?", re.DOTALL)
