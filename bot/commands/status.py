"""/agent status."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.agent import Agent
from bot.events import local_time
from bot.metering.charges import Charge
from bot.metering.usage_text import told_budgets, told_usage
from bot.registry import command
from bot.slash.agent_text import told_pause
from bot.slash.command import CommandContext
from bot.text import counted, one_line
from memory.recall.compactions import Evictions

INSPECTING = "admin inspect"
"""What the audit calls a look at somebody's memory."""


@command
async def status(context: CommandContext) -> str:
    """Show how I am: model, memory, window, usage, clock."""
    parts, zone = context.parts, await context.zone()
    record = await parts.agents.find(context.scope)
    lines = [
        f"- Agent: {context.scope}"
        + (f", preset {record.preset}, since {local_time(record.created_at, zone)}" if record else ", not yet made"),
        f"- Model: {await parts.agents.mind_of(context.scope)}",
        f"- Kept: {_kept(context)}",
    ]
    if record is not None:
        lines += await context.in_lane(lambda agent: _memory(context, agent, zone))
        lines += await _usage(context, record.id)
        lines += await _delivery(context, record.id, zone)
    lines += await _put_aside(context, zone)
    lines += await _looked_at(context, zone)
    return "\n".join([*lines, f"- Clock: {local_time(context.now, zone)} in {zone.key}"])


def _kept(context: CommandContext) -> str:
    """How long what is said here is kept."""
    age = context.parts.rights.expiry.kept_for(context.scope)
    if age is None:
        return "what is said here, until somebody deletes, resets or erases it"
    return f"what is said here, for {counted(age // timedelta(days=1), 'day')}"


async def _memory(context: CommandContext, agent: Agent, zone: ZoneInfo) -> list[str]:
    mind = context.parts.minds.of(agent)
    shelves, used = mind.shelves, mind.queue_manager.tokens(agent)
    window = shelves.room.window
    messages, notes = await shelves.recall.count(agent.id), await shelves.archival.count(agent.id)
    core = sum(shelves.counter.count(block.value) for block in agent.core)
    evictions = await mind.queue_manager.evictions(agent.id)
    pressure = "; I was told that it is nearly full" if agent.warned else ""
    return [
        *(f"- {told}" for told in told_pause(agent, zone)),
        f"- Window: {used} of {window} tokens ({round(100 * used / window)} %), {len(agent.queue)} entries "
        f"{'behind a summary of what came before' if agent.summary else 'and no summary yet'}{pressure}",
        f"- Memory: {core} tokens of core memory; {messages} messages and {notes} notes to search",
        f"- Evictions: {_told(evictions)}",
    ]


async def _usage(context: CommandContext, agent_id: int) -> list[str]:
    usage, budgets = context.parts.stores.usage, context.parts.budgets
    today, in_all = await usage.sum(agent_id, budgets.midnight()), await usage.sum(agent_id)
    lines = [f"- Used today: {told_usage(today)}", f"- Used in all: {told_usage(in_all)}"]
    caps = await budgets.used(Charge(agent_id, context.scope, context.author, is_timed=True))
    return [*lines, f"- Budgets of today: {told_budgets(caps)}"] if caps else lines


def _told(evictions: Evictions) -> str:
    if not evictions.total:
        return "none yet"
    saved = f"; after {evictions.saved} of these warnings I saved something in time" if evictions.warned else ""
    return f"{evictions.total}, {evictions.warned} with a warning before{saved}"


async def _put_aside(context: CommandContext, zone: ZoneInfo) -> list[str]:
    """Messages that got no answer, and will get none."""
    parked = await context.parts.stores.inbox.parked_of(context.scope)
    if not parked:
        return []
    newest = parked[0]
    when = local_time(newest.received_at, zone)
    return [f"- Put aside: {counted(len(parked), 'message')}; the last, of {when}: {one_line(newest.reason, 200)}"]


async def _delivery(context: CommandContext, agent_id: int, zone: ZoneInfo) -> list[str]:
    """What is late, and what was not delivered."""
    lines = []
    since = await context.parts.stores.journal.failing_since(agent_id)
    if since is not None:
        lines.append(f"- A message waits for the language model since {local_time(since, zone)}")
    waiting, lost = (
        await context.parts.stores.replies.waiting_of(agent_id),
        await context.parts.stores.replies.lost_of(agent_id),
    )
    if waiting.oldest is not None:
        lines.append(f"- On their way: {_replies(waiting.count)}, the oldest since {local_time(waiting.oldest, zone)}")
    for is_doubtful, told in ((False, "not delivered"), (True, "perhaps delivered, perhaps not")):
        if some := [reply for reply in lost if reply.is_doubtful == is_doubtful]:
            last = f"the last, of {local_time(some[-1].created_at, zone)}: {one_line(some[-1].fault, 200)}"
            lines.append(f"- {_replies(len(some))} {told}; {last}")
    return lines


async def _looked_at(context: CommandContext, zone: ZoneInfo) -> list[str]:
    """That owners have looked into one's own direct messages."""
    if not context.origin.is_direct:
        return []
    times, last = await context.parts.stores.audit.of_scope(context.scope, INSPECTING)
    if last is None:
        return []
    return [f"- Looked at by owners: {counted(times, 'time')}, the last at {local_time(last.at, zone)} by {last.who}"]


def _replies(count: int) -> str:
    return "1 reply" if count == 1 else f"{count} replies"
