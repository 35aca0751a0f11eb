"""`python -m tests.torture`: kill a bot at random moments, many times, and print what became of its work."""

import argparse
import asyncio
import logging
import random
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from tests.crash.torture import Figures, torture

TOLD = 50
"""After so many kills it says how it stands."""

NAMES = {
    "kills": "kills",
    "at_start": "  of these while starting",
    "messages": "messages",
    "replies": "replies seen",
    "promises": "  of these promised for later",
    "told_again": "events told again",
    "sent_again": "replies sent again, and dropped",
    "looked_up": "replies looked up in the history",
    "mended": "vector indexes mended",
    "calls": "model calls",
    "needed": "  needed without kills",
    "busy": "  that kills may cost at most",
    "seconds": "seconds",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="in all, half on each kind of platform")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    logging.getLogger("aiohttp.server").disabled = True  # it is told of each request that a kill cuts off
    print(f"seed {asked.seed}", flush=True)
    runs = [
        _run(asked.seed, asked.kills - asked.kills // 2, remembers_keys=True),
        _run(asked.seed + 1, asked.kills // 2, remembers_keys=False),
    ]
    _print_table(runs)
    return int(any(run.violations for run in runs))


def _run(seed: int, kills: int, *, remembers_keys: bool) -> Figures:
    def told(so_far: Figures) -> None:
        if so_far.kills % TOLD == 0 or so_far.kills == kills:
            print(f"a platform that {so_far.platform}: {so_far.kills} of {kills} kills", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(torture(Path(folder), seed, kills, remembers_keys=remembers_keys, told=told))


def _print_table(runs: list[Figures]) -> None:
    print(f"\n{'a platform that':34}", *(f"{run.platform:>20}" for run in runs))
    print(f"{'seed':34}", *(f"{run.seed:>20}" for run in runs))
    for name in (each.name for each in fields(Figures) if each.name in NAMES):
        print(f"{NAMES[name]:34}", *(f"{round(getattr(run, name)):>20,}" for run in runs))
    print(f"{'violations':34}", *(f"{len(run.violations):>20}" for run in runs))
    for run in runs:
        for violation in run.violations:
            print(f"\nseed {run.seed}: {violation}")


if __name__ == "__main__":
    sys.exit(main())
