"""/agent followups."""

import re
from zoneinfo import ZoneInfo

from bot.errors import CommandRefused
from bot.events import local_time
from bot.registry import command
from bot.slash.command import CommandContext
from bot.text import one_line
from memory.turns.outbox import Delivery
from memory.turns.timers import WAITING, Run, RunState, Timer

MAX_NOTE_CHARS = 200

RESTS = ". It rests until you write to me, as what I said could not be delivered"


async def _cancelling(context: CommandContext) -> list[str]:
    agent_id = await context.parts.agents.id_of(context.scope)
    mine = await _mine(context, agent_id) if agent_id is not None else ()
    return [f"cancel {timer.id}" for timer in mine if timer.state == WAITING]


@command(suggest=_cancelling)
async def followups(context: CommandContext, what: str = "") -> str:
    """Show what I am to come back to, and what came of it; `cancel N` takes one off."""
    agent_id = await context.parts.agents.id_of(context.scope)
    mine = await _mine(context, agent_id) if agent_id is not None else ()
    if agent_id is not None and what:
        return await _cancel(context, agent_id, mine, what)
    if not mine:
        return "There is nothing that I am to come back to. Ask me to remind you of something."
    zone = await context.zone()
    waiting = [timer for timer in mine if timer.state == WAITING]
    rests = context.parts.follow_ups.rests
    lines = [_waiting(timer, zone) + (RESTS if await rests(timer) else "") for timer in waiting] or ["Nothing waits."]
    if fired := [timer for timer in mine if timer.fires]:
        runs = await context.parts.stores.timers.runs_of(fired)
        turns = [run.turn_id for run in runs.values() if run.turn_id is not None]
        deliveries = await context.parts.stores.replies.deliveries_of(turns)
        lines.append("\nLately:")
        for timer in fired:
            run = runs.get(timer.id)
            of_turn = deliveries.get(run.turn_id or 0, ()) if run is not None else ()
            lines.append(_fired(timer, run, of_turn, zone))
    return "\n".join(lines)


async def _mine(context: CommandContext, agent_id: int) -> tuple[Timer, ...]:
    """What somebody may see: all of their own agent's, of a channel's those that were set for them."""
    found = await context.parts.stores.timers.follow_ups(agent_id)
    return tuple(timer for timer in found if context.origin.is_direct or timer.person == context.author)


async def _cancel(context: CommandContext, agent_id: int, mine: tuple[Timer, ...], what: str) -> str:
    named = re.fullmatch(r"cancel\s+#?(\d{1,18})", what.strip(), re.IGNORECASE)
    if named is None:
        raise CommandRefused("Usage: `/agent followups` or `/agent followups cancel N`.")
    id_ = int(named[1])
    if id_ not in {timer.id for timer in mine}:
        raise CommandRefused(f"There is no follow-up {id_} of yours here.")
    if not await context.parts.stores.timers.end(agent_id, [id_], context.now):
        raise CommandRefused(f"The follow-up {id_} has come already.")
    return f"The follow-up {id_} is cancelled."


def _waiting(timer: Timer, zone: ZoneInfo) -> str:
    again = f", again by `{timer.repeat}`" if timer.repeat is not None else ""
    return f"- {timer.id}: {local_time(timer.due_at, zone)}{again}: {one_line(timer.note, MAX_NOTE_CHARS)}"


def _fired(timer: Timer, run: Run | None, deliveries: tuple[Delivery, ...], zone: ZoneInfo) -> str:
    at = local_time(timer.fired_at, zone) if timer.fired_at is not None else "some time ago"
    return f"- {timer.id}: {at}: {one_line(timer.note, MAX_NOTE_CHARS)} — {_outcome(run, deliveries)}"


def _outcome(run: Run | None, deliveries: tuple[Delivery, ...]) -> str:
    """What came of it: whether I thought of it, and, which is another thing, whether it was delivered."""
    if run is None:
        return "done"
    if run.state is RunState.PARKED:
        return f"put aside: {one_line(run.reason or 'nobody knows why', 200)}"
    for state, told in (
        ("dead", "not delivered"),
        ("doubtful", "perhaps delivered, perhaps not"),
        ("waiting", "on its way"),
        ("sending", "on its way"),
    ):
        if found := [delivery for delivery in deliveries if delivery.state == state]:
            tries = f" after {found[0].attempts} tries" if found[0].attempts else ""
            return f"{told}{tries}{f': {one_line(found[0].fault, 200)}' if found[0].fault else ''}"
    if deliveries:
        return "delivered"
    if run.state is RunState.DONE:
        return "I had nothing to say to it"
    return "I am at it" if run.state is RunState.TAKEN else "about to be looked at"
