"""A bot, put together: what a platform is served with, and how it is opened and closed."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import bot.commands
import bot.in_chat
from adapters.glibc import use_one_arena
from adapters.ports.intake import Intake
from adapters.ports.messages import Address
from adapters.ports.model import LanguageModel
from adapters.ports.platform import ChatPlatform
from bot.agents import Agents
from bot.assembly.alarms import alarms_of
from bot.assembly.ground import Ground, open_ground
from bot.assembly.rights import rights_of
from bot.assembly.turns import turn_parts_of
from bot.choices import Choices
from bot.delivery.notices import Notices
from bot.delivery.outbox import Outbox
from bot.documents.files import Files
from bot.documents.library import Library
from bot.documents.reading import Reading
from bot.errors import PathNotFound
from bot.implementations import document_reader, file_reader, web_pages
from bot.inbound.changes import Changes
from bot.inbound.histories import Histories
from bot.inbound.lanes import Lanes
from bot.inbound.receive import Receiver
from bot.inbound.rewording import Rewording
from bot.inbound.told_zones import ToldZones
from bot.memory_rights.rights import Rights
from bot.metering.metrics import NO_METRICS, Metrics
from bot.minds.catalogue import Catalogue
from bot.minds.maker import ended, logged
from bot.registry import Command, discover
from bot.slash.command import Commands, Parts
from bot.tiers.auto_tier import AutoTier
from bot.timed.sweep import Sweep
from bot.turns.open_turn import Observe
from bot.turns.outage import Outage, Wait
from bot.turns.shelves import Shelves
from bot.turns.take_back import TurnHistory
from config.settings import Settings, SettingsInvalid
from memory.archival.documents import Documents
from memory.archival.message_documents import MessageDocuments
from memory.erasing.changes import MessageChanges
from memory.people.told import BY_PLATFORM
from memory.recall.heard import Heard
from memory.stores import Stores

logger = logging.getLogger(__name__)

GRACE_S = 20.0
"""How long a running step may take to end, once the program is to end."""


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class App:
    """What a platform is served with."""

    stores: Stores
    rights: Rights
    agents: Agents
    receiver: Receiver
    changes: Changes
    histories: Histories
    outbox: Outbox
    notices: Notices
    commands: Commands
    in_chat: Commands
    """Those of the terminal alone."""
    shelves: Shelves
    lanes: Lanes
    library: Library
    sweep: Sweep

    def intake(self, platform: str) -> Intake:
        """Where a platform hands in what happens there."""
        return Intake(
            self.receiver.receive,
            self.commands.run,
            lambda change: self.changes.change(platform, change),
            suggest=self.commands.suggest,
            last_heard=lambda within: self.receiver.last_heard(platform, within),
            connected=self._connected,
            commands=self.commands.specs,
            told_once=lambda key: self.stores.told.once(platform, BY_PLATFORM, key),
            compare=lambda stretch: self.histories.compare(platform, stretch),
            caught_up=self._caught_up,
        )

    async def resume(self, serves: Callable[[Address], bool] = lambda address: True) -> None:
        """Take up what an earlier process left: erasures, replies to be delivered, turns under way, events that wait.

        Args:
            serves: whether this process can deliver replies to an address.
        """
        await self.rights.erasing.resume()  # first of all: what was erased is not to be answered, or delivered
        await self.outbox.resume(serves)
        await self.notices.resume()
        await self.receiver.resume(serves)

    def _connected(self, platform: str) -> None:
        self.outbox.connected(platform)
        self.notices.connected(platform)

    def _caught_up(self, platform: str) -> None:
        self.outbox.caught_up(platform)
        self.receiver.caught_up(platform)


@asynccontextmanager
async def open_app(
    settings: Settings,
    platforms: Mapping[str, ChatPlatform],
    choices: Choices,
    *,
    observe: Callable[[str], Observe | None] = lambda scope: None,
    around_model: Callable[[LanguageModel], LanguageModel] = lambda model: model,
    metrics: Metrics = NO_METRICS,
    now: Callable[[], datetime] = utc_now,
    wait: Wait = asyncio.sleep,
    chance: Callable[[], float] = random.random,
) -> AsyncIterator[App]:
    """Everything a bot needs, open; closed at the end, in order, after the running turns.

    Args:
        settings: what the operator set.
        platforms: what it serves, by name.
        choices: what the operator chose beside.
        observe: who is told of an agent's steps, by its scope.
        around_model: puts something around the model, to count what it costs.
        metrics: takes note of what happens.
        now: the clock.
        wait: lets some seconds pass.
        chance: a number from 0 to 1, another one each time.

    Raises:
        StorageUnavailable: the data directory or the database cannot be used.
        ServiceMissing: the model is not there.
        ContextTooSmall: the model's window has no room for instructions and tools.
        WordsNotFound: there is no such preset, persona or human, or a preset cannot be used.
        SettingsInvalid: what is to be preloaded is not there.
    """
    use_one_arena()
    async with AsyncExitStack() as stack:
        ground = await stack.enter_async_context(
            open_ground(settings, platforms, choices, around_model, metrics, now, wait)
        )
        stores, agents, minds, lanes = ground.stores, ground.agents, ground.minds, ground.lanes
        max_bytes, incoming = settings.max_file_bytes, settings.bot_data_dir / "incoming"
        documents = MessageDocuments(stores.database, now)
        files = Files(documents, stores.archival, file_reader(), incoming, max_bytes, wait)
        stack.push_async_callback(files.close)
        reading = Reading(stores, minds, files, platforms, max_bytes=max_bytes)
        stores.recall.index_soon()
        for start in _starts(ground):
            stack.push_async_callback(ended, asyncio.create_task(logged(start)))
        # What comes last in a message's way is made first; of what comes before it, it knows by these.
        outage = Outage(lambda scope: receiver.go_on_after_outage(scope), wait, now)
        alarms = alarms_of(ground, chance)
        turns = turn_parts_of(ground, alarms, reading, outage, observe, expect=lambda due: sweep.expect(due))
        receiver = Receiver(
            stores,
            ground.waiting,
            ground.admission,
            ground.outbox,
            ground.notices,
            ground.floors,
            turns.agenda,
            turns.conductor,
            turns.outage_told,
            lanes,
            ToldZones(stores.people, agents, lanes, alarms.follow_ups, now),
            now,
            wait,
            compares=ground.compares,
        )
        sweep = Sweep(stores.timers, alarms.fires, ground.waiting, receiver.woken, platforms, now)
        stack.push_async_callback(ground.outbox.close, GRACE_S)
        stack.push_async_callback(ground.notices.close)
        stack.push_async_callback(outage.close)
        stack.push_async_callback(receiver.close, GRACE_S)
        changed, rewording = MessageChanges(stores, now), Rewording(ground.admission, stores.channels)
        changes = Changes(changed, ground.waiting, stores.recall, stores.archival, rewording, now)
        stack.push_async_callback(changes.tidy)
        library = Library(Documents(stores.database, now), stores.archival, document_reader(), web_pages(settings))
        await _preload(library, settings)
        rights = rights_of(ground, changed, changes)
        await rights.exports.clear()
        stack.push_async_callback(rights.erasing.close)
        parts = Parts(
            stores=stores,
            rights=rights,
            agents=agents,
            shelves=ground.shelves,
            lanes=lanes,
            minds=minds,
            history=TurnHistory(stores, agents, now),
            library=library,
            budgets=ground.budgets,
            wake=receiver.wake,
            catalogue=Catalogue(settings),
            own_words=settings.bot_data_dir,
            admission=ground.admission,
            follow_ups=alarms.follow_ups,
            heartbeats=alarms.heartbeats,
            expect=sweep.expect,
            notices=ground.notices,
        )
        general, owners = discover(bot.commands, Command), settings.bot_owners
        shared = {name: general[name] for name in ("memory", "help")}
        yield App(
            stores,
            rights,
            agents,
            receiver,
            changes,
            Histories(Heard(stores.database), changes),
            ground.outbox,
            ground.notices,
            Commands(general, "/agent ", parts, owners, now, breaks_glass=settings.bot_break_glass),
            Commands(discover(bot.in_chat, Command) | shared, "/", parts, owners, now),
            ground.shelves,
            lanes,
            library,
            sweep,
        )


def _starts(ground: Ground) -> Iterable[Callable[[], Awaitable[object]]]:
    """What is begun beside the start."""
    usual = ground.minds.usual
    yield usual.model.warm_up
    yield ground.stores.archival.catch_up
    if isinstance(usual.tier, AutoTier):
        yield usual.tier.ask_again


async def _preload(library: Library, settings: Settings) -> None:
    """Load what the settings say that every agent has; what cannot be read is told, and left out."""
    try:
        loaded = await library.preload(settings.memory_preload)
    except PathNotFound as error:
        raise SettingsInvalid([f"MEMORY_PRELOAD: {error}"]) from None
    if loaded is not None:
        logger.info("preloaded: %s", loaded.told)
        for fault in loaded.faults:
            logger.warning("not preloaded: %s", fault)
