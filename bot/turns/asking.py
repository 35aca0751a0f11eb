"""Asking the model for a step: with room made before, without what the server refuses, and first words checked."""

import contextlib
import logging
from dataclasses import dataclass, replace

from adapters.ports.errors import ContextOverflow, ImagesRefused, ModelError
from bot.agent import Agent
from bot.documents.attached import unseen
from bot.documents.reading import Reading
from bot.errors import ContextTooSmall
from bot.minds.mind import Mind, Minds
from bot.tiers.ports import Answer
from bot.turns.call_values import as_meant
from bot.turns.commit import Keep
from bot.turns.first_message import ATTEMPTS, shows_machinery, would_say
from memory.ports import Message

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking.

    Attributes:
        agent: with the room that was made for it.
        answer: of the model.
        mind: whose answer it is.
        tools: the names of those that it could call.
    """

    agent: Agent
    answer: Answer
    mind: Mind
    tools: tuple[str, ...]


class Asking:
    """Asks models."""

    def __init__(self, minds: Minds, reading: Reading | None = None) -> None:
        self._minds = minds
        self._reading = reading

    async def ask(self, agent: Agent, event: Message, keep: Keep, *, is_verified: bool) -> Asked:
        """What the model answers to an event; unless it `is_verified`, asked again while it shows the machinery."""
        asked = await self._ask(agent, event, keep)
        for _ in range(0 if is_verified else ATTEMPTS - 1):
            words = would_say(asked.answer, answers_person=event.kind.awaits_answer)
            flaw = next((flaw for text in words if (flaw := shows_machinery(text, asked.tools))), None)
            if flaw is None:
                break
            logger.info("first message discarded, as it shows %s", flaw)
            asked = await self._ask(asked.agent, event, keep)
        return asked

    async def _ask(self, agent: Agent, event: Message, keep: Keep) -> Asked:
        own = self._minds.of(agent)
        agent = await own.queue_manager.make_room(agent, event.turn_id, keep)
        mind = self._minds.at_step(agent, is_timed=event.kind.is_timed)
        answer, refused = None, set[type[ModelError]]()
        while answer is None:
            try:
                answer = await mind.tier.answer(agent, event)
            except (ContextOverflow, ImagesRefused) as refusal:
                if mind is not own:  # it was to do this for less, but cannot
                    logger.info("left to the agent's usual model: %s", refusal.detail)
                    if isinstance(refusal, ContextOverflow):
                        with contextlib.suppress(ContextTooSmall):
                            mind.queue_manager.learn_from_overflow(agent)
                    mind = own
                    continue
                if type(refusal) in refused:
                    if isinstance(refusal, ContextOverflow):
                        own.queue_manager.learn_from_overflow(agent)
                    raise
                refused.add(type(refusal))
                agent, event = await self._without(agent, event, refusal, keep)
        if not answer.is_by_code:
            calls = tuple(as_meant(call, is_cut=answer.is_cut) for call in answer.calls)
            answer = replace(answer, calls=calls)
        if answer.saw_context:
            mind.queue_manager.calibrate(agent, answer.usage)
        return Asked(agent, answer, mind, tuple(tool.name for tool in mind.compiler.tools(agent)))

    async def _without(
        self, agent: Agent, event: Message, refusal: ContextOverflow | ImagesRefused, keep: Keep
    ) -> tuple[Agent, Message]:
        """The agent and the event without what the server does not take: images, or too much text."""
        if agent.images and self._reading is not None:
            logger.warning("shown no images: %s", refusal.detail)
            agent = await self._reading.show_none(agent, event.turn_id, keep)
            event = replace(event, text=unseen(event.text or ""))
        if isinstance(refusal, ContextOverflow):
            logger.warning("context overflow: %s", refusal.detail)
            agent = await self._minds.of(agent).queue_manager.after_overflow(agent, keep)
        return agent, event
