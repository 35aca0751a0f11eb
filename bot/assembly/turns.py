"""What runs turns: how one is opened, thinks, is written and ends, and what becomes of it without the model."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.assembly.alarms import Alarms
from bot.assembly.ground import Ground
from bot.documents.reading import Reading
from bot.metering.budget_alert import BudgetAlert
from bot.timed.reflection import Reflections
from bot.turns.agenda import Agenda
from bot.turns.asking import Asking
from bot.turns.clocks import Clocks
from bot.turns.conductor import Conductor
from bot.turns.endings import Endings
from bot.turns.faults import Faults
from bot.turns.greeting import Greeting
from bot.turns.hearing import Hearing
from bot.turns.open_turn import Observe
from bot.turns.opening import Opening
from bot.turns.outage import Outage
from bot.turns.outage_told import OutageTold
from bot.turns.running import Running
from bot.turns.shut_out import ShutOut
from bot.turns.turn import Turns
from bot.turns.without_model import WithoutModel
from bot.turns.written_step import StepWriter


@dataclass(frozen=True, slots=True)
class TurnParts:
    """What others use of it."""

    agenda: Agenda
    conductor: Conductor
    outage_told: OutageTold


def turn_parts_of(
    ground: Ground,
    alarms: Alarms,
    reading: Reading,
    outage: Outage,
    observe: Callable[[str], Observe | None],
    expect: Callable[[datetime], None],
) -> TurnParts:
    """Make them.

    Args:
        ground: what they stand on.
        alarms: are set by turns.
        reading: reads the files that came with messages.
        outage: those of the model.
        observe: who is told of an agent's steps, by its scope.
        expect: is told when an alarm is due, once that is committed.
    """
    settings, stores, agents, minds = ground.settings, ground.stores, ground.agents, ground.minds
    now, metrics = ground.now, ground.metrics
    clocks = Clocks(alarms.follow_ups, alarms.heartbeats, alarms.reflection_timer, expect)
    writer = StepWriter(
        stores, ground.counter, ground.outbox, minds, Greeting(stores.people, now), alarms.heartbeats, clocks, now
    )
    turns = Turns(
        stores.agents,
        minds,
        Asking(minds, reading),
        ground.executor,
        writer,
        ground.outbox,
        follow_ups=alarms.follow_ups,
        heartbeats=alarms.heartbeats,
        budget_alert=BudgetAlert(ground.budgets, stores.told),
        max_steps=settings.llm_max_steps,
        now=now,
        reading=reading,
        metrics=metrics,
    )
    reflections = Reflections(
        stores,
        ground.shelves,
        minds,
        ground.executor,
        alarms.follow_ups,
        most_a_day=settings.reflection_max_per_day,
        zone=settings.zone,
        now=now,
    )
    agenda = Agenda(agents, ground.waiting, stores.journal, outage)
    opening = Opening(
        stores,
        agents,
        minds,
        long_absence=timedelta(days=settings.heartbeat_idle_days),
        verifies_first=ground.choices.verifies_first,
        now=now,
        metrics=metrics,
    )
    endings = Endings(stores, agents, turns, agenda, outage, ground.notices, ground.budgets, now, metrics)
    outage_told = OutageTold(outage, stores.told, ground.notices)
    without_model = WithoutModel(
        agenda,
        opening,
        endings,
        stores.journal,
        outage,
        outage_told,
        retries_for=timedelta(hours=settings.llm_retry_hours),
        now=now,
        metrics=metrics,
    )
    conductor = Conductor(
        agents,
        agenda,
        Hearing(stores, minds, clocks, now),
        opening,
        Running(agents, opening, turns, reflections, agenda, outage, stores.usage, observe, now),
        endings,
        Faults(agenda, endings, without_model),
        without_model,
        ShutOut(stores.database, ground.admission, stores.inbox, ground.waiting, agenda, outage),
        ground.platforms,
        now=now,
        metrics=metrics,
    )
    return TurnParts(agenda, conductor, outage_told)
