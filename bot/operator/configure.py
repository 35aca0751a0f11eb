"""`configure`: the first questions, answered into `.env`, and tried out: the model, and the platform's account."""

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import available_timezones

from adapters.console.plain import note, stdout_line
from adapters.models.local_servers import USUAL_PORTS, LocalServer, local_servers
from bot.implementations import examinable_platforms, runs_on
from bot.operator.checks import ENV_FILE
from bot.operator.doctor import as_line
from bot.operator.errors import CannotBeDone, CommandUnclear
from bot.operator.model_check import check_model
from bot.operator.questions import Asker
from bot.text import one_line
from config.env_file import with_settings
from config.settings import EMBEDDED, Settings, SettingsInvalid, load_settings, platforms_set
from config.words import persona, persona_names
from memory.sqlite.upkeep import new_file

DISCORD, SLACK = "discord", "slack"
OPENAI_DEFAULT = "gpt-4.1-mini"
EMBEDDINGS_DEFAULT = "text-embedding-3-small"
USUAL_PERSONA = "default"
AS_TOLD = "auto"
"""No number of tokens, but what else tells the model's window."""
LOCALTIME = Path("/etc/localtime")

Answers = dict[str, str | None]
"""Settings by name; None takes one out of `.env`."""


async def configure(
    asker: Asker | None,
    now: Callable[[], datetime],
    *,
    takes_defaults: bool,
    ports: Iterable[tuple[str, int]] = USUAL_PORTS,
) -> None:
    """Ask, write `.env`, and try the model and the platforms.

    Args:
        asker: whom to ask; None if nobody is at a terminal.
        now: the clock.
        takes_defaults: ask nothing.
        ports: where to look for model servers.
    """
    if takes_defaults:
        answers = _defaults()
    elif asker is None:
        raise CommandUnclear("There is no terminal to ask questions at; --yes takes the defaults. Nothing was written.")
    else:
        answers = _ask(asker, await local_servers(ports))
    settings = _write(answers)
    for name in answers:
        if name in os.environ:
            note(f"{name} is also set in the environment, which wins over .env.")
    stdout_line(f"Written: {ENV_FILE.absolute()}")
    finding = await check_model(settings, now())
    stdout_line(as_line(finding))
    is_set_up = await _try_platforms(settings)
    if finding.verdict == "fail":
        raise CannotBeDone("The model cannot be used like this; mend it, and see `python -m bot doctor`.")
    if not is_set_up:
        raise CannotBeDone("The bot cannot be served like this; mend it, and see `python -m bot doctor`.")
    is_served = any(name != "console" for name in settings.bot_platforms)
    stdout_line("Now let it serve: make run" if is_served else "Now talk to it: make chat")


async def _try_platforms(settings: Settings) -> bool:
    """Say whose accounts they are, and where people are let invite them; returns whether all may be served."""
    is_set_up = True
    for platform in examinable_platforms(settings):
        account = await platform.account()
        for finding in account.findings:
            stdout_line(as_line(finding))
            is_set_up = is_set_up and finding.verdict != "fail"
        if account.invitation is not None:
            stdout_line(f"Invite it, with the permissions that it needs and no other: {account.invitation}")
    return is_set_up


def _defaults() -> Answers:
    """What is set already, else what needs no key and no network."""
    settings = load_settings()
    zone = settings.bot_timezone if "bot_timezone" in settings.model_fields_set else local_zone()
    return {"LLM_MODEL": settings.llm_model, "EMBEDDING_MODEL": settings.embedding_model, "BOT_TIMEZONE": zone}


def _ask(asker: Asker, servers: tuple[LocalServer, ...]) -> Answers:
    before = _settings_before()
    zone = before.bot_timezone if before is not None and "bot_timezone" in before.model_fields_set else local_zone()
    answers = _model(asker, servers, before)
    answers["BOT_TIMEZONE"] = asker.text("Time zone of people who set none", zone, _zone_fault)
    return answers | _persona(asker, before) | _platforms(asker)


def _settings_before() -> Settings | None:
    """What is set, if it can be used as it is: what is answered may mend it."""
    try:
        return load_settings()
    except SettingsInvalid:
        return None


def _model(asker: Asker, servers: tuple[LocalServer, ...], before: Settings | None) -> Answers:
    """Which model, and which embedder; whoever only came for something else leaves them as they are."""
    options = ["The packaged demo model: tiny, needs no key and no network", "OpenAI (needs a key)"]
    options += [f"{server.name} at {server.url}: {_list(server.models)}" for server in servers]
    options.append("Another server that speaks OpenAI's API")
    if before is not None and before.llm_model != EMBEDDED:
        options.append(f"As it is: {before.llm_model} on {runs_on(before)}")
        usual = len(options) - 1
    else:
        usual = 0
    chosen = asker.choose("Which model shall the agents think with?", options, usual)
    if 0 < usual == chosen:
        return {}
    if chosen == 0:
        return {"LLM_MODEL": EMBEDDED, "LLM_CONTEXT_WINDOW": None, "EMBEDDING_MODEL": EMBEDDED}
    if chosen == 1:
        answers = _openai(asker)
    elif chosen < 2 + len(servers):
        answers = _local(asker, servers[chosen - 2])
    else:
        answers = _other(asker)
    return answers | {"EMBEDDING_MODEL": _embedder(asker)}


