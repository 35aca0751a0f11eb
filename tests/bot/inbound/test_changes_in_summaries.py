"""A summary that covered what was edited or deleted is hidden at once and made anew."""

from pathlib import Path

from adapters.testing import Reply, Request, ScriptedServer, answer, fails, says
from bot.testing import Bot, open_bot
from tests.bot.inbound.changing import delete, edit, forgotten, prompt_of, remembers, say, settings

LONG = "I went to the market and bought apples, pears and a loaf of bread, then I met a friend. " * 4


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
