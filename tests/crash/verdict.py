"""What a platform shows and a database holds once a bot has come to rest, against what people said."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

from memory.ports import IndexLost
from memory.search.chroma_index import ChromaIndex
from memory.sqlite.upkeep import integrity
from tests.crash.model import ObedientModel
from tests.crash.people import (
    PROMISE,
    Conversation,
    Said,
    block_of,
    fact,
    groups_of,
    note_of,
    replies_to,
    rings_in,
    steps_for,
    turns_in,
)
from tests.platforms.socket_platform import SocketServer

AT_REST = {"inbox": {"done"}, "turns": {"done"}, "outbox": {"sent"}, "timers": {"fired"}}


async def violations(data: Path, conversations: Sequence[Conversation], platform: SocketServer) -> list[str]:
    """Everything that is not as it has to be; empty if nothing was lost, doubled or out of order."""
    file = data / "bot.db"
    found = [f"integrity: {verdict}" for verdict in [integrity(file)] if verdict != "ok"]
    found += [f"somebody was told: {notice}" for notice in platform.notices]
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        found += _not_at_rest(database, conversations)
        for conversation in conversations:
            if conversation.said:
                found += (f"{conversation.place}: {fault}" for fault in _faults_of(database, conversation, platform))
        found += await _not_indexed(database, data)
    return found


async def at_rest(data: Path, within_s: float) -> None:
    """Wait until what follows on what people see is done: every note has its vector, every reply is marked as sent."""
    under_way = (
        "SELECT 1 FROM passages WHERE indexed_at IS NULL "
        "UNION ALL SELECT 1 FROM outbox WHERE state IN ('waiting', 'sending')"
    )
    with closing(sqlite3.connect(f"file:{data / 'bot.db'}?mode=ro", uri=True)) as database:
        async with asyncio.timeout(within_s):
            # Another process tells nobody.
            while database.execute(under_way).fetchone():
                await asyncio.sleep(0.02)


def steps_kept(data: Path) -> int:
    """How many answers of the model stand in recall storage."""
    with closing(sqlite3.connect(f"file:{data / 'bot.db'}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM messages WHERE kind = 'assistant'").fetchone()[0])


def most_resumed(data: Path) -> int:
    """How often a turn that is not over was begun again without a step, at most."""
    if not (data / "bot.db").exists():
        return 0
    with closing(sqlite3.connect(f"file:{data / 'bot.db'}?mode=ro", uri=True)) as database:
        if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'turns'").fetchone() is None:
            return 0
        return database.execute("SELECT max(resumed) FROM turns WHERE state = 'running'").fetchone()[0] or 0


def calls_repeated_in_a_life(model: ObedientModel) -> list[str]:
    """A call may be repeated after a kill, and never without."""
    return [
        f"the model was asked twice in life {life} for {key}"
        for key, lives in model.calls.items()
        for life in sorted(set(lives))
        if lives.count(life) > 1
    ]


def _not_at_rest(database: sqlite3.Connection, conversations: Sequence[Conversation]) -> Iterator[str]:
    for table, good in AT_REST.items():
        for row in database.execute(f"SELECT state, count(*) AS number FROM {table} GROUP BY state"):
            if row["state"] not in good:
                yield f"{table}: {row['number']} are {row['state']}"
    (events,) = database.execute("SELECT count(*) FROM inbox").fetchone()
    if events != (told := sum(len(talk.said) + len(talk.promised) for talk in conversations)):
        yield f"inbox: {events} events of {told}"


def _faults_of(database: sqlite3.Connection, conversation: Conversation, platform: SocketServer) -> Iterator[str]:
    agent = database.execute("SELECT id FROM agents WHERE scope = ?", [conversation.scope]).fetchone()
    if agent is None:
        yield "there is no agent"
        return
    kept = database.execute("SELECT * FROM messages WHERE agent_id = ? ORDER BY id", [agent["id"]]).fetchall()
    seen, said = platform.seen[conversation.place], conversation.said
    answered = [said[number - 1].text for group in groups_of(seen) for number in group]
    yield from _unlike("what was answered", answered, [each.text for each in said])
    yield from _unlike("what was come back to", sorted(rings_in(seen)), conversation.promised)
    groups = turns_in(seen, conversation.place, said)
    yield from _unlike("what is seen", seen, [text for group in groups for text in replies_to(group)])
    yield from _unlike("recall of what was said", _said_in(kept), said)
    yield from _unlike("recall of replies", _replies_in(kept), seen)
    wanted = [call for group in groups for step in steps_for(group) for call in step]
    yield from _unlike("what was done", _calls_in(kept), wanted)
    results = [json.loads(row["text"])["status"] for row in kept if row["kind"] == "tool_result"]
    yield from _unlike("results", results, ["ok"] * len(wanted))
    notes = database.execute("SELECT content FROM passages WHERE agent_id = ? ORDER BY id", [agent["id"]])
    wanted_notes = [note for each in said if (note := note_of(each.text))]
    yield from _unlike("notes", [row["content"] for row in notes], wanted_notes)
    yield from _core_faults(database, agent["id"], conversation)


def _said_in(kept: Sequence[sqlite3.Row]) -> list[Said]:
    rows = [row for row in kept if row["kind"] == "user_message"]
    return [Said(row["author_id"], text) for row in rows for text in row["text"].split("\n\n")]


def _replies_in(kept: Sequence[sqlite3.Row]) -> list[str]:
    texts = [row["text"] for row in kept if row["kind"] == "assistant" and row["text"]]
    return [part for text in texts for part in text.split("\n\n")]


def _calls_in(kept: Sequence[sqlite3.Row]) -> list[Any]:
    uses = [use for row in kept if row["tool_uses"] for use in json.loads(row["tool_uses"])]
    return [(use["name"], _but_when(use["name"], json.loads(use["arguments"]))) for use in uses]


def _but_when(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in arguments.items() if (name, key) != (PROMISE, "when")}


def _core_faults(database: sqlite3.Connection, agent_id: int, conversation: Conversation) -> Iterator[str]:
    edits = database.execute("SELECT * FROM block_edits WHERE agent_id = ? ORDER BY id", [agent_id]).fetchall()
    ordered = [each for each in conversation.said if " append" in each.text or " replace" in each.text]
    if len(edits) != len(ordered):
        yield f"core memory: {len(edits)} edits of {len(ordered)}"
    for edit, following in pairwise(edits):
        if edit["after"] != following["before"]:
            yield f"core memory: edit {following['id']} does not go on from the one before"
    block = "SELECT value FROM blocks WHERE agent_id = ? AND label = ?"
    (value,) = database.execute(block, [agent_id, block_of(conversation.place)]).fetchone()
    facts = [line for line in value.splitlines() if line.startswith("fact ")]
    if sorted(facts) != sorted(map(fact, conversation.facts)):
        yield f"core memory: {facts} for {conversation.facts}"


async def _not_indexed(database: sqlite3.Connection, data: Path) -> list[str]:
    """The vectors that are missing, or too many, of notes."""
    rows = database.execute("SELECT id, agent_id, indexed_at FROM passages").fetchall()
    if not rows:
        return []
    found = [f"note {row['id']} waits for its vector" for row in rows if row["indexed_at"] is None]
    index = ChromaIndex(data / "chroma")
    try:
        held = [entry async for entry in index.entries()]
    except IndexLost as loss:
        return [*found, str(loss)]
    finally:
        await index.close()
    return found + list(_unlike("vectors", sorted(held), sorted((row["agent_id"], row["id"]) for row in rows)))


def _unlike(what: str, found: Sequence[Any], wanted: Sequence[Any]) -> Iterator[str]:
    """The first place at which two lists differ."""
    if list(found) == list(wanted):
        return
    at = next((at for at, (one, other) in enumerate(zip(found, wanted, strict=False)) if one != other), None)
    at = min(len(found), len(wanted)) if at is None else at
    yield f"{what}: {len(found)} for {len(wanted)}; at {at}: {list(found[at : at + 2])} for {list(wanted[at : at + 2])}"
