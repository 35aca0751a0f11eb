"""Whatever blocks do at the same time, exactly those that ended well are kept, also after a kill."""

import asyncio
import contextlib
import random
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

import memory.sqlite.database
from memory.sqlite.database import Database, finish
from tests.memory.sqlite.writer.blocks import EVER, add, kept

ROOT = Path(memory.sqlite.database.__file__).parents[2]


class Schedule:
    """Blocks at random: some raise, some break a rule, some are cancelled; it notes which ones ended well."""

    def __init__(self, database: Database, path: Path, seed: int) -> None:
        self._database = database
        self._path = path
        self._random = random.Random(seed)
        self.kept: set[str] = set()

    async def run(self, count: int) -> None:
        """So many blocks at once."""
        await asyncio.gather(*(self._one(f"{number}") for number in range(count)))

    async def _one(self, name: str) -> None:
        work = self._block(name)
        task = asyncio.create_task(finish(work) if self._random.random() < 0.5 else work)
        if self._random.random() < 0.3:
            await asyncio.sleep(0)  # it has begun
            for _ in range(self._random.randrange(1, 4)):
                await self._pause(60)
                task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ZeroDivisionError, IntegrityError):
            await task
        assert ({f"{name}.0", f"{name}.1"} <= set(kept(self._path))) is (name in self.kept)

    async def _block(self, name: str) -> None:
        dice = self._random
        await self._pause(10)
        async with self._database.write(alone=dice.random() < 0.1) as transaction:
            if dice.random() < 0.1:
                raise ZeroDivisionError
            await add(transaction, f"{name}.0")
            await self._pause(2)
            if dice.random() < 0.1:
                with contextlib.suppress(ZeroDivisionError):
                    async with transaction.begin_nested():
                        await add(transaction, f"undone {name}")
                        raise ZeroDivisionError
            await add(transaction, f"{name}.0" if dice.random() < 0.1 else f"{name}.1")
            if dice.random() < 0.1:
                raise ZeroDivisionError
            self.kept.add(name)
        assert {f"{name}.0", f"{name}.1"} <= set(kept(self._path))

    async def _pause(self, most: int) -> None:
        for _ in range(self._random.randrange(most)):
            await asyncio.sleep(0)


@pytest.mark.parametrize("group_s", [0.0, 0.005, EVER])
@pytest.mark.parametrize("seed", range(8))
async def test_exactly_the_blocks_that_ended_well_are_kept(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, group_s: float
) -> None:
    monkeypatch.setattr("memory.sqlite.writer.GROUP_S", group_s)
    schedule = Schedule(database, path, seed)
    await schedule.run(60)
    assert sorted(kept(path)) == sorted(f"{name}.{part}" for name in schedule.kept for part in range(2))
    assert 10 < len(schedule.kept) < 60


def test_what_was_said_to_be_kept_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import asyncio; from datetime import datetime, UTC; from pathlib import Path\n"
        "from memory.core.agents import AgentStore; from memory.sqlite.database import Database\n"
        "async def main():\n"
        "    now = datetime(2026, 3, 1, tzinfo=UTC)\n"
        "    database = await Database.open(Path('bot.db'), Path('backups'), now)\n"
        "    async def write(writer):\n"
        "        for number in range(10**6):\n"
        "            async with database.write() as transaction:\n"
        "                await AgentStore(database).create(transaction, f'{writer}.{number}', [('human', '')], now)\n"
        "            print(f'{writer}.{number}', flush=True)\n"
        "    await asyncio.gather(*map(write, range(20)))\n"
        "asyncio.run(main())"
    )
    said: list[str] = []
    program = [sys.executable, "-c", code]
    with subprocess.Popen(
        program, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            said.append(line)
            if len(said) == 300:
                child.kill()
    whole = {line.strip() for line in said if line.endswith("\n")}
    assert len(whole) >= 300
    assert whole <= set(kept(tmp_path / "bot.db"))
