"""/agent persona."""

from bot.agent import Agent
from bot.errors import CommandRefused
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For
from bot.text import verbatim
from config.words import WordsNotFound, persona_names
from config.words import persona as persona_named
from memory.ports import CoreMemoryFault

LABEL = "persona"


async def _personas(context: CommandContext) -> tuple[str, ...]:
    return persona_names(context.parts.own_words)


@command(may=For.CHANGES_MODERATED, suggest=_personas)
async def persona(context: CommandContext, name: str = "") -> str:
    """Show who I am, or make me somebody else: the name of a persona."""
    own = context.parts.own_words
    if not name:
        shown = await context.in_lane(_persona_of)
        return f"{verbatim(shown or '(empty)')}\nThere are these personas: {', '.join(persona_names(own))}."
    try:
        text = persona_named(name, own)
    except WordsNotFound as error:
        raise CommandRefused(str(error)) from None

    async def change(agent: Agent) -> None:
        counter = context.parts.shelves.counter
        edited = agent.core.rewrite(LABEL, text, counter)
        await context.parts.agents.edit_core(agent, LABEL, edited, author=context.author, reason="/agent persona")

    try:
        await context.in_lane(change)
    except CoreMemoryFault as fault:
        raise CommandRefused(f"I cannot become that: {fault}") from None
    return f"I am now:\n{verbatim(text)}"


async def _persona_of(agent: Agent) -> str:
    return agent.core.block(LABEL).value
