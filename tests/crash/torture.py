"""A bot that serves twenty agents, killed at random moments while people write to it; and what is left of it.

What the seed decides is who says what, how long a bot lives and how long the model takes; when which of these meet is
decided by the machine.
"""

import asyncio
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from adapters.testing import ScriptedServer
from bot.turns.woken import BESIDE_OTHERS
from tests.crash.model import ObedientModel
from tests.crash.nursery import Nursery, nursery
from tests.crash.people import Conversation, conversations
from tests.crash.verdict import at_rest, calls_repeated_in_a_life, most_resumed, steps_kept, violations
from tests.platforms.socket_platform import SocketServer

MODEL_SLOWEST_S = 0.02
AT_START = 0.2
"""The part of bots that are killed while they start."""

AT_STOP = 0.1
"""The part of bots that are told to stop, and killed while they do."""

START_S, LIFE_S, STOP_S = 0.15, 0.4, 0.1
"""A bot that is killed at its start lives at most so long; another at most so long after its first sign of life, or
after it was told to stop."""

KILLED = {-signal.SIGKILL, -signal.SIGTERM, 0}
"""How a bot may end: by its own will if it stops before it is killed, and by SIGTERM before it takes note of that."""

MOST_AT_ONCE = 5
"""Messages that a person writes before an answer comes."""

RESTS_EVERY = 10
"""One bot in so many is let answer all that is left before people write to it again, and it is killed."""

REST_S = 60.0
"""So long it may take at most."""

SETTINGS = {
    "LLM_TIER": "tools",
    "LLM_CONTEXT_WINDOW": "8192",  # small enough that agents evict and summarize, too
    "EMBEDDING_MODEL": "letters",
    "BOT_MAX_WAITING_MESSAGES": "3",  # so that what is beyond is joined to what waits
}

_MENDED = re.compile("vector index mended|vector index was damaged")
_BAD_LINE = re.compile(r"Traceback|^\S+ \S+ (ERROR|CRITICAL)", re.MULTILINE)


@dataclass(slots=True)
class Figures:
    """What a run came to."""

    seed: int
    platform: str
    kills: int = 0
    at_start: int = 0
    """Kills before the bot showed any sign of life."""
    messages: int = 0
    replies: int = 0
    promises: int = 0
    """Follow-ups; with bots that are killed all the time, most come due while none is there, or are cut off."""
    told_again: int = 0
    """Events that the bot was told more than once."""
    sent_again: int = 0
    """Replies that it sent more than once, and that the platform dropped."""
    looked_up: int = 0
    """Replies that it looked for in the platform's history."""
    mended: int = 0
    """Starts at which the vector index was not as the database has it."""
    calls: int = 0
    needed: int = 0
    """Calls of the model that it would have taken without a kill."""
    busy: int = 0
    """Agents that were at work, over all kills."""
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)


