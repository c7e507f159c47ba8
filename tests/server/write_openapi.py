"""Writes docs/openapi.json anew: ``python tests/server/write_openapi.py``."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.orderbook import opened
from scaleinv.server.app import app

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, opened(f"sqlite:///{folder}/book.db") as book:
        said = app(book, ShipmentsConfig()).openapi()
    text = json.dumps(said, indent=1, sort_keys=True) + "\n"
    (Path(__file__).resolve().parents[2] / "docs" / "openapi.json").write_text(text)
