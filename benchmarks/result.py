"""How a program ends: its result is the last line it prints, and is kept where that is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def tell(result: dict[str, Any], out: Path | None) -> None:
    """One JSON object on a line, to standard output and into ``out``."""
    line = json.dumps(result)
    if out is not None:
        out.write_text(line + "\n", encoding="utf-8")
    print(line)
