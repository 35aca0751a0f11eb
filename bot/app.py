"""The composition root: the only place that chooses implementations and puts them together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bot.commands
import bot.tools
from adapters.embedded_model import EmbeddedModel, model_file, packaged_model
from adapters.embedders import OpenAIEmbedder, WordLlamaEmbedder, embedder_is_packaged
from adapters.known_models import context_window_of
from adapters.openai_model import OpenAIModel
from adapters.ports import ChatPlatform, LanguageModel, ModelUnavailable, ServiceMissing
from adapters.reachable import OPENAI_URL, check_reachable
from adapters.token_counter import BpeTokenCounter
from bot.agents import Agents, FirstMemory
from bot.command import Commands
from bot.context import ContextCompiler, Equipment, Room
from bot.executor import Executor, Shelves
from bot.lanes import Lanes
from bot.queue_manager import Fractions, QueueManager
from bot.receive import Receiver
from bot.registry import Command, Tool, discover
from bot.summary import Summarizer
from bot.tiers.auto_tier import AutoTier, TierName
from bot.tiers.json_tier import JsonTier
from bot.tiers.plain_prompt import PlainPrompter
from bot.tiers.ports import Tier
from bot.tiers.text_tier import TextTier
from bot.tiers.tiny_prompt import TinyPrompter
from bot.tiers.tools_tier import ToolsTier
from bot.turn import Observe, Turns
from config.settings import EMBEDDED, Settings
from config.words import WordsNotFound, human, persona, preset, preset_names, prompt
from memory.agents import AgentStore
from memory.archival import ArchivalStorage
from memory.chroma_index import ChromaIndex
from memory.data_dir import DataDir
from memory.database import Database
from memory.model_tiers import ModelTiers
from memory.ports import Embedder
from memory.recall import RecallStorage
from memory.result_lists import ResultLists

NEVER = 9.0
"""A fraction of the window that is never reached."""


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class App:
    """What a platform is served with."""

    agents: Agents
    receiver: Receiver
    commands: Commands
    shelves: Shelves
    lanes: Lanes


DEFAULT_PRESET = "memgpt_chat"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the operator chooses beside the settings."""

    preset: str = DEFAULT_PRESET
    persona: str | None = None
    human: str | None = None
    """None for both: as the preset says."""


@asynccontextmanager
async def open_app(
    settings: Settings,
    platforms: Mapping[str, ChatPlatform],
    choices: Choices,
    *,
    observe: Callable[[str], Observe | None] = lambda scope: None,
    now: Callable[[], datetime] = utc_now,
) -> AsyncIterator[App]:
    """Everything a bot needs, open; closed at the end, in order, after the running turns.

    Raises:
        StorageUnavailable: the data directory or the database cannot be used.
        ServiceMissing: the model is not there.
        ContextTooSmall: the model's window has no room for instructions and tools.
        WordsNotFound: there is no such preset, persona or human, or a preset cannot be used.
    """
    own = settings.bot_data_dir
    chosen = preset(choices.preset, own)
    first_memory = FirstMemory(
        preset=choices.preset,
        persona=persona(choices.persona or chosen.persona, own),
        human=human(choices.human or chosen.human, own),
    )
    async with AsyncExitStack() as stack:
        data_dir = DataDir(settings.bot_data_dir)
        data_dir.acquire()
        stack.callback(data_dir.release)
        model = await open_model(settings)
        stack.push_async_callback(model.close)
        backups = settings.bot_data_dir / "backups"
        database = await Database.open(settings.database_path, backups, now())
        stack.push_async_callback(database.close)

        counter = BpeTokenCounter()
        agents_kept, recall = AgentStore(database), RecallStorage(database)
        embedder = open_embedder(settings)
        stack.push_async_callback(embedder.close)
        archival = ArchivalStorage(database, ChromaIndex(settings.bot_data_dir / "chroma"), embedder, now)
        stack.push_async_callback(archival.close)
        tools = discover(bot.tools, Tool)
        talks_only = _talks_only(settings)
        equipment = {"any": Equipment(prompt("text_tier", own), ())} if talks_only else _equipment(tools, own)
        fixed = max(given.tokens(counter) for given in equipment.values())
        room = Room.of(model.context_window, settings.memory_block_tokens, fixed)
        shelves = Shelves(recall, archival, ResultLists(database), counter, room)
        compiler = ContextCompiler(equipment, room, counter)
        tier = _text_tier(settings, model, embedder, shelves)
        if not talks_only:
            tier = await _acting_tier(settings, model, compiler, tier, ModelTiers(database), now)
        # A model that edits no memory needs no warning, and a tiny one writes no summary worth keeping.
        warn = NEVER if talks_only else settings.memory_warn_fraction
        writer = None if settings.llm_model == EMBEDDED else model
        summarizer = Summarizer(writer, prompt("summarize"), counter, room)
        fractions = Fractions(warn, settings.memory_flush_fraction, settings.memory_evict_fraction)
        queue_manager = QueueManager(database, agents_kept, recall, compiler, summarizer, fractions, now)
        turns = Turns(
            database,
            agents_kept,
            shelves,
            compiler,
            queue_manager,
            tier,
            Executor(tools),
            max_steps=settings.llm_max_steps,
            now=now,
        )
        agents = Agents(database, agents_kept, recall, compiler, first_memory, settings.zone, now)
        lanes = Lanes()
        stack.push_async_callback(lanes.idle)
        for start in (model.warm_up(), archival.catch_up()):
            stack.push_async_callback(_end, asyncio.create_task(start))
        receiver = Receiver(agents, turns, lanes, platforms, observe)
        commands = Commands(discover(bot.commands, Command), agents, shelves, lanes, now)
        yield App(agents, receiver, commands, shelves, lanes)


