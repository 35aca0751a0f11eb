"""People who edit and delete what they said, and where it is looked for: what the tests of changes share."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from adapters.ports.messages import InboundMessage, MessageChange
from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Bot, direct
from memory.ports import Kind
from tests.words_left import places_of


def settings(server: ScriptedServer, window: int = 16384) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, "llm_context_window": window}


def remembers(request: Request) -> Reply:
    """A model that notes each message, adds it to core memory, and answers; its summaries say all that it was told."""
    last = request["messages"][-1]
    if "tools" not in request:
        return answer(str(last["content"]).partition("Messages:\n")[2][:1500])
    if last["role"] == "tool" or json.loads(last["content"])["type"] != "user_message":
        return says("Noted.")
    calls: list[tuple[str, Any]] = []
    for message in reversed(request["messages"]):
        if message["role"] != "user" or json.loads(message["content"])["type"] != "user_message":
            break
        said = json.loads(message["content"])["message"].partition(".")[0]
        calls += [
            ("archival_memory_insert", {"content": f"Note: {said}", "request_heartbeat": True}),
            ("core_memory_append", {"label": "human", "content": said, "request_heartbeat": True}),
        ]
    return answer("They say so much.", *calls)


async def hand_in(bot: Bot, text: str, id_: str) -> Awaitable[None]:
    message = InboundMessage(f"event {id_}", direct("ada"), text, bot.clock(), message_id=id_)
    return await bot.app.intake("console").receive(message)


async def say(bot: Bot, text: str, id_: str) -> None:
    await (await hand_in(bot, text, id_))


async def delete(bot: Bot, *ids: str) -> None:
    await bot.app.intake("console").change(MessageChange(direct("ada"), ids, None))


async def edit(bot: Bot, id_: str, text: str) -> None:
    await bot.app.intake("console").change(MessageChange(direct("ada"), (id_,), text))


async def prompt_of(bot: Bot) -> str:
    """What the next call of the model would be about."""
    agent = await bot.agent()
    return f"{agent.folded.render()}\n{agent.summary}\n{[queued.chat for queued in agent.queue]}"


async def heard(bot: Bot) -> list[str | None]:
    queue = await bot.app.shelves.recall.queue((await bot.agent()).id)
    return [message.text for message in queue if message.kind is Kind.USER_MESSAGE]


async def alerts(bot: Bot) -> list[str | None]:
    queue = await bot.app.shelves.recall.queue((await bot.agent()).id)
    return [message.text for message in queue if message.kind is Kind.SYSTEM_ALERT]


async def found(bot: Bot, query: str) -> list[str | None]:
    recall, agent = bot.app.shelves.recall, await bot.agent()
    return [message.text for message in await recall.get(agent.id, await recall.search(agent.id, query))]


async def forgotten(bot: Bot, data_dir: Path, *words: str) -> list[str]:
    """Where one of these words still stands: in which table, or only in the bytes of the database."""
    await bot.app.changes.tidy()
    await bot.app.stores.database.truncate_log()
    return await asyncio.to_thread(places_of, data_dir / "bot.db", [word.lower() for word in words])


class Slow:
    """A model that answers the first time when it is told to."""

    def __init__(self, then: Callable[[Request], Reply] = lambda _: says("Yes.")) -> None:
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()
        self._then = then

    async def __call__(self, request: Request) -> Reply:
        if not self.asked.is_set():
            self.asked.set()
            await self.go_on.wait()
        return self._then(request)
