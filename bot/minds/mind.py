"""Minds: a language model each, with all that goes by it; and which of them an agent is put before.

An agent has the mind of the settings' model, or of its own (`/agent model`). What nobody but the clock asks for may go
to a cheaper one (`LLM_MODEL_TIMED`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from adapters.ports.errors import ServiceMissing
from adapters.ports.model import LanguageModel
from bot.agent import Agent
from bot.context.main_context import ContextCompiler
from bot.context.priming import PrimingSummarizer
from bot.context.queue_manager import QueueManager
from bot.errors import ContextTooSmall
from bot.tiers.ports import Tier
from bot.turns.shelves import Shelves
from config.words import WordsNotFound
from memory.core.agents import ChosenModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mind:
    """A model, and what goes by what it can do and by how much it can be shown at once.

    Attributes:
        model: answers.
        shelves: the stores, with the shares of its window.
        compiler: makes its prompts.
        queue_manager: keeps agents inside its window.
        tier: the way in which it is spoken to.
        priming: writes primers.
        most_images: that it is shown in a turn.
        runs_on: where, in words for people.
        told_tier: the name of that way, as it is now.
    """

    model: LanguageModel
    shelves: Shelves
    compiler: ContextCompiler
    queue_manager: QueueManager
    tier: Tier
    priming: PrimingSummarizer
    most_images: int
    runs_on: str
    told_tier: Callable[[], str]

    def __str__(self) -> str:
        return f"{self.model.name}, spoken to in the {self.told_tier()} tier"

    def has_room_for(self, agent: Agent) -> bool:
        """Whether an agent's prompt, as it is, can be shown to it."""
        return self.queue_manager.tokens(agent) <= self.shelves.room.limit


Make = Callable[[ChosenModel], Awaitable[Mind]]
"""Makes the mind of a model; raises as `Minds.open` does."""


async def _none_but_usual(model: ChosenModel) -> Mind:
    raise ServiceMissing(f"{model.name}: no server is set that could have it.")


class Minds:
    """The minds of a bot.

    Args:
        usual: of the settings' model.
        timed: of the model for what the clock asks for; None: each agent has its usual one for that, too.
        make: makes that of a model which was chosen for an agent.
        is_fixed: agents have the usual one, whatever was chosen for them.
    """

    def __init__(
        self, usual: Mind, timed: Mind | None = None, make: Make = _none_but_usual, *, is_fixed: bool = False
    ) -> None:
        self.usual = usual
        self.is_fixed = is_fixed
        self._timed = timed
        self._make = make
        self._making = asyncio.Lock()
        self._opened: dict[ChosenModel | None, Mind] = {None: usual}
        self._missing = set[ChosenModel]()

    async def open(self, model: ChosenModel) -> Mind:
        """The mind of a model, made if there is none yet.

        Raises:
            ServiceMissing: no server is set that could have it.
            ContextTooSmall: its window has no room for instructions and tools.
            WordsNotFound: the operator's own words cannot be used.
        """
        async with self._making:
            if (mind := self._opened.get(model)) is None:
                mind = self._opened[model] = await self._make(model)
                self._missing.discard(model)
        return mind

    async def prepare(self, model: ChosenModel | None) -> Mind:
        """The same, for an agent that is loaded: where its model cannot be had, the usual one takes its place."""
        if self.is_fixed or model is None or model in self._missing:
            return self.usual
        if (mind := self._opened.get(model)) is not None:
            return mind
        try:
            return await self.open(model)
        except (ServiceMissing, ContextTooSmall, WordsNotFound) as error:
            logger.warning("an agent's own model cannot be used, so it has the usual one: %s", error)
            self._missing.add(model)
            return self.usual

    def of(self, agent: Agent) -> Mind:
        """That of an agent."""
        return self.usual if self.is_fixed else self._opened.get(agent.model, self.usual)

    def apart(self, own: Mind) -> Mind:
        """That for what the clock asks for, of an agent whose own is this; one that only writes text is no help."""
        return self._timed if self._timed is not None and self._timed.tier.speaks_unasked else own

    def at_step(self, agent: Agent, *, is_timed: bool) -> Mind:
        """That for a step: the conversation is not cut to fit the window of one that only a clock asks for."""
        own = self.of(agent)
        apart = self.apart(own) if is_timed else own
        return apart if apart.has_room_for(agent) else own
