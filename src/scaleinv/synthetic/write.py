"""Writes the retailer's source files, once: all in a temporary place, then renamed, then marked as done."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from scaleinv.config.models import SyntheticConfig
from scaleinv.errors import DataError, explain
from scaleinv.synthetic.block import n_blocks, simulate_block
from scaleinv.synthetic.files import Files
from scaleinv.synthetic.sources import SOURCES, block_parts, chain_parts
from scaleinv.synthetic.till import KINDS, sales_parts

SUCCESS: Final = "_SUCCESS"
"""Marker, JSON: ``hash`` of the configuration, ``rows`` written per source, ``dirt`` rows among the sales by kind."""
_OWNER: Final = "_SYNTHETIC"
_PARTIAL: Final = "_partial"
_VERSION: Final = 2
"""Rises with every change of what is simulated or written, so that old files are not taken for new ones."""


def write_sources(config: SyntheticConfig, folder: Path, *, progress: Callable[[str], None] | None = None) -> None:
    """Write every source file below ``folder``; nothing is done where the marker says it was done before.

    Memory is that of one block, whatever the number of series. A run that was cut off is begun anew; the same
    configuration gives the same bytes.

    Raises:
        DataError: ``folder`` holds files that were not made here.
    """
    say = progress or (lambda text: None)
    fingerprint = _fingerprint(config)
    marker = folder / SUCCESS
    if _recorded(marker) == fingerprint:
        say("synthetic retailer: files are there")
        return
    _own(folder)
    marker.unlink(missing_ok=True)
    partial = folder / _PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    rows, dirt = _write_all(config, partial, say)
    for source in SOURCES:
        shutil.rmtree(folder / source.name, ignore_errors=True)
        if (partial / source.name).exists():
            (partial / source.name).rename(folder / source.name)
    shutil.rmtree(partial)
    _put(marker, json.dumps({"hash": fingerprint, "rows": rows, "dirt": dirt}, indent=1, sort_keys=True))
    say(f"synthetic retailer: {sum(rows.values()):,} rows written")


def _write_all(
    config: SyntheticConfig, folder: Path, say: Callable[[str], None]
) -> tuple[dict[str, int], dict[str, int]]:
    dirt = dict.fromkeys(KINDS, 0)
    total = n_blocks(config)
    with Files(folder) as files:
        for source, table, part in chain_parts(config):
            files.append(source, table, part)
        for number in range(total):
            block = simulate_block(config, number)
            for source, table, part in sales_parts(config, block, dirt):
                files.append(source, table, part)
            for source, table, part in block_parts(config, block):
                files.append(source, table, part)
            say(f"synthetic retailer: block {number + 1} of {total}")
    return files.rows, dirt


def _fingerprint(config: SyntheticConfig) -> str:
    text = json.dumps([_VERSION, config.model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _recorded(marker: Path) -> str | None:
    try:
        return str(json.loads(marker.read_text())["hash"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _own(folder: Path) -> None:
    """Only a folder that is empty or was filled here is written to: whole sub-folders are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    owner = folder / _OWNER
    if not owner.exists():
        unfinished = _temporary(owner).name  # of a run that was killed right here
        others = sorted(path.name for path in folder.iterdir() if path.name != unfinished)
        if others:
            raise DataError(
                explain(
                    f"{folder} holds files that the synthetic retailer did not write, and would be overwritten",
                    expected="an empty folder, or one that it wrote to before",
                    found=f"{len(others)} entries",
                    which=others,
                    do="give ingest.data another folder, or take `synthetic` out of the configuration",
                )
            )
        _put(owner, "Written by the synthetic retailer; its sub-folders are replaced when its configuration changes.\n")


def _put(path: Path, text: str) -> None:
    _temporary(path).write_text(text)
    _temporary(path).replace(path)


def _temporary(path: Path) -> Path:
    return path.with_name(f"{path.name}.tmp")
