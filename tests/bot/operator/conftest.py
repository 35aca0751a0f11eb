"""What the operator's commands work on: the data of a bot that two people talked to."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from adapters.testing import Reply, Request, ScriptedServer, answer, says
from bot.testing import Bot, open_bot
from config.settings import Settings, load_settings

CANARY = "kanarienvogel-73"
Talk = Callable[[], contextlib.AbstractAsyncContextManager[Bot]]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return load_settings(bot_data_dir=data_dir)


def keeps_notes(request: Request) -> Reply:
    """A model that notes each message, writes it to core memory, and repeats it."""
    last = request["messages"][-1]
    if last["role"] == "tool":
        return says("Noted.", heartbeat=False)
    said = {"content": json.loads(last["content"])["message"], "request_heartbeat": True}
    return answer(
        f"I note: {said['content']}",
        ("archival_memory_insert", said | {"tags": ["told"]}),
        ("core_memory_append", said | {"label": "human"}),
    )


@pytest.fixture
def talk(data_dir: Path) -> Talk:
    """`async with talk() as bot`: a running bot whose model keeps notes."""

    @contextlib.asynccontextmanager
    async def talk() -> AsyncIterator[Bot]:
        async with ScriptedServer(keeps_notes) as server:
            async with open_bot(data_dir, llm_model="scripted", openai_base_url=server.url) as bot:
                yield bot

    return talk


@pytest.fixture
async def talked(talk: Talk) -> None:
    """Ada and Bob have talked to the bot; it was closed."""
    async with talk() as bot:
        assert await bot.say(f"My word is {CANARY}") == ["Noted."]
        assert await bot.say("Mine is wombat", person="bob") == ["Noted."]
