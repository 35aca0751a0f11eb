"""A bot whose model tidies its memory: what the tests of reflection share."""

import json
from collections.abc import Callable
from typing import Any

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.events import reflection
from bot.testing import Bot, among_many, direct
from memory.portable.records import BlockText, KeptPassage

Call = tuple[str, dict[str, Any]]
DONE = answer(None, ("stay_silent", {"reason": "done"}))


def is_reflecting(request: Request) -> bool:
    return "tidies its memory" in str(request["messages"][0]["content"])


def append(line: str, *, heartbeat: bool = False, label: str = "human") -> Call:
    return ("core_memory_append", {"label": label, "content": line, "request_heartbeat": heartbeat})


def replace(old: str, new: str, *, heartbeat: bool = False) -> Call:
    arguments = {"label": "human", "old_content": old, "new_content": new, "request_heartbeat": heartbeat}
    return ("core_memory_replace", arguments)


def keep(note: str, *, heartbeat: bool = False) -> Call:
    return ("archival_memory_insert", {"content": note, "request_heartbeat": heartbeat})


def model(*tidying: Reply, chats: Callable[[Request], Reply] = lambda request: says("I see.")) -> Any:
    """A model that chats, and tidies by a script; once that is over there is nothing to tidy."""
    script = iter(tidying)
    return lambda request: next(script, DONE) if is_reflecting(request) else chats(request)


def with_model(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    return {"llm_model": "m", "openai_base_url": server.url, **more}


async def reflect(bot: Bot, *, person: str = "ada", channel: str | None = None) -> None:
    """As a timer has it."""
    origin = direct(person) if channel is None else among_many(person, channel)
    await (await bot.app.receiver.wake(origin, reflection("quiet", bot.clock())))


async def human(bot: Bot) -> str:
    records = [record for record in await bot.kept() if isinstance(record, BlockText)]
    return next(record.value for record in records if record.label == "human")


async def notes(bot: Bot, **whose: str) -> list[KeptPassage]:
    return [record for record in await bot.kept(**whose) if isinstance(record, KeptPassage)]


def asked_to_reflect(server: ScriptedServer) -> list[Request]:
    return [request for request in server.requests if is_reflecting(request)]


def material(request: Request) -> str:
    return str(json.loads(request["messages"][1]["content"])["message"])


async def talk(bot: Bot, *lines: str) -> None:
    for line in lines:
        await bot.say(line)


FIVE = ("Hello", "I live in Lisbon", "I moved to Porto yesterday", "I like figs", "Good night")
