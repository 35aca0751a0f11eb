"""Images that come with messages are shown to a model that sees, in their turn, and described to others."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import Reply, Request, answer, fails, says
from tests.adapters.discord.attaching import dm_of, fetched, said, told
from tests.platforms.discord.served import serving
from tests.platforms.discord.world import World
from tests.platforms.serving import echo

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"


def images_of(request: Request) -> list[str]:
    """The data URLs of all images that the model is shown."""
    parts = [part for it in request["messages"] if isinstance(it["content"], list) for part in it["content"]]
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


def cat(name: str = "cat.png", content: bytes = PNG) -> tuple[str, bytes, str]:
    return (name, content, "image/png")


SEES: dict[str, Any] = {"llm_sees_images": "yes", "llm_context_window": 32768}


async def test_a_model_that_sees_is_shown_images_in_their_turn_alone(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, look, **SEES) as served:
        shown = await told(world, served, cat(), cat("dog.jpg", b"\xff\xd8\xff" + b"dog"))
        assert shown == (
            'look at this\n[attached: image "cat.png", visible to you until you have answered]'
            '\n[attached: image "dog.jpg", visible to you until you have answered]'
        )
        urls = images_of(served.model.requests[-1])
        assert [url.partition(",")[0] for url in urls] == ["data:image/png;base64", "data:image/jpeg;base64"]
        await told(world, served, text="and?")
        assert images_of(served.model.requests[-1]) == []
        assert not (await served.app.agents.get(dm_of(world.ada))).images
    assert b"base64" not in (tmp_path / "bot.db").read_bytes()


def look(request: Request) -> Reply:
    return says(f"I see {len(images_of(request))}.")


async def test_images_are_shown_at_each_step_of_the_turn(world: World, tmp_path: Path) -> None:
    def think(request: Request) -> Reply:
        if request["messages"][-1]["role"] == "tool":
            return look(request)
        return answer(None, ("archival_memory_search", {"query": "x", "request_heartbeat": True}))

    async with serving(world, tmp_path, think, **SEES) as served:
        await told(world, served, cat())
        assert [len(images_of(request)) for request in served.model.requests] == [1, 1]


@pytest.mark.parametrize("tier", ["json", "text"])
async def test_models_without_tools_see_as_well(world: World, tmp_path: Path, tier: str) -> None:
    def think(request: Request) -> Reply:
        if tier == "text":
            return answer("I see.")
        call = {"thoughts": "", "tool": "send_message", "arguments": {"message": "I see."}}
        return answer(json.dumps(call))

    async with serving(world, tmp_path, think, **SEES, llm_tier=tier) as served:
        asked = await world.says(world.ada, world.dm(world.ada), "look", attachments=[cat()])
        await world.hears(world.dm(world.ada), after=asked)
        assert len(images_of(served.model.requests[-1])) == 1


@pytest.mark.parametrize(("model", "sees"), [("gpt-4o-mini", True), ("gpt-3.5-turbo", False), ("m", False)])
async def test_whether_a_model_sees_is_known_by_its_name(world: World, tmp_path: Path, model: str, sees: bool) -> None:
    async with serving(world, tmp_path, look, llm_model=model, llm_context_window=32768) as served:
        shown = await told(world, served, cat())
        assert len(images_of(served.model.requests[-1])) == sees
        assert shown.endswith(
            '[attached: image "cat.png", visible to you until you have answered]'
            if sees
            else '[attached: image "cat.png", which you cannot see]'
        )
    assert len(fetched(world)) == sees


async def test_what_is_no_image_or_too_large_or_one_too_many_is_described(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, look, **SEES) as served:
        big = world.state.add_file("big.png", PNG, "image/png")
        big.told_size = 6_000_000
        shown = await told(world, served, cat("fake.png", b"<svg>"), big, *(cat(f"{n}.png") for n in range(5)))
        assert len(images_of(served.model.requests[-1])) == 4
    assert '[attached: image "fake.png", which you cannot see: it is no image]' in shown
    assert '[attached: image "big.png", which you cannot see: it is larger than 5 MB]' in shown
    assert '[attached: image "4.png", which you cannot see]' in shown


@pytest.mark.parametrize(
    "refusal",
    [
        fails(400, "This model is not multimodal"),
        fails(400, "invalid content"),
        fails(404, "No endpoints found that support image input"),
        fails(500, "image input is not supported - hint: you may need to provide the mmproj"),
    ],
    ids=["400", "400 without a reason", "404", "500"],
)
async def test_a_server_that_refuses_images_is_told_of_them_in_words(
    world: World, tmp_path: Path, refusal: Reply
) -> None:
    def think(request: Request) -> Reply:
        return refusal if images_of(request) else echo(request)

    async with serving(world, tmp_path, think, **SEES) as served:
        shown = await told(world, served, cat())
        assert shown == 'look at this\n[attached: image "cat.png", which you cannot see]'
        await told(world, served, text="and?")
        assert not images_of(served.model.requests[-1])
        agent = await served.app.agents.get(dm_of(world.ada))
        kept = [queued.message.text for queued in agent.queue]
    assert kept[0] == shown
    assert len(fetched(world)) == 1


async def test_images_are_shown_again_when_the_model_was_down(world: World, tmp_path: Path) -> None:
    is_down = True

    def think(request: Request) -> Reply:
        nonlocal is_down
        if is_down:
            is_down = False
            return fails(401, "no")
        return look(request)

    async with serving(world, tmp_path, think, **SEES) as served:
        asked = await world.says(world.ada, world.dm(world.ada), "look", attachments=[cat()])
        heard = await world.hears(world.dm(world.ada), after=asked, holds=lambda it: it.content.startswith("I see"))
        assert heard.content.startswith("I see 1.")
        assert said(served.model.requests[-1]).count("[attached: ") == 1
