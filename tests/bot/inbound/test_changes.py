"""What people edit or delete is followed everywhere: queue, recall, notes, core memory, summary."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from adapters.ports.errors import PlatformUnavailable
from adapters.ports.messages import InboundMessage, MessageChange
from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.inbound.changes import alert_of
from bot.testing import Bot, Fault, RecordingPlatform, direct, open_bot, texts
from memory.core.provenance import sourced_lines
from memory.erasing.changes import Changed, MessageChanges
from memory.ports import Kind
from tests.words_left import places_of

LONG = "I went to the market and bought apples, pears and a loaf of bread, then I met a friend. " * 4


def settings(server: ScriptedServer, window: int = 16384) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_context_window": window}


def remembers(request: Request) -> Reply:
    """A model that notes each message, adds it to core memory, and answers; its summaries say all that it was told."""
    last = request["messages"][-1]
    if "tools" not in request:
        return answer(str(last["content"]).partition("Messages:\n")[2][:1500])
    if last["role"] == "tool" or json.loads(last["content"])["type"] != "user_message":
        return says("Noted.")
    calls: list[tuple[str, Any]] = []
    for message in reversed(request["messages"]):
        if message["role"] != "user" or json.loads(message["content"])["type"] != "user_message":
            break
        said = json.loads(message["content"])["message"].partition(".")[0]
        calls += [
            ("archival_memory_insert", {"content": f"Note: {said}", "request_heartbeat": True}),
            ("core_memory_append", {"label": "human", "content": said, "request_heartbeat": True}),
        ]
    return answer("They say so much.", *calls)


async def hand_in(bot: Bot, text: str, id_: str) -> Awaitable[None]:
    message = InboundMessage(f"event {id_}", direct("ada"), text, bot.clock(), message_id=id_)
    return await bot.app.intake("console").receive(message)


async def say(bot: Bot, text: str, id_: str) -> None:
    await (await hand_in(bot, text, id_))


async def delete(bot: Bot, *ids: str) -> None:
    await bot.app.intake("console").change(MessageChange(direct("ada"), ids, None))


async def edit(bot: Bot, id_: str, text: str) -> None:
    await bot.app.intake("console").change(MessageChange(direct("ada"), (id_,), text))


async def prompt_of(bot: Bot) -> str:
    """What the next call of the model would be about."""
    agent = await bot.agent()
    return f"{agent.folded.render()}\n{agent.summary}\n{[queued.chat for queued in agent.queue]}"


async def heard(bot: Bot) -> list[str | None]:
    queue = await bot.app.shelves.recall.queue((await bot.agent()).id)
    return [message.text for message in queue if message.kind is Kind.USER_MESSAGE]


async def alerts(bot: Bot) -> list[str | None]:
    queue = await bot.app.shelves.recall.queue((await bot.agent()).id)
    return [message.text for message in queue if message.kind is Kind.SYSTEM_ALERT]


async def found(bot: Bot, query: str) -> list[str | None]:
    recall, agent = bot.app.shelves.recall, await bot.agent()
    return [message.text for message in await recall.get(agent.id, await recall.search(agent.id, query))]


async def forgotten(bot: Bot, data_dir: Path, *words: str) -> list[str]:
    """Where one of these words still stands: in which table, or only in the bytes of the database."""
    await bot.app.changes.tidy()
    await bot.app.database.truncate_log()
    return await asyncio.to_thread(places_of, data_dir / "bot.db", [word.lower() for word in words])


async def test_a_deleted_message_is_gone_with_all_that_came_of_it_alone(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "Figs are what I like.", "1")
        await say(bot, "My zebrafish is called Quagga.", "2")
        assert "Quagga" in await prompt_of(bot)
        await bot.app.shelves.archival.index_pending()
        calls = len(server.requests)
        await delete(bot, "2")
        assert len(server.requests) == calls, "no call of the model, no turn"
        assert "Quagga" not in await prompt_of(bot)
        assert await found(bot, "zebrafish") == []
        assert "found nothing" in await bot.command("search zebrafish")
        assert await forgotten(bot, tmp_path, "quagga") == []
        assert await forgotten(bot, tmp_path, "zebrafish") == []
        assert "Figs are what I like" in (await bot.agent()).core.block("human").value
        assert await found(bot, "figs") != []
        (alert,) = await alerts(bot)
        assert alert is not None
        assert "deleted" in alert
        await say(bot, "And?", "3")
        assert "Quagga" not in str(server.requests[-1])


async def test_an_edited_message_says_what_it_says_now(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "The zebrafish lives in Quito.", "1")
        await bot.app.shelves.recall.catch_up()
        await edit(bot, "1", "The axolotl lives in Oslo.")
        assert await heard(bot) == ["The axolotl lives in Oslo."]
        assert "Quito" not in await prompt_of(bot)
        assert (await found(bot, "axolotl"))[0] == "The axolotl lives in Oslo."
        assert "The axolotl lives in Oslo." in await found(bot, "Oslo")
        await bot.app.shelves.recall.catch_up()
        assert await bot.app.shelves.recall.waiting() == 0
        assert await forgotten(bot, tmp_path, "zebrafish") == []
        (alert,) = await alerts(bot)
        assert alert is not None
        assert "edited" in alert


async def test_what_is_told_twice_or_changes_nothing_is_done_once(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "One", "1")
        await say(bot, "Two", "2")
        for _ in range(2):
            await edit(bot, "1", "One")
            await delete(bot, "9")
        assert await alerts(bot) == []
        for _ in range(2):
            await edit(bot, "1", "Won")
            await delete(bot, "2")
        assert len(await alerts(bot)) == 2
        await bot.app.intake("console").change(MessageChange(direct("bob"), ("1",), None))  # of nobody's agent
        assert await heard(bot) == ["Won"]


async def test_where_a_platform_does_not_say_whose_messages_they_are_their_names_do(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "One", "1")
        await say(bot, "Two", "2")
        await bot.app.intake("discord").change(MessageChange(None, ("1", "2"), None))  # other messages of those names
        await bot.app.intake("console").change(MessageChange(None, ("2", "9"), None))
        assert await heard(bot) == ["One"]
        await bot.app.intake("console").change(MessageChange(None, ("1",), "Won"))
        assert await heard(bot) == ["Won"]


async def test_while_the_database_takes_nothing_a_change_has_to_be_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    faults = [error, error, LookupError("a mistake of ours")]
    write = MessageChanges.write

    async def fail(self: MessageChanges, *given: Any, **more: Any) -> Changed:
        if faults:
            raise faults.pop(0)
        return await write(self, *given, **more)

    monkeypatch.setattr(MessageChanges, "write", fail)
    async with ScriptedServer(lambda _: says("I see.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "One", "1")
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError):
                await delete(bot, "1")
        await delete(bot, "1")  # would break anew, however often it were told
        assert await heard(bot) == ["One"]
        await delete(bot, "1")
        assert await heard(bot) == []


async def test_a_hundred_deletions_are_one_alert(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server, open_bot(tmp_path, **settings(server)) as bot:
        turns = [await hand_in(bot, f"Number {number}", str(number)) for number in range(100)]
        await asyncio.gather(*turns)
        assert len(await bot.app.shelves.recall.get((await bot.agent()).id, range(1, 400))) > 100
        await delete(bot, *(str(number) for number in range(100)))
        assert await heard(bot) == []
        assert len(await alerts(bot)) == 1


def test_an_alert_names_ids_alone() -> None:
    assert alert_of([7], is_deletion=True).startswith("Message 7 was deleted by")
    assert alert_of([3, 4, 5, 9], is_deletion=False).startswith("Messages 3-5, 9 were edited by")


async def test_a_message_that_waits_is_changed_before_its_turn(tmp_path: Path) -> None:
    async with ScriptedServer(slowly := Slow()) as server, open_bot(tmp_path, **settings(server)) as bot:
        first = await hand_in(bot, "Hello", "1")
        await slowly.asked.wait()
        others = [await hand_in(bot, text, id_) for text, id_ in (("Quagga", "2"), ("Figgs", "3"))]
        await delete(bot, "2")
        await edit(bot, "3", "Figs")
        slowly.go_on.set()
        await asyncio.gather(first, *others)
        assert await heard(bot) == ["Hello", "Figs"]
        assert "Quagga" not in str(server.requests)
        assert "Figgs" not in str(server.requests)
        assert await alerts(bot) == []
        assert await forgotten(bot, tmp_path, "quagga") == []


class Slow:
    """A model that answers the first time when it is told to."""

    def __init__(self, then: Callable[[Request], Reply] = lambda _: says("Yes.")) -> None:
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()
        self._then = then

    async def __call__(self, request: Request) -> Reply:
        if not self.asked.is_set():
            self.asked.set()
            await self.go_on.wait()
        return self._then(request)


async def test_a_turn_ends_whose_message_is_deleted_while_the_model_answers(tmp_path: Path) -> None:
    async with ScriptedServer(slowly := Slow(remembers)) as server, open_bot(tmp_path, **settings(server)) as bot:
        turn = await hand_in(bot, "Quagga is my zebrafish.", "1")
        await slowly.asked.wait()
        await asyncio.wait_for(delete(bot, "1"), 5)
        assert await forgotten(bot, tmp_path, "quagga") == []
        slowly.go_on.set()
        await turn
        assert bot.platform.sent == []
        assert len(server.requests) == 1
        assert await forgotten(bot, tmp_path, "quagga") == []
        assert "Quagga" not in await prompt_of(bot)
        await say(bot, "Hello.", "2")
        assert [text for _, text in bot.platform.sent] == ["Noted."]


async def test_a_message_edited_while_the_model_answers_is_answered_as_it_stands_now(tmp_path: Path) -> None:
    def echoes(request: Request) -> Reply:
        return says(json.loads(texts(request["messages"], "user")[-2 if len(server.requests) > 1 else -1])["message"])

    async with ScriptedServer(slowly := Slow(echoes)) as server, open_bot(tmp_path, **settings(server)) as bot:
        turn = await hand_in(bot, "Wat is it?", "1")
        await slowly.asked.wait()
        await edit(bot, "1", "What is it?")
        slowly.go_on.set()
        await turn
        assert [text for _, text in bot.platform.sent] == ["What is it?"]
        assert len(server.requests) == 2


async def test_of_messages_answered_together_one_may_go(tmp_path: Path) -> None:
    async with ScriptedServer(slowly := Slow(remembers)) as server, open_bot(tmp_path, **settings(server)) as bot:
        first = await hand_in(bot, "Hello.", "1")
        await slowly.asked.wait()
        both = [await hand_in(bot, "Figs are nice.", "2"), await hand_in(bot, "And zebrafish, too.", "3")]
        slowly.go_on.set()
        await asyncio.gather(first, *both)
        assert "zebrafish" in await prompt_of(bot)
        await delete(bot, "3")
        assert await heard(bot) == ["Hello.", "Figs are nice."]
        assert "zebrafish" not in await prompt_of(bot)
        assert "Figs are nice" in (await bot.agent()).core.block("human").value
        assert await forgotten(bot, tmp_path, "zebrafish") == []
        await delete(bot, "2")
        assert await forgotten(bot, tmp_path, "figs") == []


async def test_what_others_support_too_stays(tmp_path: Path) -> None:
    edits = iter(
        [
            ("core_memory_append", {"label": "human", "content": "Likes figs"}),
            ("core_memory_replace", {"label": "human", "old_content": "Likes figs", "new_content": "Likes sweet figs"}),
            ("core_memory_append", {"label": "human", "content": "Has a zebrafish"}),
            ("send_message", {"message": "I see."}),
        ]
    )

    def reply(request: Request) -> Reply:
        last = request["messages"][-1]
        if last["role"] == "tool":
            return says("Noted.")
        name, arguments = next(edits)
        return answer(None, (name, arguments | {"request_heartbeat": True}))

    async with ScriptedServer(reply) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "I like figs", "1")
        await say(bot, "Above all sweet figs", "2")
        await say(bot, "And my zebrafish", "3")
        await say(bot, "Everybody likes something", "4")
        await bot.app.shelves.recall.catch_up()
        await bot.command("remember I park on level 3")
        await delete(bot, "1", "3")
        agent = await bot.agent()
        value = agent.core.block("human").value
        assert "Likes sweet figs" in value
        assert "I park on level 3" in value
        assert "zebrafish" not in value
        journal = await bot.app.shelves.agents.edits_of(agent.id, "human")
        assert "zebrafish" not in str(journal)
        assert journal[-1].after == value
        assert {line.text for line in sourced_lines(value, journal) if line.edits} == set(value.split("\n"))
        await delete(bot, "2")
        assert "figs" not in (await bot.agent()).core.block("human").value


async def talk(bot: Bot, said: dict[str, str]) -> None:
    """Until the first of it was summarized."""
    for id_, text in said.items():
        await say(bot, text, id_)
    number = 100
    while not (await bot.agent()).summary:
        await say(bot, f"Day {number}. {LONG}", str(number))
        number += 1


async def test_a_summary_that_covered_a_message_is_hidden_at_once_and_made_anew_once(tmp_path: Path) -> None:
    def chats(request: Request) -> Reply:
        return says("I see.") if "tools" in request else remembers(request)

    async with ScriptedServer(chats) as server, open_bot(tmp_path, **settings(server, 4096)) as bot:
        await talk(bot, {"1": "Zebrafish swim.", "2": "Quaggas run.", "3": "Figs grow."})
        assert {"Zebrafish", "Quaggas", "Figs"} <= set((await bot.agent()).summary.replace(":", " ").split())
        before = len(server.requests)
        await delete(bot, "1")
        await edit(bot, "2", "Okapis run.")
        assert (await bot.agent()).summary == ""
        assert len(server.requests) == before
        assert await forgotten(bot, tmp_path, "zebrafish") == []
        await say(bot, "And now?", "4")
        asked = server.requests[before:]
        assert ["tools" in request for request in asked] == [False, True]
        assert "Zebrafish" not in str(asked)
        assert "Quaggas" not in str(asked)
        assert "Okapis" in str(asked[1]["messages"][0])
        assert "Figs" in str(asked[1]["messages"][0])
        await say(bot, "Good.", "5")
        assert len(server.requests) == before + 3
        await delete(bot, "5")
        await say(bot, "Nothing covered.", "6")
        assert len(server.requests) == before + 4


async def test_the_summary_is_made_anew_after_a_restart_and_without_a_model(tmp_path: Path) -> None:
    is_down = False

    def chats(request: Request) -> Reply:
        if is_down and "tools" not in request:
            return fails(400)
        return says("I see.") if "tools" in request else remembers(request)

    async with ScriptedServer(chats) as server:
        async with open_bot(tmp_path, **settings(server, 4096)) as bot:
            await talk(bot, {"1": "My zebrafish swims.", "2": "My Quagga runs."})
            await delete(bot, "1")
        is_down = True
        async with open_bot(tmp_path, **settings(server, 4096)) as bot:
            assert (await bot.agent()).summary == ""
            await say(bot, "And now?", "4")
            assert "Quagga" in (await bot.agent()).summary
            assert "zebrafish" not in str(server.requests[-1])
            assert await forgotten(bot, tmp_path, "zebrafish") == []


async def test_earlier_summaries_are_kept_and_later_ones_forgotten(tmp_path: Path) -> None:
    def chats(request: Request) -> Reply:
        if "tools" in request:
            return says("I see.")
        earlier, _, new = str(request["messages"][-1]["content"]).partition("Messages:\n")
        kept = earlier.removeprefix("Earlier summary:\n").strip()
        words = [word for word in new.replace(".", " ").split() if word.startswith("Word")]
        return answer(" ".join([*kept.split(), *words]) or "nothing")

    async with ScriptedServer(chats) as server, open_bot(tmp_path, **settings(server, 4096)) as bot:
        number = 0
        while len({word for word in (await bot.agent()).summary.split() if word.startswith("Word")}) < 12:
            await say(bot, f"Word{number}. {LONG}", str(number))
            number += 1
        summary = (await bot.agent()).summary
        await delete(bot, "9")
        hidden = (await bot.agent()).summary
        assert "Word0" in hidden
        assert "Word9" not in hidden
        assert await forgotten(bot, tmp_path, "word9") == []
        await say(bot, "And now?", "x")
        now = (await bot.agent()).summary
        assert "Word9" not in now
        told = [f"Word{at}" for at in (0, 4, 8, 10) if f"Word{at}" in summary]
        assert set(told) <= set(now.replace(";", " ").split())
        for _ in range(number):  # a turn can be taken back still
            await bot.in_chat("pop")
        assert (await bot.agent()).summary == ""
        assert "Word9" not in await prompt_of(bot)


async def test_what_a_search_showed_goes_too(tmp_path: Path) -> None:
    def searches(request: Request) -> Reply:
        last = request["messages"][-1]
        if last["role"] == "tool" or "look" not in json.loads(last["content"])["message"]:
            return says("I see.")
        return answer(None, ("conversation_search", {"query": "animals pets", "request_heartbeat": True}))

    async with ScriptedServer(searches) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "Animals: a zebrafish", "1")
        await say(bot, "Pets: a dog", "2")
        await say(bot, "look", "3")
        assert "zebrafish" in await prompt_of(bot)
        await delete(bot, "1")
        assert await forgotten(bot, tmp_path, "zebrafish") == []
        assert "Pets: a dog" in await prompt_of(bot)


async def test_a_reply_that_waits_goes_with_the_message_it_answers(tmp_path: Path) -> None:
    platform = RecordingPlatform()
    platform.on_send.append(Fault(PlatformUnavailable("down", may_be_posted=False)))
    async with ScriptedServer(lambda _: says("A zebrafish!")) as server:
        async with open_bot(tmp_path, platform=platform, **settings(server)) as bot:
            await say(bot, "What swims?", "1")
            assert platform.sent == []
            await delete(bot, "1")
            bot.clock.advance(hours=1)
            await say(bot, "Hello", "2")
            await bot.app.outbox.settled(direct("ada").address)
            assert len(platform.sent) == 1


async def test_a_command_that_edits_memory_meanwhile_begins_again(tmp_path: Path) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "Quagga is my zebrafish.", "1")
        await asyncio.gather(*(bot.command(f"remember Fact {number}") for number in range(5)), delete(bot, "1"))
        value = (await bot.agent()).core.block("human").value
        assert "Quagga" not in value
        assert all(f"Fact {number}" in value for number in range(5))
        assert (await bot.app.shelves.agents.find("console:dm:ada")).blocks[1][1] == value  # type: ignore[union-attr]


@pytest.mark.parametrize("typed", ["retry", "pop"])
async def test_a_turn_whose_message_is_gone_cannot_begin_again(tmp_path: Path, typed: str) -> None:
    async with ScriptedServer(remembers) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "Quagga is my zebrafish.", "1")
        await delete(bot, "1")
        await bot.in_chat(typed)
        assert "Quagga" not in await prompt_of(bot)


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
