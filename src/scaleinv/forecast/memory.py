"""Memory that is too small for a group: the group is split, and the work goes on."""

from __future__ import annotations

import gc
from typing import Final

import torch

_SAID: Final = ("can't allocate memory", "bad_alloc", "out of memory")
"""By torch's allocator of the host and by XGBoost, in errors of any kind."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether the host or the device had no room."""
    said = str(error).lower()
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(text in said for text in _SAID)


def free_memory() -> None:
    """Hands back what nobody holds any more."""
    gc.collect()  # an error and the frames that it came through hold each other, and with them the group
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
