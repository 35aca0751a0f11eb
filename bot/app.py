"""The composition root: the only place that chooses implementations and puts them together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Template
from typing import Any

import bot.commands
import bot.tools
from adapters.embedded_model import EmbeddedModel, model_file, packaged_model
from adapters.embedders import OpenAIEmbedder, WordLlamaEmbedder, embedder_is_packaged
from adapters.known_models import context_window_of
from adapters.openai_model import OpenAIModel
from adapters.ports import ChatPlatform, LanguageModel, ModelUnavailable, ServiceMissing
from adapters.reachable import check_reachable
from adapters.token_counter import BpeTokenCounter
from bot.agents import Agents, FirstMemory
from bot.command import Commands
from bot.context import ContextCompiler, Room
from bot.executor import Executor, Shelves
from bot.lanes import Lanes
from bot.queue_manager import Fractions, QueueManager
from bot.receive import Receiver
from bot.registry import Command, Tool, discover
from bot.summary import Summarizer
from bot.tiers.json_tier import JsonTier, json_instructions
from bot.tiers.plain_prompt import PlainPrompter
from bot.tiers.ports import Tier
from bot.tiers.text_tier import Prompter, TextTier
from bot.tiers.tiny_prompt import TinyPrompter
from bot.tiers.tools_tier import ToolsTier
from bot.turn import Observe, Turns
from config.settings import EMBEDDED, Settings
from config.words import human, persona, prompt
from memory.agents import AgentStore
from memory.archival import ArchivalStorage
from memory.chroma_index import ChromaIndex
from memory.data_dir import DataDir
from memory.database import Database
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


@dataclass(frozen=True, slots=True)
class Choices:
    """What the operator chooses beside the settings."""

    persona: str = "default"
    human: str = "default"


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
        WordsNotFound: there is no such persona or human.
    """
    first_memory = FirstMemory(persona=persona(choices.persona), human=human(choices.human))
    async with AsyncExitStack() as stack:
        data_dir = DataDir(settings.bot_data_dir)
        data_dir.acquire()
        stack.callback(data_dir.release)
        model = await _open_model(settings)
        stack.push_async_callback(model.close)
        backups = settings.bot_data_dir / "backups"
        database = await Database.open(settings.database_path, backups, now())
        stack.push_async_callback(database.close)

        counter = BpeTokenCounter()
        agents_kept, recall = AgentStore(database), RecallStorage(database)
        embedder = _embedder(settings)
        stack.push_async_callback(embedder.close)
        archival = ArchivalStorage(database, ChromaIndex(settings.bot_data_dir / "chroma"), embedder, now)
        stack.push_async_callback(archival.close)
        room = Room.of(model.context_window, settings.memory_block_tokens)
        shelves = Shelves(recall, archival, ResultLists(database), counter, room)
        tools = discover(bot.tools, Tool)
        tier, compiler, summarizer, warn = _tier(settings, model, embedder, shelves, tools)
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
        stack.push_async_callback(lanes.close)
        for start in (model.warm_up(), archival.catch_up()):
            stack.push_async_callback(_end, asyncio.create_task(start))
        receiver = Receiver(agents, turns, lanes, platforms, observe)
        commands = Commands(discover(bot.commands, Command), agents, shelves, lanes, now)
        yield App(agents, receiver, commands, shelves)


async def _open_model(settings: Settings) -> LanguageModel:
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


def _embedder(settings: Settings) -> WordLlamaEmbedder | OpenAIEmbedder:
    if settings.embedding_model == EMBEDDED:
        embedder_is_packaged()
        return WordLlamaEmbedder()
    return OpenAIEmbedder(
        settings.embedding_model,
        api_key=_key(settings),
        base_url=settings.openai_base_url,
        timeout_s=settings.llm_timeout_s,
    )


def _tier(
    settings: Settings, model: LanguageModel, embedder: Embedder, shelves: Shelves, tools: Mapping[str, Tool]
) -> tuple[Tier, ContextCompiler, Summarizer, float]:
    """The tier for this model, with its prompt, its summaries, and the fraction at which it is warned."""
    counter, room = shelves.counter, shelves.room
    is_local_file = settings.llm_model == EMBEDDED or settings.model_is_file
    if settings.llm_tier == "text" or (settings.llm_tier == "auto" and is_local_file):
        instructions = prompt("text_tier")
        # A model that edits no memory needs no warning, and a tiny one writes no summary worth keeping.
        is_tiny = settings.llm_model == EMBEDDED
        prompter: Prompter = (
            TinyPrompter(model, embedder) if is_tiny else PlainPrompter(model, instructions, counter, room)
        )
        summarizer = Summarizer(None if is_tiny else model, prompt("summarize"), counter, room)
        return (
            TextTier(prompter, shelves),
            ContextCompiler(instructions, (), room, counter),
            summarizer,
            NEVER,
        )
    schemas = [tool.schema for tool in tools.values()]
    summarizer = Summarizer(model, prompt("summarize"), counter, room)
    if settings.llm_tier == "json":
        told = Template(f"{prompt('system').template}\n\n{json_instructions(schemas)}")
        compiler = ContextCompiler(told, (), room, counter)
        return JsonTier(model, compiler, schemas), compiler, summarizer, settings.memory_warn_fraction
    compiler = ContextCompiler(prompt("system"), schemas, room, counter)
    return ToolsTier(model, compiler), compiler, summarizer, settings.memory_warn_fraction


def _key(settings: Settings) -> str | None:
    return settings.openai_api_key.get_secret_value() if settings.openai_api_key else None


async def _end(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    await asyncio.wait([task])
