"""What a warm process uses of its machine while it does one task."""

from __future__ import annotations

from pathlib import Path

_PROCESS = Path("/proc/self")


def forget_peak() -> bool:
    """Lets the highest memory be counted from now on: a warm worker would else show that of its largest task.

    Returns:
        Whether the system can do so; Linux can.
    """
    try:
        (_PROCESS / "clear_refs").write_text("5")  # man proc_pid_clear_refs: VmHWM becomes what is held now
    except OSError:
        return False
    return True


def peak_memory() -> float:
    """MiB of the process at most (resident set) since :func:`forget_peak`, where that could be done."""
    lines = (_PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM:"))
