"""Agents of ours in a team of AutoGen's: the composition root for that, as `bot.process.serve` is for platforms.

Needs the package `autogen-agentchat`; docs/autogen.md shows teams.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar

from adapters.autogen.name import NAME
from adapters.autogen.participant import MemGPTAgent
from adapters.autogen.platform import AutoGenPlatform
from adapters.ports.model import LanguageModel
from bot.agent import Agent
from bot.agents import FirstMemory
from bot.app import App, open_app, utc_now
from bot.choices import DEFAULT_PRESET, Choices, first_memory_of
from bot.memory_rights.checkpoints import CheckpointUnusable
from bot.memory_rights.resets import Part
from bot.process.in_memory import in_memory
from config.settings import Settings, load_settings
from memory.people.channels import Mode

__all__ = ["MemGPT", "MemGPTAgent", "open_memgpt"]

Result = TypeVar("Result")


class MemGPT:
    """The memory of a process, from which agents are made."""

    def __init__(self, app: App, platform: AutoGenPlatform, settings: Settings, now: Callable[[], datetime]) -> None:
        self._app = app
        self._platform = platform
        self._settings = settings
        self._now = now
        self._is_open = True

    def agent(
        self,
        name: str,
        description: str = "An agent that remembers.",
        *,
        preset: str = DEFAULT_PRESET,
        persona: str | None = None,
    ) -> MemGPTAgent:
        """A participant for a team; one of a name that there was keeps what it remembers.

        Args:
            name: a Python identifier, its own in the team.
            description: what a team's manager chooses it by.
            preset: what a new agent is made of.
            persona: who a new agent is; as its preset says if None.

        Raises:
            WordsNotFound: there is no such preset or persona.
            ValueError: the name is none.
        """
        first = first_memory_of(Choices(preset, persona), self._settings.bot_data_dir, self._settings.bot_persona)
        scope = f"{NAME}:channel:{name}"
        return MemGPTAgent(
            name,
            description,
            platform=self._platform,
            receive=self._app.receiver.receive,
            memory=_Memory(self._app, scope, first, self._now, lambda: self._is_open),
            now=self._now,
        )

    def close(self) -> None:
        """Have the agents refuse whatever they are asked from now on."""
        self._is_open = False


@asynccontextmanager
async def open_memgpt(
    settings: Settings | None = None,
    *,
    around_model: Callable[[LanguageModel], LanguageModel] = lambda model: model,
    now: Callable[[], datetime] = utc_now,
) -> AsyncIterator[MemGPT]:
    """Open what agents remember; all of them run in this process, and no other may use the same folder meanwhile.

    Args:
        settings: as the bot's, from the environment and `.env` if not given. Whom it lets in and how long it waits for
            a model that is down do not count here: the team decides the one, and hears at once of the other.
        around_model: puts something around the model.
        now: the clock.

    Raises:
        SettingsInvalid: a setting cannot be used.
        StorageUnavailable: the data directory or the database cannot be used.
        ServiceMissing: the model is not there.
        ContextTooSmall: the model's window has no room for instructions and tools.
    """
    platform = AutoGenPlatform()

    def observe(scope: str) -> Callable[..., None]:
        return lambda report: platform.observe(scope.rpartition(":")[2], report)

    with in_memory(settings or load_settings()) as given:
        chosen = given.model_copy(update={"bot_admission": "open", "llm_retry_hours": 0})
        async with open_app(
            chosen, {NAME: platform}, Choices(), observe=observe, around_model=around_model, now=now
        ) as app:
            await app.resume()
            memgpt = MemGPT(app, platform, chosen, now)
            try:
                yield memgpt
            finally:
                memgpt.close()


class _Memory:
    """See `adapters.autogen.participant.Memory`."""

    def __init__(
        self, app: App, scope: str, first: FirstMemory, now: Callable[[], datetime], is_open: Callable[[], bool]
    ) -> None:
        self._app = app
        self._scope = scope
        self._first = first
        self._now = now
        self._is_open = is_open
        self._is_prepared = False

    async def prepare(self) -> None:
        """See `Memory`."""
        if not self._is_open():
            name = self._scope.rpartition(":")[2]
            raise RuntimeError(f"{name}: its memory is closed; it can be asked while `open_memgpt` is open")
        if self._is_prepared:
            return
        await self._with_agent(_nothing)
        if await self._app.stores.channels.mode(self._scope) is not Mode.LISTEN:
            await self._app.stores.channels.choose(self._scope, Mode.LISTEN, NAME, self._now())
        self._is_prepared = True

    async def forget_conversation(self) -> None:
        """See `Memory`."""
        await self.prepare()

        async def forget(agent: Agent) -> None:
            if await self._app.rights.resets.preview(agent, Part.CONVERSATION):
                await self._app.rights.resets.reset(agent, Part.CONVERSATION, author=NAME, reason="the team was reset")

        await self._with_agent(forget)

    async def lines(self) -> list[str]:
        """See `Memory`."""
        await self.prepare()
        return await self._with_agent(self._app.rights.checkpoints.lines)

    async def replace(self, lines: Sequence[str]) -> None:
        """See `Memory`."""
        await self.prepare()
        try:
            await self._with_agent(lambda agent: self._app.rights.checkpoints.put(agent, lines))
        except CheckpointUnusable as fault:
            raise ValueError(str(fault)) from fault

    async def _with_agent(self, work: Callable[[Agent], Awaitable[Result]]) -> Result:
        results: list[Result] = []

        async def job() -> None:
            results.append(await work(await self._app.agents.get(self._scope, self._first)))

        await self._app.lanes.submit(self._scope, job)
        return results[0]


async def _nothing(agent: Agent) -> None:
    """It is there."""
