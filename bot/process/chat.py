"""`python -m bot chat`: the console platform, served until the person leaves."""

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.console.conversation import Conversation, InChat
from adapters.console.plain import PlainConsole, note, stdout_line
from bot.app import open_app, utc_now
from bot.choices import Choices
from bot.events import login
from bot.process.scheduler import Scheduler
from bot.process.tidy import tidy
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
    preset: str | None
    persona: str | None
    human: str | None
    plain: bool
    debug: bool
    first: bool
    verifies: bool
    yes: bool
    names_model: bool


async def chat_in_terminal(settings: Settings, options: ChatOptions) -> None:
    """Talk until the input ends; raises what `open_app` raises."""
    conversation = Conversation(options.agent, utc_now)
    platform = _console(conversation, settings, options)
    choices = Choices(
        options.preset or settings.bot_preset,
        options.persona,
        options.human,
        verifies_first=options.verifies,
        names_model=options.names_model,
    )
    observe = platform.observe if options.debug else None
    async with open_app(settings, {platform.name: platform}, choices, observe=lambda scope: observe) as app:
        await tidy(app.stores.database, utc_now())
        await app.rights.expiry.as_ever()
        await app.rights.reset_undo.as_ever()
        is_new = await app.agents.id_of(scope_of(conversation.origin)) is None
        platform.greet(_greeting(settings, options, is_new=is_new))
        await app.resume(lambda address: address == conversation.origin.address)
        app.sweep.scopes = (scope_of(conversation.origin),)
        async with Scheduler(app.sweep, utc_now).awake():
            if options.first:
                await platform.open(await app.receiver.wake(conversation.origin, login("", utc_now())))
            await platform.run(app.intake(platform.name), InChat(app.in_chat.run, app.in_chat.names))


def _console(
    conversation: Conversation, settings: Settings, options: ChatOptions
) -> "PlainConsole | InteractiveConsole":
    if options.plain:
        stdin = sys.stdin.buffer if sys.stdin else open(os.devnull, "rb")  # noqa: SIM115 - as long as the process
        return PlainConsole(conversation, stdin, stdout_line, note)
    from adapters.console.interactive import InteractiveConsole  # a pipe needs none of what it imports

    return InteractiveConsole(conversation, settings.bot_data_dir / "console_history", assumes_yes=options.yes)


def _greeting(settings: Settings, options: ChatOptions, *, is_new: bool) -> str:
    lines = [f"**{options.agent}** {'is new here' if is_new else 'remembers you'} (model: {settings.llm_model})."]
    lines.append("Type a message; `/help` lists the commands, `/exit` leaves.")
    if not is_new and (options.preset, options.persona, options.human) != (None, None, None):
        lines.append("`--preset`, `--persona` and `--human` are for new agents; this one keeps its own.")
    if settings.llm_model == EMBEDDED:
        lines.append(DEMO_MODEL)
    return "\n\n".join(lines)
