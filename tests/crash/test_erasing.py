"""A bot that is killed while it erases somebody goes on at its next start, whatever moment it was."""

import asyncio
import json
import os
import shutil
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Clock, open_bot

ROOT = Path(__file__).parents[2]
HERS, BOBS = "kanarienvogel73", "wombat44"

CHILD = """
import asyncio, sys
from pathlib import Path
from tests.crash import exact

is_armed = False
die = exact._die
_, data, server, moment = sys.argv
what, when, at = moment.split("-")
count = 0

def deadly(work):
    global count
    count += is_armed
    is_last = is_armed and count == int(at)
    if is_last and when == "before":
        die()
    result = work()
    if is_last and when == "after":
        die()
    return result

{"commit": exact._at_commits, "vectors": exact._at_vectors}[what](deadly)
from bot.testing import open_bot

async def main():
    global is_armed
    async with open_bot(Path(data), llm_model="m", openai_base_url=server) as bot:
        await bot.app.shelves.recall.catch_up()
        is_armed = True
        print(await bot.command("erase-me erase me"))
        print(count)

asyncio.run(main())
"""


def keeps(request: Request) -> Reply:
    last = request["messages"][-1]
    if last["role"] != "user":
        return says("Noted.", heartbeat=False)
    said = json.loads(last["content"])["message"]
    return answer(
        f"I think of {said}", ("archival_memory_insert", {"content": said, "tags": [], "request_heartbeat": True})
    )


@pytest.fixture(scope="module")
def talked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a bot kept its things to which Ada and Bob have talked, each directly and in a channel."""
    data = tmp_path_factory.mktemp("talked") / "data"

    async def talk() -> None:
        async with ScriptedServer(keeps) as server:
            async with open_bot(data, llm_model="m", openai_base_url=server.url) as bot:
                for person, word in (("ada", HERS), ("bob", BOBS)):
                    await bot.say(f"My word is {word}", person=person)
                    await bot.write(f"Here it is {word}", person=person)
                await bot.in_chat("save monday")
                await bot.app.shelves.archival.index_pending()

    asyncio.run(talk())
    return data


def holding(folder: Path) -> list[str]:
    return sorted(
        file.name for file in folder.rglob("*") if file.is_file() and HERS.encode() in file.read_bytes().lower()
    )


@pytest.mark.parametrize(
    "moment",
    [
        *(f"commit-{when}-{number}" for number in (1, 3, 8, 20) for when in ("before", "after")),
        "vectors-before-1",
        "vectors-after-1",
    ],
)
async def test_it_goes_on_at_the_next_start(talked: Path, tmp_path: Path, moment: str) -> None:
    data = tmp_path / "data"
    shutil.copytree(talked, data)
    later = Clock()
    later.moment += timedelta(days=1)
    async with ScriptedServer(keeps) as server:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CHILD, str(data), server.url, moment),
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await asyncio.wait_for(child.communicate(), 60)
        assert child.returncode == -signal.SIGKILL, told
        async with open_bot(data, clock=later, llm_model="m", openai_base_url=server.url) as bot:
            assert "not talked yet" in await bot.command("search word")
            assert HERS not in await bot.command(f"search here {BOBS}", channel="general", person="bob")
            assert f"My word is {BOBS}" in await bot.command("search word", person="bob")
            assert f"Here it is {BOBS}" in await bot.command(f"search {BOBS}", channel="general", person="bob")
            assert holding(data) == []
            assert await bot.app.rights.erasing._erasure.pending() == ()
