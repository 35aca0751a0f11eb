"""`export` and `import`: one agent as lines of JSON, alone or in a zip, out and in again; or as Letta writes it."""

import asyncio
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from adapters.console.plain import note, stdout_line
from adapters.models.token_counter import BpeTokenCounter
from bot.agents import FirstMemory
from bot.app import utc_now
from bot.implementations import open_embedder, open_stores
from bot.operator.acts import write_down, write_down_beside
from bot.operator.agents import agent_named, scope_named
from bot.operator.errors import CannotBeDone, CommandUnclear
from bot.operator.storage import open_database
from bot.origins import of_json
from bot.scopes import console_scope, person_of, scope_of
from bot.text import counted
from config.settings import Settings
from memory.erasing.erased_files import people_below, without
from memory.erasing.floors import ANYBODY, Floors
from memory.erasing.telling import Telling
from memory.overview import agent_ids
from memory.portable.dump import dump
from memory.portable.export_file import RECORDS, TEXT, write_zip
from memory.portable.import_file import Lines, lines_in
from memory.portable.load import Ids, Loaded, load
from memory.portable.records import (
    AgentState,
    BlockText,
    End,
    Head,
    KeptFollowUp,
    MalformedExport,
    Record,
    parse,
    to_line,
)
from memory.sqlite.database import Database
from memory.sqlite.upkeep import beside, new_file

ZIP = ".zip"

Records = Callable[[], Iterable[Record]]
"""The records of an export from the first; they may be asked for again."""

STANDARD = "-"
"""The name of standard output and input."""


async def export_agent(
    settings: Settings, name: str, out: str, *, overwrites: bool, now: Callable[[], datetime] = utc_now
) -> None:
    """Write everything that is kept of an agent, as it is at this moment; beside a running bot.

    A name that ends in .zip makes it a zip, with the same to be read by people.
    """
    if out.lower().endswith(ZIP):
        await _export_zip(settings, name, Path(out), now, overwrites=overwrites)
        return
    with _lines_to(out, overwrites=overwrites) as write:
        async with beside(settings.database_path) as connection:
            agent_id, scope = await agent_named(connection, name)
            await write_down_beside(settings, "export", scope, now)
            count = 0
            async for record in dump(connection, agent_id, with_usage=True):
                write(to_line(record))
                count += 1
    note(f"{scope}: {count} lines written to {'standard output' if out == STANDARD else out}.")


async def _export_zip(
    settings: Settings, name: str, out: Path, now: Callable[[], datetime], *, overwrites: bool
) -> None:
    try:
        with new_file(out, overwrites=overwrites) as new:
            async with beside(settings.database_path) as connection:
                agent_id, scope = await agent_named(connection, name)
                await write_down_beside(settings, "export", scope, now)
                counts = await write_zip(new, dump(connection, agent_id, with_usage=True), settings.zone)
    except FileExistsError:
        raise CommandUnclear(f"{out}: exists; nothing was written. Say --yes to write over it.") from None
    except OSError as error:
        raise CannotBeDone(f"{out}: cannot be written ({error.strerror or error}).") from error
    note(f"{scope}: {counts.total()} lines written to {RECORDS} in {out}, and the same to be read to {TEXT}.")


async def import_agent(
    settings: Settings, file: str, name: str | None, now: Callable[[], datetime], *, further: Sequence[str] = ()
) -> None:
    """Make a new agent of an export: all of it or nothing; its notes get their vectors afterwards.

    `further`: the other parts, of one that was cut.
    """
    files = (file, *further)
    with ExitStack() as stack:
        contents = [stack.enter_context(_opened(each)) for each in files]
        try:
            with lines_in(contents, console_scope, now()) as lines:
                async with open_database(settings, now) as database:
                    floors = Floors(database, settings.bot_data_dir)
                    await floors.open()
                    erased = _Erased(settings, database, floors, now)
                    scope, loaded = await _load(database, lines, name, erased)
                    await write_down(database, "import", scope, now)
                    await _index_notes(settings, database, now)
        except MalformedExport as error:
            source = ", ".join("standard input" if each == STANDARD else each for each in files)
            raise CannotBeDone(f"{source}: {error}. Nothing was imported.") from None
    counts = loaded.counts
    told = f", {counts['source']} sources with {counts['document']} documents" if counts["source"] else ""
    if not loaded.has_its_ids and name is None:  # a copy beside the agent itself has new ones in any case
        note(f"{scope}: some of its ids are taken here, so its messages and notes have new ones.")
    stdout_line(
        f"{scope}: imported {counts['message']} messages, {counts['passage']} notes, {counts['block']} blocks "
        f"with {counts['block_edit']} edits{told}."
    )


