"""Checkpoints: an agent as it is at a moment, kept in a file under a name, and put back in its place.

A checkpoint is an export (`memory.portable.records`), so it survives versions of the program and can be read.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.agent import Agent
from bot.agents import Agents
from memory.erasing.erased_files import write_records
from memory.portable.checkpoints import checkpoint_folder
from memory.portable.dump import dump
from memory.portable.load import replace
from memory.portable.records import KeptFollowUp, KeptMessage, MalformedExport, Record, parse, to_line
from memory.sqlite.database import finish
from memory.sqlite.upkeep import new_file
from memory.stores import Stores

SUFFIX = ".jsonl"
MAX_NAME_CHARS = 60
_SOME = 500

BEFORE_RESTORE = "before-restore"
"""The checkpoint of an agent whose place another one took."""

_UNDER_WAY = f"{BEFORE_RESTORE}.under-way"
"""That checkpoint until the other one has its place; nobody makes one of this name."""


class CheckpointUnusable(Exception):
    """There is no such checkpoint, or it cannot be written or read; the text is for the person."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that there is."""

    name: str
    made_at: datetime


class Checkpoints:
    """The checkpoints of all agents, a folder each."""

    def __init__(
        self,
        stores: Stores,
        agents: Agents,
        data_dir: Path,
        now: Callable[[], datetime],
    ) -> None:
        self._stores = stores
        self._agents = agents
        self._data_dir = data_dir
        self._now = now
        self._writing = asyncio.Lock()

    @asynccontextmanager
    async def resting(self) -> AsyncIterator[None]:
        """While inside, no checkpoint is written, nor put back; what was being written is done."""
        async with self._writing:
            yield

    async def save(self, agent: Agent, name: str) -> None:
        """Keep the agent as it is now; a checkpoint of that name is written over. To be called in its lane only.

        Raises:
            CheckpointUnusable: the name is no name for a file, or the file cannot be written.
        """
        await self._save(agent, self._path(agent.scope, name))

    async def lines(self, agent: Agent) -> list[str]:
        """The agent as it is now, as a checkpoint has it. To be called in its lane only."""
        async with self._stores.database.snapshot() as connection:
            return [to_line(record) async for record in dump(connection, agent.id)]

    async def _save(self, agent: Agent, path: Path) -> None:
        async with self._writing:
            lines = await self.lines(agent)
            try:
                await asyncio.to_thread(_write, path, lines)
            except OSError as error:
                raise CheckpointUnusable(f"The checkpoint cannot be written ({error.strerror or error}).") from error

    async def records(self, scope: str, name: str) -> list[Record]:
        """What stands in a checkpoint.

        Raises:
            CheckpointUnusable: there is none of that name, or it is damaged.
        """
        self.check(scope, name)
        try:
            return await asyncio.to_thread(_read, self._path(scope, name))
        except (OSError, UnicodeDecodeError, MalformedExport) as error:
            raise CheckpointUnusable(
                f"The checkpoint {name!r} cannot be used: {error}. Nothing was changed."
            ) from error

    async def rewrite(self, scope: str, name: str, records: Sequence[Record]) -> None:
        """Put other records into a checkpoint that there is; its moment stays. To be called while they are resting."""
        path = self._path(scope, name)
        await asyncio.to_thread(write_records, path, records)

    def has(self, scope: str, name: str) -> bool:
        """Whether there is a checkpoint of that name. Blocking."""
        return self._path(scope, name).exists()

    async def remove(self, scope: str, name: str) -> None:
        """Remove a checkpoint, if it is there."""
        await asyncio.to_thread(self._path(scope, name).unlink, missing_ok=True)

    async def remove_old(self, prefix: str, before: datetime) -> None:
        """Remove all agents' checkpoints of names that begin so and that were made before a moment."""

        def remove() -> None:
            for path in self._data_dir.glob(f"checkpoints/*/{prefix}*{SUFFIX}"):
                if datetime.fromtimestamp(path.stat().st_mtime, UTC) <= before:
                    path.unlink(missing_ok=True)

        await asyncio.to_thread(remove)

    def check(self, scope: str, name: str) -> None:
        """Make sure that there is a checkpoint of that name.

        Raises:
            CheckpointUnusable: there is none; those that there are are named.
        """
        is_cut_off = name == BEFORE_RESTORE and self._aside(scope).exists()  # see `_settle`
        if not self._path(scope, name).exists() and not is_cut_off:
            names = ", ".join(checkpoint.name for checkpoint in self.made_of(scope))
            raise CheckpointUnusable(
                f"There is no checkpoint {name!r}. {f'There are: {names}.' if names else 'There are none yet.'}"
            )

    async def restore(self, agent: Agent, name: str) -> None:
        """Put a checkpoint in the agent's place, in one transaction; to be called in its lane only.

        What was there is kept as the checkpoint `BEFORE_RESTORE`.

        Raises:
            CheckpointUnusable: there is none of that name, or it is damaged; nothing was changed then.
        """
        await self._settle(agent)
        await self._put(agent, await self.records(agent.scope, name))

    async def put(self, agent: Agent, lines: Sequence[str]) -> None:
        """Put what `lines` gave in the agent's place, as `restore` does a checkpoint.

        Raises:
            CheckpointUnusable: it cannot be read, or the checkpoint before it cannot be written; nothing was changed.
        """
        await self._settle(agent)
        try:
            records = list(parse(lines))
        except MalformedExport as error:
            raise CheckpointUnusable(f"What was saved cannot be used: {error}. Nothing was changed.") from error
        await self._put(agent, records)

    async def _put(self, agent: Agent, records: Sequence[Record]) -> None:
        # What has come since then was heard already.
        now = self._now()
        records = [it for it in records if not isinstance(it, KeptFollowUp) or it.repeat or it.due_at > now]
        # Under its name only once the other one is in its place: it may be the very one that is being restored.
        aside = self._aside(agent.scope)
        await self._save(agent, aside)
        await finish(self._replace(agent, records, aside))

    async def _settle(self, agent: Agent) -> None:
        """Give what a restore put aside its name, if that was killed after its commit; else remove it.

        A restore gives all messages new ids: while one of the old ones is there, nothing was restored.
        """
        aside = self._aside(agent.scope)
        if not await asyncio.to_thread(aside.exists):
            return
        try:
            records = await asyncio.to_thread(_read, aside)
        except (OSError, UnicodeDecodeError, MalformedExport):
            return  # it is not under its name, and will be written over
        ids = [record.id for record in records if isinstance(record, KeptMessage)]
        try:
            if any(await self._stores.recall.get(agent.id, ids[-_SOME:])) or any(
                await self._stores.recall.get(agent.id, ids[:_SOME])
            ):
                await asyncio.to_thread(aside.unlink)
            else:
                await asyncio.to_thread(aside.replace, self._before(agent.scope))
        except OSError as error:
            raise CheckpointUnusable(f"The checkpoints cannot be written ({error.strerror or error}).") from error

    def made_of(self, scope: str) -> list[Checkpoint]:
        """What checkpoints there are of an agent, the newest first."""
        files = checkpoint_folder(self._data_dir, scope).glob(f"*{SUFFIX}")
        found = [
            Checkpoint(file.stem, datetime.fromtimestamp(file.stat().st_mtime, UTC))
            for file in files
            if file.stem != _UNDER_WAY
        ]
        return sorted(found, key=lambda checkpoint: checkpoint.made_at, reverse=True)

    async def _replace(self, agent: Agent, records: Sequence[Record], aside: Path) -> None:
        try:
            async with self._stores.database.write(alone=True) as transaction:
                removed = await replace(transaction, agent.id, records)
        finally:
            self._agents.let_go(agent.scope)
            self._stores.recall.let_go(agent.id)
        await asyncio.to_thread(aside.replace, self._before(agent.scope))
        for owner, ids in removed.items():
            await self._stores.archival.forget(owner, ids)
        self._stores.archival.index_soon()
        self._stores.recall.index_soon()

    def _aside(self, scope: str) -> Path:
        """What a restore takes the place of, until it has taken it; a checkpoint, too."""
        return checkpoint_folder(self._data_dir, scope) / f"{_UNDER_WAY}{SUFFIX}"

    def _before(self, scope: str) -> Path:
        return checkpoint_folder(self._data_dir, scope) / f"{BEFORE_RESTORE}{SUFFIX}"

    def _path(self, scope: str, name: str) -> Path:
        if not re.fullmatch(rf"[\w][\w .-]{{0,{MAX_NAME_CHARS - 1}}}", name):
            raise CheckpointUnusable(
                f"A checkpoint's name has at most {MAX_NAME_CHARS} letters, digits, spaces, dots, - and _."
            )
        if name.casefold() == _UNDER_WAY:
            raise CheckpointUnusable(f"The name {name!r} is one that I use myself; take another one.")
        return checkpoint_folder(self._data_dir, scope) / f"{name}{SUFFIX}"


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path, overwrites=True) as new, new.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def _read(path: Path) -> list[Record]:
    with path.open(encoding="utf-8", newline="\n") as lines:
        return list(parse(line.rstrip("\n") for line in lines))
