"""/attach."""

import asyncio
import shlex

from bot.agent import Agent
from bot.documents.document_files import leads_somewhere
from bot.documents.library import loaded_alert
from bot.errors import CommandRefused, PathNotFound
from bot.registry import command
from bot.slash.command import CommandContext
from bot.text import counted
from memory.ports import Source


@command
async def attach(context: CommandContext, what: str = "") -> str:
    """Give me documents: files, a folder, a pattern, or a source that is loaded already; without it: list them."""
    library = context.parts.library
    agent_id = await context.in_lane(_id_of)
    if not what:
        return _listed(await library.sources(), {source.name for source in await library.sources(agent_id)})
    if what in {source.name for source in await library.sources()}:
        is_new = await library.attach(agent_id, what)
        return f"I {'can now' if is_new else 'could already'} search the documents of {what!r}."
    try:
        loaded = await library.load(await asyncio.to_thread(_paths, what), None, agent_id)
    except PathNotFound as error:
        raise CommandRefused(f"{error} No source has that name either.") from None
    if loaded.is_news:
        await context.in_lane(lambda agent: context.parts.agents.tell(agent, loaded_alert(loaded, context.now)))
    faults = "".join(f"\n- {fault}" for fault in loaded.faults)
    if not loaded.outcomes:
        raise CommandRefused(f"Nothing was found that I can read.{faults}")
    return f"{loaded.told}. I can now search the documents of {loaded.source!r}.{faults}"


def _paths(written: str) -> list[str]:
    """One path or pattern, which may hold blanks; or several, quoted where they do. Blocking."""
    if leads_somewhere(written):
        return [written]
    try:
        return shlex.split(written)
    except ValueError as error:  # a quote that does not close
        raise CommandRefused(f"I cannot read these paths: {error}.") from None


def _listed(sources: tuple[Source, ...], attached: set[str]) -> str:
    lines = [
        f"- {source.name}: {counted(source.documents, 'document')}{' (attached)' if source.name in attached else ''}"
        for source in sources
    ]
    return "\n".join(lines) or "There are no documents yet. `/attach PATH` loads some."


async def _id_of(agent: Agent) -> int:
    return agent.id
