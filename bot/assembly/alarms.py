"""What wakes agents by itself: follow-ups, heartbeats, and the timer of reflections."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.assembly.ground import Ground
from bot.timed.follow_ups import FollowUps
from bot.timed.heartbeats import Heartbeats, Rhythm
from bot.timed.reflection_timer import ReflectionTimer
from bot.timed.sweep import Fires
from memory.turns.timers import FOLLOW_UP, HEARTBEAT, REFLECTION


@dataclass(frozen=True, slots=True)
class Alarms:
    """One of each kind."""

    follow_ups: FollowUps
    heartbeats: Heartbeats
    reflection_timer: ReflectionTimer

    @property
    def fires(self) -> Mapping[str, Fires]:
        """What becomes of a timer that is due, by its kind."""
        return {
            FOLLOW_UP: self.follow_ups.fire,
            HEARTBEAT: self.heartbeats.fire,
            REFLECTION: self.reflection_timer.fire,
        }


def alarms_of(ground: Ground, chance: Callable[[], float]) -> Alarms:
    """Those that the settings want; `chance`: a number from 0 to 1, another one each time."""
    settings, stores, thinks = ground.settings, ground.stores, ground.agents.thinks_apart
    idle = timedelta(days=settings.heartbeat_idle_days)
    follow_ups = FollowUps(
        stores.timers,
        stores.replies,
        stores.people,
        settings.zone,
        is_everybodys="bot_timezone" in settings.model_fields_set,
        most=settings.follow_ups_per_person,
        most_unasked=settings.heartbeat_messages_per_day,
        quiet=settings.heartbeat_quiet_hours,
        idle=idle,
    )
    rhythm = Rhythm(
        minutes=settings.heartbeat_interval_minutes,
        idle=idle,
        quiet=settings.heartbeat_quiet_hours,
        messages_a_day=settings.heartbeat_messages_per_day,
    )
    heartbeats = Heartbeats(
        stores.timers,
        rhythm,
        settings.zone,
        ground.budgets,
        is_busy=ground.is_busy,
        thinks=thinks,
        chance=chance,
    )
    minutes = settings.reflection_after_minutes
    return Alarms(follow_ups, heartbeats, ReflectionTimer(stores.timers, minutes, ground.is_busy, thinks))
