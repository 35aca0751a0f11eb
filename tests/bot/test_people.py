"""What a channel's agent knows of each of its people: small blocks, in view while they speak."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.ports.messages import Aim
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Bot, open_bot, refused_for, texts
from bot.tools import core_memory
from memory.people.channels import Mode
from memory.portable.records import BlockText, KeptPassage


def settings(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_context_window": 8192, "llm_tier": "tools"} | more


def notes(content: str, person: str = "ada", reply: str = "Noted.") -> Reply:
    return answer(
        None,
        ("core_memory_append", {"label": f"person:{person}", "content": content}),
        ("send_message", {"message": reply}),
    )


def shown(request: Mapping[str, Any]) -> dict[str, str]:
    """The notes on people in a request, which stand right before the newest message of a person."""
    contents = texts(request["messages"], "user")
    kinds = [json.loads(content)["type"] for content in contents]
    found = [at for at, kind in enumerate(kinds) if kind == "notes_on_people"]
    newest = max(at for at, kind in enumerate(kinds) if kind == "user_message")
    assert found in ([], [newest - 1])
    return dict(json.loads(contents[found[0]])["notes"]) if found else {}


async def people_of(bot: Bot) -> dict[str, str]:
    return {block.label: block.value for block in (await bot.agent(channel="general")).core.people}


async def test_a_block_on_a_person_is_made_when_written_to_and_is_in_view_when_they_speak(tmp_path: Path) -> None:
    script = [notes("likes figs"), says("Hello Bob."), says("Hello."), says("Figs.")]
    async with ScriptedServer(script) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.write("I like figs") == ["Noted."]
            assert await bot.write("Hello", person="bob", channel="other") == ["Hello Bob."]
            assert shown(server.requests[1]) == {}
            await bot.write("Hello", person="bob")
        async with open_bot(tmp_path, **settings(server)) as bot:
            assert await bot.write("What do I like?") == ["Figs."]
        assert shown(server.requests[-1]) == {"person:ada": "likes figs"}
        assert all(refused_for(request["messages"]) == [] for request in server.requests)


async def test_the_prefix_stays_the_same_to_the_byte_whoever_speaks_and_whatever_is_noted(tmp_path: Path) -> None:
    people = ("ada", "bob", "cleo")
    script = [notes(f"fact {n}", people[n % 3]) for n in range(12)]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        for number in range(12):
            await bot.write(f"Message {number}", person=people[number % 3])
        systems = {request["messages"][0]["content"] for request in server.requests}
        assert len(systems) == 1
        assert "fact 1" not in systems.pop()
        assert shown(server.requests[-1]).keys() == {"person:ada", "person:bob", "person:cleo"}


async def test_no_block_is_made_on_somebody_who_has_not_spoken_here(tmp_path: Path) -> None:
    script = [notes("secret", "bob"), says("Sorry."), notes("x", "Ada"), says("Sorry."), notes("x", "bob"), says("No.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        await bot.write("Bob likes figs")
        told = json.loads(texts(server.requests[1]["messages"], "tool")[0])["message"]
        assert "'bob' has spoken here" in told
        await bot.write("It is me")  # by name, not by id
        await bot.say("In private there are none")
        assert "The blocks are: persona, human." in texts(server.requests[5]["messages"], "tool")[0]
        assert await people_of(bot) == {}


async def test_a_block_on_a_person_is_small_and_says_so_when_it_is_full(tmp_path: Path) -> None:
    async with ScriptedServer([notes("many words " * 200), says("Too long.")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.write("Hello")
            assert "holds 0 of 200 tokens" in texts(server.requests[1]["messages"], "tool")[0]
            assert await people_of(bot) == {}
            assert bot.app.shelves.room.person == 200
        async with open_bot(tmp_path, **settings(server, llm_context_window=4096)) as bot:
            assert bot.app.shelves.room.person == bot.app.shelves.room.block // 4 < 200


async def test_at_most_five_people_are_in_view_those_who_spoke_last(tmp_path: Path) -> None:
    people = [f"p{number}" for number in range(7)]
    script = [*(notes(f"is number {number}", person) for number, person in enumerate(people)), says("Hi.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        for person in people:
            await bot.write("Hello", person=person)
        await bot.write("Well?", person="p0")
        assert list(shown(server.requests[-1])) == ["person:p0", "person:p6", "person:p5", "person:p4", "person:p3"]


async def test_people_who_are_only_heard_are_in_view_as_well(tmp_path: Path) -> None:
    async with ScriptedServer([notes("is a cook", "bob"), says("Bob is.")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.choose_mode(Mode.LISTEN)
            await bot.write("I cook", person="bob")
            await bot.write("Lunch!", person="bob", aim=Aim.AT_OTHERS)
            await bot.write("Who cooks?")
            assert shown(server.requests[-1]) == {"person:bob": "is a cook"}


async def test_an_emptied_block_is_gone(tmp_path: Path) -> None:
    empty = answer(
        None,
        ("core_memory_replace", {"label": "person:ada", "old_content": "likes figs", "new_content": ""}),
        ("send_message", {"message": "Forgotten."}),
    )
    async with ScriptedServer([notes("likes figs"), empty, says("Yes?")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.write("I like figs")
            await bot.write("Forget it")
            assert await people_of(bot) == {}
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.write("Hello")
            assert await people_of(bot) == {}


async def test_of_too_many_people_the_one_not_written_of_for_longest_goes_into_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_memory, "MOST_PEOPLE", 3)
    order = ["p0", "p1", "p2", "p0", "p3"]
    script = [notes(f"fact {number}", person) for number, person in enumerate(order)]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        for person in order[:4]:
            await bot.write("Hello", person=person)
        before = await bot.kept(channel="general")
        await bot.write("Hello", person="p3")
        assert await people_of(bot) == {
            "person:p0": "fact 0\nfact 3",
            "person:p2": "fact 2",
            "person:p3": "fact 4",
        }
        (note,) = [record for record in await bot.kept(channel="general") if isinstance(record, KeptPassage)]
        assert (note.content, note.tags) == ("P1 (person:p1):\nfact 1", ("person:p1",))
        history = bot.app.commands._parts.history
        await history.take_back(await bot.agent(channel="general"), 1, author="ada", reason="/pop")
        after = await bot.kept(channel="general")
        assert sorted(map(repr, after)) == sorted(map(repr, before))


async def test_taking_turns_back_leaves_what_was_kept_before_to_the_byte(tmp_path: Path) -> None:
    chance = random.Random(7)
    people = ("ada", "bob", "cleo")
    script = [notes(f"fact {number}", chance.choice(people)) for number in range(12)]
    async with ScriptedServer([*(says("Hi.") for _ in people), *script]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            for person in people:
                await bot.write("Hello", person=person)
            states = [await bot.kept(channel="general")]
            for number in range(12):
                await bot.write(f"Message {number}", person=people[number % 3])
                states.append(await bot.kept(channel="general"))
            history = bot.app.commands._parts.history
            for count in (1, 2, 3, 6):
                await history.take_back(await bot.agent(channel="general"), count, author="ada", reason="/pop")
                states = states[:-count]
                assert await bot.kept(channel="general") == states[-1]
            assert await people_of(bot) == {}


async def test_everybody_sees_what_is_noted_of_the_channel_and_of_themselves_alone(tmp_path: Path) -> None:
    channel = answer(
        None,
        ("core_memory_append", {"label": "channel", "content": "plans a trip"}),
        ("send_message", {"message": "Ok."}),
    )
    async with ScriptedServer([notes("likes figs"), notes("likes plums", "bob"), channel]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.write("I like figs")
            await bot.write("I like plums", person="bob")
            await bot.write("We plan a trip")
            for line in ("memory", "memory sources"):
                told = await bot.command(line, person="bob", channel="general")
                assert ["plans a trip" in told, "plums" in told, "figs" in told] == [True, True, False]
                assert "person:bob" in told
            assert "from message" in await bot.command("memory sources", person="bob", channel="general")
            told = await bot.command("memory", person="cleo", channel="general")
            assert ["plans a trip" in told, "plums" in told, "figs" in told] == [True, False, False]


async def test_the_agent_can_look_up_how_it_knows_something_of_a_person(tmp_path: Path) -> None:
    asks = answer(None, ("conversation_search", {"query": "sources of person:U1", "request_heartbeat": True}))
    async with ScriptedServer([notes("likes figs", "U1"), asks, says("You said so.")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.write("I really like figs", person="U1")
            await bot.write("How do you know?", person="U1")
            (found,) = json.loads(texts(server.requests[2]["messages"], "tool")[-1])["results"]
            assert (found["line"], found["text"]) == ("likes figs", "I really like figs")


async def test_checkpoints_and_exports_keep_the_blocks_on_people(tmp_path: Path) -> None:
    script = [notes("likes figs"), notes("likes plums", "bob"), notes("hates figs"), says("Hi.")]
    async with ScriptedServer(script) as server, open_bot(tmp_path, **settings(server)) as bot:
        checkpoints = bot.app.rights.checkpoints
        await bot.write("I like figs")
        await bot.write("I like plums", person="bob")
        await checkpoints.save(await bot.agent(channel="general"), "one")
        await bot.write("I hate figs")
        await checkpoints.restore(await bot.agent(channel="general"), "one")
        assert await people_of(bot) == {"person:ada": "likes figs", "person:bob": "likes plums"}
        kept = [record for record in await bot.kept(channel="general") if isinstance(record, BlockText)]
        assert [block.label for block in kept] == ["persona", "channel", "person:ada", "person:bob"]
        await bot.write("Hello")
        assert shown(server.requests[-1]) == {"person:ada": "likes figs", "person:bob": "likes plums"}


async def test_json_and_text_models_see_them_too(tmp_path: Path) -> None:
    async with ScriptedServer([notes("likes figs"), notes("likes plums", "bob")]) as server:
        async with open_bot(tmp_path, **settings(server)) as bot:
            await bot.write("I like figs")
            await bot.write("I like plums", person="bob")
    for tier in ("json", "text"):
        said = json.dumps({"thoughts": "", "tool": "send_message", "arguments": {"message": "Figs."}})
        async with ScriptedServer([answer(said if tier == "json" else "Figs.")]) as server:
            async with open_bot(tmp_path, **settings(server, llm_tier=tier)) as bot:
                assert await bot.write("What do we like?") == ["Figs."]
                last = server.requests[-1]["messages"][-1]["content"]
                assert "likes figs" in last
                assert ("Bob: likes plums" if tier == "text" else "likes plums") in last
                assert "likes figs" not in server.requests[-1]["messages"][0]["content"]


async def test_a_text_model_remembers_what_a_person_in_a_channel_asks_it_to(tmp_path: Path) -> None:
    async with ScriptedServer([answer("I will."), answer("On level 3.")]) as server:
        async with open_bot(tmp_path, **settings(server, llm_tier="text")) as bot:
            await bot.write("Please remember that I park on level 3.")
            assert await people_of(bot) == {"person:ada": "They say: I park on level 3."}
            await bot.write("Where do I park?")
            assert "I park on level 3" in server.requests[-1]["messages"][-1]["content"]


@pytest.mark.parametrize("window", [3072, 4096, 8192])
async def test_with_many_people_and_much_noted_the_prompt_stays_in_the_window(tmp_path: Path, window: int) -> None:
    chance = random.Random(window)

    def acts(request: Request) -> Reply:
        if not request.get("tools"):
            return answer("They talked.")
        said = json.loads(texts(request["messages"], "user")[-1])
        if chance.random() < 0.3:
            person = said["from"][-3:-1] if "from" in said else "p0"  # as "P1 (p1)"
            return answer(None, ("core_memory_append", {"label": f"person:{person}", "content": "fact " * 20}))
        return says(f"I see, {said['type']}. " * chance.randrange(1, 30))

    async with ScriptedServer(acts) as server:
        async with open_bot(tmp_path, **settings(server, llm_context_window=window)) as bot:
            await bot.choose_mode(Mode.LISTEN)
            count = bot.app.shelves.counter.count
            for number in range(60):
                aim = chance.choice(list(Aim))
                text = f'Message {number} "\\\n' * chance.randrange(1, 60)
                await bot.write(text, person=f"p{number % 9}", aim=aim)
            reply = bot.app.shelves.room.reply
            for request in server.requests:
                assert refused_for(request["messages"]) == []
                size = count(json.dumps(request.get("tools", []))) + sum(
                    count(message.get("content") or "") + count(json.dumps(message.get("tool_calls", "")))
                    for message in request["messages"]
                )
                assert size < window - reply + 300
            assert any(shown(request) for request in server.requests if request.get("tools"))
