"""The slash commands of the bot as Discord lists them: `/agent …`, and "Remember this" in the menu of a message.

They are made of `Intake.commands`, so that a command is written once for all platforms. Discord is told of them only
when it knows others than these: what it has is asked for and compared.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import discord
from discord import app_commands

from adapters.chat.answers import OUT_OF_DATE
from adapters.chat.said import named
from adapters.chat.underway import Underway
from adapters.discord.answers import Answers, acknowledge, came_to_nothing, tell_of_fault
from adapters.discord.client import Client
from adapters.discord.errors import translated
from adapters.discord.inbound import inbound_of, is_written_by_a_person, text_of
from adapters.discord.interactions import is_by_a_moderator, link_of, place_of
from adapters.ports.commands import CommandCall, CommandSpec
from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.intake import Intake
from adapters.ports.messages import InboundMessage

logger = logging.getLogger(__name__)

ROOT = "agent"
REMEMBER_THIS = "Remember this"
MOST_CHOICES = 25
MAX_CHOICE_CHARS = 100
MAX_DESCRIPTION_CHARS = 100
FORM = "form:"
"""Begins the id of a form; what follows is the command that it is for."""

MAX_FORM_CHARS = 4000
MAX_LABEL_CHARS = 45
FORGOTTEN_AFTER_S = 900.0
"""So long the library knows of a form that was opened; that it does is of no use to us."""

NOT_AS_LISTED = "This command has changed. Please reload Discord, so that it lists the new one, and try again."

_ANSWERS = (discord.InteractionType.modal_submit, discord.InteractionType.component)
_NOT_AS_LISTED = (app_commands.CommandNotFound, app_commands.CommandSignatureMismatch, app_commands.TransformerError)


class SlashCommands:
    """The commands of one connection.

    Args:
        client: the connection.
        intake: runs them.
        underway: the commands that are run now; they may outlive the connection on which they were given.
        wait: lets so many seconds pass.
        connected: the connection that there is when an answer is ready; see `Answers`.
    """

    def __init__(
        self,
        client: Client,
        intake: Intake,
        underway: Underway | None = None,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        connected: Callable[[], Client] | None = None,
    ) -> None:
        self._client = client
        self._intake = intake
        self._underway = underway or Underway()
        self._answers = Answers(connected or (lambda: client), wait)
        tree = client.tree
        client.event(self.on_interaction)
        for command in commands_of(intake.commands, self._run, self._ask, self._suggest):
            tree.add_command(command)
        if any(spec.path == ("remember",) for spec in intake.commands):
            tree.add_command(_everywhere(app_commands.ContextMenu(name=REMEMBER_THIS, callback=self._remember)))
        tree.error(self._on_error)

    async def sync(self) -> bool:
        """Tell Discord of the commands, if it knows others; returns whether it had to be told."""
        if not await self.unsynced():
            return False
        await self._client.tree.sync()
        logger.info("Discord was told of the slash commands")
        return True

    async def unsynced(self) -> list[str]:
        """The names of the commands that Discord lacks, knows otherwise, or knows although they are no more."""
        tree = self._client.tree
        told = [command.to_dict(tree) for command in (*tree.get_commands(),)]
        wanted = {(command["type"], command["name"]): command for command in told}
        # As Discord tells it: what the library makes of it lacks some of the places where a command is offered.
        listed = await self._client.http.get_global_commands(self._client.application_id or 0)
        known = {(command["type"], command["name"]): command for command in listed}
        ours, theirs = _bare(wanted), _bare(known)
        return sorted(key[1] for key in {**ours, **theirs} if ours.get(key) != theirs.get(key))

    def close(self) -> None:
        """Nobody waits any more."""
        self._answers.close()

    # ── what people do ───────────────────────────────────────────────────────────────────────────────

    async def _run(self, interaction: discord.Interaction, line: str, *, about: discord.Message | None = None) -> None:
        # At once: Discord waits for three seconds, and a command may wait for a turn to end.
        await acknowledge(interaction.response.defer(ephemeral=True, thinking=True))
        call = self._call(interaction, line)
        if about is not None:
            call = replace(call, about=self._told(interaction, about))
        with self._underway.entered():
            await self._answers.give(interaction, self._intake.command(call))

    async def _ask(self, interaction: discord.Interaction, spec: CommandSpec) -> None:
        await acknowledge(interaction.response.send_modal(form_of(spec)))

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Somebody sent a form, or pressed a button; the library knows only those of this connection that are not old.

        A form says itself what it is for, so it may have been opened before a restart.
        """
        try:
            await self._answer(interaction)
        except Exception as error:
            await came_to_nothing(interaction, error)

    async def _answer(self, interaction: discord.Interaction) -> None:
        data: Mapping[str, Any] = interaction.data or {}
        custom_id = str(data.get("custom_id"))
        if interaction.type is discord.InteractionType.modal_submit and custom_id.startswith(FORM):
            await self._run(interaction, f"{custom_id.removeprefix(FORM)} {_written(data.get('components'))}".strip())
        elif interaction.type in _ANSWERS and not self._answers.is_open(custom_id):
            await acknowledge(interaction.response.send_message(OUT_OF_DATE, ephemeral=True))

    async def _remember(self, interaction: discord.Interaction, message: discord.Message) -> None:
        user = interaction.client.user
        text = text_of(message, user) if user is not None else message.content
        if not text.strip():
            empty = "There is no text in that message."
            await acknowledge(interaction.response.send_message(empty, ephemeral=True))
            return
        whose = (
            ""
            if message.author.id == interaction.user.id
            else f"{named(message.author.display_name, str(message.author.id))}: "
        )
        await self._run(interaction, f"remember {whose}{text}", about=message)

    async def _suggest(self, interaction: discord.Interaction, line: str) -> list[app_commands.Choice[str]]:
        with self._underway.entered():
            found = await self._intake.suggest(self._call(interaction, line))
        fitting = [each for each in found if len(each) <= MAX_CHOICE_CHARS][:MOST_CHOICES]
        choices = [app_commands.Choice(name=each, value=each) for each in fitting]
        response = interaction.response
        try:
            with translated():
                await response.autocomplete(choices)
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.info("what somebody types could not be completed: %s", error)
            # It would try again, and take it for a fault that whoever types was faster.
            response._response_type = discord.InteractionResponseType.autocomplete_result
        return choices

    def _call(self, interaction: discord.Interaction, line: str) -> CommandCall:
        """Who gives the command and where; the rights are those that Discord tells of at this moment."""
        return CommandCall(
            place_of(interaction, interaction.user),
            line,
            is_moderator=is_by_a_moderator(interaction),
            reads_messages=self._client.reads_content,
            given_at=interaction.created_at,
            link_to=partial(link_of, interaction),
        )

    def _told(self, interaction: discord.Interaction, message: discord.Message) -> InboundMessage | None:
        """The message from whose menu a command was given, if a person wrote it."""
        user = self._client.user
        if user is None or not is_written_by_a_person(message, user, answers_bots=False):
            return None
        return replace(inbound_of(message, user), origin=place_of(interaction, message.author))

    async def _on_error(self, interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        if isinstance(cause, _NOT_AS_LISTED):
            logger.warning("a slash command is not as Discord lists it: %s", type(cause).__name__)
            await tell_of_fault(interaction, NOT_AS_LISTED)
        else:
            await came_to_nothing(interaction, cause)


# ── forms ────────────────────────────────────────────────────────────────────────────────────────────


def form_of(spec: CommandSpec) -> discord.ui.Modal:
    """A form that asks for the argument of a command."""
    form = discord.ui.Modal(
        title=f"/{ROOT} {' '.join(spec.path)}"[:MAX_LABEL_CHARS],
        custom_id=FORM + " ".join(spec.path),
        timeout=FORGOTTEN_AFTER_S,
    )
    field = discord.ui.TextInput[discord.ui.Modal](style=discord.TextStyle.paragraph, max_length=MAX_FORM_CHARS)
    form.add_item(discord.ui.Label(text=(spec.asks or "")[:MAX_LABEL_CHARS], component=field))
    return form


def _written(components: Any) -> str:
    """What stands in the field of a form that was sent."""
    if isinstance(components, list):
        return next(filter(None, map(_written, components)), "")
    if not isinstance(components, dict):
        return ""
    return str(components.get("value") or "") or _written(components.get("component") or components.get("components"))


# ── from what there is to what Discord lists ─────────────────────────────────────────────────────────

Run = Callable[[discord.Interaction, str], Awaitable[None]]
Ask = Callable[[discord.Interaction, CommandSpec], Awaitable[None]]
Suggest = Callable[[discord.Interaction, str], Awaitable[list[app_commands.Choice[str]]]]


def commands_of(specs: tuple[CommandSpec, ...], run: Run, ask: Ask, suggest: Suggest) -> list[app_commands.Group]:
    """The root with its commands and groups of commands; none, if there are no commands."""
    root = _everywhere(app_commands.Group(name=ROOT, description="My memory, and how I behave here"))
    groups: dict[str, app_commands.Group] = {}
    for spec in specs:
        parent = root
        if len(spec.path) > 1:
            name = spec.path[0]
            if name not in groups:
                groups[name] = app_commands.Group(
                    name=name, description="For those who look after this place", parent=root
                )
            parent = groups[name]
        parent.add_command(_command(spec, run, ask, suggest))
    return [root] if specs else []


def _command(spec: CommandSpec, run: Run, ask: Ask, suggest: Suggest) -> app_commands.Command[Any, ..., None]:
    path = " ".join(spec.path)
    description = spec.description[:MAX_DESCRIPTION_CHARS]
    if spec.argument is None:

        async def alone(interaction: discord.Interaction) -> None:
            await run(interaction, path)

        return app_commands.Command(name=spec.path[-1], description=description, callback=alone)

    async def with_argument(interaction: discord.Interaction, argument: str) -> None:
        await run(interaction, f"{path} {argument}")

    async def with_option(interaction: discord.Interaction, argument: str = "") -> None:
        if spec.asks is not None and not argument.strip():
            await ask(interaction, spec)
        else:
            await run(interaction, f"{path} {argument}".strip())

    callback = with_option if spec.is_optional or spec.asks is not None else with_argument
    callback = app_commands.rename(argument=spec.argument.lower())(callback)
    if spec.choices:
        choices = [app_commands.Choice(name=choice, value=choice) for choice in spec.choices]
        callback = app_commands.choices(argument=choices)(callback)
    command: app_commands.Command[Any, ..., None] = app_commands.Command(
        name=spec.path[-1], description=description, callback=callback
    )
    if spec.suggests and not spec.choices:

        @command.autocomplete("argument")
        async def complete(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
            return await suggest(interaction, f"{path} {typed}")

    return command


def _everywhere(command: Any) -> Any:
    """For servers and people who install the bot, wherever they are."""
    command.allowed_installs = app_commands.AppInstallationType(guild=True, user=True)
    command.allowed_contexts = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
    return command


def _bare(command: Any) -> Any:
    """What a command says, without what Discord adds and what is as if it were not there."""
    if isinstance(command, dict):
        added = (
            "id",
            "application_id",
            "version",
            "guild_id",
            "dm_permission",
            "name_localizations",
            "description_localizations",
            "nsfw",
            "default_member_permissions",
        )
        kept = {key: _bare(value) for key, value in command.items() if key not in added}
        return {key: value for key, value in kept.items() if value not in (None, [], {}, False, "")}
    if isinstance(command, (list, tuple)):
        return [_bare(each) for each in command]
    return sorted(command) if isinstance(command, set) else command