async def open_model(settings: Settings) -> LanguageModel:
    """The language model of the settings.

    Raises:
        ServiceMissing: it is not there.
    """
    if settings.llm_model == EMBEDDED:
        return EmbeddedModel(
            packaged_model(),
            name=EMBEDDED,
            context_window=settings.llm_context_window,
            timeout_s=settings.llm_timeout_s,
        )
    if settings.model_is_file:
        return await _open_model_file(settings)
    await check_reachable(settings.llm_model, settings.openai_base_url)
    return OpenAIModel(
        settings.llm_model,
        api_key=_key(settings),
        base_url=settings.openai_base_url,
        context_window=settings.llm_context_window or context_window_of(settings.llm_model),
        timeout_s=settings.llm_timeout_s,
    )


async def _open_model_file(settings: Settings) -> LanguageModel:
    path = model_file(settings.llm_model)
    model = EmbeddedModel(
        path, name=path.stem, context_window=settings.llm_context_window, timeout_s=settings.llm_timeout_s
    )
    try:
        await model.start()  # now, so that a file that cannot be loaded is told at once
    except ModelUnavailable as error:
        raise ServiceMissing(f"LLM_MODEL={settings.llm_model}: {error.detail}") from error
    return model


def open_embedder(settings: Settings) -> WordLlamaEmbedder | OpenAIEmbedder:
    """The embedder of the settings.

    Raises:
        ServiceMissing: it is not installed.
    """
    if settings.embedding_model == EMBEDDED:
        embedder_is_packaged()
        return WordLlamaEmbedder()
    return OpenAIEmbedder(
        settings.embedding_model,
        api_key=_key(settings),
        base_url=settings.openai_base_url,
        timeout_s=settings.llm_timeout_s,
    )


def _equipment(tools: Mapping[str, Tool], own: Path) -> dict[str, Equipment]:
    """Instructions and tools of every preset, that of plain chat first."""
    found = {}
    for name in sorted(preset_names(own), key=lambda name: name != DEFAULT_PRESET):
        made_of = preset(name, own)
        if unknown := [tool for tool in made_of.tools if tool not in tools]:
            raise WordsNotFound(f"The preset {name!r} names tools that there are not: {', '.join(unknown)}.")
        schemas = tuple(tools[tool].schema for tool in made_of.tools)
        found[name] = Equipment(prompt(made_of.instructions, own), schemas)
    return found


def _talks_only(settings: Settings) -> bool:
    """Whether code does the paging: the operator says so, or the model is a local file and nobody says otherwise."""
    is_local = settings.llm_model == EMBEDDED or settings.model_is_file
    return settings.llm_tier == "text" or (settings.llm_tier == "auto" and is_local)


def _text_tier(settings: Settings, model: LanguageModel, embedder: Embedder, shelves: Shelves) -> Tier:
    if settings.llm_model == EMBEDDED:
        return TextTier(TinyPrompter(model, embedder), shelves)
    return TextTier(PlainPrompter(model, prompt("text_tier"), shelves.counter, shelves.room), shelves)


async def _acting_tier(
    settings: Settings,
    model: LanguageModel,
    compiler: ContextCompiler,
    text_tier: Tier,
    known_tiers: ModelTiers,
    now: Callable[[], datetime],
) -> Tier:
    """The tier for a model that manages its memory itself, as far as it can."""
    tiers: dict[TierName, Tier] = {
        TierName.TOOLS: ToolsTier(model, compiler),
        TierName.JSON: JsonTier(model, compiler),
        TierName.TEXT: text_tier,
    }
    if settings.llm_tier != "auto":
        return tiers[TierName(settings.llm_tier)]
    server = (settings.openai_base_url or OPENAI_URL).rpartition("@")[2]  # without a password that the URL may hold
    found = await known_tiers.find(server, model.name)

    async def remember(tier: TierName) -> None:
        await known_tiers.save(server, model.name, tier, now())

    return AutoTier(model, tiers, TierName(found) if found else None, remember)


def _key(settings: Settings) -> str | None:
    return settings.openai_api_key.get_secret_value() if settings.openai_api_key else None


async def _end(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    await asyncio.wait([task])