async def _load(database: Database, lines: Lines, name: str | None, erased: "_Erased") -> tuple[str, Loaded]:
    """Read twice: the ids decide whether they can be kept before the first row is written."""
    records = parse(lines())
    first = list(islice(records, 2))
    assert isinstance(first[0], Head)
    assert isinstance(first[1], AgentState)
    if first[0].person is not None:
        raise CannotBeDone(
            f"This is what {first[0].person} has in the memory of {first[1].scope}, and no whole agent; nothing was "
            "imported."
        )
    scope = scope_named(name) if name is not None else first[1].scope
    async with database.read() as connection:
        if scope in await agent_ids(connection):
            raise CannotBeDone(f"There is an agent {scope} already; nothing was imported. Give another --agent NAME.")
    await asyncio.to_thread(_check_places, lambda: parse(lines()), first[1].scope)
    kept = await erased.left_out_of(first[1], scope, lambda: parse(lines()))
    ids = await asyncio.to_thread(Ids.of, kept())
    _, (own, _) = FirstMemory("", "", "").blocks(scope)
    async with database.write(alone=True) as transaction:
        return scope, await load(transaction, scope, _with_block(own, kept()), ids)


def _check_places(records: Records, scope: str) -> None:
    """A follow-up is heard where it was set: in a file that somebody else has made, that may be anybody's place.

    Raises:
        MalformedExport: it is not of the agent's own.
    """
    for number, record in enumerate(records(), 1):
        if not isinstance(record, KeptFollowUp):
            continue
        try:
            origin = of_json(record.origin)
            is_here = (scope_of(origin), origin.address.platform) == (scope, record.platform)
            is_theirs = person_of(origin) == record.person
        except (KeyError, TypeError, AttributeError, ValueError):
            is_here = is_theirs = False
        if not (is_here and is_theirs):
            raise MalformedExport(f"line {number}: a follow-up of another place than {scope}")


class _Erased:
    """What was erased, and does not come back by an import."""

    def __init__(self, settings: Settings, database: Database, floors: Floors, now: Callable[[], datetime]) -> None:
        self._scratch = settings.bot_data_dir / "erasing"
        self._database = database
        self._floors = floors
        self._now = now

    async def left_out_of(self, state: AgentState, scope: str, records: Records) -> Records:
        """The records, from the first whenever they are asked for, without what people had said who were erased since.

        Raises:
            CannotBeDone: the agent itself was.
        """
        if not self._floors.are_any:
            return records
        for of in {state.scope, scope}:
            floor = self._floors.of(ANYBODY, of)
            if floor is not None and state.created_at <= floor:
                raise CannotBeDone(f"{of} was erased after that was exported; nothing was imported.")
        every = list(records())
        below = people_below(every, state.scope, self._floors)
        if not below:
            return records
        note(f"Left out: what {counted(len(below), 'writer')} had said who had themselves erased since.")
        telling = Telling(self._database, BpeTokenCounter())
        left = await without(every, below, self._scratch, self._now, telling)
        return lambda: left


def _with_block(label: str, records: Iterable[Record]) -> Iterator[Record]:
    """The records with that block, empty if it is not there: what a channel's agent has is not what a person's has."""
    is_there = False
    for record in records:
        if isinstance(record, BlockText):
            is_there = is_there or record.label == label
        elif isinstance(record, End) and not is_there:
            yield BlockText(label=label, value="")
        yield record


async def _index_notes(settings: Settings, database: Database, now: Callable[[], datetime]) -> None:
    embedder = open_embedder(settings)
    try:
        async with open_stores(settings, database, embedder, now) as stores:
            await stores.archival.index_pending()
    finally:
        await embedder.close()


@contextmanager
def _lines_to(out: str, *, overwrites: bool) -> Iterator[Callable[[str], None]]:
    if out == STANDARD:
        yield stdout_line
        return
    path = Path(out)
    try:
        with new_file(path, overwrites=overwrites) as new, new.open("w", encoding="utf-8", newline="\n") as file:

            def write(line: str) -> None:
                file.write(f"{line}\n")

            yield write
    except FileExistsError:
        raise CommandUnclear(f"{out}: exists; nothing was written. Say --yes to write over it.") from None
    except OSError as error:
        raise CannotBeDone(f"{out}: cannot be written ({error.strerror or error}).") from error


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """A file, or what comes by standard input, which can be read twice."""
    if file == STANDARD:
        if sys.stdin is None:
            raise CannotBeDone("standard input: is closed. Nothing was imported.")
        with TemporaryFile() as kept:
            shutil.copyfileobj(sys.stdin.buffer, kept)
            kept.seek(0)
            yield kept
        return
    try:
        opened = open(file, "rb")  # noqa: SIM115 - closed below; only opening may fail in this way
    except OSError as error:
        raise CannotBeDone(f"{file}: cannot be read ({error.strerror or error}).") from error
    with closing(opened):
        if opened.seekable():
            yield opened
            return
        with TemporaryFile() as kept:  # a pipe
            shutil.copyfileobj(opened, kept)
            kept.seek(0)
            yield kept
