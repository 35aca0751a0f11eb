"""Twenty agents at work, their bot killed at random moments: nothing lost, nothing doubled, nothing out of order."""

import random
from pathlib import Path

import pytest

from tests.crash.torture import torture

KILLS = 30


@pytest.mark.parametrize("remembers_keys", [True, False], ids=["drops repeated keys", "has a history only"])
async def test_nothing_is_lost_or_doubled_by_kills_at_random_moments(tmp_path: Path, remembers_keys: bool) -> None:
    seed = random.randrange(10**6)
    print("seed", seed)  # noqa: T201 - shown if it fails
    figures = await torture(tmp_path, seed, KILLS, remembers_keys=remembers_keys)
    assert figures.violations == []
    assert figures.kills == KILLS
    assert figures.replies >= KILLS  # else there was nothing to kill
