"""What minds are made of, from the settings: the model, its tier, and the shares of its window."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.models.offered_models import known_by_name, offered_as
from adapters.ports.errors import ServiceMissing
from adapters.ports.model import LanguageModel, ToolCall
from bot.agent import Agent
from bot.agents import FirstMemory
from bot.choices import Choices
from bot.context.main_context import ContextCompiler
from bot.context.priming import PrimingSummarizer
from bot.context.queue_manager import Fractions, QueueManager
from bot.context.summary import Summarizer
from bot.documents.sight import most_images
from bot.implementations import (
    as_set,
    chosen_of,
    has_server,
    known_prices,
    model_sees,
    models_offered,
    runs_on,
    server_model,
    server_of,
)
from bot.metering.budgets import Budgets
from bot.metering.metered_model import MeteredModel
from bot.minds.cut_reasoning import CutReasoning
from bot.minds.mind import Mind
from bot.outfit import outfit, talks_only
from bot.registry import Tool
from bot.tiers.auto_tier import AutoTier, TierName, may_be_outdated
from bot.tiers.json_tier import JsonTier
from bot.tiers.plain_prompt import PlainPrompter
from bot.tiers.ports import Tier
from bot.tiers.text_tier import TextTier
from bot.tiers.tiny_prompt import TinyPrompter
from bot.tiers.tools_tier import ToolsTier
from bot.turns.executor import Executor
from bot.turns.shelves import Shelves
from config.settings import EMBEDDED, Settings
from config.words import prompt
from memory.core.agents import ChosenModel
from memory.model_tiers import ModelTiers
from memory.ports import Embedder, TokenCounter
from memory.stores import Stores

logger = logging.getLogger(__name__)

NEVER = 9.0
"""A fraction of the window that is never reached."""


@dataclass(slots=True)
class MindMaker:
    """Makes minds; holds what all of them have in common.

    Attributes:
        settings: what the operator set.
        choices: what the operator chose beside.
        first_memory: what comes of the choices.
        tools: all that there are.
        executor: runs them.
        stores: where agents are kept, and what was found out of models.
        counter: counts tokens.
        embedder: finds what fits a question, for tiny models.
        budgets: what may be spent.
        around: puts something around each model.
        open: what is to be closed behind the last turn.
        now: the clock.
    """

    settings: Settings
    choices: Choices
    first_memory: FirstMemory
    tools: Mapping[str, Tool]
    executor: Executor
    stores: Stores
    counter: TokenCounter
    embedder: Embedder
    budgets: Budgets
    around: Callable[[LanguageModel], LanguageModel]
    open: AsyncExitStack
    now: Callable[[], datetime]
    _writer: LanguageModel | None = None
    _usual: Mind | None = None

    async def prepare(self) -> None:
        """Open the model that writes summaries, if the settings name another one; to be called first."""
        name = self.settings.llm_model_summaries
        if name is not None and name != self.settings.llm_model:
            self._writer = self._opened(as_set(self.settings, await self._of_settings(name)))

    async def usual(self, model: LanguageModel) -> Mind:
        """The mind of the settings' model, which is open already.

        Raises:
            ContextTooSmall: its window has no room for instructions and tools.
            WordsNotFound: a preset or a prompt that is needed cannot be used.
        """
        self._usual = await self._mind(self.settings, self._metered(self.settings, model))
        return self._usual

    async def timed(self) -> Mind | None:
        """That of the model for what the clock asks for, if the settings name another one. Raises as `usual`."""
        name = self.settings.llm_model_timed
        if name is None or name == self.settings.llm_model:
            return None
        return await self._other(await self._of_settings(name))

    async def chosen(self, model: ChosenModel) -> Mind:
        """That of a model that was chosen for an agent.

        Raises:
            ServiceMissing: no server is set that could have it.
            ContextTooSmall: as `usual`.
            WordsNotFound: as `usual`.
        """
        if not has_server(self.settings):
            raise ServiceMissing(f"{model.name}: no server is set that could have it.")
        if model.name == self.settings.llm_model and self._usual is not None:
            return self._usual  # with all that the settings say of it
        return await self._other(model)

    async def _other(self, model: ChosenModel) -> Mind:
        settings = as_set(self.settings, model)
        mind = await self._mind(settings, self._opened(settings))
        if isinstance(mind.tier, AutoTier):
            self._begin(mind.tier.ask_again)
        return mind

    async def _of_settings(self, name: str) -> ChosenModel:
        """A model that the settings name, with its window as far as its server tells it."""
        try:
            offered = await models_offered(self.settings)
        except ServiceMissing as error:
            logger.warning("the window of %s is taken as it is known by its name: %s", name, error)
            offered = ()
        return chosen_of(offered_as(name, offered) or known_by_name(name))

    def _opened(self, settings: Settings) -> LanguageModel:
        """A model of the server; closed in the end."""
        model = self.around(server_model(settings))
        self.open.push_async_callback(model.close)
        return self._metered(settings, model)

    def _metered(self, settings: Settings, model: LanguageModel) -> LanguageModel:
        return CutReasoning(MeteredModel(model, self.budgets, known_prices(settings)))

    def _begin(self, start: Callable[[], Awaitable[Any]]) -> None:
        """Do something beside, to the end of the bot at most."""
        self.open.push_async_callback(ended, asyncio.create_task(logged(start)))

    async def _mind(self, settings: Settings, model: LanguageModel) -> Mind:
        own, stores = settings.bot_data_dir, self.stores
        equipment, window = outfit(
            settings, self.choices, self.first_memory, self.tools, model.context_window, self.counter
        )
        shelves = Shelves(stores.agents, stores.recall, stores.archival, stores.result_lists, self.counter, window)
        compiler = ContextCompiler(equipment, window, self.counter)
        tier = self._text_tier(settings, model, shelves)
        if not talks_only(settings):
            tier = await self._acting_tier(settings, model, compiler, tier)
        # A model that edits no memory needs no warning, and a tiny one writes no summary worth keeping.
        warn = NEVER if talks_only(settings) else settings.memory_warn_fraction
        writer = self._writer or (None if settings.llm_model == EMBEDDED else model)
        priming = PrimingSummarizer(writer, prompt("summarize_spr", own), self.counter, window)
        narrating = Summarizer(writer, prompt("summarize", own), self.counter, window)
        queue_manager = QueueManager(
            stores.database,
            stores.agents,
            stores.recall,
            stores.archival,
            compiler,
            priming if settings.memory_summary_style == "spr" else narrating,
            window,
            Fractions(warn, settings.memory_flush_fraction, settings.memory_evict_fraction),
            self.now,
        )
        return Mind(
            model,
            shelves,
            compiler,
            queue_manager,
            tier,
            priming,
            most_images(sees=model_sees(settings), window=model.context_window),
            runs_on(settings),
            lambda: _tier_name(settings, tier),
        )

    def _text_tier(self, settings: Settings, model: LanguageModel, shelves: Shelves) -> Tier:
        if settings.llm_model == EMBEDDED:
            return TextTier(TinyPrompter(model, self.embedder), shelves)
        instructions = prompt("text_tier", settings.bot_data_dir)
        return TextTier(PlainPrompter(model, instructions, shelves.counter, shelves.room), shelves)

    async def _acting_tier(
        self, settings: Settings, model: LanguageModel, compiler: ContextCompiler, text_tier: Tier
    ) -> Tier:
        """The tier for a model that manages its memory itself, as far as it can."""
        tiers: dict[TierName, Tier] = {
            TierName.TOOLS: ToolsTier(model, compiler),
            TierName.JSON: JsonTier(model, compiler),
            TierName.TEXT: text_tier,
        }
        if settings.llm_tier != "auto":
            return tiers[TierName(settings.llm_tier)]
        server, known_tiers = server_of(settings), ModelTiers(self.stores.database)
        found = await known_tiers.find(server, model.name)

        async def remember(tier: TierName) -> None:
            await known_tiers.save(server, model.name, tier, self.now())

        def accepts(agent: Agent, call: ToolCall) -> bool:
            return self.executor.accepts(call, [tool.name for tool in compiler.tools(agent)])

        if found is None:
            return AutoTier(model, tiers, None, remember, accepts)
        known = TierName(found.name)
        may_do_more = may_be_outdated(known, found.found_at, self.now())
        return AutoTier(model, tiers, known, remember, accepts, may_do_more=may_do_more)


def _tier_name(settings: Settings, tier: Tier) -> str:
    if isinstance(tier, AutoTier):
        return tier.current
    return "text" if talks_only(settings) else settings.llm_tier


async def logged(start: Callable[[], Awaitable[Any]]) -> None:
    """Something that the bot can do without."""
    try:
        await start()
    except Exception:
        logger.exception("what was begun beside the start broke off")


async def ended(task: "asyncio.Task[Any]") -> None:
    """End a task, whatever it does."""
    task.cancel()
    await asyncio.wait([task])
