"""A reset undone: all that was comes back, what came since stays, and what somebody did away with stays away."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from adapters.ports.messages import Address, InboundMessage, MessageChange
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.memory_rights.resets import Part
from bot.testing import GENERAL, Bot, Clock, among_many, direct, open_bot
from memory.archival.chunks import Piece
from memory.archival.documents import Documents
from memory.erasing.undoable_resets import UndoableResets
from memory.portable.checkpoints import checkpoint_folder
from memory.portable.dump import dump
from memory.portable.records import KeptChange, KeptMessage, Record
from tests.words_left import places_of

PARTS = [part.value for part in Part]


def keeps(request: Request) -> Reply:
    """A model that notes each message everywhere, with a follow-up, and answers."""
    last = request["messages"][-1]
    if "tools" not in request:
        return answer("They said so much: " + str(last["content"]).partition("Messages:\n")[2][:1500])
    if last["role"] == "tool" or json.loads(last["content"])["type"] != "user_message":
        return says("Noted.")
    said = json.loads(last["content"])["message"]
    goes_on = {"request_heartbeat": True}
    when = {"when": "2026-03-20T09:00", "note": f"Ask about {said}"}
    return answer(
        "They say so much.",
        ("archival_memory_insert", {"content": f"Note: {said}", "tags": ["said"]} | goes_on),
        ("core_memory_append", {"label": "human", "content": said} | goes_on),
        ("schedule_follow_up", when | goes_on),
        ("archival_memory_search", {"query": said} | goes_on),
    )


def settings(server: ScriptedServer) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url}


async def say(bot: Bot, text: str, id_: str) -> None:
    message = InboundMessage(f"event {id_}", direct("ada"), text, bot.clock(), message_id=id_)
    await (await bot.app.receiver.receive(message))


async def delete(bot: Bot, *ids: str) -> None:
    await bot.app.intake("console").change(MessageChange(None, ids, None))


async def edit(bot: Bot, id_: str, text: str) -> None:
    await bot.app.intake("console").change(MessageChange(None, (id_,), text))


async def yes(bot: Bot, line: str) -> str:
    reply = await bot.give(direct("ada"), line)
    assert reply.confirmed is not None, reply.text
    return (await reply.confirmed(is_moderator=False)).text


async def everything(bot: Bot) -> list[Record]:
    """All that is kept, journals included; not the changes themselves, to which each command adds one."""
    async with bot.app.stores.database.snapshot() as connection:
        records = [record async for record in dump(connection, (await bot.agent()).id)]
    return [record for record in records[1:-1] if not isinstance(record, KeptChange)]


def checkpoints(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in checkpoint_folder(tmp_path, "console:dm:ada").glob("*"))


async def has_document(bot: Bot) -> None:
    documents = Documents(bot.app.stores.database, bot.clock)
    await documents.put("book", "book.md", "0" * 64, [Piece("Wombats dig.", "Animals", 1)])
    await documents.attach((await bot.agent()).id, "book")


@pytest.mark.parametrize("part", PARTS)
async def test_all_of_a_part_comes_back_as_it_was(tmp_path: Path, part: str) -> None:
    async with ScriptedServer(keeps) as server, open_bot(tmp_path, **settings(server)) as bot:
        for number, word in enumerate(("figs", "dates", "plums")):
            await say(bot, f"I like {word}", f"m{number}")
        await bot.in_chat("summarize")
        await say(bot, "I like pears", "m3")
        await bot.command("remember I park on level 3")
        await has_document(bot)
        before, calls = await everything(bot), str((await bot.agent()).queue)
        told = await yes(bot, f"reset {part}")
        assert "`/agent undo reset` brings it back" in told
        assert len(checkpoints(tmp_path)) == 1
        assert await everything(bot) != before
        asked = await bot.give(direct("ada"), "undo")
        assert "This brings back what was reset" in asked.text, "it was the last change"
        assert "is back" in await yes(bot, "undo reset")
        after = await everything(bot)
        edits = [record for record in after if record.type == "block_edit"]
        of_reset = [edit for edit in edits if edit.reason in ("/agent reset", "/agent undo")]
        assert [record for record in after if record not in of_reset] == without_numbers_of_documents(before, after)
        assert str((await bot.agent()).queue) == calls
        await bot.app.shelves.archival.index_pending()
        assert "likes" not in await bot.command("search figs")
        assert "I like figs" in await bot.command("search figs")
        assert "Wombats dig" in await bot.command("search wombats")
        assert checkpoints(tmp_path) == []
        assert "no reset to undo" in await bot.command("undo reset")


def without_numbers_of_documents(before: Sequence[Record], after: Sequence[Record]) -> list[Record]:
    """What was before, with the ids of documents from after: they are made anew."""
    ids = {record.name: record.id for record in after if record.type == "document"}
    numbers = iter(ids.values())
    changed: list[Record] = []
    for record in before:
        if record.type == "document":
            record = record.model_copy(update={"id": ids[record.name]})
        elif record.type == "piece":
            record = record.model_copy(update={"document": next(numbers)})
        elif record.type == "source":
            record = next(other for other in after if other.type == "source")
        changed.append(record)
    return changed


async def test_what_came_since_stays_behind_it(tmp_path: Path) -> None:
    async with ScriptedServer(keeps) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "I like figs", "m0")
        await yes(bot, "reset everything")
        await say(bot, "I like dates", "m1")
        assert "human" not in await yes(bot, "undo reset"), "its lines stand below each other"
        said = [record.text for record in await everything(bot) if isinstance(record, KeptMessage)]
        heard = [text for text in said if text in ("I like figs", "I like dates")]
        assert heard == ["I like figs", "I like dates"]
        assert (await bot.agent()).core.text("human").split("\n") == ["I like figs", "I like dates"]
        assert "2 notes" in await bot.command("memory")
        assert await bot.say("Hello") == ["Noted."]
        shown = [str(it.get("content")) for it in server.requests[-1]["messages"]]
        assert shown.index(next(it for it in shown if "figs" in it and "user_message" in it)) < shown.index(
            next(it for it in shown if "dates" in it and "user_message" in it)
        )


async def test_what_was_summed_up_since_is_told_anew_with_what_came_before(tmp_path: Path) -> None:
    async with ScriptedServer(keeps) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "I like figs", "m0")
        await yes(bot, "reset conversation")
        for number, word in enumerate(("dates", "plums", "pears")):
            await say(bot, f"I like {word}", f"n{number}")
        await bot.in_chat("summarize")
        await yes(bot, "undo reset")
        assert (await bot.agent()).derive_anew
        await bot.say("Hello")
        agent = await bot.agent()
        assert "figs" in agent.summary
        assert "dates" in agent.summary
        assert not agent.derive_anew
        assert all(queued.message.text != "I like figs" for queued in agent.queue)


async def test_a_block_that_is_another_one_by_now_stays(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await bot.command("persona librarian")
        await yes(bot, "reset core memory")
        await bot.command("persona coach")
        told = await yes(bot, "undo reset")
        assert "The block persona stayed as it is" in told
        assert "coach" in (await bot.agent()).core.text("persona")


async def test_what_its_author_deleted_or_edited_since_stays_away(tmp_path: Path) -> None:
    async with ScriptedServer(keeps) as server:
        for part in ("everything", "conversation"):
            data = tmp_path / part.replace(" ", "-")
            async with open_bot(data, **settings(server)) as bot:
                for id_, word in (("m0", "figs"), ("m1", "quokkas"), ("m2", "wombats"), ("m3", "plums")):
                    await say(bot, f"I like {word}", id_)
                await yes(bot, f"reset {part}")
                await delete(bot, "m1")
                await edit(bot, "m2", "I like kiwis")
                await edit(bot, "m3", "I like plums")  # a platform tells of a preview that it added
                await yes(bot, "undo reset")
                await bot.app.changes.tidy()
                said = [record.text for record in await everything(bot) if isinstance(record, KeptMessage)]
                assert "I like figs" in said
                assert "I like plums" in said
                assert "quokka" not in str(await everything(bot))
                assert "wombat" not in str(await everything(bot))
                assert [place for place in places_of(data / "bot.db", ["quokka"]) if " in bot.db" not in place] == []


async def test_what_was_deleted_stays_away_from_what_was_never_reset(tmp_path: Path) -> None:
    """The message is still there, and its notes were reset: they do not come back without it."""
    async with ScriptedServer(keeps) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "I like figs", "m0")
        await say(bot, "I like quokkas", "m1")
        await yes(bot, "reset archive")
        await delete(bot, "m1")
        await yes(bot, "undo reset")
        assert "quokka" not in str(await everything(bot))
        assert "Note: I like figs" in str(await everything(bot))


async def test_what_was_forgotten_since_stays_away(tmp_path: Path) -> None:
    async with ScriptedServer(keeps) as server, open_bot(tmp_path, **settings(server)) as bot:
        await say(bot, "I like figs", "m0")
        await say(bot, "I like quokkas", "m1")
        await bot.command("remember Quokkas are great")
        await yes(bot, "reset everything")
        asked = await bot.give(direct("ada"), "forget quokkas")
        assert "In what is kept of a reset" in asked.text
        assert "Forgotten: " in await yes(bot, "forget quokkas")
        (name,) = checkpoints(tmp_path)
        assert b"uokka" not in (checkpoint_folder(tmp_path, "console:dm:ada") / name).read_bytes()
        await yes(bot, "undo reset")
        assert "uokka" not in str(await everything(bot))
        assert "I like figs" in str(await everything(bot))
        assert "I know nothing of" in await bot.command("forget quokkas")


async def test_it_can_be_undone_for_seven_days_and_is_gone_then(tmp_path: Path) -> None:
    clock = Clock()
    async with ScriptedServer(keeps) as server:
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await say(bot, "I like figs", "m0")
            await yes(bot, "reset everything")
        clock.advance(days=6, hours=23)
        async with open_bot(tmp_path, clock=clock, **settings(server)) as bot:
            await bot.app.rights.reset_undo.as_ever()
            assert (await bot.give(direct("ada"), "undo reset")).confirmed is not None
            asked = await bot.give(direct("ada"), "undo reset")
            clock.advance(hours=2)
            assert asked.confirmed is not None
            assert "out of date" in (await asked.confirmed(is_moderator=False)).text
            assert "no reset to undo" in await bot.command("undo reset")
            assert checkpoints(tmp_path) == []
            assert "figs" not in str(await everything(bot))
            assert "nothing to undo" in await bot.command("undo"), "neither by the journal"
            await say(bot, "I like dates", "m1")
            await yes(bot, "reset conversation")
            await bot.in_chat("save monday")
            clock.advance(days=7)
            assert await bot.app.rights.reset_undo.expire() == 1
            assert await UndoableResets(bot.app.stores.database).over(clock()) == ()
            assert checkpoints(tmp_path) == ["monday.jsonl"]


async def test_a_reset_whose_checkpoint_is_gone_stands_in_nobody_s_way(tmp_path: Path) -> None:
    """A backup of the database was put back; the files beside it are newer."""
    async with open_bot(tmp_path) as bot:
        await bot.command("remember I park on level 3")
        await bot.command("remember I park on level 4")
        await yes(bot, "reset core memory")
        for name in checkpoints(tmp_path):
            (checkpoint_folder(tmp_path, "console:dm:ada") / name).unlink()
        assert "no reset to undo" in await bot.command("undo reset")
        assert "+ I park on level 4" in await bot.command("undo"), "of core memory there is the journal"


async def test_what_is_too_old_by_now_stays_away(tmp_path: Path) -> None:
    clock = Clock()
    async with ScriptedServer(keeps) as server:
        async with open_bot(tmp_path, clock=clock, bot_keep_direct_days=10, **settings(server)) as bot:
            await say(bot, "I like figs", "m0")
            clock.advance(days=6)
            await say(bot, "I like dates", "m1")
            await yes(bot, "reset everything")
            clock.advance(days=6)
            await yes(bot, "undo reset")
            assert "figs" not in str(await everything(bot))
            assert "I like dates" in str(await everything(bot))


async def test_who_is_erased_takes_it_along(tmp_path: Path) -> None:
    async with ScriptedServer(keeps) as server, open_bot(tmp_path, **settings(server)) as bot:
        for person, word in (("ada", "quokkas"), ("bob", "figs")):
            await bot.write(f"I like {word}", person=person, message_id=f"of-{person}")
        moderates = among_many("bob")
        await bot.give(moderates, "reset everything", is_moderator=True, confirms=True)
        await bot.write("Hello", person="bob")
        assert "Found: nothing" in await bot.command("erase-me erase me")
        told = (await bot.give(moderates, "undo reset", is_moderator=True, confirms=True)).text
        assert "is back" in told
        kept = str(await bot.kept(channel=GENERAL))
        assert "uokka" not in kept
        assert "I like figs" in kept


async def test_in_a_channel_its_moderators_undo_it(tmp_path: Path) -> None:
    async with ScriptedServer(keeps) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.write("I like figs", person="bob")
        await bot.give(among_many("bob"), "reset conversation", is_moderator=True, confirms=True)
        discord = replace(among_many("ada"), address=Address("discord", GENERAL))  # at the terminal all are moderators
        assert (await bot.give(discord, "undo reset")).text == "In a channel that is for its moderators alone."
        asked = await bot.give(among_many("bob"), "admin undo", is_moderator=True)
        assert "the conversation: " in asked.text
        assert asked.confirmed is not None
        assert "is back" in (await asked.confirmed(is_moderator=True)).text
        assert "I like figs" in str(await bot.kept(channel=GENERAL))


@hypothesis_settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    part=st.sampled_from(PARTS),
    said=st.integers(1, 4),
    deleted=st.sets(st.integers(0, 3)),
    since=st.integers(0, 2),
)
async def test_whatever_happens_nothing_deleted_comes_back_and_nothing_else_is_lost(
    tmp_path_factory: pytest.TempPathFactory, part: str, said: int, deleted: set[int], since: int
) -> None:
    words = ["wombat", "quokka", "numbat", "potoroo"][:said]
    async with ScriptedServer(keeps) as server, open_bot(tmp_path_factory.mktemp("any"), **settings(server)) as bot:
        for number, word in enumerate(words):
            await say(bot, f"I like {word}", f"m{number}")
        await yes(bot, f"reset {part}")
        for number in range(since):
            await say(bot, f"I like kiwi{number}", f"n{number}")
        gone = {words[number] for number in deleted if number < said}
        if gone:
            await delete(bot, *(f"m{words.index(word)}" for word in gone))
        await yes(bot, "undo reset")
        kept = str(await everything(bot))
        assert [word for word in gone if word in kept] == []
        assert [word for word in words if word not in gone and kept.count(word) < 4] == []
        assert all(f"kiwi{number}" in kept for number in range(since))
