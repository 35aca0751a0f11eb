"""What Slack shows around conversations with an agent: prompts, titles; and nothing where a workspace has none."""

from pathlib import Path

import pytest

from adapters.slack.manifest import PROMPTS
from tests.platforms.serving import settled
from tests.platforms.slack.served import serving
from tests.platforms.slack.world import World

TO_AGENT = {"app_context": {}}
"""What tells that somebody wrote to an agent: each such message begins a thread."""


async def test_who_opens_the_conversation_is_offered_something_to_ask(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        await world.opens_home(world.ada, "messages")
        await world.until(lambda: world.state.prompts)
        (told,) = world.state.prompts
        assert told["channel_id"] == world.dm(world.ada).id
        assert [(it["title"], it["message"]) for it in told["prompts"]] == list(PROMPTS)
        assert "thread_ts" not in told


async def test_the_thread_of_an_assistant_is_offered_the_same(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path):
        thread = {"user_id": world.ada.id, "channel_id": world.dm(world.ada).id, "thread_ts": "1772366400.000100"}
        await world.tells({"type": "assistant_thread_started", "assistant_thread": thread})
        await world.tells({"type": "assistant_thread_started", "assistant_thread": {"channel_id": 7}})
        await world.until(lambda: world.state.prompts)
        assert [it["thread_ts"] for it in world.state.prompts] == ["1772366400.000100"]


async def test_a_thread_is_called_by_what_it_began_with(world: World, tmp_path: Path) -> None:
    dm = world.dm(world.ada)
    async with serving(world, tmp_path):
        asked = await world.says(world.ada, dm, "which tea\nis it? " + "tell me " * 20, more=TO_AGENT)
        answer = await world.hears(dm, after=asked)
        await world.says(world.ada, dm, "and which coffee?", thread=asked)
        outside = await world.says(world.ada, dm, "no thread")
        await world.hears(dm, after=outside)
        await world.until(lambda: world.state.titles)
    assert answer.thread_ts == asked.ts
    ((place, title),) = world.state.titles.items()
    assert place == (dm.id, asked.ts)
    assert title.startswith("which tea is it? tell me")
    assert len(title) <= 61
    assert title.endswith("me…")


@pytest.mark.parametrize("lacks", ["method", "scope"])
async def test_where_a_workspace_has_none_of_it_people_are_answered_all_the_same(
    world: World, tmp_path: Path, lacks: str
) -> None:
    if lacks == "method":
        world.state.missing_methods.add("assistant.*")
    else:
        world.state.scopes -= {"assistant:write"}
    dm = world.dm(world.ada)
    async with serving(world, tmp_path):
        for _ in range(2):
            await world.opens_home(world.ada, "messages")
            asked = await world.says(world.ada, dm, "hello", more=TO_AGENT)
            await world.hears(dm, after=asked)
            await settled(world)
    for method in ("setTitle", "setSuggestedPrompts"):
        assert len(world.calls_of(f"assistant.threads.{method}")) == 1
