"""Running a slash command for somebody."""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from adapters.chat.no_such_command import no_such_command
from adapters.ports.commands import CommandCall, CommandReply, CommandSpec
from adapters.ports.messages import InboundMessage, Origin
from bot.admission import Admission
from bot.agent import Agent
from bot.agents import Agents
from bot.delivery.notices import Notices
from bot.documents.library import Library
from bot.errors import BudgetSpent, CommandRefused
from bot.inbound.lanes import Lanes
from bot.memory_rights.rights import Rights
from bot.metering.budgets import Budgets
from bot.minds.catalogue import Catalogue
from bot.minds.mind import Minds
from bot.registry import Command
from bot.scopes import person_of, scope_of
from bot.slash.lines_text import LinkTo
from bot.slash.permissions import Caller, caller_of, needs_rights, refusal
from bot.slash.question import Question
from bot.text import clean, one_line
from bot.timed.follow_ups import FollowUps
from bot.timed.heartbeats import Heartbeats
from bot.turns.shelves import Shelves
from bot.turns.take_back import TurnHistory
from memory.core.core_memory import person_of_label
from memory.ports import BlockEdit, ChangedMeanwhile, Message, NewMessage, NoteEdit
from memory.stores import Stores

logger = logging.getLogger(__name__)

WENT_WRONG = "Something went wrong on my side. Please try again."

MOST_SUGGESTED = 25
"""Suggestions that Discord takes."""

MAX_KNOWN_CHARS = 70
"""Of a word that was chosen, what is written down."""

Result = TypeVar("Result")


class Wake(Protocol):
    """See `Receiver.wake`."""

    def __call__(self, origin: Origin, /, *events: NewMessage) -> Awaitable[Awaitable[None]]:
        """Wake the agent of an origin."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a bot that commands act on.

    `own_words` is where the operator's own personas are; `expect` is told of a moment at which a timer is due that was
    just set.
    """

    stores: Stores
    rights: Rights
    agents: Agents
    shelves: Shelves
    lanes: Lanes
    minds: Minds
    history: TurnHistory
    library: Library
    budgets: Budgets
    wake: Wake
    catalogue: Catalogue
    own_words: Path
    admission: Admission
    follow_ups: FollowUps
    heartbeats: Heartbeats
    expect: Callable[[datetime | None], None]
    notices: Notices


@dataclass(frozen=True, slots=True)
class CommandContext:
    """Who gave a command, where, and what it may touch: the agent of that scope, and what is kept of it.

    `caller` holds their rights, `may` is asked of other commands than this one, `reads_messages`, `about` and `link_to`
    are those of the call; `given_at` is when it was given, by the platform's clock where that is known.
    """

    origin: Origin
    scope: str
    caller: Caller
    reads_messages: bool
    may: Callable[[Command], bool]
    parts: Parts
    commands: "Commands"
    now: datetime
    given_at: datetime
    about: InboundMessage | None = None
    link_to: LinkTo | None = None

    @property
    def author(self) -> str:
        """The person, as the journal of core memory names them."""
        return person_of(self.origin)

    def is_own(self, message: Message) -> bool:
        """Whether they may read a message: all of their direct messages, in a channel those that they wrote."""
        return self.origin.is_direct or message.author_id == clean(self.origin.person.id)

    def shows_block(self, label: str) -> bool:
        """Whether they may see a block of core memory: those that are everybody's, and the one on themselves."""
        return person_of_label(label) in (None, self.origin.person.id)

    def shows_edit(self, edit: BlockEdit | NoteEdit) -> bool:
        """Whether they may see what an edit of memory wrote."""
        return self.shows_note(edit.tags) if isinstance(edit, NoteEdit) else self.shows_block(edit.label)

    def shows_note(self, tags: Collection[str]) -> bool:
        """Whether they may see a note: not one that was a block on somebody else, by its tag."""
        return self.origin.is_direct or all(map(self.shows_block, tags))

    async def zone(self) -> ZoneInfo:
        """The time zone of the person."""
        return await self.parts.agents.zone_of(self.author)

    async def in_lane(self, change: Callable[[Agent], Awaitable[Result]]) -> Result:
        """Look at the agent, or change it, between two of its turns, never within one."""
        results: list[Result] = []

        async def job() -> None:
            while not results:
                with contextlib.suppress(ChangedMeanwhile):  # people changed messages: nothing was written yet
                    results.append(await change(await self.parts.agents.get(self.scope)))

        await self.parts.lanes.submit(self.scope, job)
        return results[0]


