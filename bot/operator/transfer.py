"""`export` and `import`: one agent as lines of JSON, alone or in a zip, out and in again; or as Letta writes it."""

import asyncio
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from adapters.console.plain import note, stdout_line
from adapters.token_counter import BpeTokenCounter
from bot.agents import FirstMemory
from bot.implementations import open_archival, open_embedder
from bot.operator.agents import agent_named, scope_named
from bot.operator.errors import CannotBeDone, CommandUnclear
from bot.operator.storage import open_database
from bot.scopes import console_scope
from bot.text import counted
from config.settings import Settings
from memory.database import Database
from memory.erased_files import authors_in, without
from memory.export_file import RECORDS, TEXT, write_zip
from memory.floors import ANYBODY, EVERYWHERE, Floors
from memory.import_file import Lines, lines_in
from memory.overview import agent_ids
from memory.portable import Ids, Loaded, dump, load
from memory.records import AgentState, BlockText, End, Head, MalformedExport, Record, parse, to_line
from memory.telling import Telling
from memory.upkeep import beside, new_file
from memory.whose import Whose, who_wrote

ZIP = ".zip"

Records = Callable[[], Iterable[Record]]
"""The records of an export from the first; they may be asked for again."""

STANDARD = "-"
"""The name of standard output and input."""


async def export_agent(settings: Settings, name: str, out: str, *, overwrites: bool) -> None:
    """Write everything that is kept of an agent, as it is at this moment; beside a running bot.

    A name that ends in .zip makes it a zip, with the same to be read by people.
    """
    if out.lower().endswith(ZIP):
        await _export_zip(settings, name, Path(out), overwrites=overwrites)
        return
    with _lines_to(out, overwrites=overwrites) as write:
        async with beside(settings.database_path) as connection:
            agent_id, scope = await agent_named(connection, name)
            count = 0
            async for record in dump(connection, agent_id, with_usage=True):
                write(to_line(record))
                count += 1
    note(f"{scope}: {count} lines written to {'standard output' if out == STANDARD else out}.")


async def _export_zip(settings: Settings, name: str, out: Path, *, overwrites: bool) -> None:
    try:
        with new_file(out, overwrites=overwrites) as new:
            async with beside(settings.database_path) as connection:
                agent_id, scope = await agent_named(connection, name)
                counts = await write_zip(new, dump(connection, agent_id, with_usage=True), settings.zone)
    except FileExistsError:
        raise CommandUnclear(f"{out}: exists; nothing was written. Say --yes to write over it.") from None
    except OSError as error:
        raise CannotBeDone(f"{out}: cannot be written ({error.strerror or error}).") from error
    note(f"{scope}: {counts.total()} lines written to {RECORDS} in {out}, and the same to be read to {TEXT}.")


async def import_agent(settings: Settings, file: str, name: str | None, now: Callable[[], datetime]) -> None:
    """Make a new agent of an export: all of it or nothing; its notes get their vectors afterwards."""
    with _opened(file) as content:
        try:
            with lines_in(content, console_scope, now()) as lines:
                async with open_database(settings, now) as database:
                    floors = Floors(database, settings.bot_data_dir)
                    await floors.open()
                    erased = _Erased(settings, database, floors, now)
                    scope, loaded = await _load(database, lines, name, erased)
                    await _index_notes(settings, database, now)
        except MalformedExport as error:
            source = "standard input" if file == STANDARD else file
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
    kept = await erased.left_out_of(first[1], scope, lambda: parse(lines()))
    ids = await asyncio.to_thread(Ids.of, kept())
    _, (own, _) = FirstMemory("", "", "").blocks(scope)
    async with database.write(alone=True) as transaction:
        return scope, await load(transaction, scope, _with_block(own, kept()), ids)


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
        writers = [Whose(who_wrote(state.scope, author)) for author in authors_in(every)]
        people = [whose for whose in writers if state.scope.startswith(whose.channels)]
        below = [(whose, floor) for whose in people if (floor := self._floors.of(whose.person, EVERYWHERE)) is not None]
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
    archival = open_archival(settings, database, embedder, now)
    try:
        await archival.index_pending()
    finally:
        await archival.close()
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
