"""The composition root: puts the parts of a bot together."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import bot.commands
import bot.in_chat
import bot.tools
from adapters.glibc import give_back_grpc, use_one_arena
from adapters.models.token_counter import BpeTokenCounter
from adapters.ports.intake import Intake
from adapters.ports.messages import Address, Origin
from adapters.ports.model import LanguageModel
from adapters.ports.platform import ChatPlatform, ComparesHistories, KnowsStrangers
from bot.admission import Admission
from bot.agents import Agents
from bot.choices import Choices, first_memory_of
from bot.delivery.notices import Notices
from bot.delivery.outbox import Outbox
from bot.documents.files import Files
from bot.documents.library import Library
from bot.documents.reading import Reading
from bot.errors import PathNotFound
from bot.implementations import (
    document_reader,
    file_reader,
    meaning_of,
    open_archival,
    open_embedder,
    open_model,
    remove_other_indexes,
    web_pages,
)
from bot.inbound.changes import Changes
from bot.inbound.histories import Histories
from bot.inbound.lanes import Lanes
from bot.inbound.receive import Receiver
from bot.inbound.rewording import Rewording
from bot.inbound.told_zones import ToldZones
from bot.inbound.waiting import Waiting
from bot.memory_rights.checkpoints import Checkpoints
from bot.memory_rights.erasing import Erasing
from bot.memory_rights.expiry import Expiry
from bot.memory_rights.exports import Exports
from bot.memory_rights.forgetting import Forgetting
from bot.memory_rights.reset_undo import ResetUndo
from bot.memory_rights.resets import Resets
from bot.memory_rights.undo import Undo
from bot.metering.budget_alert import BudgetAlert
from bot.metering.budgets import Budgets, Caps
from bot.metering.metrics import NO_METRICS, Metrics
from bot.minds.catalogue import Catalogue
from bot.minds.maker import MindMaker, ended, logged
from bot.minds.mind import Minds
from bot.registry import Command, Tool, discover
from bot.slash.command import Commands, Parts
from bot.tiers.auto_tier import AutoTier
from bot.timed.follow_ups import FollowUps
from bot.timed.heartbeats import Heartbeats, Rhythm
from bot.timed.reflection import Reflections
from bot.timed.reflection_timer import ReflectionTimer
from bot.timed.sweep import Sweep
from bot.turns.agenda import Agenda
from bot.turns.asking import Asking
from bot.turns.clocks import Clocks
from bot.turns.conductor import Conductor
from bot.turns.endings import Endings
from bot.turns.executor import Executor
from bot.turns.faults import Faults
from bot.turns.greeting import Greeting
from bot.turns.hearing import Hearing
from bot.turns.open_turn import Observe
from bot.turns.opening import Opening
from bot.turns.outage import Outage, Wait
from bot.turns.outage_told import OutageTold
from bot.turns.running import Running
from bot.turns.shelves import Shelves
from bot.turns.shut_out import ShutOut
from bot.turns.take_back import TurnHistory
from bot.turns.turn import Turns
from bot.turns.without_model import WithoutModel
from bot.turns.written_step import StepWriter
from config.settings import Settings, SettingsInvalid
from memory.archival.documents import Documents
from memory.archival.message_documents import MessageDocuments
from memory.core.agents import AgentStore
from memory.core.change_journal import ChangeJournal
from memory.data_dir import DataDir
from memory.erasing.changes import MessageChanges
from memory.erasing.erasure import Erasure
from memory.erasing.floors import Floors
from memory.erasing.forgetting import ForgettingStore
from memory.erasing.telling import Telling
from memory.overview import Overview
from memory.people.accounts import Accounts
from memory.people.audit import Audit
from memory.people.channels import Channels
from memory.people.known import People
from memory.people.told import BY_PLATFORM, Told
from memory.people.usage import UsageStore
from memory.recall.heard import Heard
from memory.recall.storage import RecallStorage
from memory.search.result_lists import ResultLists
from memory.sqlite.database import Database
from memory.turns.inbox import Inbox
from memory.turns.notices import NoticeStore
from memory.turns.outbox import OutboxStore
from memory.turns.timers import FOLLOW_UP, HEARTBEAT, REFLECTION, Timers
from memory.turns.turn_journal import TurnJournal

logger = logging.getLogger(__name__)

GRACE_S = 20.0
"""How long a running step may take to end, once the program is to end."""


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class App:
    """What a platform is served with."""

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
    checkpoints: Checkpoints
    resets: Resets
    reset_undo: ResetUndo
    channels: Channels
    database: Database
    told: Told
    sweep: Sweep
    expiry: Expiry
    timers: Timers
    erasing: Erasing

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
            told_once=lambda key: self.told.once(platform, BY_PLATFORM, key),
            compare=lambda stretch: self.histories.compare(platform, stretch),
            caught_up=self._caught_up,
        )

    async def resume(self, serves: Callable[[Address], bool] = lambda address: True) -> None:
        """Take up what an earlier process left: erasures, replies to be delivered, turns under way, events that wait.

        Args:
            serves: whether this process can deliver replies to an address.
        """
        await self.erasing.resume()  # first of all: what was erased is not to be answered, or delivered
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
    own = settings.bot_data_dir
    first_memory = first_memory_of(choices, own, settings.bot_persona)
    async with AsyncExitStack() as stack:
        data_dir = DataDir(settings.bot_data_dir, settings.database_path)
        data_dir.acquire()
        stack.callback(data_dir.release)
        models = AsyncExitStack()
        stack.push_async_callback(models.aclose)
        model = around_model(await open_model(settings))
        models.push_async_callback(model.close)
        backups = settings.bot_data_dir / "backups"
        database = await Database.open(settings.database_path, backups, now())
        stack.push_async_callback(database.close)
        floors = Floors(database, own)
        await floors.open()
        accounts, usage = Accounts(database), UsageStore(database)
        budgets = Budgets(accounts, _caps(settings), settings.zone, now)
        stack.push_async_callback(_settled, budgets, usage, now)

        counter = BpeTokenCounter()
        embedder = open_embedder(settings)
        stack.push_async_callback(embedder.close)
        agents_kept, recall = AgentStore(database), RecallStorage(database, meaning_of(embedder))
        stack.push_async_callback(recall.close)
        await asyncio.to_thread(remove_other_indexes, settings)
        archival = open_archival(settings, database, embedder, now, loaded=give_back_grpc)
        stack.push_async_callback(archival.close)
        tools = discover(bot.tools, Tool)
        maker = MindMaker(
            settings,
            choices,
            first_memory,
            tools,
            executor := Executor(tools),
            database,
            agents_kept,
            recall,
            archival,
            ResultLists(database),
            counter,
            embedder,
            budgets,
            around_model,
            models,
            now,
        )
        await maker.prepare()
        minds = Minds(await maker.usual(model), await maker.timed(), maker.chosen, is_fixed=choices.names_model)
        tier, shelves = minds.usual.tier, minds.usual.shelves
        inbox, journal, people = Inbox(database), TurnJournal(database), People(database)
        replies = OutboxStore(database)
        compares = [name for name, platform in platforms.items() if _compares(platform)]
        outbox = Outbox(replies, platforms, now, wait, metrics, compares=compares)
        max_bytes = settings.max_file_bytes
        files = Files(
            MessageDocuments(database, now),
            archival,
            file_reader(),
            settings.bot_data_dir / "incoming",
            max_bytes,
            wait,
        )
        stack.push_async_callback(files.close)
        reading = Reading(
            database,
            agents_kept,
            recall,
            inbox,
            minds,
            files,
            platforms,
            max_bytes=max_bytes,
        )
        timers, told = Timers(database, inbox), Told(database, now)
        follow_ups = FollowUps(
            timers,
            replies,
            people,
            settings.zone,
            is_everybodys="bot_timezone" in settings.model_fields_set,
            most=settings.follow_ups_per_person,
            most_unasked=settings.heartbeat_messages_per_day,
            quiet=settings.heartbeat_quiet_hours,
            idle=timedelta(days=settings.heartbeat_idle_days),
        )
        heartbeats = Heartbeats(
            timers,
            _rhythm(settings),
            settings.zone,
            budgets,
            is_busy=lambda scope: receiver.is_busy(scope),
            thinks=lambda scope: agents.thinks_apart(scope),
            chance=chance,
        )
        reflection_timer = ReflectionTimer(
            timers,
            settings.reflection_after_minutes,
            is_busy=lambda scope: receiver.is_busy(scope),
            thinks=lambda scope: agents.thinks_apart(scope),
        )
        clocks = Clocks(follow_ups, heartbeats, reflection_timer, expect=lambda due: sweep.expect(due))
        writer = StepWriter(
            database,
            shelves,
            inbox,
            journal,
            outbox,
            usage,
            minds,
            Greeting(people, now),
            heartbeats,
            clocks,
            now,
        )
        turns = Turns(
            agents_kept,
            minds,
            Asking(minds, reading),
            executor,
            writer,
            outbox,
            follow_ups=follow_ups,
            heartbeats=heartbeats,
            budget_alert=BudgetAlert(budgets, told),
            max_steps=settings.llm_max_steps,
            now=now,
            reading=reading,
            metrics=metrics,
        )
        agents = Agents(database, agents_kept, recall, minds, people, inbox, journal, first_memory, settings.zone, now)
        reflections = Reflections(
            database,
            shelves,
            inbox,
            journal,
            usage,
            accounts,
            minds,
            executor,
            follow_ups,
            most_a_day=settings.reflection_max_per_day,
            zone=settings.zone,
            now=now,
        )
        lanes = Lanes()
        recall.index_soon()
        starts = [minds.usual.model.warm_up(), archival.catch_up()]
        if isinstance(tier, AutoTier):
            starts.append(tier.ask_again())
        for start in starts:
            stack.push_async_callback(ended, asyncio.create_task(logged(start)))
        outage = Outage(lambda scope: receiver.go_on_after_outage(scope), wait, now)
        notices = Notices(NoticeStore(database), platforms, now, wait)
        waiting, channels = Waiting(settings.bot_max_waiting_messages), Channels(database)
        let_in_since = await people.policy_since(settings.bot_admission, now)
        admission = Admission(
            people,
            settings.bot_admission,
            settings.bot_owners,
            now,
            since=let_in_since,
            is_stranger=partial(_is_stranger, platforms),
        )
        agenda = Agenda(agents, waiting, journal, outage)
        opening = Opening(
            database,
            agents,
            recall,
            inbox,
            journal,
            minds,
            long_absence=timedelta(days=settings.heartbeat_idle_days),
            verifies_first=choices.verifies_first,
            now=now,
            metrics=metrics,
        )
        endings = Endings(
            database, agents, shelves, turns, agenda, inbox, journal, outage, notices, budgets, now, metrics
        )
        outage_told = OutageTold(outage, told, notices)
        without_model = WithoutModel(
            agenda,
            opening,
            endings,
            journal,
            outage,
            outage_told,
            retries_for=timedelta(hours=settings.llm_retry_hours),
            now=now,
            metrics=metrics,
        )
        conductor = Conductor(
            agents,
            agenda,
            Hearing(database, recall, inbox, minds, clocks, now),
            opening,
            Running(agents, opening, turns, reflections, agenda, outage, usage, observe, now),
            endings,
            Faults(agenda, endings, without_model),
            without_model,
            ShutOut(database, admission, inbox, waiting, agenda, outage),
            platforms,
            now=now,
            metrics=metrics,
        )
        receiver = Receiver(
            inbox,
            waiting,
            channels,
            admission,
            journal,
            outbox,
            notices,
            floors,
            agenda,
            conductor,
            outage_told,
            lanes,
            ToldZones(people, agents, lanes, follow_ups, now),
            now,
            wait,
            compares=compares,
        )
        sweep = Sweep(
            timers,
            {FOLLOW_UP: follow_ups.fire, HEARTBEAT: heartbeats.fire, REFLECTION: reflection_timer.fire},
            waiting,
            receiver.woken,
            platforms,
            now,
        )
        stack.push_async_callback(outbox.close, GRACE_S)
        stack.push_async_callback(notices.close)
        stack.push_async_callback(outage.close)
        stack.push_async_callback(receiver.close, GRACE_S)
        changed = MessageChanges(
            database, agents_kept, recall, archival, shelves.result_lists, inbox, journal, timers, now
        )
        changes = Changes(changed, waiting, recall, archival, Rewording(admission, channels), now)
        stack.push_async_callback(changes.tidy)
        forgotten = ForgettingStore(database, agents_kept, recall, archival, shelves.result_lists, changed, timers, now)
        expiry = Expiry(Overview(database), changes, _kept_for(settings), now)
        histories = Histories(Heard(database), changes)
        library = Library(Documents(database, now), archival, document_reader(), web_pages(settings))
        await _preload(library, settings)
        checkpoints = Checkpoints(database, agents, recall, archival, own, now)
        resets = Resets(database, agents, shelves, checkpoints, timers, now)
        reset_undo = ResetUndo(
            database,
            agents,
            shelves,
            checkpoints,
            timers,
            changes,
            floors,
            Telling(database, counter),
            _kept_for(settings),
            own,
            now,
        )
        exports = Exports(settings.database_path, own, lanes, now)
        await exports.clear()
        erasure = Erasure(
            database,
            agents_kept,
            recall,
            archival,
            floors,
            counter,
            own,
            now,
            hold=lambda scope, job: erasing.held(scope, job),
            resting=checkpoints.resting,
        )
        erasing = Erasing(erasure, floors, database, lanes, agents, waiting, people, usage, notices)
        stack.push_async_callback(erasing.close)
        parts = Parts(
            agents=agents,
            shelves=shelves,
            lanes=lanes,
            minds=minds,
            history=TurnHistory(database, agents, agents_kept, recall, archival, timers, now),
            checkpoints=checkpoints,
            library=library,
            people=people,
            channels=channels,
            inbox=inbox,
            journal=journal,
            replies=replies,
            usage=usage,
            budgets=budgets,
            wake=receiver.wake,
            catalogue=Catalogue(settings),
            own_words=own,
            admission=admission,
            resets=resets,
            reset_undo=reset_undo,
            forgetting=Forgetting(agents, shelves, forgotten, changes, timers, reset_undo, now),
            exports=exports,
            timers=timers,
            follow_ups=follow_ups,
            heartbeats=heartbeats,
            expect=sweep.expect,
            undo=Undo(database, agents, shelves, now),
            memory_changes=ChangeJournal(database),
            notices=notices,
            audit=Audit(database),
            overview=Overview(database),
            erasing=erasing,
            expiry=expiry,
        )
        general, owners = discover(bot.commands, Command), settings.bot_owners
        shared = {name: general[name] for name in ("memory", "help")}
        commands = Commands(general, "/agent ", parts, owners, now, breaks_glass=settings.bot_break_glass)
        in_chat = Commands(discover(bot.in_chat, Command) | shared, "/", parts, owners, now)
        yield App(
            agents,
            receiver,
            changes,
            histories,
            outbox,
            notices,
            commands,
            in_chat,
            shelves,
            lanes,
            library,
            checkpoints,
            resets,
            reset_undo,
            channels,
            database,
            told,
            sweep,
            expiry,
            timers,
            erasing,
        )


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


def _compares(platform: ChatPlatform) -> bool:
    return isinstance(platform, ComparesHistories) and platform.compares_histories


async def _is_stranger(platforms: Mapping[str, ChatPlatform], origin: Origin) -> bool:
    platform = platforms.get(origin.address.platform)
    return isinstance(platform, KnowsStrangers) and await platform.is_stranger(origin)


def _kept_for(settings: Settings) -> dict[str, timedelta]:
    """How long what was said is kept, by the kind of scope; one that is not named keeps it for ever."""
    days = {"dm": settings.bot_keep_direct_days, "channel": settings.bot_keep_channel_days}
    return {kind: timedelta(days=number) for kind, number in days.items() if number}


def _caps(settings: Settings) -> Caps:
    return Caps(
        per_person=settings.budget_tokens_per_user_day,
        in_all=settings.budget_tokens_per_day,
        timed_fraction=settings.budget_heartbeat_fraction,
    )


def _rhythm(settings: Settings) -> Rhythm:
    return Rhythm(
        minutes=settings.heartbeat_interval_minutes,
        idle=timedelta(days=settings.heartbeat_idle_days),
        quiet=settings.heartbeat_quiet_hours,
        messages_a_day=settings.heartbeat_messages_per_day,
    )


async def _settled(budgets: Budgets, usage: UsageStore, now: Callable[[], datetime]) -> None:
    """What calls of the model took is written down at the latest now, if the database takes it."""
    await budgets.settle_owed()
    await logged(usage.keep((), now()))