class Commands:
    """A set of commands, by name.

    Args:
        commands: what there is.
        prefix: how a command is typed, up to its name: `/agent ` or `/`.
        parts: what they act on.
        owners: those of the settings.
        now: the clock.
        breaks_glass: whether owners may look into somebody else's direct messages.
    """

    def __init__(
        self,
        commands: Mapping[str, Command],
        prefix: str,
        parts: Parts,
        owners: Collection[str],
        now: Callable[[], datetime],
        *,
        breaks_glass: bool = False,
    ) -> None:
        self._commands = commands
        self._prefix = prefix
        self._parts = parts
        self._owners = owners
        self._now = now
        self._breaks_glass = breaks_glass

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the commands, in order."""
        return tuple(sorted(self._commands))

    @property
    def specs(self) -> tuple[CommandSpec, ...]:
        """The commands as a platform lists them, in order."""
        return tuple(self._commands[name].spec for name in self.names)

    def help(self, may: Callable[[Command], bool]) -> str:
        """A line for each command that somebody may give, in Markdown."""
        usable = [command for _, command in sorted(self._commands.items()) if may(command)]
        return "\n".join(f"- `{self._usage(command)}`: {command.description}" for command in usable)

    async def run(self, call: CommandCall) -> CommandReply:
        """Run what stands after the prefix; never raises, and neither does what the reply asks to be confirmed."""

        async def work() -> str | CommandReply:
            if (shut_out := await self._parts.admission.refusal(call.origin)) is not None:
                raise CommandRefused(shut_out)
            command, argument = self._read(call)
            if (refused := self._refusal(command, call, changes=bool(argument))) is not None:
                raise CommandRefused(refused)
            arguments, context = self._arguments(command, argument), self._context(call)
            await self._write_down(command, context, arguments)
            reply = await command.run(context, *arguments)
            return self._asked(reply, command, call, arguments) if isinstance(reply, Question) else reply

        return await _guarded(work)

    def _asked(
        self, question: Question, command: Command, call: CommandCall, arguments: tuple[str, ...]
    ) -> CommandReply:
        """The question, whose yes is taken from somebody who still is let in, and still may give the command."""

        async def confirmed(*, is_moderator: bool) -> CommandReply:
            async def work() -> str:
                now = replace(call, is_moderator=is_moderator)
                refused = await self._parts.admission.refusal(call.origin)
                if refused is None:
                    refused = self._refusal(command, now, changes=True)
                if refused is not None:
                    raise CommandRefused(f"{refused} Nothing was changed.")
                await self._write_down(command, self._context(now), arguments, is_yes=True)
                return await question.confirmed()

            return await _guarded(work)

        return CommandReply(question.text, confirmed=confirmed)

    async def suggest(self, call: CommandCall) -> Sequence[str]:
        """What the argument at the end of a line may become, the likeliest first; never raises."""
        try:
            if await self._parts.admission.refusal(call.origin) is not None:
                return ()
            command, typed = self._read(call)
            if self._refusal(command, call, changes=True) is not None:
                return ()
            known = command.choices if command.suggest is None else await command.suggest(self._context(call))
        except CommandRefused:
            return ()
        except Exception:  # whoever types goes on without
            logger.exception("suggestions broke")
            return ()
        return _fitting(known, typed)

    def _read(self, call: CommandCall) -> tuple[Command, str]:
        """The command that a line names, and the rest of the line.

        Raises:
            CommandRefused: there is none.
        """
        word, argument = _first_word(clean(call.line))
        name = word.lower() or "help"
        group = [path for path in self._commands if path.startswith(f"{name} ")]
        if group:
            second, argument = _first_word(argument)
            name = f"{name} {second.lower()}"
        if (command := self._commands.get(name)) is not None:
            return command, argument
        if group:
            lines = ", ".join(f"`{self._prefix}{path}`" for path in sorted(group) if self._is_for(path, call))
            raise CommandRefused(f"There is no command `{one_line(name, 40)}`. There are: {lines or 'none for you'}.")
        words = {path.split()[0] for path in self._commands if self._is_for(path, call)}
        known = {word: f"{self._prefix}{word}" for word in sorted(words)}
        raise CommandRefused(no_such_command(one_line(name, 40), known, f"{self._prefix}help"))

    def _is_for(self, name: str, call: CommandCall) -> bool:
        return self._may(self._commands[name], call)

    def _may(self, command: Command, call: CommandCall) -> bool:
        """Whether they may give it in some form: alone, or with an argument."""
        return self._refusal(command, call, changes=False) is None or (
            command.argument is not None and self._refusal(command, call, changes=True) is None
        )

    def _refusal(self, command: Command, call: CommandCall, *, changes: bool) -> str | None:
        return refusal(command.may, self._caller(call), changes=changes)

    def _caller(self, call: CommandCall) -> Caller:
        return caller_of(call, self._owners, breaks_glass=self._breaks_glass)

    async def _write_down(
        self, command: Command, context: CommandContext, arguments: tuple[str, ...], *, is_yes: bool = False
    ) -> None:
        """Keep who does what as a moderator or an owner, before it is done: so nothing is done that is not kept.

        An argument is kept only if it is one of known words, or names the scope that the command is about.
        """
        if not needs_rights(command.may, context.caller, changes=bool(arguments) or is_yes):
            return
        about = command.concerns if arguments else None
        scope = context.scope if about is None else await about(context, *arguments)
        known = arguments if command.choices else ()
        if command.knows is not None and arguments and (word := await command.knows(context, *arguments)) is not None:
            known = (one_line(word, MAX_KNOWN_CHARS),)
        words = [command.name, *known, *(["(confirmed)"] if is_yes else ())]
        await self._parts.stores.audit.add(context.author, " ".join(words), scope, self._now())

    def _context(self, call: CommandCall) -> CommandContext:
        def may(command: Command) -> bool:
            return self._may(command, call)

        now = self._now()
        return CommandContext(
            call.origin,
            scope_of(call.origin),
            self._caller(call),
            call.reads_messages,
            may,
            self._parts,
            self,
            now,
            call.given_at or now,
            call.about,
            call.link_to,
        )

    def _arguments(self, command: Command, argument: str) -> tuple[str, ...]:
        """What the command is called with: one argument, or none.

        Raises:
            CommandRefused: it cannot be called so.
        """
        if command.argument is None:
            return ()
        if argument:
            return (self._chosen(command, argument) if command.choices else argument,)
        if command.is_optional:
            return ()
        raise CommandRefused(f"Usage: `{self._usage(command)}`{_one_of(command)}")

    def _chosen(self, command: Command, argument: str) -> str:
        typed = " ".join(argument.split()).casefold()
        for choice in command.choices:
            if choice.casefold() == typed:
                return choice
        raise CommandRefused(f"Usage: `{self._usage(command)}`{_one_of(command)}")

    def _usage(self, command: Command) -> str:
        argument = command.argument.upper() if command.argument else ""
        shown = f" [{argument}]" if command.is_optional else f" {argument}" if argument else ""
        return f"{self._prefix}{command.name}{shown}"


def _first_word(line: str) -> tuple[str, str]:
    """The first word of a line, and what stands behind it."""
    word, rest = (*line.split(maxsplit=1), "", "")[:2]
    return word, rest.strip()


def _one_of(command: Command) -> str:
    if not command.choices:
        return ""
    return f", where {(command.argument or '').upper()} is one of: {', '.join(command.choices)}"


def _fitting(known: Sequence[str], typed: str) -> tuple[str, ...]:
    """Of what is known, what begins with what was typed, then what holds it."""
    sought = typed.casefold()
    begins = [text for text in known if text.casefold().startswith(sought)]
    holds = [text for text in known if text not in begins and sought in text.casefold()]
    return (*begins, *holds)[:MOST_SUGGESTED]


async def _guarded(work: Callable[[], Awaitable[str | CommandReply]]) -> CommandReply:
    try:
        reply = await work()
    except (CommandRefused, BudgetSpent) as refusal:
        return CommandReply(str(refusal), is_refusal=True)
    except Exception:  # the last line, as for turns: the log has it all, the person is told, the process lives
        logger.exception("command broke")
        return CommandReply(WENT_WRONG, is_refusal=True)
    if isinstance(reply, str):
        return CommandReply(reply)
    if (announcement := reply.announcement) is None:
        return reply

    async def announced(*, at: datetime | None = None) -> CommandReply:
        return await _guarded(lambda: announcement.announced(at=at))

    return replace(reply, announcement=replace(announcement, announced=announced))
