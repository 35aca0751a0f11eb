"""`python -m bot chat`: the console platform, served until the person leaves."""

import io
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.console.conversation import Conversation
from adapters.console.plain import PlainConsole, note, stdout_line
from bot.app import DEFAULT_PRESET, Choices, open_app, utc_now
from bot.scopes import scope_of
from config.settings import EMBEDDED, Settings

if TYPE_CHECKING:
    from adapters.console.interactive import InteractiveConsole

DEMO_MODEL = """\
This is a **demo model** (SmolLM2, 135 million parameters, inside this program): it shows how memory works, \
but it is no good talker and edits no memory by itself. Two lines in `.env` give you a real one:

    OPENAI_API_KEY=sk-...
    LLM_MODEL=gpt-4.1-mini

(or `OPENAI_BASE_URL=http://127.0.0.1:11434/v1` instead of the key, for Ollama and other servers of your own)."""


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """What was typed behind `chat`."""

    agent: str
    preset: str
    persona: str | None
    human: str | None
    plain: bool
    debug: bool


async def chat_in_terminal(settings: Settings, options: ChatOptions) -> None:
    """Talk until the input ends; raises what `open_app` raises."""
    conversation = Conversation(options.agent, utc_now)
    platform = _console(conversation, settings, options)
    choices = Choices(options.preset, options.persona, options.human)
    observe = platform.observe if options.debug else None
    async with open_app(settings, {platform.name: platform}, choices, observe=lambda scope: observe) as app:
        is_new = await app.agents.id_of(scope_of(conversation.origin)) is None
        platform.greet(_greeting(settings, options, is_new=is_new))
        await platform.run(app.receiver.receive, app.commands.run)


def _console(
    conversation: Conversation, settings: Settings, options: ChatOptions
) -> "PlainConsole | InteractiveConsole":
    if options.plain:
        return PlainConsole(conversation, sys.stdin.buffer if sys.stdin else io.BytesIO(), stdout_line, note)
    from adapters.console.interactive import InteractiveConsole  # a pipe needs none of what it imports

    return InteractiveConsole(conversation, settings.bot_data_dir / "console_history")


def _greeting(settings: Settings, options: ChatOptions, *, is_new: bool) -> str:
    lines = [f"**{options.agent}** {'is new here' if is_new else 'remembers you'} (model: {settings.llm_model})."]
    lines.append("Type a message; `/help` lists the commands, `/exit` leaves.")
    if not is_new and (options.preset, options.persona, options.human) != (DEFAULT_PRESET, None, None):
        lines.append("`--preset`, `--persona` and `--human` are for new agents; this one keeps its own.")
    if settings.llm_model == EMBEDDED:
        lines.append(DEMO_MODEL)
    return "\n\n".join(lines)