def _persona(asker: Asker, before: Settings | None) -> Answers:
    """Who new agents are; the preset's own choice is not written down."""
    own = before.bot_data_dir if before is not None else None
    usual = (before.bot_persona if before is not None else None) or USUAL_PERSONA
    names = [USUAL_PERSONA, *(name for name in persona_names(own) if name != USUAL_PERSONA)]
    options = [f"{name}: {_first_sentence(persona(name, own))}" for name in names]
    chosen = names[asker.choose("Who shall new agents be?", options, names.index(usual) if usual in names else 0)]
    if chosen == usual:
        return {}
    return {"BOT_PERSONA": None if chosen == USUAL_PERSONA else chosen}


def _platforms(asker: Asker) -> Answers:
    """Where people reach it, and what is needed for that."""
    served = platforms_set()
    options = [
        "Nowhere but in the terminal",
        "On Discord (needs the token of an application; docs/discord.md says how to get one)",
        "On Slack (needs two tokens of an app; docs/slack.md says how to get them)",
        "On Discord and on Slack",
    ]
    chosen = asker.choose("Where shall people reach it?", options, (DISCORD in served) + 2 * (SLACK in served))
    wanted = [name for name, bit in ((DISCORD, 1), (SLACK, 2)) if chosen & bit]
    if not wanted:
        left = [name for name in served if name not in (DISCORD, SLACK)]
        return {"BOT_PLATFORMS": ",".join(left) or None} if len(left) < len(served) else {}
    answers: Answers = {"BOT_PLATFORMS": ",".join(wanted)}
    asked = [("DISCORD_TOKEN", "Discord token")] if DISCORD in wanted else []
    if SLACK in wanted:
        asked += [("SLACK_BOT_TOKEN", "Slack bot token (xoxb-)"), ("SLACK_APP_TOKEN", "Slack app token (xapp-)")]
    for name, what in asked:
        if token := asker.secret(f"{what}, not shown (leave it empty to keep the one that is set)"):
            answers[name] = token
    return answers


def _openai(asker: Asker) -> Answers:
    key = asker.secret("OpenAI key, not shown (leave it empty to keep the one that is set)")
    model = asker.text("Model", OPENAI_DEFAULT, _one_word)
    return {"LLM_MODEL": model, "OPENAI_BASE_URL": None, "LLM_CONTEXT_WINDOW": None} | _if_given(key)


def _local(asker: Asker, server: LocalServer) -> Answers:
    model = server.models[asker.choose("Which of its models?", server.models, 0)]
    # A key that was set is another server's: it is not sent to this one.
    answers: Answers = {"LLM_MODEL": model, "OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": None}
    return answers | _window(asker)


def _other(asker: Asker) -> Answers:
    url = asker.text("Its address, up to /v1", "http://127.0.0.1:8000/v1", _url_fault)
    model = asker.text("Model, as the server calls it", "", _one_word)
    key = asker.secret("Key, not shown (leave it empty if it asks for none)")
    answers: Answers = {"LLM_MODEL": model, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": key or None}
    return answers | _window(asker)


def _window(asker: Asker) -> Answers:
    question = f"How many tokens can it read at once ({AS_TOLD}: as its name or its server tells)"
    window = asker.text(question, AS_TOLD, _window_fault)
    return {"LLM_CONTEXT_WINDOW": None if window == AS_TOLD else window}


def _embedder(asker: Asker) -> str:
    options = ["The packaged one: small, quick, nothing leaves this machine", "An embedding model of the same server"]
    if asker.choose("What shall find notes by their meaning?", options, 0) == 0:
        return EMBEDDED
    return asker.text("Embedding model", EMBEDDINGS_DEFAULT, _one_word)


def _write(answers: Mapping[str, str | None]) -> Settings:
    """Write `.env` in one go, if what stands in it can be used; returns the settings as they are now.

    Raises:
        SettingsInvalid: nothing was written.
    """
    try:
        before = ENV_FILE.read_text(encoding="utf-8-sig") if ENV_FILE.exists() else ""
        with new_file(ENV_FILE.resolve(), overwrites=True) as new:
            new.touch(mode=0o600)
            new.write_text(with_settings(before, answers), encoding="utf-8")
            return load_settings(_env_file=new)
    except (OSError, ValueError) as error:
        raise CannotBeDone(f"{ENV_FILE}: cannot be written ({error}).") from None


def local_zone() -> str:
    """The time zone of this machine, if it can be told, else UTC."""
    named = os.environ.get("TZ", "").removeprefix(":")
    linked = str(LOCALTIME.resolve()).partition("zoneinfo/")[2]
    return next((zone for zone in (named, linked) if zone in available_timezones()), "UTC")


def _if_given(key: str) -> Answers:
    return {"OPENAI_API_KEY": key} if key else {}


def _list(models: tuple[str, ...]) -> str:
    return ", ".join(models[:3]) + (f" and {len(models) - 3} more" if len(models) > 3 else "")


def _first_sentence(text: str) -> str:
    return one_line(text.partition(". ")[0], 80)


def _one_word(answer: str) -> str | None:
    return None if answer and " " not in answer else "One word, please."


def _zone_fault(answer: str) -> str | None:
    return None if answer in available_timezones() else "An IANA time zone, please, such as Europe/Lisbon."


def _url_fault(answer: str) -> str | None:
    return None if answer.startswith(("http://", "https://")) else "A URL, please, such as http://127.0.0.1:8000/v1."


def _window_fault(answer: str) -> str | None:
    is_one = answer == AS_TOLD or (answer.isdecimal() and int(answer) >= 1024)
    return None if is_one else f"A number of at least 1024, or {AS_TOLD}, please."
