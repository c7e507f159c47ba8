"""What ``scaleinv maintain`` keeps."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator

from scaleinv.config.section import Positive, Section

LONGEST_RUN: Final = 24
"""Hours. Workers stage files long before the driver commits them, and readers stay at the versions they began with."""


def _outlasts_a_run(hours: int) -> int:
    if hours < LONGEST_RUN:
        raise ValueError(
            f"{hours} hours would take files away from a run that is under way or was killed and is to go on: "
            f"they are kept for {LONGEST_RUN} hours or more"
        )
    return hours


class MaintainConfig(Section):
    """What old nights and old files are kept for."""

    keep_nights: Positive = 35
    """Nights of so many days up to the newest in the lake; tables, models and markers of older ones go."""
    vacuum_hours: Annotated[int, AfterValidator(_outlasts_a_run)] = 168
    """Files that no version in use names go after so many hours: for so long a version can be read, and a run resumed.
    A night that was written to in this time stays, however old its day is."""
    target_file_mb: Positive = 128
    """Files of a partition are put together up to this size."""
