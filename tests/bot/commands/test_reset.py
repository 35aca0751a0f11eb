"""/agent reset: asked before, kept before, done as a whole."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.testing import direct, open_bot
from memory.portable.checkpoints import checkpoint_folder


async def test_a_reset_shows_what_goes_and_does_nothing_before_the_yes(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say("I hate olives")
            await bot.command("remember I park on level 3")
            reply = await bot.give(direct("ada"), "reset everything")
            assert reply.confirmed is not None
            assert "the conversation: 2 messages" in reply.text
            assert "the block human: " in reply.text
            assert "Go on?" in reply.text
            assert "level 3" in await bot.command("memory")
            done = (await reply.confirmed(is_moderator=False)).text
            assert "everything is as it was at the beginning" in done
            shown = await bot.command("memory")
            assert "level 3" not in shown
            assert "0 messages" in shown
            assert (await bot.agent()).queue == ()
            (name,) = [path.stem for path in checkpoint_folder(tmp_path, "console:dm:ada").glob("*")]
            assert "I am as I was" in await bot.in_chat(f"restore {name}")
            assert "no reset to undo" in await bot.command("undo reset"), "another agent is in its place"
            assert "level 3" in await bot.command("memory")
            assert "I hate olives" in await bot.command("search olives")


async def test_each_part_goes_alone(tmp_path: Path) -> None:
    kept = {"content": "Ada likes figs", "tags": ["fruit"], "request_heartbeat": True}
    note = answer(None, ("archival_memory_insert", kept))
    async with ScriptedServer([note, says("Noted."), says("Hello")]) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say("I like figs")
            await bot.command("remember I park on level 3")
            told = await bot.give(direct("ada"), "reset archive")
            assert "the archive: 1 note" in told.text
            assert "conversation" not in told.text
            await bot.give(direct("ada"), "reset Core  Memory", confirms=True)
            shown = await bot.command("memory")
            assert "level 3" not in shown
            assert "AI companion" in shown
            assert "2 messages and 1 notes" in shown
            await bot.give(direct("ada"), "reset conversation", confirms=True)
            assert "0 messages and 1 notes" in await bot.command("memory")
            assert "likes figs" in await bot.command("search figs")
            await bot.give(direct("ada"), "reset archive", confirms=True)
            assert "found nothing" in await bot.command("search figs")
            assert await bot.say("Hi") == ["Hello"]


async def test_nothing_is_reset_where_nothing_is(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        assert "not talked yet" in await bot.command("reset everything")
        await bot.command("memory")
        reply = await bot.give(direct("ada"), "reset everything")
        assert reply.confirmed is None
        assert "nothing to reset" in reply.text


async def test_two_resets_in_a_second_keep_two_checkpoints(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await bot.command("remember I park on level 3")
        await bot.give(direct("ada"), "reset core memory", confirms=True)
        bot.clock.moment = bot.clock.moment.replace(microsecond=0)
        await bot.command("remember I park on level 4")
        await bot.give(direct("ada"), "reset core memory", confirms=True)
        assert len(list(checkpoint_folder(tmp_path, "console:dm:ada").glob("*"))) == 2
        await bot.give(direct("ada"), "undo", confirms=True)
        assert "level 4" in await bot.command("memory")
        await bot.command("undo")
        await bot.give(direct("ada"), "undo", confirms=True)
        assert "level 3" in await bot.command("memory")


async def test_one_person_s_reset_is_no_other_s(tmp_path: Path) -> None:
    async with open_bot(tmp_path) as bot:
        await bot.command("remember I park on level 3", person="ada")
        await bot.command("remember I park on level 4", person="bob")
        await bot.give(direct("bob"), "reset everything", confirms=True)
        assert "level 3" in await bot.command("memory", person="ada")


async def test_a_message_that_waits_for_the_model_goes_with_the_conversation(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: fails(503)) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url, llm_timeout_s=1) as bot:
            assert await bot.say("I hate olives") == []
            await bot.give(direct("ada"), "reset conversation", confirms=True)
            await bot.app.receiver.go_on("console:dm:ada")
            assert "waits for the language model" not in await bot.command("status")
            assert (await bot.agent()).queue == ()


async def test_a_checkpoint_that_cannot_be_written_stops_the_reset(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("in the way")
    async with open_bot(tmp_path) as bot:
        await bot.command("remember I park on level 3")
        told = (await bot.give(direct("ada"), "reset everything", confirms=True)).text
        assert "nothing was reset" in told
        assert "level 3" in await bot.command("memory")


def keeps_and_looks(request: Request) -> Reply:
    """A model that keeps what it is told in both memories, looks it up, and then corrects what is not there."""
    last = request["messages"][-1]
    said = json.loads(last["content"]).get("message", "") if last["role"] == "user" else ""
    if not said.startswith("Keep "):
        return says("I see.")
    secret = {"content": f"note on {said[5:]}", "request_heartbeat": False}
    return answer(
        None,
        ("core_memory_append", secret | {"label": "human"}),
        ("core_memory_replace", {"label": "human", "old_content": "x", "new_content": "y", "request_heartbeat": False}),
        ("archival_memory_insert", secret),
        ("conversation_search", {"query": "sources of human", "request_heartbeat": False}),
        ("archival_memory_search", {"query": "note", "request_heartbeat": True}),
    )


@pytest.mark.parametrize(
    ("part", "tools"),
    [
        ("core memory", ["core_memory_append", "core_memory_replace"]),
        ("archive", ["archival_memory_insert"]),
    ],
)
async def test_what_was_reset_stands_in_no_call_and_no_result_of_one(
    tmp_path: Path, part: str, tools: list[str]
) -> None:
    async with ScriptedServer(keeps_and_looks) as server:
        async with open_bot(tmp_path, llm_model="m", openai_base_url=server.url) as bot:
            await bot.say("Keep figs")
            await bot.say("Keep dates")
            await bot.give(direct("ada"), f"reset {part}", confirms=True)
            await bot.say("Hello")
            shown = list(calls_with_results(server.requests[-1]))
            of_part = [(arguments, result) for name, arguments, result in shown if name in tools]
            assert len(of_part) == 2 * len(tools)
            assert {arguments for arguments, _ in of_part} == {"{}"}
            assert all("note on" not in result and "memory was reset" in result for _, result in of_part)
            searched = {"core memory": "conversation_search", "archive": "archival_memory_search"}[part]
            hits = {name: json.loads(result)["results"] for name, _, result in shown if "search" in name}
            assert {name for name, found in hits.items() if found} == {*hits} - {searched}
            of_other = [arguments for name, arguments, _ in shown if name not in tools]
            assert any("note on figs" in arguments for arguments in of_other), "what is not of that part stays"


def calls_with_results(request: Request) -> Iterator[tuple[str, str, str]]:
    """The tool calls in a prompt, each with what came of it."""
    called: dict[str, tuple[str, str]] = {}
    for message in request["messages"]:
        functions = {call["id"]: call["function"] for call in message.get("tool_calls", ())}
        called |= {id_: (function["name"], function["arguments"]) for id_, function in functions.items()}
        if message["role"] == "tool":
            yield (*called[message["tool_call_id"]], message["content"])
