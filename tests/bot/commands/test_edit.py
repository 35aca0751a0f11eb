"""/agent edit: a line of core memory says something else, or is gone; the journal knows, and it can be undone."""

from pathlib import Path

import pytest

from adapters.ports.commands import CommandCall, CommandReply, KnownLine
from adapters.testing import ScriptedServer, says
from bot.testing import Bot, among_many, direct, open_bot
from tests.bot.commands.test_undo import adds, does_as_told, told, with_model


async def ask(bot: Bot, line: str, *, person: str = "ada", channel: str | None = None) -> CommandReply:
    origin = direct(person) if channel is None else among_many(person, channel)
    return await bot.app.commands.run(CommandCall(origin, line))


async def known(bot: Bot, person: str = "ada") -> dict[str, str]:
    """The place of each line, by its text."""
    pieces = (await ask(bot, "memory", person=person)).pieces
    return {piece.text: piece.place for piece in pieces if isinstance(piece, KnownLine)}


async def test_a_line_is_changed_taken_out_and_both_are_undone(tmp_path: Path) -> None:
    async with (
        ScriptedServer(lambda _: says("hello")) as model,
        open_bot(tmp_path, llm_model="m", openai_base_url=model.url) as bot,
    ):
        assert (await ask(bot, "edit human 1: x")).is_refusal  # there is nobody yet
        for line in ("my tea is green", "my cat is Tom"):
            await ask(bot, f"remember {line}")
        lines = await known(bot)
        number = lines["my tea is green"].partition("#")[0]
        changed = await ask(bot, f"edit {number}:  my tea\nis black ")
        assert not changed.is_refusal
        assert "- my tea is green\n+ my tea is black" in changed.text
        assert "my tea is black" in await known(bot)

        asked = await ask(bot, f"edit {number}")
        assert "my tea is black" in asked.text
        assert "my tea is black" in await known(bot)
        assert asked.confirmed is not None
        assert "- my tea is black" in (await asked.confirmed(is_moderator=False)).text
        assert "my tea is black" not in await known(bot)
        assert "my cat is Tom" in await known(bot)

        changes = (await ask(bot, "memory changes")).text
        assert changes.count("by you (/agent edit)") == 2
        assert "- my tea is green\n+ my tea is black" in changes
        await ask(bot, "undo")
        assert "my tea is black" in await known(bot)
        await ask(bot, "undo")
        assert "my tea is green" in await known(bot)


@pytest.mark.parametrize("text", ["Likes dates.", ""])
async def test_the_agent_believes_no_more_what_was_corrected(tmp_path: Path, text: str) -> None:
    async with ScriptedServer(does_as_told) as model, open_bot(tmp_path, **with_model(model)) as bot:
        await bot.say(told(adds("Likes figs.")))
        await bot.say(told(adds("Has a cat.")))
        await bot.say(told(("conversation_search", {"query": "sources of human"})))
        place = (await known(bot))["Likes figs."]
        reply = await ask(bot, f"edit {place}: {text}")
        if reply.confirmed is not None:
            await reply.confirmed(is_moderator=False)
        await bot.say("Well?")
        messages = model.requests[-1]["messages"]
        from_agent = str([it for it in messages if it["role"] in ("assistant", "tool", "system")])
        assert "Likes figs" not in from_agent
        assert "Has a cat." in from_agent
        assert text in from_agent
        assert "somebody corrected it" in from_agent


async def test_what_cannot_be_changed_is_said_and_stays(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        for line in ("my tea is green", "my cat is Tom"):
            await ask(bot, f"remember {line}")
        before = await known(bot)
        place = before["my tea is green"]
        number = place.partition("#")[0]
        for line, told in (
            ("tea", "Say which line"),
            ("human", "Say which line"),
            ("human 0: x", "Say which line"),
            ("human 9: x", "no such line"),
            ("person:bob 1: x", "no such line"),
            (f"{place.replace('human', 'nobody')}: x", "says something else by now"),
            (f"{number}#00000000: x", "says something else by now"),
            (f"{number}#00000000", "says something else by now"),
            (f"{place}: my tea  is green", "That is what it says already"),
            (f"{place}: {'word ' * 5000}", "There is no room for that"),
        ):
            reply = await ask(bot, f"edit {line}")
            assert reply.is_refusal, line
            assert told in reply.text, line
        await ask(bot, "pause")
        assert "paused" in (await ask(bot, f"edit {place}: x")).text
        await ask(bot, "resume")
        assert await known(bot) == before
        assert "/agent edit" not in (await ask(bot, "memory changes")).text


async def test_a_line_that_changed_before_the_yes_stays(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await ask(bot, "remember my tea is green")
        place = (await known(bot))["my tea is green"]
        asked = await ask(bot, f"edit {place}")
        await ask(bot, f"edit {place}: my tea is black")
        assert asked.confirmed is not None
        told = await asked.confirmed(is_moderator=False)
        assert told.is_refusal
        assert "says something else by now" in told.text
        assert "my tea is black" in await known(bot)


async def test_in_a_channel_its_own_lines_are_changed_and_nobody_elses(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await ask(bot, "remember our tea is green", channel="tea")
        for label in ("persona", "person:bob"):
            assert (await ask(bot, f"edit {label} 1: x", channel="tea")).is_refusal
        changed = await ask(bot, "edit channel 1: our tea is black", person="bob", channel="tea")
        assert not changed.is_refusal, changed.text
        assert "our tea is black" in (await ask(bot, "memory", channel="tea")).text
        assert (await ask(bot, "edit channel 1: x")).is_refusal  # in direct messages there is no such block
