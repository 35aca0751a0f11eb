"""`python -m bot run`: every platform, until a signal says stop.

At the start what an earlier run left is taken up. At the end nothing new is begun; running steps are let finish, and
what they say is delivered while the platforms are still connected. What arrives meanwhile is kept for the next start.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from adapters.ports.messages import Address
from adapters.ports.platform import ChatPlatform
from bot.app import App, open_app, utc_now
from bot.choices import Choices
from bot.metering.measured_model import MeasuredModel
from bot.metering.metrics import OUTCOMES, Metrics, NoMetrics
from bot.process.health import Health
from bot.process.scheduler import Scheduler
from bot.process.supervisor import Supervisor
from bot.process.tidy import tidy_as_ever
from config.settings import Settings
from memory.sqlite.pulse import Pulse
from memory.turns.outbox import OutboxStore

logger = logging.getLogger(__name__)

GRACE_S = 20.0
"""From the signal to the end: three quarters for the steps, then the replies, then the connections."""

DISCONNECT_S = 2.0

PATIENCE_S = 10.0
"""How much longer than the grace the end may take before the process is ended as it stands."""

Wait = Callable[[float], Awaitable[None]]


async def serve(
    settings: Settings,
    platforms: Mapping[str, ChatPlatform],
    choices: Choices | None = None,
    *,
    stop: asyncio.Event | None = None,
    grace_s: float = GRACE_S,
    wait: Wait = asyncio.sleep,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Serve until told to stop.

    Args:
        settings: what the operator set.
        platforms: by name.
        choices: what new agents are made of.
        stop: says so; without it, SIGTERM and SIGINT do.
        grace_s: how long running steps may take then.
        wait: lets so many seconds pass, between attempts and between days.
        now: the clock.

    Raises:
        ServiceMissing: the model is not there, the health port is taken, or not one platform can be served.
        StorageUnavailable: as `open_app`, and so the others that it raises.
    """
    if stop is None:
        stop = asyncio.Event()
        _stop_on_signals(stop, grace_s)
    health = Health()
    async with AsyncExitStack() as stack:
        metrics = await stack.enter_async_context(_watched(settings, health))
        measured = partial(MeasuredModel, metrics=metrics)
        chosen = choices or Choices(settings.bot_preset)
        app = await stack.enter_async_context(
            open_app(settings, platforms, chosen, around_model=measured, metrics=metrics, now=now, wait=wait)
        )
        await stack.enter_async_context(_beating(app, health, now))
        supervisor = Supervisor(platforms, app.intake, metrics=metrics, wait=wait)
        await app.resume(lambda address: address.platform in platforms)
        health.supervisor = supervisor
        scheduler = Scheduler(app.sweep, now, daily=partial(_keep_up, app, now, settings.bot_data_dir))
        await stack.enter_async_context(scheduler.awake())
        logger.info("serving platforms=%s", ",".join(platforms))
        await _run(supervisor, app, stop, health, grace_s)
    logger.info("stopped")


async def _keep_up(app: App, now: Callable[[], datetime], data_dir: Path) -> None:
    """What is done daily: what is over is forgotten, what is older than it is to be kept, what was reset for good."""
    await tidy_as_ever(app.stores.database, now, data_dir)
    await app.rights.expiry.as_ever()
    await app.rights.reset_undo.as_ever()


async def _run(supervisor: Supervisor, app: App, stop: asyncio.Event, health: Health, grace_s: float) -> None:
    """Run the platforms until told to stop, or until none is left; then end what is under way."""
    serving = asyncio.create_task(supervisor.run(), name="platforms")
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
        health.is_stopping = True
        await _wind_down(app, grace_s)
    finally:
        stopped.cancel()
        serving.cancel()
        await asyncio.wait([serving, stopped], timeout=DISCONNECT_S)
    if not serving.done():
        logger.warning("a platform does not let go of its connection")
    elif not serving.cancelled():
        serving.result()


async def _wind_down(app: App, grace_s: float) -> None:
    """Let steps end, and what they said be heard; each may take three quarters of the time that is left."""
    ends_at = asyncio.get_running_loop().time() + grace_s

    def share_s() -> float:
        return max(0.0, 0.75 * (ends_at - asyncio.get_running_loop().time()))

    # Each step has something to write down, one after the other: so long nobody else may lock the database.
    hurrying = asyncio.get_running_loop().call_later(grace_s / 2, app.stores.database.hurry)
    try:
        await app.receiver.close(share_s())
        with suppress(TimeoutError):
            async with asyncio.timeout(share_s()):
                for place in await OutboxStore(app.stores.database).addresses():
                    await app.outbox.settled(Address(*place))
        await app.outbox.close(share_s())
    finally:
        hurrying.cancel()


@asynccontextmanager
async def _watched(settings: Settings, health: Health) -> AsyncIterator[Metrics]:
    """The endpoints of health, where the operator wants them."""
    if settings.bot_health_port is None:
        yield NoMetrics()
        return
    from adapters.health import health_server
    from adapters.metrics import PrometheusMetrics

    metrics = PrometheusMetrics(health.gauges, health.platforms, OUTCOMES)
    async with health_server(
        settings.bot_health_host,
        settings.bot_health_port,
        faults=health.faults,
        unready=health.unready,
        platforms=health.platforms,
        metrics=metrics.text,
    ):
        yield metrics


@asynccontextmanager
async def _beating(app: App, health: Health, now: Callable[[], datetime]) -> AsyncIterator[None]:
    """Watch the database, and leave it alone before it is closed."""
    pulse = health.pulse = Pulse(app.stores.database, now)
    try:
        yield
    finally:
        health.pulse = None
        await pulse.end()


def _stop_on_signals(stop: asyncio.Event, grace_s: float) -> None:
    """Let the first signal say stop; a second one does what it does to any process."""
    loop, signals = asyncio.get_running_loop(), (signal.SIGTERM, signal.SIGINT)

    def told(number: signal.Signals) -> None:
        if stop.is_set():  # it came while the first was on its way to us
            signal.raise_signal(number)
        for each in signals:
            signal.signal(each, signal.SIG_DFL)
        stop.set()
        last_resort = threading.Timer(grace_s + PATIENCE_S, _end_at_once)
        last_resort.daemon = True
        last_resort.start()
        logger.info("stopping at %s; a second one ends the process at once", number.name)

    for each in signals:
        loop.add_signal_handler(each, told, each)


def _end_at_once() -> None:
    """Whatever hangs, the process ends: all that matters is on disk."""
    sys.stderr.write("did not stop in time; ended as it stood\n")
    os._exit(1)
