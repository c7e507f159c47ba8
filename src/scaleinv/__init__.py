"""scaleinv: from a retailer's records to its orders, every SKU at every location, every night."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scaleinv.api import open as open

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``scaleinv.open``, loaded when it is asked for: the rooms below do not need it."""
    if name == "open":
        return importlib.import_module("scaleinv.api").open
    raise AttributeError(f"module 'scaleinv' has no attribute {name!r}")
