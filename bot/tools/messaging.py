"""Being heard."""

from bot.errors import ToolFailed
from bot.executor import ToolContext
from bot.registry import tool


@tool
async def send_message(context: ToolContext, message: str) -> None:
    """Say something. The only way to be heard: nothing else that you write is seen.

    Args:
        message: What to say, in Markdown.
    """
    if not message.strip():
        raise ToolFailed("The message is empty.")
    context.say(message)
