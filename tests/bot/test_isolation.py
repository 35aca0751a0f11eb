"""No agent sees, says, finds, exports or logs what is another's: by thousands of random actions, and by its SQL."""

import importlib
import logging
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import delete, exists, select, update

from adapters.testing import ScriptedServer
from bot.app import open_app
from bot.choices import Choices
from bot.testing import Clock, RecordingPlatform
from config.settings import load_settings
from memory.sqlite.prepared import Prepared
from memory.sqlite.tables import agents, messages, metadata
from tests.canaries import AskedOneByOne, Life, Obeying, Watch, let_speak, places
from tests.statements import MIGRATIONS, WHOSE, Statements, is_of_somebody, unbound, watched

EVENTS = 440
"""Messages, commands, edits and rings of clocks; many of the messages have the model make several calls."""

ACTIONS = 2_000

ACROSS = {
    # ── of a person, wherever they are ──
    "memory.erasing.erased_rows.ErasedRows": "an erasure is of a person in all places that they can be in",
    "memory.erasing.erasure.Erasure": "the same, and which of them are not done yet",
    "memory.turns.timers.Timers.waiting_of": "a person's follow-ups go by one clock, and are counted together",
    # ── of all, for the program alone ──
    "memory.turns.timers.Timers.due": "the sweep looks for what is due, whose ever it is",
    "memory.turns.timers.Timers.next_due": "the same, for when",
    "memory.turns.turn_journal.TurnJournal.unfinished": "a start takes up what an earlier process left",
    "memory.turns.inbox.Inbox.waiting": "the same",
    "memory.turns.notices.NoticeStore": "what is to be told on a platform, each row at its own place",
    "memory.turns.outbox.OutboxStore": "what is to be delivered to an address, or of turns that the caller was shown",
    "memory.search.result_lists.ResultLists.save": "lists of a day ago go, whoever made them",
    # ── of all, for an index: each row is written with its own owner ──
    "memory.recall.message_vectors.MessageVectors._some": "what has no vector yet",
    "memory.recall.message_indexing.MessageIndexing._index_some": "what is not indexed yet",
    "memory.recall.message_indexing.MessageIndexing._index_these": "what was indexed a moment ago",
    "memory.archival.passage_vectors.PassageVectors": "what has no vector yet, or one of another embedder",
    "memory.archival.passage_words.PassageWords._index_waiting": "whether anything is not indexed yet",
    "memory.archival.passage_words.PassageWords._keep": "what was indexed a moment ago",
    "memory.sqlite.ids.all_free": "whether numbers are free, of whoever; nothing of the rows is read",
    "memory.erasing.redaction.ChannelRedaction._pieces_of": "pieces of documents that were found by who has them",
    "memory.erasing.undoable_resets.UndoableResets._select": "the daily job looks for what is over, whose ever it is",
    "memory.archival.documents": "pieces belong to a document and that to a collection; those that no agent has go",
    # ── of all, for owners and whoever runs the program: numbers and names, no content ──
    "memory.overview.Overview": "the listing of agents",
    "memory.people.audit.Audit.newest": "the listing of what moderators and owners did",
    "memory.people.usage.UsageStore": "what was used in all",
    # ── which agents have a message that a platform says was changed ──
    "memory.erasing.changes.MessageChanges.scopes_of": "it is found by the platform's name for it",
    "memory.turns.inbox.Inbox.scopes_of": "the same",
    # ── by the number of a row that was read by its agent, or taken from its line, a moment ago ──
    "memory.turns.inbox.Inbox": "the events of a turn; no person or model can name their numbers",
    "memory.turns.timers.Timers.runs_of": "of timers that were read by their agent",
    "memory.turns.outbox._is_marked_as_sending": "the reply under way",
    "memory.turns.turn_journal.TurnJournal": "the turn under way",
    "memory.recall.quotes.follow": "rows that were found by whose they are",
}
"""Who sends statements that rightly leave open whose rows they are about, and why that is right."""

BY_THEIR_ID = {
    "memory.turns.inbox._TAKE": "events that were taken from their scope's line",
    "memory.turns.inbox._GIVE": "the same",
    "memory.turns.inbox._FINISH": "those of the turn under way",
    "memory.turns.outbox._SENT": "the reply that was posted",
    "memory.turns.timers._FIRE": "the timer that was found to be due",
    "memory.turns.timers._MOVE": "the same",
    "memory.turns.timers._DROP": "the same",
    "memory.turns.turn_journal._STEP": "the turn under way",
}

NUMBERED = {
    "agents", "audit", "block_edits", "compactions", "erasures", "inbox", "memory_changes", "messages", "note_edits",
    "notices", "outbox", "passages", "resets", "result_lists", "timers", "turns", "usage",
}  # fmt: skip

NOBODYS_TABLES = {
    "people": "by the person",
    "platform_notes": "by the platform; a hash in the place of a person",
    "sources": "read by way of what is attached to an agent (`attachments`)",
    "documents": "the same",
    "model_tiers": "of models",
    "spent": "by day and account",
    "floors": "hashes",
}


@dataclass(frozen=True, slots=True)
class Lived:
    """What came of a long life: what was seen, what was done, and which statements were sent."""

    watch: Watch
    done: int
    statements: Statements