async def torture(
    folder: Path, seed: int, kills: int, *, remembers_keys: bool, told: Callable[[Figures], None] = lambda so_far: None
) -> Figures:
    """Kill a bot so many times, let it come to rest, and look.

    Args:
        folder: where it keeps its things.
        seed: for what is said, and for how long bots live.
        kills: how many.
        remembers_keys: whether the platform drops what it was sent before; it has a history in any case.
        told: is told after each kill how it stands.
    """
    begun = time.monotonic()
    chance = Random(seed)
    figures = Figures(seed, "drops repeated keys" if remembers_keys else "has a history only")
    talks = conversations()
    async with SocketServer() as platform, nursery() as bots:
        platform.remembers_keys = remembers_keys
        model = ObedientModel(Random(seed), MODEL_SLOWEST_S, platform.stir)
        async with ScriptedServer(model) as server:
            settings = SETTINGS | {"OPENAI_BASE_URL": server.url}
            for life in range(kills):
                await bots.bear(folder, platform.port, settings | {"LLM_MODEL": f"life-{life}"})
                # One that is killed once more before its first step would be put aside, as it should be.
                is_near_its_end = most_resumed(folder / "data") >= BESIDE_OTHERS
                if life % RESTS_EVERY == RESTS_EVERY - 1 or is_near_its_end:
                    await _rest(talks, platform, figures)
                await _live(talks, platform, model, chance, figures)
                figures.busy += sum(_is_at_work(talk, platform) for talk in talks)
                if chance.random() < AT_STOP:
                    bots.terminate()
                    await asyncio.sleep(chance.uniform(0, STOP_S))
                bots.kill()
                if (code := await bots.ended()) not in KILLED:
                    figures.violations.append(f"bot {life} ended with {code}")
                await platform.gone()
                figures.kills += 1
                told(figures)
            await bots.bear(folder, platform.port, settings | {"LLM_MODEL": "last-life"})
            await _rest(talks, platform, figures)
            await at_rest(folder / "data", REST_S)
            await platform.connected()
            await _end(bots, figures)
    figures.messages = sum(len(talk.said) for talk in talks)
    figures.replies = sum(map(len, platform.seen.values()))
    figures.promises = sum(len(talk.promised) for talk in talks)
    figures.told_again, figures.sent_again = platform.told_again, platform.sent_again
    figures.looked_up = platform.looked_up
    figures.calls = sum(map(len, model.calls.values()))
    figures.needed = steps_kept(folder / "data") + sum(key[0] == "summary" for key in model.calls)
    figures.violations += await violations(folder / "data", talks, platform) + calls_repeated_in_a_life(model)
    if figures.calls > figures.needed + figures.busy:
        figures.violations.append("more calls of the model than a kill can cost")
    log = folder / "log"
    figures.mended = len(_MENDED.findall(log.read_text()))
    figures.violations += bad_lines(log)
    figures.seconds = time.monotonic() - begun
    return figures


async def _live(
    talks: list[Conversation], platform: SocketServer, model: ObedientModel, chance: Random, figures: Figures
) -> None:
    """Let people write, and a bot live for a while."""
    if chance.random() < AT_START:
        _write(talks, platform, chance)
        await asyncio.sleep(chance.uniform(0, START_S))
        figures.at_start += 1
        return
    signs = _signs(platform, model)
    until = asyncio.create_task(platform.until(lambda: _signs(platform, model) > signs))
    _write(talks, platform, chance)
    await until
    ends_at = time.monotonic() + chance.uniform(0, LIFE_S)
    while (left := ends_at - time.monotonic()) > 0:
        await asyncio.sleep(min(left, 0.05))
        _write(talks, platform, chance)


def _signs(platform: SocketServer, model: ObedientModel) -> int:
    """Goes up with whatever a bot does."""
    return len(platform.acknowledged) + sum(map(len, platform.seen.values())) + sum(map(len, model.calls.values()))


def _write(talks: list[Conversation], platform: SocketServer, chance: Random) -> None:
    """Some who wait for nothing write something: one message, or several at once."""
    for talk in talks:
        if not talk.is_busy(platform) and chance.random() < 0.8:
            for _ in range(chance.randint(1, MOST_AT_ONCE) if chance.random() < 0.4 else 1):
                talk.write(platform, chance)


def _is_at_work(talk: Conversation, platform: SocketServer) -> bool:
    """Whether something is still to come of it."""
    return talk.is_busy(platform) or talk.is_promised(platform)


async def _rest(talks: list[Conversation], platform: SocketServer, figures: Figures) -> None:
    try:
        await platform.until(lambda: not any(_is_at_work(talk, platform) for talk in talks), REST_S)
    except TimeoutError:
        waiting = [talk.place for talk in talks if _is_at_work(talk, platform)]
        figures.violations.append(f"no answer for {', '.join(waiting)}")


async def _end(bots: Nursery, figures: Figures) -> None:
    bots.terminate()
    if (code := await bots.ended()) != 0:
        figures.violations.append(f"the last bot ended with {code}")


def bad_lines(log: Path) -> list[str]:
    """What stands in the log of bots that only ever were killed, and should not."""
    text = log.read_text()
    found = list(_BAD_LINE.finditer(text))
    return [f"log: {text[match.start() : match.start() + 600]}" for match in found[:3]]
