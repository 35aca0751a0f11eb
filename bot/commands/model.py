"""/agent model."""

from collections.abc import Sequence
from functools import partial

from adapters.models.offered_models import OfferedModel, offered_as
from adapters.ports.errors import ServiceMissing
from bot.agent import Agent
from bot.errors import CommandRefused, ContextTooSmall
from bot.implementations import chosen_of
from bot.minds.mind import Mind
from bot.registry import command
from bot.slash.command import CommandContext
from bot.slash.permissions import For
from bot.text import one_line, verbatim
from config.words import WordsNotFound
from memory.core.agents import ChosenModel

DEFAULT = "default"
SHOWN = 40


async def _names(context: CommandContext) -> tuple[str, ...]:
    return (DEFAULT, *await context.parts.catalogue.names())


async def _known(context: CommandContext, name: str) -> str | None:
    """The name of a model, as the server writes it; what else somebody types stands nowhere."""
    if name.casefold() == DEFAULT:
        return DEFAULT
    try:
        return found.name if (found := _named(await context.parts.catalogue.look(), name)) is not None else None
    except ServiceMissing:
        return None


@command(may=For.OWNERS, suggest=_names, knows=_known)
async def model(context: CommandContext, name: str = "") -> str:
    """Show which language model I talk with, and which there are, or give me another: its name, or default."""
    if not name:
        return await _shown(context)
    if context.parts.minds.is_fixed:
        raise CommandRefused("My model was named when I was started (`--model`): start me without to choose another.")
    chosen = None if name.casefold() == DEFAULT else await _offered(context, name)
    if chosen is not None:
        try:
            await context.parts.minds.open(chosen)
        except (ServiceMissing, ContextTooSmall, WordsNotFound) as error:
            raise CommandRefused(f"I cannot talk with {chosen.name}: {error}") from None
    if chosen is not None or await context.parts.agents.find(context.scope) is not None:  # a choice needs an agent
        await context.in_lane(partial(_choose, context, chosen))
    return f"From my next answer on I talk with {await _told(context)}."


async def _offered(context: CommandContext, name: str) -> ChosenModel:
    """A model by its name."""
    try:
        models = await context.parts.catalogue.look()
    except ServiceMissing as error:
        raise CommandRefused(f"I cannot tell which models there are: {error}") from None
    if (found := _named(models, name)) is not None:
        return chosen_of(found)
    shown = f"\n{_table(models)}" if models else ""
    raise CommandRefused(f"The server offers no model {one_line(name, 80)!r}. It offers {len(models)}:{shown}")


def _named(models: Sequence[OfferedModel], name: str) -> OfferedModel | None:
    """The model of a name, as the server takes it or but for capitals."""
    but_for_capitals = (it for it in models if it.name.casefold() == name.casefold())
    return offered_as(name, models) or next(but_for_capitals, None)


async def _choose(context: CommandContext, chosen: ChosenModel | None, agent: Agent) -> None:
    await context.parts.agents.choose_model(agent, chosen)


async def _told(context: CommandContext) -> str:
    """The model as it is; who only looks needs no agent, so none is made."""
    agents = context.parts.agents
    record, mind = await agents.find(context.scope), await agents.mind_of(context.scope)
    is_own = record is not None and record.model is not None and not context.parts.minds.is_fixed
    whose = "chosen for this agent" if is_own else "the one of LLM_MODEL"
    return f"{_mind(mind)}; {whose}"


def _mind(mind: Mind) -> str:
    return f"{mind}, with a window of {mind.model.context_window:,} tokens"


async def _shown(context: CommandContext) -> str:
    lines = [f"I talk with {await _told(context)}."]
    try:
        models = await context.parts.catalogue.look()
        lines.append(
            f"The server offers {len(models)}; `/agent model NAME` gives me another, `default` that of LLM_MODEL:"
        )
        lines.append(_table(models))
    except ServiceMissing as error:
        lines.append(f"I cannot tell which others there are: {error}")
    return "\n".join(lines)


def _table(models: Sequence[OfferedModel]) -> str:
    rows = [f"{it.name}  {f'{it.window:,} tokens' if it.window else 'window not told'}" for it in models[:SHOWN]]
    more = [f"… and {len(models) - SHOWN} more"] if len(models) > SHOWN else []
    return verbatim("\n".join([*rows, *more]))
