"""What all parts of a bot stand on: its stores, its minds, the places where agents are at work, and ways to people."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import bot.tools
from adapters.glibc import give_back_grpc
from adapters.models.token_counter import BpeTokenCounter
from adapters.ports.messages import Origin
from adapters.ports.model import LanguageModel
from adapters.ports.platform import ChatPlatform, ComparesHistories, KnowsStrangers
from bot.admission import Admission
from bot.agents import Agents
from bot.choices import Choices, first_memory_of
from bot.delivery.notices import Notices
from bot.delivery.outbox import Outbox
from bot.implementations import open_embedder, open_model, open_stores, remove_other_indexes
from bot.inbound.lanes import Lanes
from bot.inbound.waiting import Waiting
from bot.metering.budgets import Budgets, Caps
from bot.metering.metrics import Metrics
from bot.minds.maker import MindMaker, logged
from bot.minds.mind import Minds
from bot.registry import Tool, discover
from bot.turns.executor import Executor
from bot.turns.outage import Wait
from bot.turns.shelves import Shelves
from config.settings import Settings
from memory.data_dir import DataDir
from memory.erasing.floors import Floors
from memory.people.usage import UsageStore
from memory.ports import TokenCounter
from memory.sqlite.database import Database
from memory.stores import Stores


@dataclass(frozen=True, slots=True)
class Ground:
    """Each is described by its class.

    Attributes:
        settings: what the operator set.
        choices: what the operator chose beside.
        platforms: what is served, by name.
        metrics: takes note of what happens.
        now: the clock.
        wait: lets some seconds pass.
        compares: the platforms that tell later what was deleted and edited while nobody listened.
    """

    settings: Settings
    choices: Choices
    platforms: Mapping[str, ChatPlatform]
    metrics: Metrics
    now: Callable[[], datetime]
    wait: Wait
    compares: Sequence[str]
    stores: Stores
    floors: Floors
    counter: TokenCounter
    budgets: Budgets
    executor: Executor
    minds: Minds
    agents: Agents
    lanes: Lanes
    waiting: Waiting
    admission: Admission
    outbox: Outbox
    notices: Notices

    @property
    def shelves(self) -> Shelves:
        """Those of the settings' model."""
        return self.minds.usual.shelves

    def is_busy(self, scope: str) -> bool:
        """Whether somebody is being answered in a scope, or waits for that."""
        return self.lanes.is_busy(scope) or self.waiting.people(scope) > 0


@asynccontextmanager
async def open_ground(
    settings: Settings,
    platforms: Mapping[str, ChatPlatform],
    choices: Choices,
    around_model: Callable[[LanguageModel], LanguageModel],
    metrics: Metrics,
    now: Callable[[], datetime],
    wait: Wait,
) -> AsyncIterator[Ground]:
    """It, open; the data directory is held meanwhile. Arguments, and what is raised, as of `open_app`."""
    first_memory = first_memory_of(choices, settings.bot_data_dir, settings.bot_persona)
    async with AsyncExitStack() as stack:
        data_dir = DataDir(settings.bot_data_dir, settings.database_path)
        data_dir.acquire()
        stack.callback(data_dir.release)
        models = await stack.enter_async_context(AsyncExitStack())
        model = around_model(await open_model(settings))
        models.push_async_callback(model.close)
        database = await Database.open(settings.database_path, settings.bot_data_dir / "backups", now())
        stack.push_async_callback(database.close)
        floors = Floors(database, settings.bot_data_dir)
        await floors.open()
        embedder = open_embedder(settings)
        stack.push_async_callback(embedder.close)
        await asyncio.to_thread(remove_other_indexes, settings)
        stores = await stack.enter_async_context(open_stores(settings, database, embedder, now, loaded=give_back_grpc))
        budgets = Budgets(stores.accounts, _caps(settings), settings.zone, now)
        stack.push_async_callback(_settled, budgets, stores.usage, now)
        tools, counter = discover(bot.tools, Tool), BpeTokenCounter()
        executor = Executor(tools)
        maker = MindMaker(
            settings,
            choices,
            first_memory,
            tools,
            executor,
            stores,
            counter,
            embedder,
            budgets,
            around_model,
            models,
            now,
        )
        await maker.prepare()
        minds = Minds(await maker.usual(model), await maker.timed(), maker.chosen, is_fixed=choices.names_model)
        admission = Admission(
            stores.people,
            settings.bot_admission,
            settings.bot_owners,
            now,
            since=await stores.people.policy_since(settings.bot_admission, now),
            is_stranger=partial(_is_stranger, platforms),
        )
        compares = [
            name for name, it in platforms.items() if isinstance(it, ComparesHistories) and it.compares_histories
        ]
        yield Ground(
            settings,
            choices,
            platforms,
            metrics,
            now,
            wait,
            compares,
            stores,
            floors,
            counter,
            budgets,
            executor,
            minds,
            Agents(stores, minds, first_memory, settings.zone, now),
            Lanes(),
            Waiting(settings.bot_max_waiting_messages),
            admission,
            Outbox(stores.replies, platforms, now, wait, metrics, compares=compares),
            Notices(stores.notices, platforms, now, wait),
        )


async def _is_stranger(platforms: Mapping[str, ChatPlatform], origin: Origin) -> bool:
    platform = platforms.get(origin.address.platform)
    return isinstance(platform, KnowsStrangers) and await platform.is_stranger(origin)


def _caps(settings: Settings) -> Caps:
    return Caps(
        per_person=settings.budget_tokens_per_user_day,
        in_all=settings.budget_tokens_per_day,
        timed_fraction=settings.budget_heartbeat_fraction,
    )


async def _settled(budgets: Budgets, usage: UsageStore, now: Callable[[], datetime]) -> None:
    """What calls of the model took is written down at the latest now, if the database takes it."""
    await budgets.settle_owed()
    await logged(lambda: usage.keep((), now()))
