"""A MemGPT agent that takes part in a team of AutoGen's.

Source: https://microsoft.github.io/autogen/stable/user-guide/agentchat-user-guide/custom-agents.html
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol
from uuid import uuid4

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, TextMessage, ThoughtEvent
from autogen_core import CancellationToken
from pydantic import BaseModel

from adapters.autogen.images import images_of
from adapters.autogen.name import NAME
from adapters.autogen.platform import AutoGenPlatform, Heard
from adapters.ports.intake import Receive
from adapters.ports.messages import Address, Aim, InboundMessage, Origin, Person

GO_ON = "(Nobody has said anything new. Please go on.)"
NOBODY = Person("team", "team")
"""Who says so."""

NO_ANSWER = "The last message could not be answered."
"""Where the program itself gave no reason."""

STATE_VERSION = 1


class MemGPTState(BaseModel):
    """All that an agent remembers, as `python -m bot export` writes it: a line of JSON each."""

    type: str = "MemGPTState"
    version: int = STATE_VERSION
    lines: list[str]


class Memory(Protocol):
    """What there is behind a participant, in its own scope."""

    async def prepare(self) -> None:
        """Make the agent if there is none yet, and have it take note of all that is said in its channel.

        Raises:
            RuntimeError: it is closed; as with all that is asked of it.
        """
        ...

    async def forget_conversation(self) -> None:
        """Begin the conversation anew; core memory and archive stay."""
        ...

    async def lines(self) -> list[str]:
        """All that it remembers."""
        ...

    async def replace(self, lines: Sequence[str]) -> None:
        """Put another memory in the place of its own.

        Raises:
            ValueError: it cannot be read; nothing was changed.
        """
        ...


class MemGPTAgent(BaseChatAgent):
    """Takes part in a team, remembers what the others said, by name, and keeps its memory between runs and processes.

    Of the messages that are new to it, the last is what it answers; the others it has heard.
    `bot.process.autogen.open_memgpt` makes one.

    Args:
        name: its own in the team, a Python identifier; its memory is found by it.
        description: what the team's manager chooses it by.
        platform: where its replies come out.
        receive: where what the others say goes in.
        memory: what it remembers.
        now: the clock.
    """

    def __init__(
        self,
        name: str,
        description: str,
        *,
        platform: AutoGenPlatform,
        receive: Receive,
        memory: Memory,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(name, description)
        self._platform = platform
        self._receive = receive
        self._memory = memory
        self._now = now
        self._one_turn = platform.one_turn(name)

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        """It speaks in plain text."""
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        """Answer what the others have said since it was last asked.

        Raises:
            RuntimeError: it could not answer; the text says why.
            asyncio.CancelledError: it was cancelled; the message counts as not answered.
        """
        turn = asyncio.ensure_future(self._heard(messages))

        def stop() -> None:
            if not turn.cancelling():  # once: a second time would cut off what clears up after the first
                turn.cancel()

        cancellation_token.add_callback(stop)  # before anything is handed in
        try:
            await asyncio.wait([turn])
        finally:
            if not turn.done():  # our own caller was cancelled
                stop()
                await asyncio.wait([turn])
        heard = turn.result()
        if not heard.replies:
            raise RuntimeError(f"{self.name}: {' '.join(heard.notices) or NO_ANSWER}")
        thoughts = [step.thoughts for step in heard.steps if step.thoughts]
        return Response(
            chat_message=TextMessage(content="\n\n".join(heard.replies), source=self.name),
            inner_messages=[ThoughtEvent(content=text, source=self.name) for text in thoughts],
        )

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """As `on_messages`, what it thought first."""
        response = await self.on_messages(messages, cancellation_token)
        for thought in response.inner_messages or ():
            yield thought
        yield response

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Begin the conversation anew; what it knows and has noted stays."""
        async with self._one_turn:
            await self._memory.forget_conversation()

    async def save_state(self) -> Mapping[str, Any]:
        """All that it remembers."""
        return MemGPTState(lines=await self._memory.lines()).model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Put what was saved in the place of what it remembers.

        Raises:
            ValueError: it cannot be read; nothing was changed.
        """
        version = state.get("version", STATE_VERSION)
        if version != STATE_VERSION:  # its form may be another one, so nothing else of it is looked at
            fault = f"a state of version {version!r} cannot be read, only of version {STATE_VERSION}"
            raise ValueError(f"{self.name}: {fault}")
        saved = MemGPTState.model_validate(state)
        async with self._one_turn:
            await self._memory.replace(saved.lines)

    async def _heard(self, messages: Sequence[BaseChatMessage]) -> Heard:
        others = [it for it in messages if it.source != self.name and it.to_model_text().strip()]
        images = images_of(others[-1]) if others else {}
        async with self._one_turn:
            await self._memory.prepare()
            said = [self._told(Person(it.source, it.source), it.to_model_text()) for it in others]
            *before, last = said or [self._told(NOBODY, GO_ON)]
            with self._platform.listening(self.name, last.event_id, images) as heard:
                for message in before:
                    await self._receive(message)
                await _answered(self._receive(replace(last, aim=Aim.AT_US, attachments=tuple(images))))
                return heard

    def _told(self, person: Person, text: str) -> InboundMessage:
        # Each is an event of its own: two of us in a team hear the same one, and a saved team may say one again.
        origin = Origin(Address(NAME, self.name), person, is_direct=False)
        id_ = uuid4().hex
        return InboundMessage(id_, origin, text, self._now(), message_id=id_, aim=Aim.AT_ALL)


async def _answered(handed_in: Awaitable[Awaitable[None]]) -> None:
    """Wait for the turn of a message; whenever this is cancelled, no turn goes on without it."""
    is_waited_for = asyncio.Event()

    async def answered() -> None:
        try:
            turn = await handed_in
        finally:
            is_waited_for.set()
        await turn

    answering = asyncio.ensure_future(answered())
    try:
        await asyncio.shield(answering)
    finally:
        if not answering.done():
            await is_waited_for.wait()  # what is being kept is kept, and answered unless its turn is stopped
            answering.cancel()
            await asyncio.wait([answering])
