"""Being heard, and being silent."""

import logging

from bot.errors import ToolFailed
from bot.registry import tool
from bot.text import one_line
from bot.turns.tool_context import ToolContext

logger = logging.getLogger(__name__)

MAX_EMOJI_CHARS = 100
"""Of an emoji; those of a server's own have names."""


@tool
async def send_message(context: ToolContext, message: str) -> None:
    """Say something. The only way to be heard: nothing else that you write is seen.

    Args:
        message: What to say, in Markdown.
    """
    said = message.strip()
    if not said:
        raise ToolFailed("The message is empty.")
    if context.allowance is not None and not context.is_allowed_to_be_heard:
        raise ToolFailed(f"{context.allowance.why} End with stay_silent.")
    context.say(said)


@tool
async def stay_silent(context: ToolContext, reason: str) -> None:
    """Say nothing, when you woke by yourself or a message was not meant for you.

    Args:
        reason: Why. Nobody is told.
    """
    if context.event.awaits_answer:
        raise ToolFailed("Somebody waits for your answer. Give it with send_message.")
    logger.info("stays silent")
    logger.debug("stays silent: %s", one_line(reason, 200))


@tool
async def react(context: ToolContext, emoji: str) -> None:
    """React to the message that woke you.

    Args:
        emoji: One emoji.
    """
    if context.event.platform_id is None:
        raise ToolFailed("No message woke you that could be reacted to.")
    if not context.takes_reactions:
        raise ToolFailed("There are no reactions here. Say it with send_message.")
    chosen = emoji.strip()
    if len(chosen.split()) != 1 or len(chosen) > MAX_EMOJI_CHARS:
        raise ToolFailed("That is no emoji. Give one alone, such as 👍.")
    context.react(chosen)
