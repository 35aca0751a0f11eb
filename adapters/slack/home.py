"""The app's Home, where a person sees what the agent knows of them, and what they can do about it.

https://docs.slack.dev/surfaces/app-home/
"""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat.answers import STILL_AT_IT
from adapters.chat.rendering import parts_of
from adapters.ports.commands import AnswerFile, CommandCall, CommandReply, CommandSpec, KnownLine
from adapters.ports.errors import DeliveryRefused, PlatformUnavailable
from adapters.ports.intake import RunCommand
from adapters.ports.messages import Origin
from adapters.slack.blocks import Json, button, buttons, messages_of, plain_text
from adapters.slack.errors import translated
from adapters.slack.lines import Lines
from adapters.slack.mrkdwn import escaped, lifeless
from adapters.slack.questions import Place, Questions
from adapters.slack.uploads import give

logger = logging.getLogger(__name__)

SECTION_CHARS = 2400
MAX_SECTION_CHARS = 3000
"""https://docs.slack.dev/reference/block-kit/blocks/section-block; what is escaped becomes longer."""

MOST_SECTIONS = 30
"""Of a text."""

PRESSED = "home:"
"""Begins the id of a button; what follows is the command that it gives."""

EDITED = "line:"
"""Begins the id of a button below a line; what follows is the place of the line, and its value is the text."""

MAX_VALUE_CHARS = 2000
"""https://docs.slack.dev/reference/block-kit/block-elements/button-element; a longer line is changed by the command."""

MAX_BLOCKS = 100
"""https://docs.slack.dev/surfaces/app-home"""

COMMANDS = (
    ("remember", "Remember something"),
    ("forget", "Forget something"),
    ("undo", "Undo the last change"),
    ("followups", "Follow-ups"),
    ("export", "Export"),
    ("status", "Status"),
    ("pause", "Pause memory"),
    ("resume", "Resume memory"),
    ("reset everything", "Reset everything"),
    ("erase-me", "Erase me"),
)
"""What is offered, of what there is."""

TITLE = "What I know about you"
HINT = "This is about our direct messages. In a channel, `/agent memory` shows what I know there."
CUT = "There is more: `/agent memory` shows all of it, and `/agent edit` changes it."

_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AtHome:
    """See `adapters.slack.questions.Place`: what somebody is told stands at the top of their Home.

    Attributes:
        client: the Web API.
        questions: those that wait for an answer.
        origin: whose Home it is, in their direct messages.
        run: runs a command.
        commands: those that there are.
        lines: by whose Home it is, so that what was found out last is what it shows in the end.
    """

    client: AsyncWebClient
    questions: Questions
    origin: Origin
    run: RunCommand
    commands: Sequence[CommandSpec]
    lines: Lines

    async def show(self, told: str = "", below: Iterable[Json] = ()) -> bool:
        """Show the Home as things are now; returns whether that was possible."""
        async with self.lines.turn(self.origin.person.id):
            known = await self.run(CommandCall(self.origin, "memory"))
            view = view_of(known.pieces or (known.text,), told, below, self.commands)
            try:
                with translated():
                    await self.client.views_publish(user_id=self.origin.person.id, view=view)
            except (PlatformUnavailable, DeliveryRefused) as error:
                logger.warning("somebody's Home cannot be shown: %s", error)
                return False
        return True

    def reached_by(self, response_url: str) -> Place:
        """The Home has no address for answers."""
        return self

    async def put_in_place(self, text: str) -> None:
        """Show a text at the top."""
        await self.show(text)

    async def announce(self, text: str) -> datetime | None:
        """There is nobody else."""
        return None

    async def tell(self, reply: CommandReply) -> bool:
        """Show what came of a command at the top, with its question's buttons; a file comes directly."""
        if reply.file is not None:
            told = await give(self.client, self.origin.person.id, reply.file)
            reply = replace(reply, text="\n\n".join(filter(None, (reply.text, told))), file=None)
        below = [self.questions.ask(reply.text, reply.confirmed, self)] if reply.confirmed is not None else []
        return await self.show(reply.text or "Done.", below)

    async def tell_of_delay(self) -> None:
        """Say at the top that it takes longer."""
        await self.show(STILL_AT_IT.format(platform="Slack"))

    async def tell_directly(self, text: str, file: AnswerFile | None = None) -> None:
        """Write to them."""
        if file is not None:
            text = f"{text}\n\n{await give(self.client, self.origin.person.id, file)}"
        try:
            with translated():
                for message in messages_of(text):
                    await self.client.chat_postMessage(channel=self.origin.person.id, **message)
        except (PlatformUnavailable, DeliveryRefused) as error:
            logger.warning("what came of a button could not be told: %s", error)


def view_of(
    known: Iterable[str | KnownLine], told: str, below: Iterable[Json], commands: Iterable[CommandSpec]
) -> Json:
    """A Home with what the agent knows, and above that what somebody is told (pure)."""
    news = [*sections_of(told), *below, {"type": "divider"}] if told else []
    offered = [button(label, f"{PRESSED}{line}", line) for line, label in COMMANDS if _is_there(line, commands)]
    above = [*news, {"type": "header", "text": plain_text(TITLE)}]
    end = [
        *([buttons(*offered)] if offered else []),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": HINT}]},
    ]
    blocks = [*above, *_fitting(known, MAX_BLOCKS - len(above) - len(end)), *end]
    return {"type": "home", "blocks": blocks}


def _fitting(known: Iterable[str | KnownLine], room: int) -> list[Json]:
    """What is known, as far as it goes into so many blocks."""
    shown: list[Json] = []
    for piece in known:
        blocks = _known(piece)
        if len(shown) + len(blocks) >= room:
            return [*shown, _section(CUT)]
        shown += blocks
    return shown


def _known(piece: str | KnownLine) -> list[Json]:
    """A piece of what is known; below a line of memory stands what can be done about it."""
    if isinstance(piece, str):
        return sections_of(piece)
    forget = button("Forget", f"{PRESSED}edit {piece.place}", piece.place)
    if len(piece.text) > MAX_VALUE_CHARS:
        return [*sections_of(piece.shown), buttons(forget)]
    return [*sections_of(piece.shown), buttons(button("Edit", f"{EDITED}{piece.place}", piece.text), forget)]


def sections_of(text: str) -> list[Json]:
    """Markdown as sections; Slack shows its block of Markdown in messages alone (pure)."""
    parts = parts_of(text, SECTION_CHARS)
    sections = [_section(part) for part in parts[:MOST_SECTIONS]]
    return [*sections, _section(CUT)] if len(parts) > MOST_SECTIONS else sections


def _section(part: str) -> Json:
    marked = "".join(
        piece if place % 2 else _BOLD.sub(r"*\1*", piece) for place, piece in enumerate(_CODE.split(lifeless(part)))
    )
    if len(shown := escaped(marked)) > MAX_SECTION_CHARS:
        return {"type": "section", "text": plain_text(part)}
    return {"type": "section", "text": {"type": "mrkdwn", "text": shown, "verbatim": True}}


def _is_there(line: str, commands: Iterable[CommandSpec]) -> bool:
    return any(" ".join(spec.path) == line.partition(" ")[0] for spec in commands)
