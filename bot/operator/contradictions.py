"""Settings that can be used each, and together leave nothing of what one of them is for (pure)."""

from collections.abc import Iterator
from datetime import timedelta

from bot.timed.heartbeats import JITTER, most_minutes
from config.settings import EMBEDDED, QuietHours, Settings

_DAY = timedelta(days=1)


def contradictions(settings: Settings) -> tuple[str, ...]:
    """A line for each, with the settings by name."""
    return (*_of_heartbeats(settings), *_of_timed_events(settings), *_of_documents(settings))


def _of_heartbeats(settings: Settings) -> Iterator[str]:
    every = timedelta(minutes=settings.heartbeat_interval_minutes)
    if not every:
        return
    name = f"HEARTBEAT_INTERVAL_MINUTES={settings.heartbeat_interval_minutes}"
    idle = timedelta(days=settings.heartbeat_idle_days)
    if settings.heartbeat_interval_minutes > (most := most_minutes(idle)):
        which = "no heartbeat ever comes" if every > idle else "not every heartbeat comes"
        yield f"{name} is too long for HEARTBEAT_IDLE_DAYS={settings.heartbeat_idle_days:g}, so {which}: {most} at most"
    if settings.heartbeat_messages_per_day == 0:
        yield f"{name} with HEARTBEAT_MESSAGES_PER_DAY=0: no heartbeat ever comes"
    if _awake(settings.heartbeat_quiet_hours) <= every * JITTER:
        start, end = settings.heartbeat_quiet_hours
        hours = f"{start:%H:%M}-{end:%H:%M}"
        yield f"HEARTBEAT_QUIET_HOURS={hours} leave too little of a day for {name}: heartbeats come by chance, or never"


def _of_timed_events(settings: Settings) -> Iterator[str]:
    """What stands against heartbeats and reflections alike; follow-ups are said by code, if by nothing else."""
    timed = {
        "HEARTBEAT_INTERVAL_MINUTES": settings.heartbeat_interval_minutes,
        "REFLECTION_AFTER_MINUTES": settings.reflection_after_minutes,
    }
    on = " and ".join(f"{name}={minutes}" for name, minutes in timed.items() if minutes)
    if not on:
        return
    has_caps = settings.budget_tokens_per_day or settings.budget_tokens_per_user_day
    if has_caps and settings.budget_heartbeat_fraction == 0:
        yield f"BUDGET_HEARTBEAT_FRACTION=0 leaves nothing for {on}"
    is_demo = settings.llm_model == EMBEDDED
    if (is_demo or settings.llm_tier == "text") and settings.llm_model_timed is None:
        yield f"LLM_{'MODEL=embedded' if is_demo else 'TIER=text'}: a model that only writes text is no use for {on}"


def _of_documents(settings: Settings) -> Iterator[str]:
    pages = [path for path in settings.memory_preload if path.lower().startswith(("http://", "https://"))]
    if pages and not settings.bot_web_pages:
        yield "MEMORY_PRELOAD names pages of the web, and BOT_WEB_PAGES is not true: the bot does not start"


def _awake(quiet: QuietHours) -> timedelta:
    """How much of a day is not quiet."""
    start, end = (timedelta(hours=at.hour, minutes=at.minute) for at in quiet)
    return _DAY - (end - start) % _DAY
