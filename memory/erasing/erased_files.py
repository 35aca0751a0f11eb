"""Files of the data directory from which a person, or an agent, is erased; `memory.erasing.stores` names all."""

import asyncio
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from memory.core.agents import AgentStore
from memory.erasing.erased_rows import ErasedRows
from memory.erasing.floors import EVERYWHERE, Floors
from memory.erasing.stores import Doomed
from memory.erasing.telling import Telling
from memory.erasing.whose import Whose, who_wrote
from memory.portable.checkpoints import checkpoint_folder
from memory.portable.dump import dump
from memory.portable.exports import export_folder
from memory.portable.load import Ids, load
from memory.portable.records import AgentState, KeptMessage, MalformedExport, Record, parse, to_line
from memory.recall.storage import RecallStorage
from memory.search.chroma_index import NEW
from memory.sqlite.scratch import scratch_database
from memory.sqlite.upkeep import new_file

BACKUPS_KEPT = timedelta(days=30)
"""Copies of the database from before migrations are removed when they are older."""

_READ = 4 * 2**20
_LOOKED_THROUGH = ("checkpoints", "chroma", "console_history", "incoming")


class ErasedFiles:
    """The files beside the database."""

    def __init__(self, data_dir: Path, now: Callable[[], datetime]) -> None:
        self._data_dir = data_dir
        self._now = now

    def remove_of(self, scope: str) -> tuple[Path, ...]:
        """Remove an agent's checkpoints and, of one of the console, what was typed there; returns what there was.

        Blocking. The history of the terminal does not say who was written to, so all of it goes.
        """
        doomed = [checkpoint_folder(self._data_dir, scope), export_folder(self._data_dir, scope), self._scratch]
        if scope.startswith("console:"):
            doomed.append(self._data_dir / "console_history")
        return _removed(doomed)

    def remove_exports(self, scopes: Iterable[str]) -> tuple[Path, ...]:
        """Remove what people of channels had exported there, whoever it was: only the terminal keeps such. Blocking."""
        return _removed(export_folder(self._data_dir, scope) for scope in scopes)

    def remove_pages(self, paths: Iterable[str]) -> tuple[Path, ...]:
        """Of files that documents were made of, remove the pages of the web, which we have fetched. Blocking."""
        pages = (self._data_dir / "pages").resolve()
        return _removed(path for path in map(Path, paths) if pages in path.resolve().parents)

    def remove_damaged_index(self) -> tuple[Path, ...]:
        """Remove what is left beside the index of vectors. Blocking."""
        return _removed(self._data_dir / name for name in ("chroma.damaged", f"chroma{NEW}"))

    def backups(self) -> tuple[Path, ...]:
        """The copies of the database from before migrations; those that are too old are removed first. Blocking."""
        return remove_old_backups(self._data_dir, self._now())

    async def rewrite_checkpoints(self, whose: Whose, until: datetime, telling: Telling) -> int:
        """Write the checkpoints of channels anew that name a person, without them; returns how many those were.

        One that cannot be read is removed.
        """
        rewritten = 0
        for path in await asyncio.to_thread(self._naming, whose):
            try:
                records = await asyncio.to_thread(_read, path)
            except (OSError, UnicodeDecodeError, MalformedExport):
                await asyncio.to_thread(path.unlink)
                continue
            state = next(record for record in records if isinstance(record, AgentState))
            if not state.scope.startswith(whose.channels):
                continue
            less = await without(records, [(whose, until)], self._scratch, self._now, telling)
            await asyncio.to_thread(write_records, path, less)
            rewritten += 1
        return rewritten

    def scopes_naming(self, whose: Whose) -> set[str]:
        """The channels of which a checkpoint names a person. Blocking."""
        scopes = set()
        for path in self._naming(whose):
            with suppress(OSError, UnicodeDecodeError, MalformedExport), path.open(encoding="utf-8") as lines:
                state = next((record for record in parse(lines) if isinstance(record, AgentState)), None)
                if state is not None and state.scope.startswith(whose.channels):
                    scopes.add(state.scope)
        return scopes

    def holding(self, words: Collection[str]) -> int:
        """How often a file beside the database holds one of these words, each counted once a file. Blocking."""
        wanted = [word.encode() for word in words]
        overlap = max(map(len, wanted), default=1) - 1
        found = 0
        for path in self._files(_LOOKED_THROUGH):
            held: set[bytes] = set()
            with suppress(FileNotFoundError), path.open("rb") as file:
                end = b""
                while some := file.read(_READ):
                    part = end + some.lower()
                    held.update(word for word in wanted if word in part)
                    end = part[-overlap:] if overlap else b""
            found += len(held)
        return found

    @property
    def _scratch(self) -> Path:
        return self._data_dir / "erasing"

    def _naming(self, whose: Whose) -> Sequence[Path]:
        """The checkpoints in which the person's id stands; what a killed process left half written is removed."""
        name, found = whose.author_id.encode(), []
        for path in self._files(["checkpoints"]):
            folder = path.parent
            if folder.name.startswith("."):
                shutil.rmtree(folder, ignore_errors=True)
            elif name in path.read_bytes():
                found.append(path)
        return found

    def _files(self, names: Iterable[str]) -> list[Path]:
        tops = [self._data_dir / name for name in names]
        return [path for top in tops for path in (top, *top.rglob("*")) if path.is_file()]


