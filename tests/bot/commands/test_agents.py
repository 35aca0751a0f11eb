"""Owners see who is there and how much each keeps, never what."""

from pathlib import Path

from sqlalchemy import insert, text

from adapters.testing import ScriptedServer, says
from bot.testing import RecordingPlatform, at_channel, direct, open_bot
from memory.sqlite.tables import agents

OWNER = direct("1", platform="discord")


async def test_who_was_active_last_comes_first_with_counts_and_no_word(tmp_path: Path) -> None:
    async with ScriptedServer(lambda _: says("I see.")) as server:
        settings = {"llm_model": "m", "openai_base_url": server.url, "bot_owners": "discord:1"}
        async with open_bot(tmp_path, platform=RecordingPlatform("discord"), **settings) as bot:
            assert (await bot.give(OWNER, "admin agents")).text == "0 agents: 0 of direct messages, 0 of channels."
            await bot.write_at(direct("2", platform="discord"), "I am a spy")
            await bot.write_at(at_channel("3"), "We meet on Friday")
            await bot.give(direct("2", platform="discord"), "pause")
            told = (await bot.give(OWNER, "admin agents")).text
    assert told.startswith("2 agents: 1 of direct messages, 1 of channels.")
    channel, person = told.splitlines()[2:4]
    assert channel.startswith("discord:channel:home/general  3 messages, 0 notes, last active 2026-03-01T12:")
    assert person.startswith("discord:dm:2  3 messages, 0 notes, last active 2026-03-01T12:")
    assert person.endswith(", paused")
    assert "spy" not in told
    assert "Friday" not in told


async def test_many_are_shown_a_page_at_a_time_each_once(tmp_path: Path) -> None:
    async with open_bot(tmp_path, platform=RecordingPlatform("discord"), bot_owners="discord:1") as bot:
        scopes = [f"discord:dm:{number}" for number in range(100, 145)]
        async with bot.app.stores.database.write() as transaction:
            await transaction.execute(insert(agents), [{"scope": it, "created_at": bot.clock()} for it in scopes])
        pages = [(await bot.give(OWNER, f"admin agents {page}".strip())).text for page in ("", "2", "3")]
        refused = [(await bot.give(OWNER, f"admin agents {page}")).text for page in ("4", "0", "x", "9" * 30)]
    shown = [line.split()[0] for page in pages for line in page.splitlines() if line.startswith("discord:dm:")]
    assert sorted(shown) == scopes
    assert "Page 1 of 3. The next: `/agent admin agents 2`" in pages[0]
    assert "The next" not in pages[2]
    assert refused[0] == "There is no page 4: the last is 3."
    assert all("the number of a page" in told for told in refused[1:])


async def test_the_order_is_read_from_an_index(tmp_path: Path) -> None:
    """However many messages there are: none of them is looked at, but the newest of each agent."""
    async with open_bot(tmp_path, platform=RecordingPlatform("discord")) as bot:
        newest = "SELECT (SELECT max(created_at) FROM messages WHERE agent_id = agents.id) FROM agents"
        async with bot.app.stores.database.read() as connection:
            plan = str((await connection.execute(text(f"EXPLAIN QUERY PLAN {newest}"))).all())
    assert "ix_messages_agent_time (agent_id=?)" in plan
