"""Files that come with messages on Discord: read into archival storage, or named where nobody asked."""

from pathlib import Path

import pytest

from adapters.documents.testing import docx, pdf, xlsx
from memory.people.channels import Mode
from tests.adapters.discord.attaching import KNOB, dm_of, fetched, finds, found_by, said, settled, told
from tests.platforms.discord.served import serving
from tests.platforms.discord.world import World

# ── read ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "content", "kind", "line"),
    [
        ("report.pdf", pdf("Summary", KNOB), "application/pdf", "report.pdf, 2 pages, in your archival memory"),
        ("notes.txt", KNOB.encode(), "text/plain; charset=utf-8", "notes.txt, in your archival memory"),
        ("old.txt", f"Café. {KNOB}".encode("cp1252"), "text/plain", "old.txt, in your archival memory"),
        ("wide.md", f"# Car\n\n{KNOB}".encode("utf-16"), "text/plain", "wide.md, in your archival memory"),
        ("start.py", f'print("{KNOB}")'.encode(), "text/x-python", "start.py, in your archival memory"),
        ("engine.ts", f'log("{KNOB}")'.encode(), "video/mp2t", "engine.ts, in your archival memory"),
        ("Makefile", f"# {KNOB}".encode(), "", "Makefile, in your archival memory"),
        ("manual.docx", docx("#Setup", KNOB), "application/octet-stream", "manual.docx, in your archival memory"),
        ("parts.xlsx", xlsx({"Parts": [["Part"], [KNOB]]}), "application/x", "parts.xlsx, in your archival memory"),
        ("data.csv", f"part,how\nknob,{KNOB}\n".encode(), "text/csv", "data.csv, in your archival memory"),
    ],
)
async def test_what_is_attached_is_told_of_and_found_by_the_agent(
    world: World, tmp_path: Path, name: str, content: bytes, kind: str, line: str
) -> None:
    async with serving(world, tmp_path, finds("crimson knob")) as served:
        asked = await world.says(world.ada, world.dm(world.ada), "how?", attachments=[(name, content, kind)])
        heard = await world.hears(world.dm(world.ada), after=asked)
        assert said(served.model.requests[0]) == f"how?\n[attached: {line}]"
        assert f"{name}: " in heard.content
        assert "crimson knob" in heard.content
        assert not list((tmp_path / "incoming").iterdir())
        agent = await served.app.agents.get(dm_of(world.ada))
        kept = [queued.message.text for queued in agent.queue if queued.message.text]
    assert kept[0] == f"how?\n[attached: {line}]"


async def test_a_file_without_a_word_is_a_message_too(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        shown = await told(world, served, ("a.txt", KNOB.encode(), "text/plain"), text="")
        assert shown == "[attached: a.txt, in your archival memory]"


async def test_a_file_of_one_place_is_not_found_from_another(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path, finds("crimson knob")) as served:
        file = ("secret.txt", KNOB.encode(), "text/plain")
        asked = await world.says(world.ada, world.dm(world.ada), "keep it", attachments=[file])
        first = await world.hears(world.dm(world.ada), after=asked)
        asked = await world.says(world.bob, world.dm(world.bob), "what is there?")
        second = await world.hears(world.dm(world.bob), after=asked)
        asked = await world.says(world.ada, world.general, "and here?", mentions=[world.bot])
        third = await world.hears(world.general, after=asked)
        # The same file, given to somebody else: each has it, neither sees the other's.
        asked = await world.says(world.bob, world.dm(world.bob), "mine", attachments=[file])
        await world.hears(world.dm(world.bob), after=asked)
        assert len(await found_by(served, dm_of(world.bob), "crimson knob")) == 1
        await world.deletes(asked)
        await settled(world, served, world.bob)
        assert await found_by(served, dm_of(world.bob), "crimson knob") == []
        assert len(await found_by(served, dm_of(world.ada), "crimson knob")) == 1
    assert "crimson" in first.content
    assert second.content.startswith("nothing")
    assert third.content.startswith("nothing")


async def test_the_same_file_is_kept_once_and_another_of_its_name_beside_it(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        assert "a.txt, in" in await told(world, served, ("a.txt", b"One thing.", "text/plain"))
        shown = await told(
            world, served, ("a.txt", b"Another thing.", "text/plain"), ("b.txt", b"One thing.", "text/plain")
        )
        assert "[attached: a.txt, in your archival memory as a (2).txt]" in shown
        assert "[attached: b.txt, in your archival memory as a.txt]" in shown
        assert len(await found_by(served, dm_of(world.ada), "thing")) == 2
        (source,) = await served.app.library.sources()
        assert (source.name, source.documents, source.agents) == (f"files of {dm_of(world.ada)}", 2, 1)


async def test_the_vectors_follow_beside(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await told(world, served, ("a.txt", KNOB.encode(), "text/plain"))
        archival = served.app.shelves.archival
        while await archival.waiting():
            await archival.index_pending()
        assert await archival.waiting() == 0


# ── heard, paused ────────────────────────────────────────────────────────────────────────────────────


async def test_files_of_messages_that_are_only_heard_are_named_and_not_fetched(world: World, tmp_path: Path) -> None:
    file = ("plan.txt", KNOB.encode(), "text/plain")
    async with serving(world, tmp_path) as served:
        scope = f"discord:channel:{world.guild.id}/{world.general.id}"
        await served.app.stores.channels.choose(scope, Mode.LISTEN, "", world.clock.now())
        await world.says(world.bob, world.general, "among ourselves", attachments=[file])
        asked = await world.says(world.ada, world.general, "what did Bob say?", mentions=[world.bot])
        await world.hears(world.general, after=asked)
        shown = str(served.model.requests[-1]["messages"])
        assert await found_by(served, scope, "crimson knob") == []
    assert "among ourselves\\\\n[attached: plan.txt, not read: the message is not meant for you]" in shown
    assert not fetched(world)


async def test_while_memory_is_paused_nothing_is_loaded_and_the_agent_knows(world: World, tmp_path: Path) -> None:
    async with serving(world, tmp_path) as served:
        await told(world, served, text="hello")
        agent = await served.app.agents.get(dm_of(world.ada))
        await served.app.agents.pause(agent, world.clock.now())
        shown = await told(world, served, ("a.txt", KNOB.encode(), "text/plain"))
        assert shown.endswith("[attached: a.txt, not read: memory is paused, and nothing is kept]")
        assert await served.app.library.sources() == ()
        async with served.app.stores.database.read() as connection:
            left = (await connection.exec_driver_sql("SELECT text, attachments FROM inbox")).all()
            texts = (await connection.exec_driver_sql("SELECT text FROM messages WHERE text LIKE '%a.txt%'")).all()
        assert [tuple(row) for row in left] == [(None, None)] * 2
        assert texts == []
    assert not fetched(world)
