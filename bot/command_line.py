"""The command line: `python -m bot <command>`.

Exit codes: 0 well, 2 the command was typed wrong, 69 something needed is not there, 78 a setting cannot be used
(sysexits.h).
"""

import asyncio
import os
import re
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from adapters.ports.errors import ServiceMissing
from bot.app import utc_now
from bot.errors import ContextTooSmall, PathNotFound
from bot.log import set_up
from bot.operator.errors import CannotBeDone, CommandUnclear
from bot.process.chat import ChatOptions, chat_in_terminal
from config.settings import Settings, SettingsInvalid, load_settings
from config.words import WordsNotFound
from memory.ports import StorageUnavailable

EX_USAGE = 2
EX_UNAVAILABLE = 69
EX_CONFIG = 78

main = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@main.callback()
def _root() -> None:
    """A MemGPT agent of its own for every person and every channel."""
    os.umask(0o077)  # whatever this program writes is for its owner alone


def _agent_name(value: str) -> str:
    if not re.fullmatch(r"[^:/\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,100}", value) or not value.strip():
        raise typer.BadParameter("a name has 1 to 100 characters, and neither : nor / among them.")
    return value.strip()


def _any_agent(value: str | None) -> str | None:
    if value is None or ":" not in value:
        return value if value is None else _agent_name(value)
    if not re.fullmatch(r"[a-z]+:(dm|channel):[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,250}", value):
        raise typer.BadParameter("a scope is written such as console:dm:memgpt or discord:channel:<guild>/<channel>.")
    return value


def _source_name(value: str | None) -> str | None:
    if value is not None and (
        not re.fullmatch(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}", value) or not value.strip()
    ):
        raise typer.BadParameter("a name has 1 to 200 characters.")
    return value if value is None else value.strip()