async def without(
    records: Sequence[Record],
    people: Sequence[tuple[Whose, datetime]],
    scratch: Path,
    now: Callable[[], datetime],
    telling: Telling,
) -> list[Record]:
    """The records of a channel's agent without some people: loaded beside, erased there, and written down again.

    Args:
        records: as `memory.portable.dump` writes them.
        people: who goes, each with the moment until which.
        scratch: a folder for that, which is removed.
        now: the clock.
        telling: says which words tell of them.
    """
    async with scratch_database(scratch, now) as database:
        recall = RecallStorage(database)
        rows = ErasedRows(database, AgentStore(database), recall, now, telling.from_beside())
        state = next(record for record in records if isinstance(record, AgentState))
        async with database.write(alone=True) as transaction:
            agent_id = (await load(transaction, state.scope, records, Ids.of(records))).agent_id
        for whose, until in people:
            touched = await rows.touched(whose, until)
            await rows.redact_channels(touched, whose, until, own_scope=whose.own_scope)
            await rows.remove(Doomed(until, whose=whose))
        async with database.snapshot() as connection:
            return [record async for record in dump(connection, agent_id)]


def people_below(records: Iterable[Record], scope: str, floors: Floors) -> list[tuple[Whose, datetime]]:
    """Those who had something in an agent and were erased since, each with the moment until which."""
    if not floors.are_any:
        return []
    writers = [Whose(who_wrote(scope, author)) for author in sorted(authors_in(records))]
    people = [whose for whose in writers if scope.startswith(whose.channels)]
    return [(whose, floor) for whose in people if (floor := floors.of(whose.person, EVERYWHERE)) is not None]


def remove_old_backups(data_dir: Path, now: datetime) -> tuple[Path, ...]:
    """Remove copies of the database from before migrations that are too old; returns the others. Blocking."""
    left = []
    for path in sorted((data_dir / "backups").glob("*")):
        made_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if path.suffix == ".part" or now - made_at > BACKUPS_KEPT:
            path.unlink()
        else:
            left.append(path)
    return tuple(left)


def authors_in(records: Iterable[Record]) -> set[str]:
    """The ids of those who wrote, or are quoted."""
    found = set[str]()
    for record in records:
        if isinstance(record, KeptMessage):
            found.update(filter(None, (record.author_id, record.quote.author_id if record.quote is not None else None)))
    return found


def _removed(doomed: Iterable[Path]) -> tuple[Path, ...]:
    found = tuple(path for path in doomed if path.exists())
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return found


def _read(path: Path) -> list[Record]:
    with path.open(encoding="utf-8", newline="\n") as lines:
        return list(parse(line.rstrip("\n") for line in lines))


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Put other records into a checkpoint that there is; its moment stays. Blocking."""
    made = path.stat()
    with new_file(path, overwrites=True) as new, new.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{to_line(record)}\n" for record in records)
    os.utime(path, ns=(made.st_atime_ns, made.st_mtime_ns))  # it says when the checkpoint was made
