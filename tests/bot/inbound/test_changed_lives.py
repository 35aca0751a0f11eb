"""Random lives: nothing is left of what is gone, all else is found, and what was taken in outlives the process."""

import asyncio
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Bot, direct, open_bot
from tests.bot.inbound.changing import Slow, delete, edit, forgotten, found, hand_in, heard, remembers, say, settings


def notes_some(request: Request) -> Reply:
    """A model that keeps what begins with "Note", looks things up when told to, and repeats all in its summaries."""
    last = request["messages"][-1]
    if "tools" not in request:
        return remembers(request)
    said = json.loads(last["content"]).get("message", "") if last["role"] == "user" else ""
    if said.startswith("Note"):
        return remembers(request)
    if said.startswith("Look"):
        return answer(None, ("conversation_search", {"query": "things", "request_heartbeat": True}))
    return says("I see.")


@dataclass
class Life:
    """What somebody wrote, and what must be forgotten of it."""

    stands: dict[str, str] = field(default_factory=dict)
    """The word that each message holds now."""
    noted: dict[str, set[str]] = field(default_factory=dict)
    """Words of the messages that were noted, with those that they held earlier: notes are the agent's to correct."""
    forgotten: set[str] = field(default_factory=set)
    words: int = 0

    def word(self) -> str:
        self.words += 1
        return f"qx{self.words}xq"


async def live(bot: Bot, life: Life, what: str, at: int) -> None:
    chosen = list(life.stands)[at % len(life.stands)] if life.stands else None
    if what in ("say", "note", "look"):
        id_, word = f"m{life.words}", life.word()
        life.stands[id_] = word
        if what == "note":
            life.noted[id_] = {word}
        await say(bot, f"{what.capitalize()} things: {word}", id_)
    elif what == "summarize":
        await bot.in_chat("summarize")
    elif chosen is not None and what == "edit":
        old, life.stands[chosen] = life.stands[chosen], life.word()
        if chosen in life.noted:
            life.noted[chosen].add(life.stands[chosen])
        else:
            life.forgotten.add(old)
        await edit(bot, chosen, f"Say things: {life.stands[chosen]}")
    elif chosen is not None:
        doomed = [chosen] if what == "delete" else list(life.stands)[: at % 4]
        for id_ in doomed:
            life.forgotten |= {life.stands.pop(id_)} | life.noted.pop(id_, set())
        await delete(bot, *doomed)


KINDS = ("say", "note", "note", "look", "summarize", "edit", "delete", "delete several")


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 20)), min_size=6, max_size=14))
@hypothesis_settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nothing_is_left_of_what_is_gone_and_all_else_is_found(
    tmp_path_factory: pytest.TempPathFactory, lived: list[tuple[str, int]]
) -> None:
    data_dir, life = tmp_path_factory.mktemp("life"), Life()
    async with ScriptedServer(notes_some) as server, open_bot(data_dir, **settings(server)) as bot:
        for what, at in [("note", 0), ("say", 0), *lived]:
            await live(bot, life, what, at)
        await bot.app.shelves.archival.index_pending()
        await bot.app.shelves.recall.catch_up()
        assert await forgotten(bot, data_dir, *life.forgotten) == []
        await say(bot, "Look, the last", "last")
        shown = str(server.requests[-1])
        assert [word for word in life.forgotten if word in shown] == []
        agent, shelves = await bot.agent(), bot.app.shelves
        for id_, word in life.stands.items():
            assert any(word in (text or "") for text in await found(bot, word))
            if id_ in life.noted:
                first = min(life.noted[id_], key=lambda word: int(word[2:-2]))
                notes = await shelves.archival.get(agent.id, await shelves.archival.search(agent.id, first))
                assert any(first in note.content for note in notes)
                assert first in agent.core.block("human").value
        assert await forgotten(bot, data_dir, *life.forgotten) == []


async def test_what_was_taken_in_outlives_the_process(tmp_path: Path) -> None:
    running, left = tmp_path / "running", tmp_path / "left"
    async with ScriptedServer(slowly := Slow(remembers)) as server:
        async with open_bot(running, **settings(server)) as bot:
            turn = await hand_in(bot, "Quagga is my zebrafish.", "1")
            await slowly.asked.wait()
            waiting = [await hand_in(bot, text, id_) for text, id_ in (("Okapi.", "2"), ("Figgs.", "3"))]
            await delete(bot, "1", "2")
            await edit(bot, "3", "Figs.")
            await asyncio.to_thread(shutil.copytree, running, left)  # all that a killed process would leave
            slowly.go_on.set()
            await asyncio.gather(turn, *waiting)
            assert await heard(bot) == ["Figs."]
        before = len(server.requests)
        async with open_bot(left, **settings(server)) as bot:
            await bot.app.lanes.idle()
            await bot.app.outbox.settled(direct("ada").address)
            assert await heard(bot) == ["Figs."]
            assert [text for _, text in bot.platform.sent] == ["Noted."]
            assert await forgotten(bot, left, "quagga", "zebrafish", "okapi", "figgs") == []
    assert "Figs" in str(server.requests[before])
    assert "Quagga" not in str(server.requests[before:])
