"""Memory that is too small for a group: the group is split, and the work goes on."""

from __future__ import annotations

import gc
from typing import Final

import torch

OUT_OF_MEMORY: Final = (MemoryError, torch.OutOfMemoryError)
"""What the host and the device say."""


def free_memory() -> None:
    """Hands back what nobody holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
