"""The command line: `python -m bot <command>`.

Exit codes: 0 well, 2 the command was typed wrong, 69 something needed is not there, 78 a setting cannot be used
(sysexits.h).
"""

import asyncio
import os
import re
import sys
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from adapters.ports import ServiceMissing
from bot.chat import ChatOptions, chat_in_terminal
from bot.log import set_up
from config.settings import Settings, SettingsInvalid, load_settings
from config.words import WordsNotFound
from memory.ports import StorageUnavailable

EX_UNAVAILABLE = 69
EX_CONFIG = 78

main = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@main.callback()
def _root() -> None:
    """A MemGPT agent of its own for every person and every channel."""
    os.umask(0o077)  # whatever this program writes is for its owner alone


def _agent_name(value: str) -> str:
    if not re.fullmatch(r"[^:/\x00-\x1f\x7f-\x9f]{1,100}", value) or not value.strip():
        raise typer.BadParameter("a name has 1 to 100 characters, and neither : nor / among them.")
    return value.strip()


@main.command()
def chat(
    agent: Annotated[
        str, typer.Option(help="Whom to talk to; a new name makes a new agent.", callback=_agent_name)
    ] = "memgpt",
    human: Annotated[str, typer.Option(help="What a new agent knows of you: a file in config/humans.")] = "default",
    persona: Annotated[str, typer.Option(help="Who a new agent is: a file in config/personas.")] = "default",
    model: Annotated[str | None, typer.Option(help="The language model, instead of LLM_MODEL.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="For pipes: a line in, a line out.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the inner monologue and the tool calls.")] = False,
) -> None:
    """Talk to an agent in the terminal."""
    settings = _settings(llm_model=model)
    options = ChatOptions(agent, human, persona, plain=plain or not sys.stdin.isatty(), debug=debug)
    # A person at a prompt is told in a sentence, and wants no log lines between unless asked for.
    quiet = "WARNING" if options.plain or debug else "ERROR"
    set_up(settings.bot_log_level if "bot_log_level" in settings.model_fields_set else quiet, settings.bot_log_format)
    _run(lambda: asyncio.run(chat_in_terminal(settings, options)))


@main.command()
def run() -> None:
    """Serve the platforms in BOT_PLATFORMS."""
    settings = _settings()
    served = [name for name in settings.bot_platforms if name != "console"]
    if not served:
        _fail(
            EX_CONFIG,
            "BOT_PLATFORMS: names no platform to serve but the console; `python -m bot chat` is that.",
        )
    _fail(EX_CONFIG, f"BOT_PLATFORMS: {', '.join(served)}: not supported by this version yet.")


def _settings(**overrides: str | None) -> Settings:
    try:
        return load_settings(**overrides)
    except SettingsInvalid as invalid:
        _fail(EX_CONFIG, *invalid.faults)


def _run(work: Callable[[], None]) -> None:
    try:
        work()
    except WordsNotFound as error:
        _fail(EX_CONFIG, str(error))
    except (StorageUnavailable, ServiceMissing) as error:
        _fail(EX_UNAVAILABLE, str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _fail(code: int, *lines: str) -> NoReturn:
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    raise typer.Exit(code)


if __name__ == "__main__":
    main(prog_name="python -m bot")
