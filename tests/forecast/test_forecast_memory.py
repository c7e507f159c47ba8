"""What a group held is given back; ``benchmarks/memory.py`` shows it of 240 groups on a worker of Ray."""

from __future__ import annotations

import pytest
from benchmarks.memory import BLOCK, in_blocks, one_group


@pytest.mark.slow
def test_a_process_holds_no_more_after_many_groups_than_after_the_first_ones() -> None:
    first, *_, last = in_blocks([one_group(number) for number in range(3 * BLOCK)])
    assert last < first + 50, "MiB"