AnyAgent = Annotated[
    str, typer.Option(help="A console agent's name, or a whole scope.", callback=_any_agent, show_default=False)
]
OutFile = Annotated[str, typer.Option(help="The file to write.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@main.command()
def chat(
    agent: Annotated[
        str, typer.Option(help="Whom to talk to; a new name makes a new agent.", callback=_agent_name)
    ] = "memgpt",
    preset: Annotated[
        str | None, typer.Option(help="What a new agent is made of, instead of BOT_PRESET: a file in presets.")
    ] = None,
    persona: Annotated[str | None, typer.Option(help="Who a new agent is: a file in personas.")] = None,
    human: Annotated[str | None, typer.Option(help="What a new agent knows of you: a file in humans.")] = None,
    model: Annotated[str | None, typer.Option(help="The language model, instead of LLM_MODEL.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="For pipes: a line in, a line out.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the inner monologue and the tool calls.")] = False,
    first: Annotated[bool, typer.Option("--first", help="Let the agent speak first.")] = False,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Take a new agent's first message as it comes, without a check.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Talk to an agent in the terminal."""
    settings = _settings(llm_model=model)
    options = ChatOptions(
        agent,
        preset,
        persona,
        human,
        plain=plain or not _has_terminal(),
        debug=debug,
        first=first,
        verifies=not no_verify,
        yes=yes,
        names_model=model is not None,
    )
    # A person at a prompt is told in a sentence, and wants no log lines between unless asked for.
    quiet = "WARNING" if options.plain or debug else "ERROR"
    set_up(settings.bot_log_level if "bot_log_level" in settings.model_fields_set else quiet, settings.bot_log_format)
    _run_in(settings, lambda given: asyncio.run(chat_in_terminal(given, options)))


@main.command()
def run() -> None:
    """Serve the platforms in BOT_PLATFORMS."""
    from bot.implementations import open_platforms
    from bot.process.garbage import collect_seldom
    from bot.process.serve import serve

    settings = _settings()
    set_up(settings.bot_log_level, settings.bot_log_format)
    collect_seldom()
    _run_in(settings, lambda given: asyncio.run(serve(given, open_platforms(given))))


@main.command()
def load(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders and patterns.", show_default=False)
    ],
    agent: Annotated[
        str, typer.Option(help="Who gets the documents: a console agent's name, or a whole scope.", callback=_any_agent)
    ] = "memgpt",
    source: Annotated[
        str | None, typer.Option(help="A name for the documents together; theirs if not given.", callback=_source_name)
    ] = None,
    drop_missing: Annotated[
        bool,
        typer.Option(
            "--drop-missing", help="Also remove documents whose files lay in the folders named, and are gone."
        ),
    ] = False,
) -> None:
    """Put documents into archival storage."""
    from bot.operator.load import load as load_documents

    _operate(lambda settings: load_documents(settings, paths, agent, source, utc_now, drops_missing=drop_missing))


@main.command()
def agents() -> None:
    """List the agents and how much they remember."""
    from bot.operator.agents import list_agents

    _operate(lambda settings: list_agents(settings))


@main.command()
def models() -> None:
    """List the models that the server offers, with their context windows."""
    from bot.operator.models import list_models

    _operate(list_models, on_data=False)


@main.command()
def fetch(
    model: Annotated[
        str | None,
        typer.Argument(help="One of those that are listed without it, or OWNER/REPOSITORY/FILE.gguf."),
    ] = None,
) -> None:
    """Fetch an open model's file from the Hugging Face hub."""
    from bot.operator.fetch import fetch as fetch_model
    from bot.operator.fetch import list_open_models

    _run(list_open_models if model is None else lambda: fetch_model(_kept(), model))


@main.command()
def export(agent: AnyAgent, out: OutFile, yes: Yes = False) -> None:
    """Write all that an agent remembers, a line of JSON each."""
    from bot.operator.transfer import export_agent

    _operate(lambda settings: export_agent(settings, agent, out, overwrites=yes))


@main.command("import")
def import_(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…", help="An export, all parts of one, or - for standard input.", show_default=False
        ),
    ],
    agent: Annotated[
        str | None, typer.Option(help="Whose memory it becomes; as exported if not given.", callback=_any_agent)
    ] = None,
) -> None:
    """Make a new agent of an export."""
    from bot.operator.transfer import import_agent

    _operate(lambda settings: import_agent(settings, files[0], agent, utc_now, further=files[1:]))


@main.command()
def erase(agent: AnyAgent, yes: Yes = False) -> None:
    """Erase a person with their agent, everywhere, or a channel's agent, for ever."""
    from bot.operator.erase import erase as erase_agent
    from bot.operator.questions import confirm

    ask = confirm if _has_terminal() else None
    _operate(lambda settings: erase_agent(settings, agent, (lambda _: True) if yes else ask, utc_now))


@main.command()
def backup(out: OutFile) -> None:
    """Copy the database, also while the bot runs."""
    from bot.operator.storage import back_up

    _operate(lambda settings: back_up(settings, Path(out)))


@main.command()
def migrate() -> None:
    """Bring the database up to date, with a copy before."""
    from bot.operator import storage

    _operate(lambda settings: storage.migrate(settings, utc_now))


@main.command()
def reindex() -> None:
    """Build the indexes of words and vectors anew."""
    from bot.operator import reindex as indexes

    _operate(lambda settings: indexes.reindex(settings, utc_now))


@main.command()
def doctor() -> None:
    """Check everything that the bot needs."""
    from bot.operator.doctor import examine

    _operate(lambda settings: examine(settings, utc_now), on_data=False)


@main.command()
def configure(yes: Yes = False) -> None:
    """Ask the first questions, and write .env."""
    from bot.operator import configure as first_questions
    from bot.operator.questions import TerminalAsker

    asker = TerminalAsker() if _has_terminal() else None
    _run(lambda: asyncio.run(first_questions.configure(asker, utc_now, takes_defaults=yes)))


@main.command("slack-manifest")
def slack_manifest(
    url: Annotated[
        str | None,
        typer.Option(help="Where Slack reaches you, such as https://bot.example.org; without it, Socket Mode."),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Say what an app lacks instead: its manifest, from the page App Manifest; - is stdin."
        ),
    ] = None,
) -> None:
    """Print what a Slack app has to be made of, to be pasted into Slack."""
    if compare is None:
        from adapters.slack.manifest import as_text

        typer.echo(as_text(url))
        return
    _run(lambda: _compare_manifest(compare, url))


def _compare_manifest(file: str, url: str | None) -> None:
    from adapters.slack.comparison import NotAManifest, missing_in, read_manifest

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        missing = missing_in(read_manifest(text), url)
    except (OSError, UnicodeDecodeError, NotAManifest) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise CommandUnclear(f"{file}: {why}") from error
    typer.echo("\n".join(missing) or "The app is as it is to be.")
    if missing:
        raise typer.Exit(EX_UNAVAILABLE)


def _has_terminal() -> bool:
    """Whether somebody can be asked; a standard input that is closed is None."""
    return sys.stdin is not None and sys.stdin.isatty()


def _run_in(settings: Settings, work: Callable[[Settings], None]) -> None:
    """Run a command that may keep what it keeps in memory alone."""
    from bot.process.in_memory import in_memory

    def run_there() -> None:
        with in_memory(settings) as given:
            work(given)

    _run(run_there)


def _operate(work: Callable[[Settings], Coroutine[Any, Any, None]], *, on_data: bool = True) -> None:
    """Run an operator's command, on what is kept or not; only what goes wrong is logged, on stderr."""
    settings = _kept() if on_data else _settings()
    set_up(
        settings.bot_log_level if "bot_log_level" in settings.model_fields_set else "WARNING", settings.bot_log_format
    )
    _run_in(settings, lambda given: asyncio.run(work(given)))


def _kept() -> Settings:
    settings = _settings()
    if settings.is_in_memory:
        _fail(EX_CONFIG, "BOT_DATA_DIR=:memory: keeps nothing beyond the end of `chat` or `run`: name a folder.")
    return settings


def _settings(**overrides: str | None) -> Settings:
    try:
        return load_settings(**overrides)
    except SettingsInvalid as invalid:
        _fail(EX_CONFIG, *invalid.faults)


def _run(work: Callable[[], None]) -> None:
    try:
        work()
    except SettingsInvalid as invalid:
        _fail(EX_CONFIG, *invalid.faults)
    except (WordsNotFound, ContextTooSmall) as error:
        _fail(EX_CONFIG, str(error))
    except CommandUnclear as error:
        _fail(EX_USAGE, str(error))
    except (StorageUnavailable, ServiceMissing, CannotBeDone, PathNotFound) as error:
        _fail(EX_UNAVAILABLE, str(error))
    except (KeyboardInterrupt, typer.Abort):
        raise typer.Exit(130) from None


def _fail(code: int, *lines: str) -> NoReturn:
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    raise typer.Exit(code)