async def lived(folder: Path, events: int, seed: int) -> Lived:
    all_, clock = places(), Clock()
    watch = Watch(all_)
    model = Obeying(watch)
    platforms = {name: RecordingPlatform(name) for name in ("discord", "slack")}
    documents = folder / "documents"
    documents.mkdir()
    done = 0
    with watched() as statements:
        async with ScriptedServer(model) as server:
            settings = load_settings(
                bot_data_dir=folder / "data",
                llm_model="m",
                openai_base_url=server.url,
                llm_tier="tools",
                llm_context_window=8192,
                heartbeat_interval_minutes=60,
                reflection_after_minutes=60,
                bot_owners="discord:1",
                memory_summary_style="spr",
            )
            for part in range(2):  # what the first has left, the second takes up
                async with open_app(
                    settings,
                    platforms,
                    Choices(verifies_first=False),
                    around_model=lambda real: AskedOneByOne(real, model.ask),
                    now=clock,
                    wait=clock.wait,
                    chance=Random(seed).random,
                ) as app:
                    life = Life(
                        app, all_, platforms, model, watch, clock, Random(f"{seed} {part}"), documents, f"{part}"
                    )
                    handler = life.listening()
                    logging.getLogger().addHandler(handler)
                    for package in ("bot", "adapters", "memory"):
                        logging.getLogger(package).setLevel(logging.INFO)
                    try:
                        await app.resume()
                        await let_speak(app, all_, clock)
                        await life.go_on(events // 2)
                    finally:
                        logging.getLogger().removeHandler(handler)
                done += life.done.total()
                server.requests.clear()
    return Lived(watch, done, statements)


async def test_no_secret_is_seen_in_another_place_and_every_statement_says_whose_rows_it_is_about(
    tmp_path: Path,
) -> None:
    life = await lived(tmp_path, EVENTS, seed=1)
    check_secrets(life.watch)
    assert life.done > ACTIONS
    check_statements(life.statements)
    check_texts(life.statements)


def check_secrets(watch: Watch) -> None:
    """None was seen in another place, and there were some to be seen: what sees nothing proves nothing."""
    assert watch.leaks[:3] == []
    assert {way: watch.own[way] > 0 for way in ("prompt", "reply", "answer", "export")} == dict.fromkeys(
        ("prompt", "reply", "answer", "export"), True
    )
    assert watch.read["log"] > 100


def check_statements(sent: Statements) -> None:
    """All but those that rightly span agents are held to whose rows they are about; and each of these is there."""
    assert len(sent.seen) > 300
    loose = {f"{by}: {' '.join(text.split())}" for text, (by, _) in sent.unbound.items() if by != MIGRATIONS}
    assert [it for it in sorted(loose) if not it.startswith(tuple(ACROSS))] == []
    assert [name for name in ACROSS if _found(name) is None] == []


def check_texts(sent: Statements) -> None:
    """What is written as text is of an index of words, whose terms begin with whose they are, or of no table."""
    words = re.compile(r"\b(?:message|passage)_words|message_index WHERE agent_id = \?")
    none = re.compile(r"(?:BEGIN|COMMIT|PRAGMA|SAVEPOINT|RELEASE|SELECT (?:1 FROM|seq FROM|total_changes|name FROM)) ?")
    texts = {text for text, by in sent.texts.items() if by != MIGRATIONS}
    assert [text for text in texts if not (words.search(text) or none.match(text))] == []


def test_so_does_every_statement_that_is_compiled_beforehand() -> None:
    loose = {
        f"{name}.{what}"
        for name, module in list(sys.modules.items())
        if name.startswith("memory.")
        for what, it in vars(module).items()
        if isinstance(it, Prepared) and unbound(it.statement)
    }
    assert loose - set(BY_THEIR_ID) == set()


def test_every_primary_key_names_whose_a_row_is_or_no_reader_asks_by_it_alone() -> None:
    """A row that is named by a number is read by its agent as well, as the statements show."""
    numbered = {
        table.name
        for table in metadata.sorted_tables
        if is_of_somebody(table) and not WHOSE.intersection(table.primary_key.columns.keys())
    }
    assert numbered == NUMBERED
    nobodys = {table.name for table in metadata.sorted_tables if not is_of_somebody(table)}
    assert nobodys == set(NOBODYS_TABLES)


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        (select(messages), {"messages"}),
        (select(messages).where(messages.c.id == 1), {"messages"}),
        (select(messages).where((messages.c.agent_id == 1) | (messages.c.id == 1)), {"messages"}),
        (select(messages).where(messages.c.agent_id != 1), {"messages"}),
        (select(messages).where(messages.c.agent_id == 1, messages.c.id == 1), set()),
        (select(messages).join(agents, agents.c.id == messages.c.agent_id), {"agents", "messages"}),
        (select(messages).join(agents, agents.c.id == messages.c.agent_id).where(agents.c.scope == "a"), set()),
        (select(messages).where(messages.c.agent_id.in_(select(agents.c.id))), {"agents", "messages"}),
        (select(exists().where(messages.c.id == 1)), {"messages"}),
        (select(agents).where(agents.c.id == 1, exists().where(messages.c.agent_id == agents.c.id)), set()),
        (update(messages).where(messages.c.id == 1).values(text=""), {"messages"}),
        (delete(messages).where(messages.c.agent_id == 1), set()),
    ],
)
def test_what_is_left_open_is_seen(statement: Any, tables: set[str]) -> None:
    assert unbound(statement) == tables


def _found(name: str) -> Any:
    """The function or class of a dotted name."""
    module, _, rest = name.partition(".")
    parts = rest.split(".")
    found: Any = importlib.import_module(f"{module}.{parts[0]}")
    for part in parts[1:]:
        found = getattr(found, part, None)
    return found
