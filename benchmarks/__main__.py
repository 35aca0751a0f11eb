"""Every benchmark, one after the other."""

import asyncio

from benchmarks import (
    discord_crowd,
    document_load,
    export,
    group_commit,
    many_agents,
    overhead,
    slack_crowd,
    startup,
    timers,
)
from benchmarks.figures import FILE, report

FILE.unlink(missing_ok=True)
# Startup first: its memory figure looks at every process that this one has started.
for benchmark in (
    startup,
    overhead,
    group_commit,
    many_agents,
    document_load,
    discord_crowd,
    slack_crowd,
    timers,
    export,
):
    print(f"{benchmark.__name__}: {(benchmark.__doc__ or '').splitlines()[0]}")
    report(asyncio.run(benchmark.figures()))
