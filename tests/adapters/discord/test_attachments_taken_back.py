"""With a message that is deleted or edited its documents go, also while they are fetched or the bot is down."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.adapters.discord.attaching import KNOB, dm_of, finds, found_by, said, settled, told
from tests.platforms.discord.served import serving
from tests.platforms.discord.world import World


async def noticed(holds: Callable[[], bool]) -> None:
    """Wait until the bot has taken something in that nobody is told of."""
    while True:
        await asyncio.sleep(0)
        if holds():
            return


async def test_with_a_message_its_documents_go_and_what_searches_showed_of_them(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, finds("crimson knob")) as served:
        file = ("a.txt", KNOB.encode(), "text/plain")
        first = await world.says(world.ada, world.dm(world.ada), "one", attachments=[file])
        await world.hears(world.dm(world.ada), after=first)
        second = await world.says(world.ada, world.dm(world.ada), "two", attachments=[file])
        await world.hears(world.dm(world.ada), after=second)
        await world.deletes(first)
        await settled(world, served, world.ada)
        assert len(await found_by(served, dm_of(world.ada), "crimson knob")) == 1, "the second one brought it, too"
        await world.deletes(second)
        await settled(world, served, world.ada)
        assert await found_by(served, dm_of(world.ada), "crimson knob") == []
        assert await served.app.library.sources() == ()
        agent = await served.app.agents.get(dm_of(world.ada))
        results = [queued.chat.content for queued in agent.queue if queued.chat and queued.chat.role == "tool"]
        assert results
        assert "crimson" not in str(results)
        await served.app.changes.tidy()
        archival = served.app.shelves.archival
        assert await archival.waiting() == 0
    assert said(served.model.requests[-1]) == "are you there?"


async def test_a_message_that_is_deleted_while_its_file_is_fetched_leaves_no_document(
    world: World, tmp_path: Path
) -> None:
    async with serving(world, tmp_path) as served:
        hold = world.faults.hold("GET /attachments/*/*")
        file = ("a.txt", KNOB.encode(), "text/plain")
        asked = await world.says(world.ada, world.dm(world.ada), "read it", attachments=[file])
        await asyncio.wait_for(hold.arrived.wait(), 10)
        await world.deletes(asked)
        scope = dm_of(world.ada)
        await noticed(lambda: not served.app.shelves.agents.is_current(scope, 0))
        hold.release()
        await told(world, served, text="and?")
        assert await found_by(served, scope, "crimson knob") == []
        assert await served.app.library.sources() == ()
    assert "read it" not in str(served.model.requests)


async def test_an_edit_leaves_what_is_told_of_the_files(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        file = ("a.txt", KNOB.encode(), "text/plain")
        asked = await world.says(world.ada, world.dm(world.ada), "one", attachments=[file])
        await world.hears(world.dm(world.ada), after=asked)
        await world.edits(asked, "uno")
        await told(world, served, text="and?")
        shown = str(served.model.requests[-1]["messages"])
        assert "uno\\\\n[attached: a.txt, in your archival memory]" in shown
        assert len(await found_by(served, dm_of(world.ada), "crimson knob")) == 1


async def test_with_a_file_that_an_edit_takes_away_its_document_goes(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, finds("crimson knob")) as served:
        files = [(name, f"{KNOB} As {name} says.".encode(), "text/plain") for name in ("a.txt", "b.txt", "c.txt")]
        asked = await world.says(world.ada, world.dm(world.ada), "one", attachments=files)
        await world.hears(world.dm(world.ada), after=asked)
        again = await world.says(world.ada, world.dm(world.ada), "two", attachments=files[2:])
        await world.hears(world.dm(world.ada), after=again)
        await world.edits(asked, "one", without=["a.txt", "c.txt"])
        await settled(world, served, world.ada)
        found = " ".join(await found_by(served, dm_of(world.ada), "crimson knob"))
        assert [name in found for name in ("a.txt", "b.txt", "c.txt")] == [False, True, True], "the second brought c"
        agent = await served.app.agents.get(dm_of(world.ada))
        texts = [queued.message.text for queued in agent.queue if queued.message.text]
        assert "one\n[attached: b.txt, in your archival memory]" in texts
        results = [queued.chat.content for queued in agent.queue if queued.chat and queued.chat.role == "tool"]
        assert "As a.txt says" not in str(results)
        await world.edits(again, "two", without=["c.txt"])
        await settled(world, served, world.ada)
        found = " ".join(await found_by(served, dm_of(world.ada), "crimson knob"))
        assert [name in found for name in ("a.txt", "b.txt", "c.txt")] == [False, True, False]


async def test_a_file_that_is_taken_away_while_it_is_fetched_leaves_no_document(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        hold = world.faults.hold("GET /attachments/*/*")
        files = [("a.txt", KNOB.encode(), "text/plain"), ("b.txt", b"Figs are ripe.", "text/plain")]
        asked = await world.says(world.ada, world.dm(world.ada), "read it", attachments=files)
        await asyncio.wait_for(hold.arrived.wait(), 10)
        await world.edits(asked, "read it", without=["a.txt"])
        scope = dm_of(world.ada)
        await noticed(lambda: not served.app.shelves.agents.is_current(scope, 0))
        hold.release()
        await world.hears(world.dm(world.ada), after=asked)
        assert await found_by(served, scope, "crimson knob") == []
        assert await found_by(served, scope, "figs") == ["Figs are ripe."]
        assert said(served.model.requests[-1]) == "read it\n[attached: b.txt, in your archival memory]"


async def test_a_file_that_is_taken_away_while_the_bot_is_down_takes_its_document_along(
    world: World, tmp_path: Path
) -> None:
    async with serving(world, tmp_path) as served:
        for text in ("before", "one", "after"):
            world.clock.advance(1)
            files = [("a.txt", KNOB.encode(), "text/plain")] if text == "one" else []
            asked = await world.says(world.ada, world.dm(world.ada), text, attachments=files)
            await world.hears(world.dm(world.ada), after=asked)
    changed = next(it for it in world.dm(world.ada).messages.values() if it.content == "one")
    await world.edits(changed, "one", without=["a.txt"])
    async with serving(world, tmp_path) as served:
        await settled(world, served, world.ada)
        assert await found_by(served, dm_of(world.ada), "crimson knob") == []
