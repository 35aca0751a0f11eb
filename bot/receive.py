"""From a person's message to the turn it starts; and the one place where a turn's errors end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from adapters.ports import ChatPlatform, InboundMessage, ModelError, Origin
from bot import events
from bot.agents import Agents
from bot.command import WENT_WRONG
from bot.errors import ContextTooSmall, TurnGivenUp
from bot.lanes import Lanes
from bot.log import of_scope
from bot.scopes import scope_of
from bot.turn import Observe, Turns
from memory.ports import NewMessage

logger = logging.getLogger(__name__)


class Receiver:
    """Hands messages to the lane of their agent."""

    def __init__(
        self,
        agents: Agents,
        turns: Turns,
        lanes: Lanes,
        platforms: Mapping[str, ChatPlatform],
        observe: Callable[[str], Observe | None] = lambda scope: None,
    ) -> None:
        self._agents = agents
        self._turns = turns
        self._lanes = lanes
        self._platforms = platforms
        self._observe = observe

    async def receive(self, message: InboundMessage) -> Awaitable[None]:
        """Accept a message; what is returned ends with its turn, and never raises but when cancelled."""
        return self.wake(message.origin, events.user_message(message))

    def wake(self, origin: Origin, event: NewMessage) -> Awaitable[None]:
        """Wake an agent by any event; replies go to where the origin is. As `receive` otherwise."""
        scope = scope_of(origin)

        async def turn() -> None:
            with of_scope(scope):
                await self._turn(scope, origin, event)

        return self._lanes.submit(scope, turn)

    async def _turn(self, scope: str, origin: Origin, event: NewMessage) -> None:
        platform = self._platforms[origin.address.platform]

        async def tell(text: str) -> None:
            try:
                await platform.notify(origin, text)
            except Exception:
                logger.exception("a notice could not be delivered")

        async def deliver(text: str) -> None:
            await platform.send(origin.address, text)

        try:
            async with platform.working(origin.address):
                agent = await self._agents.get(scope)
                await self._turns.run(agent, event, deliver, self._agents.keep, self._observe(scope))
        except ModelError as error:
            logger.warning("no answer from the model: %s", error.detail)
            await tell(str(error))
        except (TurnGivenUp, ContextTooSmall) as error:
            logger.warning("turn ended early: %s", error)
            await tell(str(error))
        except asyncio.CancelledError:
            logger.info("turn cancelled")
            raise
        except Exception:  # the last line: the log has it all, the person is told, the process lives
            logger.exception("turn broke")
            await tell(WENT_WRONG)
